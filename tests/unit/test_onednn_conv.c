/* SPDX-License-Identifier: Apache-2.0 */
/* onednn_conv: odd edges and odd channels on 1 to 8 threads, the same bits again, no memory taken
 * while running; plans share their scratch memory; bad shapes and failures leave nothing behind.
 * (meson.build runs it again with older instruction sets: oneDNN then chooses other layouts.) */
#include "../ops/cases.h"

#include "alloc_count.h"
#include "alloc_fault.h"
#include "onednn_fault.h"

#include <errno.h>
#include <omp.h>

static const struct op_case cases[] = {
    {"conv 1x1 1>1", case_conv, 1, 1, 1, 1, 1, 1, 1, 0},
    {"conv 1x1 16>16, one row", case_conv, 1, 1, 9, 16, 16, 1, 1, 0},
    {"conv 1x1/3 17>16, left over", case_conv, 2, 5, 6, 17, 16, 1, 3, 0},
    {"conv 2x2 15>31", case_conv, 2, 3, 5, 15, 31, 2, 1, 0},
    {"conv 3x3 16>32, 4x4", case_conv, 5, 4, 4, 16, 32, 3, 1, 1},
    {"conv 3x3 32>16, 5x7", case_conv, 3, 5, 7, 32, 16, 3, 1, 1},
    {"conv 3x3 33>47, 6x5", case_conv, 1, 6, 5, 33, 47, 3, 1, 1},
    {"conv 3x3/2 17>32, left over", case_conv, 2, 6, 9, 17, 32, 3, 2, 1},
    {"conv 3x3 16>16, wide pad", case_conv, 1, 3, 3, 16, 16, 3, 1, 2},
    {"conv 5x5/2 16>16, image of the kernel's size", case_conv, 2, 5, 5, 16, 16, 5, 2, 0},
    {"conv 7x7/2 3>16, first", case_conv, 3, 13, 11, 3, 16, 7, 2, 3, .first = true},
    {"conv 3x3 64>64, 7x7", case_conv, 9, 7, 7, 64, 64, 3, 1, 1},
};

static void open_bed(struct bed *bed, int threads)
{
    struct ops *ops;
    assert_int_equal(ops_open("onednn", threads, &ops), 0);
    bed_init_ops(bed, ops);
}

static void test_cases(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 3, 8};
    static struct bed ref, got, again;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("  %s\n", cases[i].name);
        bed_init(&ref, "ref", NULL);
        cases[i].run(&ref, &cases[i]);
        for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
            open_bed(&got, threads[t]);
            open_bed(&again, threads[t]);
            cases[i].run(&got, &cases[i]);
            cases[i].run(&again, &cases[i]);
            bed_compare(&ref, &got, false);
            bed_compare(&got, &again, true);
            bed_done(&got);
            bed_done(&again);
        }
        bed_done(&ref);
    }
}

/* oneDNN takes small blocks for its books on every call, which is its own affair; we take none, and
 * nothing that grows with the shape is taken. */
static unsigned long ours_and_large(void)
{
    return alloc_taken() + alloc_count_large();
}

