/* SPDX-License-Identifier: Apache-2.0 */
/* ref: memory, input, linear, rows and the optimiser against PyTorch's numbers. */
#include "wave.h"

#include <string.h>

static void test_memory(void **state)
{
    const struct ops *o = *state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 100000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *p = o->mem_new(o, sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(p[k], 0);
        o->mem_free(o, p);
    }
    assert_null(o->mem_new(o, SIZE_MAX));
    assert_null(o->mem_new(o, PTRDIFF_MAX - 63));
    o->mem_free(o, NULL);
}

static void test_layout_is_plain(void **state)
{
    const struct ops *o = *state;
    float host[24], data[24], back[24];
    struct tensor t = {.n = 2, .h = 2, .w = 2, .c = 3, .data = data};
    wave_fill(host, 24, wave_a);
    assert_int_equal(o->tensor_import(o, host, &t), 0);
    assert_memory_equal(data, host, sizeof(host));
    assert_int_equal(o->tensor_export(o, &t, back), 0);
    assert_memory_equal(back, host, sizeof(host));
}

static void test_input(void **state)
{
    const struct ops *o = *state;
    const float mean[3] = {0.5f, 0.25f, 0.75f}, std[3] = {0.5f, 0.25f, 1.0f};
    const uint8_t pixels[6] = {0, 255, 51, 255, 0, 102};
    float data[3 * 6] = {0};
    const float want[6] = {-1, 3, -0.55f, 1, -1, -0.35f};
    struct tensor x = {.n = 3, .h = 1, .w = 2, .c = 3, .data = data};
    assert_int_equal(o->input_normalize(o, pixels, 1, mean, std, &x, 1), 0);
    assert_near(data + 6, want, 6);
    for (size_t i = 0; i < 6; i++) /* the other rows are not its business */
        assert_true(data[i] == 0 && data[12 + i] == 0);
}

static void test_linear(void **state)
{
    const struct ops *o = *state;
    float x[6], w[6], y[4], dx[6], dw[6], db[2];
    const float b[2] = {.5f, -.25f}, dy[4] = {1, -2, .5f, 3};
    wave_fill(x, 6, wave_a);
    wave_fill(w, 6, wave_b);
    struct tensor tx = {2, 1, 1, 3, x}, ty = {2, 1, 1, 2, y}, tdx = {2, 1, 1, 3, dx};
    struct tensor tdy = {2, 1, 1, 2, (float *)dy};

    assert_int_equal(o->linear_forward(o, &tx, w, b, &ty), 0);
    assert_near(y, (const float[]){1.125f, 0.0625f, -0.84375f, -1.40625f}, 4);
    assert_int_equal(o->linear_forward(o, &tx, w, NULL, &ty), 0);
    assert_near(y, (const float[]){0.625f, 0.3125f, -1.34375f, -1.15625f}, 4);

    const float want_dx[6] = {0.25f, -0.375f, -1, -1.875f, 0.3125f, 2.5f};
    assert_int_equal(o->linear_backward_data(o, &tdy, w, &tdx, false), 0);
    assert_near(dx, want_dx, 6);
    assert_int_equal(o->linear_backward_data(o, &tdy, w, &tdx, true), 0);
    for (size_t i = 0; i < 6; i++)
        assert_true(dx[i] == 2 * want_dx[i]);

    assert_int_equal(o->linear_backward_weight(o, &tx, &tdy, dw, db), 0);
    assert_near(dw, (const float[]){-0.625f, 0.625f, -0.875f, 6.25f, -0.25f, -1.25f}, 6);
    assert_near(db, (const float[]){1.5f, 1}, 2);
    assert_int_equal(o->linear_backward_weight(o, &tx, &tdy, dw, NULL), 0);
}

static void test_pair(void **state)
{
    const struct ops *o = *state;
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[16], dx[8] = {100};
    struct tensor tx = {4, 1, 1, 2, x}, ty = {4, 1, 1, 4, y}, tdx = {4, 1, 1, 2, dx};
    const float want[16] = {1, 2, 5, 6, 3, 4, 7, 8, 5, 6, 1, 2, 7, 8, 3, 4};
    assert_int_equal(o->pair_forward(o, &tx, &ty), 0);
    assert_memory_equal(y, want, sizeof(want));
    /* Each x went into two places: the way back doubles it, on top of what was there. */
    assert_int_equal(o->pair_backward(o, &ty, &tdx), 0);
    assert_near(dx, (const float[]){102, 4, 6, 8, 10, 12, 14, 16}, 8);
}

