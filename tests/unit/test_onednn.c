/* SPDX-License-Identifier: Apache-2.0 */
/* onednn: the table, its threads, and what is left when opening it fails. */
#include "../ops/cases.h"

#include "alloc_fault.h"
#include "onednn_fault.h"

#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>

static const struct {
    dnnl_status_t status;
    int code;
} codes[] = {
    {dnnl_success, 0},
    {dnnl_out_of_memory, -ENOMEM},
    {dnnl_invalid_arguments, -ENOTSUP}, /* the shape's fault */
    {dnnl_unimplemented, -ENOTSUP},
    {dnnl_runtime_error, -EIO},
    {dnnl_not_required, -EIO},
    {dnnl_iterator_ends, -EIO},
};

static void test_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        (void)err_set(-EINVAL, "unset");
        assert_int_equal(onednn_check(codes[i].status, "a bowl of soup"), codes[i].code);
        if (codes[i].code)
            assert_non_null(strstr(err_text(), "a bowl of soup"));
        else
            assert_string_equal(err_text(), "unset");
    }
}

static void test_table(void **state)
{
    (void)state;
    struct ops *o, *ref;
    long held = dnnl_held();
    assert_int_equal(ops_open("onednn", 3, &o), 0);
    assert_int_equal(ops_open("ref", 3, &ref), 0);
    assert_string_equal(o->name, "onednn");
    assert_int_equal(o->threads, 3);
    assert_int_equal(((struct cpu *)o->state)->threads, 3);
    assert_ptr_not_equal(o->conv_new, ref->conv_new);
    assert_ptr_not_equal(o->conv_forward, ref->conv_forward);
    assert_ptr_not_equal(o->bn_forward, ref->bn_forward);
    assert_ptr_equal(o->loss_bce, ref->loss_bce); /* not worth a kernel */
    assert_int_equal(dnnl_held(), held + 2);      /* an engine and a stream */
    ops_close(o);
    ops_close(ref);
    assert_int_equal(dnnl_held(), held);
}

static void test_open_fails(void **state)
{
    (void)state;
    struct ops *o = NULL;
    long held = dnnl_held(), memory = alloc_held();
    for (unsigned long nth = 1; nth <= 2; nth++)
        for (size_t i = 1; i < ARRAY_LEN(codes); i++) {
            dnnl_fail(nth, codes[i].status, NULL);
            assert_int_equal(ops_open("onednn", 2, &o), codes[i].code);
            assert_non_null(dnnl_failed());
            assert_null(o);
            assert_int_equal(dnnl_held(), held);
            assert_int_equal(alloc_held(), memory);
        }
    dnnl_fail(0, dnnl_success, NULL);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct ops *o = NULL;
    long held = dnnl_held(), memory = alloc_held();
    for (unsigned long nth = 1;; nth++) {
        alloc_fail(nth);
        int r = ops_open("onednn", 2, &o);
        if (!alloc_failed()) {
            alloc_fail(0);
            assert_int_equal(r, 0);
            assert_true(nth > 2); /* the table, the state, the kernels' memory */
            break;
        }
        assert_int_equal(r, -ENOMEM);
        assert_null(o);
        assert_int_equal(dnnl_held(), held);
        assert_int_equal(alloc_held(), memory);
    }
    ops_close(o);
    assert_int_equal(alloc_held(), memory);
}

static void *use_threads(void *arg)
{
    onednn_use_threads(arg);
    return (void *)(intptr_t)omp_get_max_threads();
}

/* OpenMP's number belongs to the thread that asks: each table sets its own before each call. */
static void test_threads(void **state)
{
    (void)state;
    struct ops *one, *three;
    pthread_t thread;
    void *seen;
    assert_int_equal(ops_open("onednn", 1, &one), 0);
    assert_int_equal(ops_open("onednn", 3, &three), 0);
    onednn_use_threads(one->state);
    assert_int_equal(omp_get_max_threads(), 1);
    onednn_use_threads(three->state);
    assert_int_equal(omp_get_max_threads(), 3);
    assert_int_equal(pthread_create(&thread, NULL, use_threads, one->state), 0);
    assert_int_equal(pthread_join(thread, &seen), 0);
    assert_int_equal((intptr_t)seen, 1);
    assert_int_equal(omp_get_max_threads(), 3);
    ops_close(one);
    ops_close(three);
}

/* Where OpenMP gives fewer threads than asked for, the table says so and works with those: oneDNN,
 * told otherwise, waits for ever for the rest, or leaves out their part. */
static void test_fewer_threads(void **state)
{
    (void)state;
    static const struct op_case c = {"conv 1x1/3", case_conv, 2, 5, 6, 17, 16, 1, 3, 0};
    struct bed ref, got;
    struct ops *o;
    int levels = omp_get_max_active_levels();
    omp_set_max_active_levels(0); /* as OMP_THREAD_LIMIT=1, which only the environment can say */
    assert_int_equal(ops_open("onednn", 4, &o), 0);
    assert_int_equal(o->threads, 1);
    assert_int_equal(((struct cpu *)o->state)->threads, 1);
    bed_init(&ref, "ref", NULL);
    bed_init_ops(&got, o);
    c.run(&ref, &c);
    c.run(&got, &c);
    bed_compare(&ref, &got, false);
    bed_done(&ref);
    bed_done(&got);
    omp_set_max_active_levels(levels);

    omp_set_dynamic(1); /* OpenMP may give fewer when the machine is busy: not to us */
    assert_int_equal(ops_open("onednn", 3, &o), 0);
    assert_int_equal(o->threads, 3);
    omp_set_dynamic(1);
    onednn_use_threads(o->state);
    assert_int_equal(omp_get_dynamic(), 0);
    ops_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),      cmocka_unit_test(test_table),
        cmocka_unit_test(test_open_fails), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_threads),    cmocka_unit_test(test_fewer_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
