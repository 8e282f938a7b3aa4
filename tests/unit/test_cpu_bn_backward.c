/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bn_backward: what batch norm's gradient must have whatever the numbers: in each group no sum
 * and no part along the normalised x; dgamma and dbeta add up over groups; the ReLU's mask decides,
 * not y; dx may take dy's place however the work is cut. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <math.h>
#include <string.h>

static const struct op_case cases[] = {
    {"bn [4,32] add relu", case_bn, 4, 1, 1, 32, .groups = 2, .add = true, .relu = true},
    {"bn 1x3x16 relu, one row", case_bn, 1, 1, 3, 16, .groups = 1, .relu = true},
    {"bn 1x513x16 add", case_bn, 2, 1, 513, 16, .groups = 2, .add = true},
    {"bn 17x31x16 add relu", case_bn, 3, 17, 31, 16, .groups = 1, .add = true, .relu = true},
    {"bn 7x5x48, 7 groups", case_bn, 14, 7, 5, 48, .groups = 7, .relu = true},
    {"bn 23x23x32 plain", case_bn, 2, 23, 23, 32, .groups = 1, .plain = true},
    {"bn [514,16], 2 groups", case_bn, 514, 1, 1, 16, .groups = 2},
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

enum { N = 8, H = 5, W = 3, C = 32, G = 2, PIXELS = H * W, COUNT = N * PIXELS * C };

struct run {
    struct bed bed;
    struct bn *bn;
    struct tensor x, y, dy, dx;
    struct bn_param p;
    struct bn_saved saved;
    float *dgamma, *dbeta;
};

static float *floats(struct run *r, size_t count, float low, float high)
{
    return bed_floats(&r->bed, bed_random(&r->bed, count, low, high), count);
}

static struct tensor tensor(struct run *r)
{
    return bed_tensor(&r->bed, bed_random(&r->bed, COUNT, -1, 1),
                      (struct tensor){.n = N, .h = H, .w = W, .c = C});
}

/* Up to and with the forward pass. */
static void run_init(struct run *r, enum cpu_isa isa, int threads)
{
    const struct bn_shape shape = {N, H, W, C, .groups = G, .relu = true};
    *r = (struct run){0};
    bed_init_ops(&r->bed, cpu_table_new(isa, threads));
    struct ops *o = r->bed.ops;
    assert_int_equal(o->bn_new(o, &shape, &r->bn), 0);
    r->x = tensor(r);
    r->y = tensor(r);
    r->dy = tensor(r);
    r->dx = tensor(r);
    r->p = (struct bn_param){floats(r, C, .5f, 2), floats(r, C, -.3f, .3f), floats(r, C, -1, 1),
                             floats(r, C, 1, 2)};
    r->saved = (struct bn_saved){floats(r, G * C, 0, 1), floats(r, G * C, 0, 1),
                                 bed_bytes(&r->bed, bn_mask_bytes(&shape))};
    r->dgamma = floats(r, C, 7, 9);
    r->dbeta = floats(r, C, 7, 9);
    assert_int_equal(o->bn_forward(r->bn, &r->x, NULL, &r->p, &r->saved, &r->y), 0);
}

static void backward(struct run *r)
{
    assert_int_equal(r->bed.ops->bn_backward(r->bn, &r->x, &r->dy, &r->p, &r->saved, &r->dx, NULL,
                                             r->dgamma, r->dbeta),
                     0);
}

static void run_done(struct run *r)
{
    r->bed.ops->bn_free(r->bn);
    bed_done(&r->bed);
}

typedef void run_fn(struct run *r);

static void each_run(run_fn *fn)
{
    static struct run r;
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++)
        for (int threads = 1; threads <= 16; threads *= 4) {
            run_init(&r, isa, threads);
            fn(&r);
            run_done(&r);
        }
}

/* Value [n, pixel, c] in the blocked order. */
static size_t place(size_t n, size_t pixel, size_t c)
{
    return ((n * (C / 16) + c / 16) * PIXELS + pixel) * 16 + c % 16;
}

static void laws_of_channel(struct run *r, size_t c)
{
    double dgamma = 0, dbeta = 0;
    for (size_t g = 0; g < G; g++) {
        double sum = 0, along = 0, size = 0;
        for (size_t n = g * N / G; n < (g + 1) * N / G; n++)
            for (size_t i = 0; i < PIXELS; i++) {
                size_t at = place(n, i, c);
                double h = (double)(r->x.data[at] - r->saved.mean[g * C + c]) *
                           (double)r->saved.invstd[g * C + c];
                double z = r->y.data[at] > 0 ? (double)r->dy.data[at] : 0;
                sum += (double)r->dx.data[at];
                along += (double)r->dx.data[at] * h;
                size += fabs((double)r->dx.data[at]);
                dbeta += z;
                dgamma += z * h;
            }
        assert_true(size > 1);
        assert_true(fabs(sum) < 1e-6 * size);
        assert_true(fabs(along) < 1e-4 * size); /* eps keeps a little: h's variance is below 1 */
    }
    assert_float_equal(r->dgamma[c], dgamma, 2e-5);
    assert_float_equal(r->dbeta[c], dbeta, 2e-5);
}

static void laws(struct run *r)
{
    backward(r);
    for (size_t c = 0; c < C; c++)
        laws_of_channel(r, c);
}

static void test_laws(void **state)
{
    (void)state;
    each_run(laws);
}

/* The mask alone says what the ReLU let through: none, then all. */
static void mask_decides(struct run *r)
{
    memset(r->saved.mask, 0, COUNT / 8);
    backward(r);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(r->dx.data[i] == 0);
    for (size_t c = 0; c < C; c++)
        assert_true(r->dgamma[c] == 0 && r->dbeta[c] == 0);
    memset(r->saved.mask, 0xff, COUNT / 8);
    backward(r);
    for (size_t c = 0; c < C; c++) {
        double sum = 0;
        for (size_t n = 0; n < N; n++)
            for (size_t i = 0; i < PIXELS; i++)
                sum += (double)r->dy.data[place(n, i, c)];
        assert_float_equal(r->dbeta[c], sum, 2e-5);
    }
}

static void test_mask_decides(void **state)
{
    (void)state;
    each_run(mask_decides);
}

static void in_place(struct run *r)
{
    float *apart = bed_host(&r->bed, COUNT);
    backward(r);
    memcpy(apart, r->dx.data, COUNT * sizeof(float));
    r->dx = r->dy;
    backward(r);
    assert_memory_equal(r->dx.data, apart, COUNT * sizeof(float));
}

static void test_in_place(void **state)
{
    (void)state;
    each_run(in_place);
}

/* Nobody wants the affine's gradients: dx is the same. */
static void no_affine_gradients(struct run *r)
{
    float *with = bed_host(&r->bed, COUNT);
    backward(r);
    memcpy(with, r->dx.data, COUNT * sizeof(float));
    r->dgamma = r->dbeta = NULL;
    backward(r);
    assert_memory_equal(r->dx.data, with, COUNT * sizeof(float));
}

static void test_no_affine_gradients(void **state)
{
    (void)state;
    each_run(no_affine_gradients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),    cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_laws),     cmocka_unit_test(test_mask_decides),
        cmocka_unit_test(test_in_place), cmocka_unit_test(test_no_affine_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
