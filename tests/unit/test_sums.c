/* SPDX-License-Identifier: Apache-2.0 */
/* sums: figures of a tensor and of a pair against plain sums, over blocks and their edges, where
 * cancellation, overflow, NaN and emptiness lie in wait. */
#include "test.h"

#include "tools/inspect/tensors/sums.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct safetensor f64(const double *x, size_t n)
{
    return (struct safetensor){
        .dtype = ST_F64, .ndim = 1, .shape = {(int64_t)n}, .data = x, .bytes = n * sizeof *x};
}

static void near(double got, double wanted)
{
    /* a rounding or two of the wider sums' last step */
    if (!(fabs(got - wanted) <= 4 * DBL_EPSILON * fabs(wanted)))
        fail_msg("%.17g is not %.17g", got, wanted);
}

/* 0, 1, ... n-1 about a large offset: mean and deviation are known in closed form. */
static void test_offset(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 1023, 1024, 1025, 5000};
    static double x[5000];
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        const size_t n = sizes[k];
        for (size_t i = 0; i < n; i++)
            x[i] = 1e9 + (double)i;
        struct safetensor t = f64(x, n);
        struct sums s;
        sums_of(&t, &s);
        assert_int_equal(s.n, n);
        assert_true(s.min == 1e9 && s.max == 1e9 + (double)(n - 1));
        near(s.mean, 1e9 + (double)(n - 1) / 2);
        near(s.deviation, sqrt(((double)n * (double)n - 1) / 12));
        assert_int_equal(s.zeros + s.nan + s.infinite, 0);
    }
}

static void test_large(void **state)
{
    (void)state;
    const double x[] = {3e200, -4e200};
    struct safetensor t = f64(x, 2);
    struct sums s;
    sums_of(&t, &s);
    near(s.norm, 5e200);
    near(s.mean, -.5e200);
    near(s.deviation, 3.5e200);
}

static void test_not_finite(void **state)
{
    (void)state;
    static double x[2000];
    for (size_t i = 0; i < 2000; i++)
        x[i] = i % 2 ? 1 : 0;
    x[0] = NAN;
    x[1500] = INFINITY;
    x[1502] = -INFINITY;
    x[4] = -0.;
    struct safetensor t = f64(x, 2000);
    struct sums s;
    sums_of(&t, &s);
    assert_int_equal(s.nan, 1);
    assert_int_equal(s.infinite, 2);
    assert_int_equal(s.zeros, 997);
    assert_true(s.min == 0 && s.max == 1);
    near(s.mean, 1000. / 1997);
    near(s.norm, sqrt(1000));

    const double none[] = {NAN, INFINITY};
    t = f64(none, 2);
    sums_of(&t, &s);
    assert_true(isnan(s.min) && isnan(s.max) && isnan(s.mean) && isnan(s.deviation));
    assert_true(s.norm == 0);
    t = f64(none, 0);
    sums_of(&t, &s);
    assert_true(s.n == 0 && isnan(s.mean) && s.norm == 0);
}

static void test_apart(void **state)
{
    (void)state;
    static double a[3000], b[3000];
    for (size_t i = 0; i < 3000; i++)
        b[i] = a[i] = 1 + (double)(i % 7);
    struct safetensor s = f64(a, 3000), t = f64(b, 3000);
    struct apart d;
    sums_apart(&s, &t, &d);
    assert_true(d.same && d.max == 0 && d.relative == 0);
    near(d.cosine, 1);
    b[2999] += 2;
    b[17] -= .5;
    sums_apart(&s, &t, &d);
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < 3000; i++) {
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        ab += a[i] * b[i];
    }
    assert_true(!d.same && d.max == 2 && d.skipped == 0);
    near(d.relative, sqrt(4.25 / aa));
    near(d.cosine, ab / sqrt(aa) / sqrt(bb));
    b[3] = NAN;
    a[3] = NAN;
    a[4] = INFINITY;
    sums_apart(&s, &t, &d);
    assert_int_equal(d.skipped, 2);
    assert_true(d.max == 2);
}

static void test_apart_ends(void **state)
{
    (void)state;
    const double zero[] = {0, 0}, one[] = {1, 0}, other[] = {0, 1}, less[] = {-1, 0};
    const double nan[] = {NAN, 1};
    struct safetensor z = f64(zero, 2), x = f64(one, 2), y = f64(other, 2), m = f64(less, 2),
                      n = f64(nan, 2), empty = f64(zero, 0);
    struct apart d;
    sums_apart(&z, &z, &d);
    assert_true(d.same && d.relative == 0 && isnan(d.cosine));
    sums_apart(&z, &x, &d);
    assert_true(!d.same && isinf(d.relative) && isnan(d.cosine));
    sums_apart(&x, &y, &d);
    assert_true(d.cosine == 0 && d.max == 1);
    sums_apart(&x, &m, &d);
    assert_true(d.cosine == -1 && d.max == 2 && d.relative == 2);
    sums_apart(&n, &n, &d); /* the same bits, whatever they mean */
    assert_true(d.same && d.skipped == 1 && d.relative == 0);
    sums_apart(&empty, &empty, &d);
    assert_true(d.same && d.max == 0);
}

/* One in two types: the same numbers, not the same bytes. */
static void test_types(void **state)
{
    (void)state;
    const float wide[] = {1, -2, .5f};
    const uint16_t narrow[] = {0x3f80, 0xc000, 0x3f00};
    const struct safetensor a = {
        .dtype = ST_F32, .ndim = 1, .shape = {3}, .data = wide, .bytes = sizeof wide};
    const struct safetensor b = {
        .dtype = ST_BF16, .ndim = 1, .shape = {3}, .data = narrow, .bytes = sizeof narrow};
    struct apart d;
    sums_apart(&a, &b, &d);
    assert_true(!d.same && d.max == 0 && d.relative == 0);
    near(d.cosine, 1);
    assert_true(sums_shape_same(&a, &b));
    const struct safetensor flat = {.ndim = 2, .shape = {3, 1}}, other = {.ndim = 1, .shape = {2}};
    assert_false(sums_shape_same(&a, &flat));
    assert_false(sums_shape_same(&a, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offset),     cmocka_unit_test(test_large),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_apart),
        cmocka_unit_test(test_apart_ends), cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
