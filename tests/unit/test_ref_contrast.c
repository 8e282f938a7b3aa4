/* SPDX-License-Identifier: Apache-2.0 */
/* ref_contrast: unit rows, InfoNCE, NT-Xent, soft targets and Sinkhorn against PyTorch's numbers;
 * gradients (of half the loss) in the place of the values; extreme logits stay finite. */
#include "wave.h"

#include <string.h>

static const float half = 0.5f;

static struct tensor rows(int32_t n, int32_t c, float *data)
{
    return (struct tensor){.n = n, .h = 1, .w = 1, .c = c, .data = data};
}

static void test_units(void **state)
{
    const struct ops *o = *state;
    float x[12], y[12], dy[12];
    wave_fill(x, 12, wave_a);
    wave_fill(dy, 12, wave_b);
    struct tensor tx = rows(4, 3, x), ty = rows(4, 3, y), td = rows(4, 3, dy);
    static const float want[12] = {-0.258478944f, -0.192540438f,  0.453656922f,  0.10866269f,
                                   0.173860304f,  0.239057918f,   -0.309359217f, 0.265165043f,
                                   -0.309359217f, -0.0724417933f, 0.446724392f,  -0.132809954f};
    assert_int_equal(o->l2_normalize(o, &tx, &ty), 0);
    assert_int_equal(o->l2_normalize_backward(o, &tx, &ty, &td, &td), 0); /* in dy's place */
    assert_near(dy, want, 12);

    memset(x, 0, sizeof(x)); /* a row without a direction: the least norm is a constant */
    assert_int_equal(o->l2_normalize(o, &tx, &ty), 0);
    for (size_t i = 0; i < 12; i++)
        dy[i] = 1e-12f;
    assert_int_equal(o->l2_normalize_backward(o, &tx, &ty, &td, &td), 0);
    assert_near(dy, (const float[]){1, 1, 1}, 3);
}

static void test_rows(void **state)
{
    const struct ops *o = *state;
    float a[6] = {1, 2, 3, -4, 5, 6}, b[6] = {2, 0, 1, 1, 1, -1}, dots[2], sum[6];
    struct tensor ta = rows(2, 3, a), tb = rows(2, 3, b), td = rows(2, 1, dots),
                  ts = rows(2, 3, sum);
    assert_int_equal(o->row_dot(o, &ta, &tb, &td), 0);
    assert_near(dots, (const float[]){5, -5}, 2);
    memcpy(sum, b, sizeof(sum));
    assert_int_equal(o->row_add(o, &td, &ta, &ts), 0);
    assert_near(sum, (const float[]){7, 10, 16, 21, -24, -31}, 6);
}

static void test_info_nce(void **state)
{
    const struct ops *o = *state;
    float p[3], n[12], loss;
    wave_fill(p, 3, wave_b);
    wave_fill(n, 12, wave_a);
    struct tensor tp = rows(3, 1, p), tn = rows(3, 4, n);
    static const float want_p[3] = {-0.833296377f, -0.830426748f, -0.648745894f};
    static const float want_n[12] = {3.03357181e-06f, 0.0191439255f,  0.000128990756f,
                                     0.814020427f,    0.0189533161f,  0.00012770644f,
                                     0.80591551f,     0.00543021599f, 0.000102092428f,
                                     0.644273471f,    0.0043410805f,  2.92499703e-05f};
    assert_int_equal(o->loss_info_nce(o, &tp, &tn, 0.2f, half, &tp, &tn, &loss), 0);
    assert_near(&loss, (const float[]){5.72973784f}, 1);
    assert_near(p, want_p, 3);
    assert_near(n, want_n, 12);

    p[0] = p[1] = p[2] = 1e4f; /* exp of it is no number */
    for (size_t i = 0; i < 12; i++)
        n[i] = -1e4f;
    assert_int_equal(o->loss_info_nce(o, &tp, &tn, 0.2f, half, &tp, &tn, &loss), 0);
    assert_true(loss == 0 && p[0] == 0 && n[0] == 0);
}