static void test_no_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bed bed;
        print_message("  %s\n", cases[i].name);
        open_bed(&bed, 2);
        bed.allocations = ours_and_large;
        cases[i].run(&bed, &cases[i]);
        bed_done(&bed);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct conv_shape shapes[] = {
        {0, 4, 4, 16, 16, 3, 1, 1, true},  {1, 0, 4, 16, 16, 3, 1, 1, true},
        {1, 4, 0, 16, 16, 3, 1, 1, true},  {1, 4, 4, 0, 16, 3, 1, 1, true},
        {1, 4, 4, 16, 0, 3, 1, 1, true},   {1, 4, 4, 16, 16, 0, 1, 1, true},
        {1, 4, 4, 16, 16, 3, 0, 1, true},  {1, 4, 4, 16, 16, 3, 1, -1, true},
        {1, 2, 4, 16, 16, 3, 1, 0, true},  {1, 4, 2, 16, 16, 3, 1, 0, true},
        {-1, 4, 4, 16, 16, 3, 1, 1, true}, {1, 4, 4, -16, 16, 3, 1, 1, true},
    };
    struct ops *o;
    assert_int_equal(ops_open("onednn", 2, &o), 0);
    long held = dnnl_held(), memory = alloc_held();
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct conv *conv = NULL;
        (void)err_set(-EINVAL, "unset");
        if (o->conv_new(o, &shapes[i], &conv) != -ENOTSUP)
            fail_msg("shape %zu is not refused", i);
        assert_null(conv);
        assert_string_not_equal(err_text(), "unset");
        assert_int_equal(dnnl_held(), held);
        assert_int_equal(alloc_held(), memory);
    }
    o->conv_free(NULL);
    ops_close(o);
}

static const struct conv_shape small = {2, 4, 4, 16, 16, 3, 1, 1, true};

/* One call of oneDNN after the other fails: an error of that kind, or another way to do it. */
static void test_plan_fails(void **state)
{
    (void)state;
    static const struct {
        dnnl_status_t status;
        int code;
    } kinds[] = {{dnnl_out_of_memory, -ENOMEM}, {dnnl_runtime_error, -EIO}};
    struct ops *o;
    assert_int_equal(ops_open("onednn", 1, &o), 0);
    assert_int_equal(cpu_reserve(o->state, 1 << 20), 0); /* so that what is held stays the same */
    long held = dnnl_held(), memory = alloc_held();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (unsigned long nth = 1;; nth++) {
            struct conv *conv = NULL;
            dnnl_fail(nth, kinds[i].status, NULL);
            int r = o->conv_new(o, &small, &conv);
            bool failed = dnnl_failed() != NULL;
            dnnl_fail(0, dnnl_success, NULL);
            assert_true(r == 0 || (failed && r == kinds[i].code));
            assert_int_equal(r == 0, conv != NULL);
            o->conv_free(conv);
            assert_int_equal(dnnl_held(), held);
            assert_int_equal(alloc_held(), memory);
            if (failed)
                continue;
            assert_true(nth > 10);
            break;
        }
    ops_close(o);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct ops *o;
    assert_int_equal(ops_open("onednn", 1, &o), 0);
    long held = dnnl_held(), memory = alloc_held();
    for (unsigned long nth = 1; nth <= 2; nth++) { /* the plan, the scratch memory */
        struct conv *conv = NULL;
        alloc_fail(nth);
        assert_int_equal(o->conv_new(o, &small, &conv), -ENOMEM);
        assert_true(alloc_failed());
        assert_null(conv);
        assert_int_equal(dnnl_held(), held);
        assert_int_equal(alloc_held(), memory);
    }
    ops_close(o);
}

enum { COUNT = 2 * 4 * 4 * 16, WEIGHTS = 16 * 16 * 3 * 3 };

