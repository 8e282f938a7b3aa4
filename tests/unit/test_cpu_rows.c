/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_rows: arrays that end anywhere and begin anywhere, rows without a length, one row, rows wider
 * than a block of columns; every instruction set and number of threads gives the same bits. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <math.h>
#include <string.h>

/* A thread's run of the optimiser is 4096 values, lars sums 64 of them at a time, a block of
 * spread's columns is 2048; products of rows are summed 16 lanes by 16 steps at a time. */
static const struct op_case cases[] = {
    {"pair [2,1]", case_pair, .n = 2, .c = 1},
    {"pair [6,15]", case_pair, .n = 6, .c = 15},
    {"pair [14,33]", case_pair, .n = 14, .c = 33},
    {"vector [1,1]", case_vector, .n = 1, .c = 1},
    {"vector [3,7]", case_vector, .n = 3, .c = 7},
    {"vector [2,16]", case_vector, .n = 2, .c = 16},
    {"vector [7,257]", case_vector, .n = 7, .c = 257},
    {"vector [5,2047]", case_vector, .n = 5, .c = 2047},
    {"vector [3,2049]", case_vector, .n = 3, .c = 2049},
    {"vector [3,4100]", case_vector, .n = 3, .c = 4100},
    {"units [1,1]", case_units, .n = 1, .c = 1},
    {"units [3,7]", case_units, .n = 3, .c = 7},
    {"units [7,257]", case_units, .n = 7, .c = 257},
    {"units [15,2300]", case_units, .n = 15, .c = 2300},
    {"cosine [2,1]", case_loss_cosine, .n = 2, .c = 1, .scale = 1},
    {"cosine [2,7]", case_loss_cosine, .n = 2, .c = 7, .scale = 1},
    {"cosine [10,257]", case_loss_cosine, .n = 10, .c = 257, .scale = 1},
    {"cosine [4,2048]", case_loss_cosine, .n = 4, .c = 2048, .scale = 1e-2f},
    {"sgd 7", case_sgd, .n = 1, .c = 7},
    {"sgd 4095", case_sgd, .n = 1, .c = 4095},
    {"sgd 4097", case_sgd, .n = 1, .c = 4097},
    {"sgd 12300", case_sgd, .n = 3, .c = 4100},
    {"sgd 300001", case_sgd, .n = 1, .c = 300001},
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
    for (enum cpu_isa isa = 0; cpu_isa_next(&isa); isa++)
        for (int threads = 1; threads <= 3; threads += 2) {
            struct bed bed;
            bed_init_ops(&bed, cpu_table_new(isa, threads));
            fn(bed.ops, &bed);
            bed_done(&bed);
        }
}

/* `count` values from any address: those around them stay. */
static void unaligned(struct ops *o, struct bed *bed)
{
    enum { MOST = 70, EDGE = 17 };
    const float lr = .5f;
    struct sgd sgd = {.lr = &lr, .scale = 1, .momentum = .5f};
    for (size_t first = 0; first < EDGE; first++)
        for (size_t count = 0; count + first <= MOST; count += 1 + count / 3) {
            float x[MOST + EDGE], y[MOST + EDGE], m[MOST + EDGE];
            for (size_t i = 0; i < ARRAY_LEN(x); i++) {
                x[i] = y[i] = (float)i;
                m[i] = 2;
            }
            assert_int_equal(o->add(o, x + first, y + first, count), 0);
            assert_int_equal(o->sgd_step(o, &sgd, y + first, x + first, m + first, count), 0);
            assert_int_equal(o->fill(o, x + first, count, -1), 0);
            for (size_t i = 0; i < ARRAY_LEN(x); i++) {
                bool in = i >= first && i < first + count;
                float v = (float)i, step = .5f * 2 + v; /* of m */
                assert_true(x[i] == (in ? -1 : v));
                assert_true(m[i] == (in ? step : 2));
                assert_true(y[i] == (in ? v + v - .5f * step : v));
            }
        }
    (void)bed;
}

static void test_unaligned(void **state)
{
    (void)state;
    each_table(unaligned);
}

static struct tensor rows_of(struct bed *bed, const float *host, int32_t n, int32_t d)
{
    return bed_tensor(bed, host, (struct tensor){.n = n, .h = 1, .w = 1, .c = d});
}

