/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_contrast: rows that end anywhere, one row, more rows than a block of losses, a queue of
 * 65536; extremes stay finite, what is no number stays in its row; every instruction set and number
 * of threads gives the same bits. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Sums go by 16 lanes and 16 steps, losses by blocks of 512 rows. */
static const struct op_case cases[] = {
    {"info_nce [1,1]", case_info_nce, .n = 1, .c = 1, .scale = 1},
    {"info_nce [1,65536]", case_info_nce, .n = 1, .c = 65536, .scale = 1},
    {"info_nce [5,15]", case_info_nce, .n = 5, .c = 15, .scale = 1},
    {"info_nce [7,8193]", case_info_nce, .n = 7, .c = 8193, .scale = 1},
    {"info_nce [513,67]", case_info_nce, .n = 513, .c = 67, .scale = 1},
    {"info_nce [3,257], saturated", case_info_nce, .n = 3, .c = 257, .scale = 100},
    {"nt_xent 2", case_nt_xent, .n = 2, .scale = 1},
    {"nt_xent 16", case_nt_xent, .n = 16, .scale = 1},
    {"nt_xent 198", case_nt_xent, .n = 198, .scale = 1},
    {"nt_xent 34, saturated", case_nt_xent, .n = 34, .scale = 100},
    {"soft_targets [1,1]", case_soft_targets, .n = 1, .c = 1, .scale = 1},
    {"soft_targets [3,273]", case_soft_targets, .n = 3, .c = 273, .scale = 1},
    {"soft_targets [530,65]", case_soft_targets, .n = 530, .c = 65, .scale = 1},
    {"soft_targets [4,31], saturated", case_soft_targets, .n = 4, .c = 31, .scale = 100},
    {"softmax [1,1]", case_loss_softmax, .n = 1, .c = 1, .scale = 1},
    {"softmax [3,17]", case_loss_softmax, .n = 3, .c = 17, .scale = 1},
    {"softmax [515,100]", case_loss_softmax, .n = 515, .c = 100, .scale = 5},
    {"softmax [2,1000], saturated", case_loss_softmax, .n = 2, .c = 1000, .scale = 200},
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
        bed_init_ops(&bed, cpu_table_new(isa, 3));
        fn(bed.ops, &bed);
        bed_done(&bed);
    }
}

static struct tensor rows_of(struct bed *bed, int32_t n, int32_t c, float value)
{
    struct tensor t = {.n = n, .h = 1, .w = 1, .c = c};
    return bed_tensor(bed, bed_random(bed, tensor_count(&t), value, value), t);
}

/* exp of these is no number; the loss is 0 where the right one is far above, or how far it is
 * below.
 */
static void extremes(struct ops *o, struct bed *bed)
{
    struct tensor p = rows_of(bed, 2, 1, 1e4f), n = rows_of(bed, 2, 37, -1e4f);
    float loss;
    p.data[1] = -3e4f;
    assert_int_equal(o->loss_info_nce(o, &p, &n, .2f, 1, &p, &n, &loss), 0);
    assert_true(fabsf(loss - (2e4f / .2f + logf(37)) / 2) < .02f);
    assert_true(p.data[0] == 0 && p.data[1] == -2.5f && n.data[0] == 0);
    assert_true(fabsf(n.data[37] * 37 - 2.5f) < 1e-5f);

    struct tensor s = rows_of(bed, 4, 4, 0); /* the own column is left out, however large */
    for (size_t i = 0; i < 4; i++)
        s.data[5 * i] = 1e30f;
    assert_int_equal(o->loss_nt_xent(o, &s, .5f, 1, &s, &loss), 0);
    assert_true(fabsf(loss - logf(3)) < 1e-6f && s.data[0] == 0);
}

static void test_extremes(void **state)
{
    (void)state;
    each_table(extremes);
}

static void assert_nan_in_row(const struct tensor *t, size_t row)
{
    for (size_t i = 0; i < tensor_count(t); i++)
        assert_int_equal(isnan(t->data[i]) != 0, i / (size_t)t->c == row);
}

/* Wherever in its row it stands: in a whole vector or behind the last. */
static void nan_is_seen(struct ops *o, struct bed *bed)
{
    enum { N = 4, C = 35, ROW = 2 };
    const float class[N] = {0};
    float loss = 0;
    for (size_t at = 0; at < C; at += C - 1) {
        struct tensor p = rows_of(bed, N, 1, .5f), n = rows_of(bed, N, C, .25f);
        struct tensor q = rows_of(bed, N, C, .1f), d = rows_of(bed, N, C, 0);
        n.data[ROW * C + at] = NAN;
        assert_int_equal(o->loss_soft_targets(o, &n, &q, 1, 1, &d, &loss), 0);
        assert_true(isnan(loss));
        assert_nan_in_row(&d, ROW);
        assert_int_equal(o->loss_softmax(o, &n, class, 1, &d, &loss), 0);
        assert_true(isnan(loss));
        assert_nan_in_row(&d, ROW);
        assert_int_equal(o->loss_info_nce(o, &p, &n, 1, 1, &p, &n, &loss), 0);
        assert_true(isnan(loss) && isnan(p.data[ROW]) && !isnan(p.data[ROW + 1]));
        assert_nan_in_row(&n, ROW);
    }
    struct tensor p = rows_of(bed, N, 1, .5f), n = rows_of(bed, N, C, .25f);
    p.data[ROW] = NAN; /* the positive alone */
    assert_int_equal(o->loss_info_nce(o, &p, &n, 1, 1, &p, &n, &loss), 0);
    assert_true(isnan(loss));
    struct tensor s = rows_of(bed, N, N, .5f);
    s.data[ROW * N] = NAN;
    assert_int_equal(o->loss_nt_xent(o, &s, 1, 1, &s, &loss), 0);
    assert_true(isnan(loss) && isnan(s.data[ROW * N + 1]) && !isnan(s.data[0]));
}

static void test_nan_is_seen(void **state)
{
    (void)state;
    each_table(nan_is_seen);
}

static void no_class(struct ops *o, struct bed *bed)
{
    const float wrong[] = {-1, 3, NAN};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct tensor p = rows_of(bed, 2, 3, 1), dp = rows_of(bed, 2, 3, 7);
        float class[2] = {0, wrong[i]}, loss = 7;
        assert_int_equal(o->loss_softmax(o, &p, class, 1, &dp, &loss), -EINVAL);
        assert_non_null(strstr(err_text(), "row 1"));
        assert_true(loss == 7 && dp.data[0] == 7);
    }
}

static void test_no_class(void **state)
{
    (void)state;
    each_table(no_class);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),    cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_extremes), cmocka_unit_test(test_nan_is_seen),
        cmocka_unit_test(test_no_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
