/* SPDX-License-Identifier: Apache-2.0 */
/* ref_loss: losses with their gradients (of half the loss) and row measures against PyTorch's
 * numbers; extreme logits stay finite. */
#include "wave.h"

#include <errno.h>
#include <float.h>
#include <string.h>

static const float half = 0.5f;

static struct tensor rows(int32_t n, int32_t c, float *data)
{
    return (struct tensor){.n = n, .h = 1, .w = 1, .c = c, .data = data};
}

static void test_cosine(void **state)
{
    const struct ops *o = *state;
    float p[12], z[12], dp[12], loss;
    wave_fill(p, 12, wave_a);
    wave_fill(z, 12, wave_b);
    struct tensor tp = rows(4, 3, p), tz = rows(4, 3, z), tdp = rows(4, 3, dp);
    static const float want[12] = {-0.0273833937f, -0.0201096797f, 0.0483488045f,  0.0289885518f,
                                   -0.0666736691f, 0.0260896966f,  0.0121410733f,  0.0121410733f,
                                   0.0121410733f,  0.00364857004f, 0.00265350549f, 0.00165844093f};
    assert_int_equal(o->loss_cosine(o, &tp, &tz, half, &tdp, &loss), 0);
    assert_near(&loss, (const float[]){0.207402583f}, 1);
    assert_near(dp, want, 12);

    memset(z, 0, sizeof(z)); /* no direction: no loss, no gradient, no NaN */
    assert_int_equal(o->loss_cosine(o, &tp, &tz, half, &tdp, &loss), 0);
    assert_true(loss == 0);
    for (size_t i = 0; i < 12; i++)
        assert_true(dp[i] == 0);

    for (int32_t i = 0; i < 12; i++)
        z[(i + 6) % 12] = 3 * p[i]; /* the same direction: the least loss, and level */
    assert_int_equal(o->loss_cosine(o, &tp, &tz, half, &tdp, &loss), 0);
    assert_near(&loss, (const float[]){-1}, 1);
    for (size_t i = 0; i < 12; i++)
        assert_true(fabsf(dp[i]) < 1e-8f);
}

/* As PyTorch: a NaN anywhere in a row is in all of its gradient, and of its partner's. */
static void test_cosine_nan(void **state)
{
    const struct ops *o = *state;
    for (int in_z = 0; in_z < 2; in_z++) {
        float p[12], z[12], dp[12], loss;
        wave_fill(p, 12, wave_a);
        wave_fill(z, 12, wave_b);
        (in_z ? z : p)[4] = NAN; /* row 1, whose partner is row 3 */
        struct tensor tp = rows(4, 3, p), tz = rows(4, 3, z), tdp = rows(4, 3, dp);
        assert_int_equal(o->loss_cosine(o, &tp, &tz, half, &tdp, &loss), 0);
        assert_true(isnan(loss));
        for (size_t i = 0; i < 12; i++)
            assert_int_equal(isnan(dp[i]) != 0, i / 3 == (in_z ? 3 : 1));
        struct tensor with = in_z ? tz : tp;
        assert_int_equal(o->l2_normalize(o, &with, &tdp), 0);
        for (size_t i = 0; i < 12; i++)
            assert_int_equal(isnan(dp[i]) != 0, i / 3 == 1);
    }
}

static void test_mse_tanh(void **state)
{
    const struct ops *o = *state;
    float p[6], target[6], dp[6], loss;
    wave_fill(p, 6, wave_a);
    wave_fill(target, 6, (struct wave){3, 7, 3, 4});
    struct tensor tp = rows(3, 2, p), tdp = rows(3, 2, dp);
    static const float want[6] = {-0.00459336562f, 0.0605718318f,  -0.158877798f,
                                  0.0513291767f,   -0.0399633742f, -0.0134379912f};
    assert_int_equal(o->loss_mse_tanh(o, &tp, target, half, &tdp, &loss), 0);
    assert_near(&loss, (const float[]){0.496999771f}, 1);
    assert_near(dp, want, 6);
}

static void test_bce(void **state)
{
    const struct ops *o = *state;
    float p[6], dp[6], loss;
    const float target[6] = {0, 1, 1, 0, 1, 0};
    wave_fill(p, 6, wave_a);
    struct tensor tp = rows(6, 1, p), tdp = rows(6, 1, dp);
    static const float want[6] = {0.0185583449f, -0.0314617224f, -0.0518716109f,
                                  0.0647749884f, -0.0364852916f, 0.0267351084f};
    assert_int_equal(o->loss_bce(o, &tp, target, half, &tdp, &loss), 0);
    assert_near(&loss, (const float[]){0.694137093f}, 1);
    assert_near(dp, want, 6);

    const float far[6] = {-1e30f, 1e30f, -3000, 1200, 0, 0}; /* right, right, wrong, wrong */
    memcpy(p, far, sizeof(p));
    assert_int_equal(o->loss_bce(o, &tp, target, half, &tdp, &loss), 0);
    assert_near(&loss, (const float[]){(float)((3000 + 1200 + 2 * log(2)) / 6)}, 1);
    assert_near(dp, (const float[]){0, 0, -half / 6, half / 6, -half / 12, half / 12}, 6);
}

