/* SPDX-License-Identifier: Apache-2.0 */
/* ref_conv: convolution and pooling against PyTorch's numbers; shapes that cannot be are refused.
 */
#include "wave.h"

#include <errno.h>

/* conv2d of wave_a [1,4,3,2] with wave_b [2,2,3,3], stride 2, padding 1. */
static void test_conv(void **state)
{
    const struct ops *o = *state;
    struct conv_shape s = {1, 4, 3, 2, 2, 3, 2, 1, true};
    struct conv *conv;
    float x[24], oihw[36], w[36], back[36], y[8], dy[8], dx[24], dw[36];
    struct tensor tx = {1, 4, 3, 2, x}, ty = {1, 2, 2, 2, y};
    struct tensor tdy = {1, 2, 2, 2, dy}, tdx = {1, 4, 3, 2, dx};
    wave_fill(x, 24, wave_a);
    wave_fill(oihw, 36, wave_b);
    wave_fill(dy, 8, wave_c);
    assert_int_equal(o->conv_new(o, &s, &conv), 0);
    assert_int_equal(o->conv_weight_load(conv, oihw, w), 0);
    assert_int_equal(o->conv_weight_store(conv, w, back), 0);
    assert_memory_equal(back, oihw, sizeof(oihw));

    static const float want_y[8] = {0.03125f, 0.75f,     2.3125f,  1.28125f,
                                    0.4375f,  -0.59375f, -2.4375f, -2.40625f};
    assert_int_equal(o->conv_forward(conv, &tx, w, &ty), 0);
    assert_near(y, want_y, 8);

    static const float want_dx[24] = {-0.1875f, 1.125f, -1.5625f, 0.5f,     0.1875f,  -1.5f,
                                      -0.4375f, 0.875f, -0.625f,  0.6875f,  0.75f,    -0.875f,
                                      0.125f,   -1.5f,  0.8125f,  0.0625f,  0.0625f,  -1.5f,
                                      0.125f,   0.125f, 0.5625f,  -0.1875f, -0.1875f, 0.6875f};
    assert_int_equal(o->conv_backward_data(conv, &tdy, w, &tdx, false), 0);
    assert_near(dx, want_dx, 24);
    assert_int_equal(o->conv_backward_data(conv, &tdy, w, &tdx, true), 0);
    for (size_t i = 0; i < 24; i++)
        assert_true(dx[i] == 2 * want_dx[i]);

    static const float want_dw[36] = {
        -0.5f,   0.875f,  -1,     -0.125f, 2.375f,  2,       -1.125f, -2.5f,   2.25f,
        0.375f,  -0.625f, 0.75f,  2,       -1.875f, -1.625f, 1,       -2.625f, -1.375f,
        1.5f,    -0.625f, 1,      -1.625f, 0.5f,    -1.25f,  -0.625f, 2,       -0.75f,
        -1.125f, 1.875f,  -0.75f, -1,      -0.625f, -0.25f,  0,       0.875f,  0.25f};
    assert_int_equal(o->conv_backward_weight(conv, &tx, &tdy, dw), 0);
    assert_int_equal(o->conv_weight_store(conv, dw, back), 0);
    assert_near(back, want_dw, 36);
    o->conv_free(conv);
    o->conv_free(NULL);
}

/* Equal maxima: the first in reading order takes the gradient. */
static void test_maxpool(void **state)
{
    const struct ops *o = *state;
    struct maxpool_shape s = {1, 3, 6, 1, 3, 2, 1};
    struct maxpool *pool;
    float x[18] = {0, 1, 1, 0, 2, 2, 1, 0, 2, 1, 0, 2, 0, 0, 0, 3, 3, 3}, y[6], dx[18];
    float dy[6] = {1, 2, 3, 4, 5, 6};
    struct tensor tx = {1, 3, 6, 1, x}, ty = {1, 2, 3, 1, y};
    struct tensor tdy = {1, 2, 3, 1, dy}, tdx = {1, 3, 6, 1, dx};
    assert_int_equal(o->maxpool_new(o, &s, &pool), 0);
    assert_int_equal(o->maxpool_forward(pool, &tx, &ty), 0);
    assert_near(y, (const float[]){1, 2, 2, 1, 3, 3}, 6);
    assert_int_equal(o->maxpool_backward(pool, &tdy, &tdx), 0);
    assert_near(dx, (const float[]){0, 1, 0, 0, 3, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 11, 0, 0}, 18);

    for (size_t i = 0; i < 18; i++)
        x[i] -= 10; /* padding is no zero */
    x[8] = NAN;     /* and a NaN is not hidden */
    assert_int_equal(o->maxpool_forward(pool, &tx, &ty), 0);
    assert_near(y, (const float[]){-9}, 1);
    assert_true(isnan(y[1]));
    assert_near(y + 3, (const float[]){-9}, 1);
    assert_true(isnan(y[4]));
    o->maxpool_free(pool);
    o->maxpool_free(NULL);
}

static void test_avgpool(void **state)
{
    const struct ops *o = *state;
    float x[12] = {1, 10, 2, 20, 3, 30, -1, 0, -1, 0, -1, 6}, y[4], dx[12], dy[4] = {3, 6, 9, 12};
    struct tensor tx = {2, 1, 3, 2, x}, ty = {2, 1, 1, 2, y};
    struct tensor tdy = {2, 1, 1, 2, dy}, tdx = {2, 1, 3, 2, dx};
    assert_int_equal(o->avgpool_forward(o, &tx, &ty), 0);
    assert_near(y, (const float[]){2, 20, -1, 2}, 4);
    assert_int_equal(o->avgpool_backward(o, &tdy, &tdx), 0);
    assert_near(dx, (const float[]){1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4}, 12);
}

static void test_refusals(void **state)
{
    const struct ops *o = *state;
    static const struct conv_shape convs[] = {
        {0, 4, 4, 1, 1, 3, 1, 1, true},  {1, 0, 4, 1, 1, 3, 1, 1, true},
        {1, 4, 4, 0, 1, 3, 1, 1, true},  {1, 4, 4, 1, 0, 3, 1, 1, true},
        {1, 4, 4, 1, 1, 0, 1, 1, true},  {1, 4, 4, 1, 1, 3, 0, 1, true},
        {1, 4, 4, 1, 1, 3, 1, -1, true}, {1, 4, 4, 1, 1, 3, 1, 3, true},
        {1, 4, 4, 1, 1, 5, 1, 0, true},  {1, 4, INT32_MAX, 1, 1, 3, 1, 1, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(convs); i++) {
        struct conv *conv = NULL;
        assert_int_equal(o->conv_new(o, &convs[i], &conv), -ENOTSUP);
        assert_null(conv);
    }
    struct maxpool *pool = NULL;
    struct maxpool_shape padding = {1, 4, 4, 1, 2, 2, 2}, big = {1, 2, 2, 1, 3, 1, 0};
    assert_int_equal(o->maxpool_new(o, &padding, &pool), -ENOTSUP);
    assert_int_equal(o->maxpool_new(o, &big, &pool), -ENOTSUP);
    assert_null(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_maxpool),
        cmocka_unit_test(test_avgpool),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, open_ref, close_ref);
}
