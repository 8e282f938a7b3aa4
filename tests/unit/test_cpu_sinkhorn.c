/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_sinkhorn: sizes around a vector and a block of columns, one row, more rows than a block; the
 * exponentials themselves, both sums in the end; every instruction set and number of threads gives
 * the same bits. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <math.h>

/* A block is 64 columns, 16 rows of which are summed at a time; the largest number is looked for
 * in blocks of 256 rows. */
static const struct op_case cases[] = {
    {"sinkhorn [1,1]", case_sinkhorn, .n = 1, .c = 1, .scale = 1},
    {"sinkhorn [1,63]", case_sinkhorn, .n = 1, .c = 63, .scale = 1},
    {"sinkhorn [5,65]", case_sinkhorn, .n = 5, .c = 65, .scale = 1},
    {"sinkhorn [15,16]", case_sinkhorn, .n = 15, .c = 16, .scale = 1},
    {"sinkhorn [33,1]", case_sinkhorn, .n = 33, .c = 1, .scale = 1},
    {"sinkhorn [259,7]", case_sinkhorn, .n = 259, .c = 7, .scale = 1},
    {"sinkhorn [49,1001]", case_sinkhorn, .n = 49, .c = 1001, .scale = 1},
};

static void test_cases(void **state)
{
    (void)state;
    cpu_check(cases, ARRAY_LEN(cases), CPU_SAME_ISAS | CPU_SAME_THREADS);
}

static void test_no_allocation(void **state)
{
    (void)state;
    cpu_check_allocations(cases, ARRAY_LEN(cases), alloc_count);
}

typedef void table_fn(struct ops *o, struct bed *bed);

static void each_table(table_fn *fn)
{
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++) {
        struct bed bed;
        bed_init_ops(&bed, cpu_table_new(isa, 2));
        fn(bed.ops, &bed);
        bed_done(&bed);
    }
}

static struct tensor rows_of(struct bed *bed, const float *host, int32_t n, int32_t c)
{
    return bed_tensor(bed, host, (struct tensor){.n = n, .h = 1, .w = 1, .c = c});
}

/* No iteration leaves the exponentials: within three units in the last place (one is 2^-23 of the
 * number at most) down to e^-87, behind which they are 0. */
static void exponentials(struct ops *o, struct bed *bed)
{
    enum { COUNT = 20011 };
    float *x = bed_host(bed, COUNT);
    for (size_t i = 1; i < COUNT; i++)
        x[i] = -87.5f * (float)i / COUNT;
    x[COUNT - 1] = -INFINITY;
    x[COUNT - 2] = -1e30f;
    struct tensor s = rows_of(bed, x, 1, COUNT), q = rows_of(bed, NULL, 1, COUNT);
    assert_int_equal(o->sinkhorn(o, &s, 1, 0, &q), 0);
    assert_true(q.data[0] == 1);
    for (size_t i = 0; i < COUNT; i++) {
        double want = x[i] < -87 ? 0 : exp((double)x[i]);
        if (!(fabs((double)q.data[i] - want) <= want * 3 / 8388608))
            fail_msg("e^%.9g is %.9g, not %.9g", (double)x[i], (double)q.data[i], want);
    }
}

static void test_exponentials(void **state)
{
    (void)state;
    each_table(exponentials);
}

/* After many iterations a column has its share as a row has. */
static void both_sums(struct ops *o, struct bed *bed)
{
    enum { N = 20, P = 70 };
    struct tensor s = rows_of(bed, bed_random(bed, N * P, -.2f, .2f), N, P);
    struct tensor q = rows_of(bed, NULL, N, P);
    assert_int_equal(o->sinkhorn(o, &s, .05f, 200, &q), 0);
    for (size_t n = 0; n < N; n++) {
        double sum = 0;
        for (size_t i = 0; i < P; i++)
            sum += (double)q.data[n * P + i];
        assert_true(fabs(sum - 1) < 1e-5);
    }
    for (size_t i = 0; i < P; i++) {
        double sum = 0;
        for (size_t n = 0; n < N; n++)
            sum += (double)q.data[n * P + i];
        assert_true(fabs(sum - (double)N / P) < 1e-4);
    }
}

static void test_both_sums(void **state)
{
    (void)state;
    each_table(both_sums);
}

/* Scores that no exponential can hold, and one that is none. */
static void extremes(struct ops *o, struct bed *bed)
{
    enum { N = 3, P = 19 };
    struct tensor s = rows_of(bed, bed_random(bed, N * P, 1e6f, 1e6f), N, P);
    struct tensor q = rows_of(bed, NULL, N, P);
    assert_int_equal(o->sinkhorn(o, &s, .05f, 3, &q), 0);
    for (size_t i = 0; i < N * P; i++)
        assert_true(fabsf(q.data[i] * P - 1) < 1e-5f);
    s.data[P + 18] = NAN;
    assert_int_equal(o->sinkhorn(o, &s, .05f, 0, &q), 0);
    for (size_t i = 0; i < N * P; i++)
        assert_int_equal(isnan(q.data[i]) != 0, i == P + 18);
}

static void test_extremes(void **state)
{
    (void)state;
    each_table(extremes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_exponentials), cmocka_unit_test(test_both_sums),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
