/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn_forward: one pixel to many, more threads than rows, runs of pixels that end anywhere; a
 * mean far from zero, no variance at all, what is no number, and what the mask says. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <math.h>
#include <string.h>

/* A run of pixels that is summed in float is 512 long. */
static const struct op_case cases[] = {
    {"bn [2,16]", case_bn, 2, 1, 1, 16, .groups = 1},
    {"bn 1x2x16, one row", case_bn, 1, 1, 2, 16, .groups = 1, .relu = true},
    {"bn 1x511x16", case_bn, 2, 1, 511, 16, .groups = 2, .relu = true},
    {"bn 19x27x16 add", case_bn, 3, 19, 27, 16, .groups = 1, .add = true},
    {"bn 5x7x48, 5 groups", case_bn, 15, 5, 7, 48, .groups = 5, .add = true, .relu = true},
    {"bn 23x23x32 plain relu", case_bn, 2, 23, 23, 32, .groups = 1, .relu = true, .plain = true},
    {"bn [514,16], 2 groups", case_bn, 514, 1, 1, 16, .groups = 2},
    {"bn 3x3x256 relu", case_bn, 7, 3, 3, 256, .groups = 1, .relu = true},
};

static void test_cases(void **state)
{
    (void)state;
    cpu_check(cases, ARRAY_LEN(cases), CPU_SAME_ISAS);
}

static void test_no_allocation(void **state)
{
    (void)state;
    cpu_check_allocations(cases, ARRAY_LEN(cases), alloc_count);
}

/* One plan over [N,H,W,16], its numbers in arrays. */
enum { N = 6, H = 3, W = 3, C = 16, PIXELS = H * W, COUNT = N * PIXELS * C };
struct layer {
    struct ops *ops;
    struct bn *bn;
    float x[COUNT], y[COUNT];
    float running_mean[C], running_var[C], mean[2 * C], invstd[2 * C];
    uint8_t mask[COUNT / 8];
    struct tensor tx, ty;
    struct bn_param p;
    struct bn_saved saved;
};

static void layer_init(struct layer *l, enum cpu_isa isa, int threads, struct bn_shape shape)
{
    *l = (struct layer){
        .ops = cpu_table_new(isa, threads),
        .tx = {N, H, W, C, l->x},
        .ty = {N, H, W, C, l->y},
        .p = {.running_mean = l->running_mean, .running_var = l->running_var},
        .saved = {l->mean, l->invstd, l->mask},
    };
    assert_int_equal(l->ops->bn_new(l->ops, &shape, &l->bn), 0);
}

static void layer_done(struct layer *l)
{
    l->ops->bn_free(l->bn);
    ops_close(l->ops);
}

static void forward(struct layer *l)
{
    assert_int_equal(l->ops->bn_forward(l->bn, &l->tx, NULL, &l->p, &l->saved, &l->ty), 0);
}

static const struct bn_shape two_groups = {N, H, W, C, .groups = 2, .relu = true};

typedef void layer_fn(struct layer *l);

static void each_layer(layer_fn *fn)
{
    static struct layer layer;
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++)
        for (int threads = 1; threads <= 16; threads *= 4) {
            layer_init(&layer, isa, threads, two_groups);
            fn(&layer);
            layer_done(&layer);
        }
}

/* Deviation 1 about a mean of 4096: in float E[x^2] - mean^2 would have no digit left of it. */
static void far_mean(struct layer *l)
{
    for (size_t i = 0; i < COUNT; i++)
        l->x[i] = 4096.0f + (i / C % 2 ? 1.0f : -1.0f);
    forward(l);
    for (size_t g = 0; g < 2; g++) {
        double above = 0; /* of 27 pixels, 13 or 14 */
        for (size_t i = 0; i < N / 2 * PIXELS; i++)
            above += l->x[(g * N / 2 * PIXELS + i) * C] > 4096;
        double n = N / 2 * PIXELS, mean = 2 * above / n - 1, var = 1 - mean * mean;
        for (size_t k = 0; k < C; k++) {
            /* a run's sum in float is off by some units of 2^-23, and its squares by that much's */
            assert_float_equal(l->mean[g * C + k], 4096 + mean, 4096 * 0x1p-20);
            assert_float_equal(l->invstd[g * C + k], 1 / sqrt(var + 1e-5), 1e-4);
        }
    }
}

