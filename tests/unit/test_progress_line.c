/* SPDX-License-Identifier: Apache-2.0 */
/* progress of evaluate: each tenth once into a file, one line that is drawn over on a terminal. */
#include "test.h"

#include "tools/progress.h"

#include <stdlib.h>
#include <string.h>

static char *text;
static size_t len;

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void run(bool terminal, size_t total, size_t stop)
{
    struct progress_line p;
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    progress_begin_on(&p, out, terminal, "set\n1", total);
    for (size_t i = 1; i <= stop; i++)
        progress_at(&p, i);
    progress_end(&p);
    progress_end(&p);
    progress_at(&p, stop); /* after its end it is silent */
    fclose(out);
}

static void test_file(void **state)
{
    (void)state;
    run(false, 1000, 1000);
    assert_int_equal(count("\n"), 10);
    assert_int_equal(count("set?1: 100 of 1000"), 1);
    assert_int_equal(count("set?1: 1000 of 1000"), 1);
    assert_int_equal(count("\r"), 0);
    run(false, 3, 3);
    assert_int_equal(count("\n"), 3);
    run(false, 1000, 99);
    assert_string_equal(text ? text : "", "");
    run(false, 0, 5);
    assert_string_equal(text ? text : "", "");
}

static void test_terminal(void **state)
{
    (void)state;
    run(true, 100000, 100000);
    assert_int_equal(count("\n"), 1); /* at its end */
    assert_true(text[0] == '\r' && text[len - 1] == '\n');
    assert_true(count("\r") >= 2 && count("\r") < 1000); /* not at each of them */
    assert_int_equal(count("100000 of 100000"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_terminal),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return rc;
}
