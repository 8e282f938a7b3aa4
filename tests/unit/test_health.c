/* SPDX-License-Identifier: Apache-2.0 */
/* health: each page says what the signs say. */
#include "test.h"

#include "loaderd/monitor/health.h"

#include <string.h>

static struct health_signs now;
static char body[EXPOSITION_MAX];
static size_t len;

static void look(void *hint, struct health_signs *ret)
{
    assert_ptr_equal(hint, &now);
    *ret = now;
}

static int ask(const char *path, size_t cap)
{
    struct health health = {look, &now};
    for (size_t i = 0; i < HEALTH_PAGES; i++)
        if (strcmp(health_pages[i].path, path) == 0) {
            const int status = health_pages[i].write(&health, body, cap, &len);
            assert_true(len <= cap);
            return status;
        }
    fail_msg("no page %s", path);
    return 0;
}

static void expect(const char *path, int status, const char *text)
{
    assert_int_equal(ask(path, sizeof body), status);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(body, text, len);
}

static void test_pages(void **state)
{
    (void)state;
    static const struct metrics metrics = {.batches = 4711};
    now.figures.metrics = &metrics;
    now.stage = "starting";
    expect("/livez", 200, "ok\n");
    expect("/readyz", 503, "starting\n");
    now.stage = NULL;
    expect("/readyz", 200, "ok\n");
    memcpy(now.ill, "asleep", 7);
    expect("/livez", 500, "asleep\n");
    expect("/readyz", 200, "ok\n"); /* whoever asks for a restart asks the other page */
    assert_int_equal(ask("/metrics", sizeof body), 200);
    body[len] = 0;
    assert_non_null(strstr(body, "\naugstream_loaderd_batches_sent_total 4711\n"));
    assert_int_equal(ask("/metrics", 100), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