static void test_far_mean(void **state)
{
    (void)state;
    each_layer(far_mean);
}

/* All the same: y is beta, the deviation that of eps alone. */
static void no_variance(struct layer *l)
{
    for (size_t i = 0; i < COUNT; i++)
        l->x[i] = 3.7f;
    forward(l);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(fabsf(l->y[i]) < 1e-3f); /* 1 / sqrt(eps) times a rounding of 3.7 */
    for (size_t i = 0; i < 2 * C; i++) {
        assert_float_equal(l->mean[i], 3.7f, 1e-6);
        assert_float_equal(l->invstd[i], 1 / sqrt(1e-5), 1e-4);
    }
}

static void test_no_variance(void **state)
{
    (void)state;
    each_layer(no_variance);
}

/* A NaN spoils its channel of its group, and nothing else. */
static void nan_stays(struct layer *l)
{
    for (size_t i = 0; i < COUNT; i++)
        l->x[i] = (float)(i % 31);
    size_t bad = (size_t)(N / 2) * PIXELS * C + 5; /* channel 5 of the second group */
    l->x[bad] = NAN;
    forward(l);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(isnan(l->y[i]) != 0, i % C == 5 && i >= COUNT / 2);
    for (size_t i = 0; i < 2 * C; i++)
        assert_int_equal(isnan(l->mean[i]) != 0, i == C + 5);
    assert_true(isnan(l->running_mean[5]) && isnan(l->running_var[5]));
    assert_false(isnan(l->running_mean[4]));
}

static void test_nan_stays(void **state)
{
    (void)state;
    each_layer(nan_stays);
}

/* Bit by bit: y > 0. And running averages go group after group, then infer only reads them. */
static void mask_and_averages(struct layer *l)
{
    float y[COUNT], mean[C], var[C];
    for (size_t i = 0; i < COUNT; i++)
        l->x[i] = (float)(i * 2654435761u % 1000) / 500 - 1;
    for (size_t k = 0; k < C; k++)
        l->running_var[k] = 1;
    forward(l);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(l->mask[i / 8] >> i % 8 & 1, l->y[i] > 0);
    double n = N / 2 * PIXELS;
    for (size_t k = 0; k < C; k++) {
        double m = 0, v = 1;
        for (size_t g = 0; g < 2; g++) {
            double invstd = l->invstd[g * C + k];
            m = .9 * m + .1 * l->mean[g * C + k];
            v = .9 * v + .1 * (1 / (invstd * invstd) - 1e-5) * n / (n - 1);
        }
        assert_float_equal(l->running_mean[k], m, 1e-6);
        assert_float_equal(l->running_var[k], v, 1e-6);
    }
    memcpy(mean, l->running_mean, sizeof mean);
    memcpy(var, l->running_var, sizeof var);
    memset(l->mask, 0xee, sizeof l->mask);
    struct tensor to = {N, H, W, C, y};
    assert_int_equal(l->ops->bn_infer(l->bn, &l->tx, NULL, &l->p, &to), 0);
    assert_memory_equal(mean, l->running_mean, sizeof mean);
    assert_memory_equal(var, l->running_var, sizeof var);
    for (size_t i = 0; i < sizeof l->mask; i++)
        assert_int_equal(l->mask[i], 0xee);
    for (size_t i = 0; i < COUNT; i++) {
        double want = (l->x[i] - mean[i % C]) / sqrt(var[i % C] + 1e-5);
        assert_float_equal(y[i], want > 0 ? want : 0, 1e-5);
    }
}

static void test_mask_and_averages(void **state)
{
    (void)state;
    each_layer(mask_and_averages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_far_mean),  cmocka_unit_test(test_no_variance),
        cmocka_unit_test(test_nan_stays), cmocka_unit_test(test_mask_and_averages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