static void test_nt_xent(void **state)
{
    const struct ops *o = *state;
    float s[16], loss;
    wave_fill(s, 16, wave_a);
    for (size_t i = 0; i < 16; i++)
        s[i] /= 2;
    struct tensor ts = rows(4, 4, s);
    static const float want[16] = {0, 0.0717384928f, -0.223608883f, 0.151870391f,  0.0641716589f,
                                   0, 0.135851403f,  -0.200023062f, -0.216814468f, 0.19096955f,
                                   0, 0.0258449181f, 0.0717384928f, -0.223608883f, 0.151870391f,
                                   0};
    assert_int_equal(o->loss_nt_xent(o, &ts, 0.5f, half, &ts, &loss), 0);
    assert_near(&loss, (const float[]){2.03152827f}, 1);
    assert_near(s, want, 16);

    for (size_t i = 0; i < 16; i++) /* the own column is left out, however large */
        s[i] = i % 5 == 0 ? 1e30f : 0;
    assert_int_equal(o->loss_nt_xent(o, &ts, 0.5f, half, &ts, &loss), 0);
    assert_near(&loss, (const float[]){1.09861229f}, 1); /* log 3 */
}

static void test_soft_targets(void **state)
{
    const struct ops *o = *state;
    float p[12], q[12], loss;
    wave_fill(p, 12, wave_a);
    wave_fill(q, 12, wave_c);
    for (size_t i = 0; i < 12; i++)
        q[i] = (q[i] + 1.5f) / 4;
    struct tensor tp = rows(3, 4, p), tq = rows(3, 4, q);
    static const float want[12] = {3.18089442e-11f, -0.623733216f, -1.24999994f, 1.87373316f,
                                   -1.0405151f,     -0.208333281f, 1.24875385f,  9.45266119e-05f,
                                   -0.624999916f,   2.08318192f,   -0.41651534f, -1.04166666f};
    assert_int_equal(o->loss_soft_targets(o, &tp, &tq, 0.1f, half, &tp, &loss), 0);
    assert_near(&loss, (const float[]){14.7921997f}, 1);
    assert_near(p, want, 12);
}

static void test_sinkhorn(void **state)
{
    const struct ops *o = *state;
    float s[12], q[12];
    wave_fill(s, 12, wave_a);
    for (size_t i = 0; i < 12; i++)
        s[i] /= 10;
    struct tensor ts = rows(4, 3, s), tq = rows(4, 3, q);
    static const float want[12] = {0.00325734045f, 0.49837133f,  0.49837133f,  0.444336294f,
                                   0.277831853f,   0.277831853f, 0.444336294f, 0.277831853f,
                                   0.277831853f,   0.444336294f, 0.277831853f, 0.277831853f};
    assert_int_equal(o->sinkhorn(o, &ts, 0.05f, 3, &tq), 0);
    for (size_t i = 0; i < 12; i++) /* q itself is rounded between the iterations */
        assert_true(fabsf(q[i] - want[i]) < 1e-6f);

    assert_int_equal(o->sinkhorn(o, &ts, 0.05f, 200, &tq), 0); /* in the end both sums are even */
    for (size_t column = 0; column < 3; column++) {
        double sum = 0;
        for (size_t n = 0; n < 4; n++)
            sum += (double)q[3 * n + column];
        assert_true(fabs(sum - 4.0 / 3) < 1e-4);
    }
    for (size_t i = 0; i < 12; i++)
        s[i] *= 1e5f;
    s[5] = 1e6f;
    assert_int_equal(o->sinkhorn(o, &ts, 0.05f, 0, &tq), 0);
    assert_true(q[5] == 1 && q[0] == 0); /* without a division: nothing overflows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_info_nce),     cmocka_unit_test(test_nt_xent),
        cmocka_unit_test(test_soft_targets), cmocka_unit_test(test_sinkhorn),
    };
    return cmocka_run_group_tests(tests, open_ref, close_ref);
}