static void test_softmax(void **state)
{
    const struct ops *o = *state;
    float p[12], dp[12], loss, target[3] = {3, 0, 2};
    wave_fill(p, 12, wave_a);
    struct tensor tp = rows(3, 4, p), tdp = rows(3, 4, dp);
    static const float want[12] = {0.00791611578f, 0.045554101f,  0.0167584172f, -0.070228634f,
                                   -0.127576806f,  0.0143803561f, 0.0827532357f, 0.0304432141f,
                                   0.0172704351f,  0.0993844919f, -0.130105155f, 0.0134502284f};
    assert_int_equal(o->loss_softmax(o, &tp, target, half, &tdp, &loss), 0);
    assert_near(&loss, (const float[]){1.17140919f}, 1);
    assert_near(dp, want, 12);

    for (size_t i = 0; i < 12; i++)
        p[i] = i % 4 == 1 ? 1e30f : -1e30f;
    assert_int_equal(o->loss_softmax(o, &tp, target, half, &tdp, &loss), 0);
    assert_true(loss > 1e30f && loss <= FLT_MAX);
    static const float classes[] = {-1, 4, 1e9f, NAN, INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        target[1] = classes[i];
        assert_int_equal(o->loss_softmax(o, &tp, target, half, &tdp, &loss), -EINVAL);
        assert_non_null(strstr(err_text(), "row 1"));
    }
}

static void test_accuracy(void **state)
{
    const struct ops *o = *state;
    /* the second row's 3 is the first of equal ones; the last row's largest is a class that is not
     * the target */
    float p[12] = {0, 1, 2, 3, 0, 3, 3, 1, -5, -1, -2, -3}, target[3] = {3, 1, 2}, share;
    struct tensor tp = rows(3, 4, p);
    assert_int_equal(o->accuracy(o, &tp, target, &share), 0);
    assert_near(&share, (const float[]){2.0f / 3}, 1);
    target[1] = 2; /* equal, but not the first */
    assert_int_equal(o->accuracy(o, &tp, target, &share), 0);
    assert_near(&share, (const float[]){1.0f / 3}, 1);
    p[0] = NAN;
    assert_int_equal(o->accuracy(o, &tp, target, &share), 0);
    assert_true(share == 0);

    float sign[5] = {2, -2, 0, 1, NAN};
    const float label[5] = {1, 0, 0, 0, 0}; /* right, right, right, wrong, wrong */
    tp = rows(5, 1, sign);
    assert_int_equal(o->accuracy(o, &tp, label, &share), 0);
    assert_near(&share, (const float[]){0.6f}, 1);
}

static void test_rows(void **state)
{
    const struct ops *o = *state;
    float x[12], y[12], spread;
    wave_fill(x, 12, wave_a);
    struct tensor tx = rows(4, 3, x), ty = rows(4, 3, y);
    static const float want[12] = {-0.87038828f,  0.348155312f,  -0.348155312f, 0.845154255f,
                                   0.169030851f,  -0.507092553f, 0.707106781f,  0,
                                   -0.707106781f, 0.507092553f,  -0.169030851f, -0.845154255f};
    assert_int_equal(o->l2_normalize(o, &tx, &ty), 0);
    assert_near(y, want, 12);
    assert_int_equal(o->spread(o, &tx, &spread), 0);
    assert_near(&spread, (const float[]){0.711088543f}, 1);

    for (size_t i = 0; i < 12; i++) /* every row points the same way, at its own length */
        x[i] = (float)(1 + i / 3) * (float)(1 + i % 3);
    assert_int_equal(o->spread(o, &tx, &spread), 0);
    assert_true(spread >= 0 && spread < 1e-6f);
    struct tensor one = tensor_rows(&tx, 0, 1);
    assert_int_equal(o->spread(o, &one, &spread), 0);
    assert_true(spread == 0);

    memset(x, 0, sizeof(x));
    assert_int_equal(o->l2_normalize(o, &tx, &ty), 0);
    for (size_t i = 0; i < 12; i++)
        assert_true(y[i] == 0);
    x[0] = NAN;
    assert_int_equal(o->spread(o, &tx, &spread), 0);
    assert_true(isnan(spread));
}

/* More columns than one block of sums: +-1 in turn is spread out in every one of them. */
static void test_spread_wide(void **state)
{
    const struct ops *o = *state;
    enum { ROWS = 2, WIDE = 600 };
    static float x[ROWS * WIDE];
    float spread;
    for (size_t i = 0; i < ROWS * WIDE; i++)
        x[i] = (i / WIDE + i) % 2 ? 5 : -5;
    struct tensor tx = rows(ROWS, WIDE, x);
    assert_int_equal(o->spread(o, &tx, &spread), 0);
    assert_near(&spread, (const float[]){(float)sqrt(2)}, 1); /* unbiased, of +-1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosine),     cmocka_unit_test(test_mse_tanh),
        cmocka_unit_test(test_bce),        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_spread_wide),
        cmocka_unit_test(test_cosine_nan), cmocka_unit_test(test_accuracy),
    };
    return cmocka_run_group_tests(tests, open_ref, close_ref);
}