/* Rows of 17 from the second on: their first value has any address. */
static void middle(struct ops *o, struct bed *bed)
{
    enum { N = 6, D = 17 };
    struct tensor x = rows_of(bed, bed_random(bed, N * D, -1, 1), N, D);
    struct tensor y = rows_of(bed, NULL, N, D), z = rows_of(bed, NULL, N, D);
    struct tensor xs = tensor_rows(&x, 1, 4), zs = tensor_rows(&z, 1, 4);
    assert_int_equal(o->l2_normalize(o, &x, &y), 0);
    assert_int_equal(o->l2_normalize(o, &xs, &zs), 0);
    assert_memory_equal(z.data + D, y.data + D, 4 * D * sizeof(float));
    for (size_t i = 0; i < D; i++)
        assert_true(z.data[i] == 0 && z.data[5 * D + i] == 0);
    float apart, together;
    struct tensor copy = rows_of(bed, x.data + D, 4, D);
    assert_int_equal(o->spread(o, &xs, &apart), 0);
    assert_int_equal(o->spread(o, &copy, &together), 0);
    assert_true(apart == together);
}

static void test_middle(void **state)
{
    (void)state;
    each_table(middle);
}

/* Rows of zeros have no direction: nothing is divided by their length. */
static void no_length(struct ops *o, struct bed *bed)
{
    enum { N = 4, D = 19 };
    float *host = bed_random(bed, N * D, -1, 1);
    memset(host, 0, D * sizeof(float));
    struct tensor p = rows_of(bed, host, N, D), z = rows_of(bed, host, N, D);
    struct tensor y = rows_of(bed, NULL, N, D), dp = rows_of(bed, NULL, N, D);
    float loss, spread;
    assert_int_equal(o->l2_normalize(o, &p, &y), 0);
    assert_int_equal(o->loss_cosine(o, &p, &z, 1, &dp, &loss), 0);
    assert_int_equal(o->spread(o, &p, &spread), 0);
    assert_true(isfinite(loss) && isfinite(spread) && spread > 0);
    for (size_t i = 0; i < N * D; i++) {
        assert_true(isfinite(dp.data[i]));
        assert_true(i >= D || y.data[i] == 0);
        assert_true(i / D != 2 || dp.data[i] == 0); /* its partner is row 0, which is nowhere */
    }
    assert_int_equal(o->fill(o, p.data, N * D, 0), 0);
    assert_int_equal(o->spread(o, &p, &spread), 0);
    assert_true(spread == 0);
    struct tensor single = tensor_rows(&z, 1, 1); /* one row has no deviation */
    assert_int_equal(o->spread(o, &single, &spread), 0);
    assert_true(spread == 0);
}

static void test_no_length(void **state)
{
    (void)state;
    each_table(no_length);
}

/* Collapse and NaN are told apart: what is no number is not taken for 0. */
static void nan_is_seen(struct ops *o, struct bed *bed)
{
    enum { N = 4, D = 33 };
    float *host = bed_random(bed, N * D, -1, 1);
    host[2 * D + D - 1] = NAN; /* behind the last whole vector */
    struct tensor p = rows_of(bed, host, N, D), z = rows_of(bed, NULL, N, D);
    struct tensor dp = rows_of(bed, NULL, N, D);
    float loss, spread;
    assert_int_equal(o->fill(o, z.data, N * D, 1), 0);
    assert_int_equal(o->loss_cosine(o, &p, &z, 1, &dp, &loss), 0);
    assert_int_equal(o->spread(o, &p, &spread), 0);
    assert_true(isnan(loss) && isnan(spread));
    for (size_t i = 0; i < N * D; i++)
        assert_int_equal(isnan(dp.data[i]) != 0, i / D == 2);
    assert_int_equal(o->l2_normalize(o, &p, &dp), 0);
    for (size_t i = 0; i < N * D; i++)
        assert_int_equal(isnan(dp.data[i]) != 0, i / D == 2);
}

static void test_nan_is_seen(void **state)
{
    (void)state;
    each_table(nan_is_seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_unaligned), cmocka_unit_test(test_middle),
        cmocka_unit_test(test_no_length), cmocka_unit_test(test_nan_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