static void test_concat(void **state)
{
    const struct ops *o = *state;
    float a[4] = {1, 2, 3, 4}, b[2] = {5, 6}, y[6], da[4], db[2];
    struct tensor ta = {2, 1, 1, 2, a}, tb = {2, 1, 1, 1, b}, ty = {2, 1, 1, 3, y};
    struct tensor tda = {2, 1, 1, 2, da}, tdb = {2, 1, 1, 1, db};
    assert_int_equal(o->concat_forward(o, &ta, &tb, &ty), 0);
    assert_memory_equal(y, ((const float[]){1, 2, 5, 3, 4, 6}), sizeof(y));
    assert_int_equal(o->concat_backward(o, &ty, &tda, &tdb), 0);
    assert_memory_equal(da, a, sizeof(a));
    assert_memory_equal(db, b, sizeof(b));
}

static void test_fill_add(void **state)
{
    const struct ops *o = *state;
    float a[3] = {1, 2, 3}, sum[4] = {10, 20, 30, 40};
    assert_int_equal(o->add(o, a, sum, 3), 0);
    assert_memory_equal(sum, ((const float[]){11, 22, 33, 40}), sizeof(sum));
    assert_int_equal(o->fill(o, sum, 3, -1.5f), 0);
    assert_memory_equal(sum, ((const float[]){-1.5f, -1.5f, -1.5f, 40}), sizeof(sum));
}

/* Three steps of torch.optim.SGD(lr=.1, momentum=.9, weight_decay=.01) in float32. */
static void test_sgd(void **state)
{
    const struct ops *o = *state;
    const float lr = 0.1f;
    struct sgd s = {.lr = &lr, .scale = 0.5f, .momentum = 0.9f, .weight_decay = 0.01f};
    float w[3] = {1, -2, .5f}, m[3] = {0};
    static const float d[3] = {.5f, .25f, -1};
    static const float want[3][3] = {{0.949000001f, -2.023f, 0.5995f},
                                     {0.802151024f, -2.09167695f, 0.888450503f},
                                     {0.519184768f, -2.22639465f, 1.44761753f}};
    for (int step = 0; step < 3; step++) {
        float now[3];
        for (size_t i = 0; i < 3; i++)
            now[i] = 2 * d[i] * (float)(step + 1); /* halved again by the scale */
        assert_int_equal(o->sgd_step(o, &s, w, now, m, 3), 0);
        assert_near(w, want[step], 3);
    }
    assert_near(m, (const float[]){2.82966232f, 1.34717631f, -5.59167004f}, 3);
}

/* LARS as MoCo v3's optimizer has it: three steps in float64. */
static void test_lars(void **state)
{
    const struct ops *o = *state;
    const float lr = 0.1f;
    struct sgd s = {.lr = &lr, .scale = 1, .momentum = 0.9f, .weight_decay = 0.01f};
    float w[3] = {1, -2, .5f}, m[3] = {0};
    const float d[3] = {.5f, .25f, -1};
    double w64[3] = {1, -2, .5}, m64[3] = {0};
    for (int step = 0; step < 3; step++) {
        double w2 = 0, g2 = 0, g[3];
        for (size_t i = 0; i < 3; i++) {
            g[i] = (double)d[i] + 0.01 * w64[i];
            w2 += w64[i] * w64[i];
            g2 += g[i] * g[i];
        }
        for (size_t i = 0; i < 3; i++) {
            m64[i] = 0.9 * m64[i] + 0.02 * sqrt(w2 / g2) * g[i];
            w64[i] -= 0.1 * m64[i];
        }
        assert_int_equal(o->lars_step(o, &s, 0.02f, w, d, m, 3), 0);
        for (size_t i = 0; i < 3; i++) {
            assert_true(fabs((double)w[i] - w64[i]) < 1e-6);
            assert_true(fabs((double)m[i] - m64[i]) < 1e-6);
        }
    }
    float zero[3] = {0}, none[3] = {0}; /* nothing to adapt to: as SGD */
    assert_int_equal(o->lars_step(o, &s, 0.02f, zero, d, none, 3), 0);
    assert_near(none, d, 3);
    float average[3] = {4, 0, 8};
    assert_int_equal(o->ema_step(o, 0.75f, d, average, 3), 0);
    assert_near(average, (const float[]){3.125f, .0625f, 5.75f}, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_layout_is_plain),
        cmocka_unit_test(test_input),    cmocka_unit_test(test_linear),
        cmocka_unit_test(test_pair),     cmocka_unit_test(test_concat),
        cmocka_unit_test(test_fill_add), cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_lars),
    };
    return cmocka_run_group_tests(tests, open_ref, close_ref);
}