/* A run that fails is the device's failure; afterwards the plan is as it was. */
static void test_run_fails(void **state)
{
    (void)state;
    struct bed bed;
    struct conv *conv;
    open_bed(&bed, 1);
    struct ops *o = bed.ops;
    const struct tensor shape = {.n = 2, .h = 4, .w = 4, .c = 16};
    struct tensor x = bed_tensor(&bed, bed_random(&bed, COUNT, -1, 1), shape);
    struct tensor y = bed_tensor(&bed, NULL, shape), z = bed_tensor(&bed, NULL, shape);
    float *w = bed_floats(&bed, NULL, WEIGHTS), *dw = bed_floats(&bed, NULL, WEIGHTS);
    float *host = bed_random(&bed, WEIGHTS, -1, 1);
    assert_int_equal(o->conv_new(o, &small, &conv), 0);
    assert_int_equal(o->conv_weight_load(conv, host, w), 0);
    assert_int_equal(o->conv_forward(conv, &x, w, &y), 0);
    static const char *const calls[] = {"dnnl_memory_set_data_handle", "dnnl_primitive_execute",
                                        "dnnl_stream_wait"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        for (int slot = 0; slot < 5; slot++) {
            (void)err_set(-EINVAL, "unset");
            dnnl_fail(1, dnnl_runtime_error, calls[i]);
            int r = slot == 0   ? o->conv_forward(conv, &x, w, &z)
                    : slot == 1 ? o->conv_backward_data(conv, &x, w, &z, false)
                    : slot == 2 ? o->conv_backward_weight(conv, &x, &y, dw)
                    : slot == 3 ? o->conv_weight_load(conv, host, dw)
                                : o->conv_weight_store(conv, w, host);
            assert_string_equal(dnnl_failed(), calls[i]);
            assert_int_equal(r, -EIO);
            assert_string_not_equal(err_text(), "unset");
        }
    dnnl_fail(0, dnnl_success, NULL);
    assert_int_equal(o->conv_forward(conv, &x, w, &z), 0);
    assert_memory_equal(y.data, z.data, COUNT * sizeof(float));
    o->conv_free(conv);
    bed_done(&bed);
}

/* A larger plan moves the scratch memory that the smaller one uses too. */
static void test_plans_share_scratch(void **state)
{
    (void)state;
    struct bed bed;
    struct conv *first, *second;
    const struct conv_shape large = {16, 40, 40, 64, 64, 3, 1, 1, true};
    open_bed(&bed, 2);
    struct ops *o = bed.ops;
    const struct tensor shape = {.n = 2, .h = 4, .w = 4, .c = 16};
    struct tensor dy = bed_tensor(&bed, bed_random(&bed, COUNT, -1, 1), shape);
    struct tensor before = bed_tensor(&bed, NULL, shape), after = bed_tensor(&bed, NULL, shape);
    float *w = bed_floats(&bed, NULL, WEIGHTS);
    assert_int_equal(o->conv_new(o, &small, &first), 0);
    assert_int_equal(o->conv_weight_load(first, bed_random(&bed, WEIGHTS, -1, 1), w), 0);
    assert_int_equal(o->conv_backward_data(first, &dy, w, &before, true), 0);
    size_t bytes = ((struct cpu *)o->state)->scratch_bytes;
    assert_int_equal(o->conv_new(o, &large, &second), 0);
    assert_true(((struct cpu *)o->state)->scratch_bytes > bytes);
    assert_int_equal(o->conv_backward_data(first, &dy, w, &after, true), 0);
    assert_memory_equal(before.data, after.data, COUNT * sizeof(float));
    o->conv_free(second);
    assert_int_equal(o->conv_backward_data(first, &dy, w, &after, false), 0);
    assert_memory_equal(before.data, after.data, COUNT * sizeof(float));
    o->conv_free(first);
    bed_done(&bed);
}

/* What OpenMP was told before the plan was made is no matter: the table's threads decide. */
static void test_bits_are_the_tables(void **state)
{
    (void)state;
    static const struct op_case c = {"conv 1x1/3", case_conv, 2, 5, 6, 17, 16, 1, 3, 0};
    static const int tables[] = {1, 4}, told[] = {1, 2, 4, 7};
    struct bed want, got;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        open_bed(&want, tables[i]);
        omp_set_num_threads(tables[i]);
        c.run(&want, &c);
        for (size_t k = 0; k < ARRAY_LEN(told); k++) {
            open_bed(&got, tables[i]);
            omp_set_num_threads(told[k]);
            c.run(&got, &c);
            bed_compare(&want, &got, true);
            bed_done(&got);
        }
        bed_done(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),         cmocka_unit_test(test_bits_are_the_tables),
        cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_plan_fails),    cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_run_fails),     cmocka_unit_test(test_plans_share_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
