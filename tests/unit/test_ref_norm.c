/* SPDX-License-Identifier: Apache-2.0 */
/* ref_norm: batch norm in two groups with sum and ReLU against PyTorch's numbers of two calls. */
#include "wave.h"

#include <errno.h>
#include <string.h>

enum { COUNT = 16 };

struct norm_data {
    float x[COUNT], add[COUNT], y[COUNT], dy[COUNT], dx[COUNT], dadd[COUNT];
    float gamma[2], beta[2], running_mean[2], running_var[2];
    float mean[4], invstd[4], dgamma[2], dbeta[2];
    uint8_t mask[2];
    struct tensor tx, tadd, ty, tdy, tdx, tdadd;
    struct bn_param p;
    struct bn_saved saved;
};

static struct tensor view(float *data)
{
    return (struct tensor){.n = 4, .h = 1, .w = 2, .c = 2, .data = data};
}

static void data_init(struct norm_data *d)
{
    *d = (struct norm_data){
        .gamma = {1.5f, -.5f},
        .beta = {.25f, .125f},
        .running_mean = {.5f, -1},
        .running_var = {2, .5f},
        .tx = view(d->x),
        .tadd = view(d->add),
        .ty = view(d->y),
        .tdy = view(d->dy),
        .tdx = view(d->dx),
        .tdadd = view(d->dadd),
        .p = {d->gamma, d->beta, d->running_mean, d->running_var},
        .saved = {d->mean, d->invstd, d->mask},
    };
    wave_fill(d->x, COUNT, wave_a);
    wave_fill(d->add, COUNT, wave_b);
    wave_fill(d->dy, COUNT, wave_c);
}

static const struct bn_shape shape = {4, 1, 2, 2, .groups = 2, .add = true, .relu = true};

static void test_infer(void **state)
{
    const struct ops *o = *state;
    struct norm_data d;
    struct bn *bn;
    static const float want[COUNT] = {0,           0, 0,           0, 0.10983562f,   0.698225072f,
                                      0.53032876f, 0, 0,           0, 0.0795068599f, 0,
                                      0.5f,        0, 0.92049314f, 0};
    data_init(&d);
    assert_int_equal(o->bn_new(o, &shape, &bn), 0);
    assert_int_equal(o->bn_infer(bn, &d.tx, &d.tadd, &d.p, &d.ty), 0);
    assert_near(d.y, want, COUNT);
    assert_true(d.running_mean[0] == .5f && d.running_var[0] == 2); /* read only */
    o->bn_free(bn);
}

static void test_train(void **state)
{
    const struct ops *o = *state;
    struct norm_data d;
    struct bn *bn;
    static const float want_y[COUNT] = {
        0, 0, 0.079184377f, 0,           1.04581562f, 1.56098788f, 2.01244687f, 0.671496971f,
        0, 0, 0.204184377f, 0.45106208f, 1.17081562f, 0,           2.13744687f, 0.336327379f};
    static const float want_dx[COUNT] = {
        -1.07330881f,     -0.317775888f, 1.43107206f,      0.0151237306f,
        0.357769604f,     -0.186620702f, -0.715532848f,    0.489272859f,
        1.90807064e-05f,  -0.121187021f, 6.36023545e-06f,  -0.170572172f,
        -6.36023545e-06f, 0.260336718f,  -1.90807064e-05f, 0.0314224747f};
    static const float want_dadd[COUNT] = {0, 0, 1.5f, 0, 1,  -1, .5f,   -1.5f,
                                           0, 0, -.5f, 1, -1, 0,  -1.5f, 0};
    data_init(&d);
    assert_int_equal(bn_mask_bytes(&shape), sizeof(d.mask));
    assert_int_equal(o->bn_new(o, &shape, &bn), 0);
    assert_int_equal(o->bn_forward(bn, &d.tx, &d.tadd, &d.p, &d.saved, &d.ty), 0);
    assert_near(d.y, want_y, COUNT);
    assert_near(d.running_mean, (const float[]){0.40625f, -0.80625f}, 2);
    assert_near(d.running_var, (const float[]){1.798125f, 0.5453125f}, 2);

    int r = o->bn_backward(bn, &d.tx, &d.tdy, &d.p, &d.saved, &d.tdx, &d.tdadd, d.dgamma, d.dbeta);
    assert_int_equal(r, 0);
    /* saved is float, and the second group's terms of size 1 cancel to 2e-5: 2^-24 is all that is
     * left of them. */
    for (size_t i = 0; i < COUNT; i++)
        assert_float_equal(d.dx[i], want_dx[i], 5e-7f);
    assert_near(d.dadd, want_dadd, COUNT);
    assert_near(d.dbeta, (const float[]){0, -1.5f}, 2);
    for (size_t i = 0; i < 2; i++)
        assert_float_equal(d.dgamma[i], ((const float[]){-1.78884166f, 0.484342523f})[i], 5e-7f);

    float dx[COUNT]; /* in dy's memory it is the same */
    memcpy(dx, d.dx, sizeof(dx));
    r = o->bn_backward(bn, &d.tx, &d.tdy, &d.p, &d.saved, &d.tdy, &d.tdadd, d.dgamma, d.dbeta);
    assert_int_equal(r, 0);
    assert_memory_equal(d.dy, dx, sizeof(dx));
    o->bn_free(bn);
}

