/* SPDX-License-Identifier: Apache-2.0 */
/* ops: back ends are picked by name, threads are counted, every slot of a table is filled. */
#include "test.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "trainer/ops/ops.h"

/* A table is function pointers from mem_new to its end: a new slot that ref does not fill shows. */
static void assert_filled(const struct ops *ops)
{
    size_t first = offsetof(struct ops, mem_new), bytes = sizeof(void (*)(void));
    assert_int_equal((sizeof(*ops) - first) % bytes, 0);
    for (size_t at = first; at < sizeof(*ops); at += bytes) {
        uintptr_t slot;
        memcpy(&slot, (const char *)ops + at, sizeof(slot));
        if (!slot)
            fail_msg("%s leaves the slot at byte %zu empty", ops->name, at);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"ref", "onednn", "auto"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct ops *ops = NULL;
        int r = ops_open(names[i], 1, &ops);
        if (r == -ENOTSUP && strcmp(names[i], "onednn") == 0) {
            assert_null(ops);
            assert_non_null(strstr(err_text(), "onednn"));
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(ops->threads, 1);
        if (strcmp(names[i], "auto") != 0)
            assert_string_equal(ops->name, names[i]);
        assert_filled(ops);
        ops_close(ops);
    }
    ops_close(NULL);
}

static void test_auto_is_fastest(void **state)
{
    (void)state;
    struct ops *ops = NULL, *best = NULL;
    bool onednn = ops_open("onednn", 1, &ops) == 0;
    ops_close(ops);
    assert_int_equal(ops_open("auto", 1, &best), 0);
    assert_string_equal(best->name, onednn ? "onednn" : "ref");
    ops_close(best);
}

static void test_refusals(void **state)
{
    (void)state;
    struct ops *ops = NULL;
    assert_int_equal(ops_open("cuddn", 1, &ops), -EINVAL);
    assert_non_null(strstr(err_text(), "cuddn"));
    assert_int_equal(ops_open("", 1, &ops), -EINVAL);
    assert_int_equal(ops_open("ref", -1, &ops), -EINVAL);
    assert_null(ops);
}

/* A wish for bf16 is refused with the reason, auto takes what there is, fp32 always goes. */
static void test_dtypes(void **state)
{
    (void)state;
    struct ops ops = {.no_bf16 = "no such thing here"};
    assert_int_equal(ops_set_dtype(&ops, DTYPE_BF16), -ENOTSUP);
    assert_non_null(strstr(err_text(), "no bf16: no such thing here"));
    assert_int_equal(ops.dtype, DTYPE_FP32);
    assert_int_equal(ops_set_dtype(&ops, DTYPE_AUTO), 0);
    assert_int_equal(ops.dtype, DTYPE_FP32);
    ops.no_bf16 = NULL;
    assert_int_equal(ops_set_dtype(&ops, DTYPE_AUTO), 0);
    assert_int_equal(ops.dtype, DTYPE_BF16);
    assert_int_equal(ops_set_dtype(&ops, DTYPE_FP32), 0);
    assert_int_equal(ops.dtype, DTYPE_FP32);
    assert_int_equal(ops_set_dtype(&ops, DTYPE_BF16), 0);
    assert_int_equal(ops.dtype, DTYPE_BF16);
}

/* 0 threads: what this process may run on, so pinning it to one CPU must leave one. */
static void test_threads(void **state)
{
    (void)state;
    struct ops *ops = NULL;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(ops_open("ref", 0, &ops), 0);
    assert_int_equal(ops->threads, CPU_COUNT(&all));
    ops_close(ops);

    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    assert_int_equal(ops_open("ref", 0, &ops), 0);
    assert_int_equal(ops->threads, 1);
    ops_close(ops);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_auto_is_fastest),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