/* No affine is gamma 1, beta 0; no ReLU keeps what is below 0; no mask is then needed. */
static void test_plain(void **state)
{
    const struct ops *o = *state;
    struct norm_data d;
    struct bn *bn;
    struct bn_shape plain = {4, 1, 2, 2, .groups = 2};
    float with_one[COUNT];
    data_init(&d);
    d.gamma[0] = d.gamma[1] = 1;
    d.beta[0] = d.beta[1] = 0;
    d.saved.mask = NULL;
    assert_int_equal(o->bn_new(o, &plain, &bn), 0);
    assert_int_equal(o->bn_forward(bn, &d.tx, NULL, &d.p, &d.saved, &d.ty), 0);
    memcpy(with_one, d.y, sizeof(with_one));
    d.p.gamma = d.p.beta = NULL;
    assert_int_equal(o->bn_forward(bn, &d.tx, NULL, &d.p, &d.saved, &d.ty), 0);
    assert_memory_equal(d.y, with_one, sizeof(with_one));
    for (size_t first = 0; first < COUNT; first += COUNT / 2)
        for (size_t c = 0; c < 2; c++) {
            double sum = 0, square = 0;
            for (size_t i = 0; i < 4; i++) {
                double v = d.y[first + 2 * i + c];
                sum += v;
                square += v * v;
            }
            assert_true(fabs(sum) < 1e-6 && fabs(square / 4 - 1) < 1e-4); /* eps: 1e-5 / var */
        }
    o->bn_free(bn);
}

static void test_nan_is_seen(void **state)
{
    const struct ops *o = *state;
    struct norm_data d;
    struct bn *bn;
    data_init(&d);
    d.x[0] = NAN;
    assert_int_equal(o->bn_new(o, &shape, &bn), 0);
    assert_int_equal(o->bn_forward(bn, &d.tx, &d.tadd, &d.p, &d.saved, &d.ty), 0);
    assert_true(isnan(d.y[0]) && isnan(d.y[2])); /* its channel in its group */
    assert_false(isnan(d.y[1]) || isnan(d.y[8]));
    o->bn_free(bn);
}

static void test_refusals(void **state)
{
    const struct ops *o = *state;
    static const struct bn_shape shapes[] = {
        {0, 1, 2, 2, .groups = 1}, {4, 0, 2, 2, .groups = 1}, {4, 1, -1, 2, .groups = 1},
        {4, 1, 2, 0, .groups = 1}, {4, 1, 2, 2, .groups = 0}, {4, 1, 2, 2, .groups = 3},
        {2, 1, 1, 2, .groups = 2}, /* one value a group has no variance */
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct bn *bn = NULL;
        assert_int_equal(o->bn_new(o, &shapes[i], &bn), -ENOTSUP);
        assert_null(bn);
    }
    o->bn_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_infer),    cmocka_unit_test(test_train),
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_nan_is_seen),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, open_ref, close_ref);
}
