/* SPDX-License-Identifier: Apache-2.0 */
/* sketch: bars of known heights, in both alphabets. */
#include "test.h"

#include "tools/inspect/figures/sketch.h"

#include <stdlib.h>
#include <string.h>

static void test_bars(void **state)
{
    (void)state;
    char text[SKETCH_TEXT_MAX];
    const double ramp[] = {0, 0.0001, 0.125, 0.25, 0.5, 0.75, 1, 2};
    sketch_bars(ramp, 8, 8, 1, true, text);
    assert_string_equal(text, " ▁▁▂▄▆██"); /* what is there shows, what is too high is cut */
    sketch_bars(ramp, 8, 8, 1, false, text);
    assert_string_equal(text, " ...:+##");
    const double two[] = {0.5, 1};
    sketch_bars(two, 2, 6, 1, true, text); /* several cells a bar */
    assert_string_equal(text, "▄▄▄███");
    const double four[] = {0.125, 0.125, 0.5, 0.5};
    sketch_bars(four, 4, 2, 1, true, text); /* several bars a cell: their sum */
    assert_string_equal(text, "▂█");
    const double none[] = {0, 0};
    sketch_bars(none, 2, 2, 0, true, text);
    assert_string_equal(text, "  ");
}

/* A law is drawn six eighths high; what is seen may make it lower, not higher. */
static void test_full(void **state)
{
    (void)state;
    char text[SKETCH_TEXT_MAX];
    const double law[] = {0.25, 0.25, 0.25, 0.25}, seen[] = {0.26, 0.24, 0.25, 0.25};
    const double halved[] = {0, 0.5, 0.5, 0};
    const double full = sketch_full(seen, law, 4, 4);
    sketch_bars(law, 4, 4, full, true, text);
    assert_string_equal(text, "▆▆▆▆");
    sketch_bars(seen, 4, 4, full, true, text);
    assert_string_equal(text, "▆▆▆▆"); /* by chance */
    const double other = sketch_full(halved, law, 4, 4);
    sketch_bars(law, 4, 4, other, true, text);
    assert_string_equal(text, "▄▄▄▄");
    sketch_bars(halved, 4, 4, other, true, text);
    assert_string_equal(text, " ██ ");
}

static void test_share(void **state)
{
    (void)state;
    char text[SKETCH_TEXT_MAX];
    sketch_share(0.5, 4, true, text);
    assert_string_equal(text, "██  ");
    sketch_share(0.40625, 4, true, text); /* 13 eighths */
    assert_string_equal(text, "█▋  ");
    sketch_share(0.4, 5, false, text);
    assert_string_equal(text, "==   ");
    sketch_share(1e-9, 4, true, text);
    assert_string_equal(text, "▏   ");
    sketch_share(7, 4, true, text);
    assert_string_equal(text, "████");
}

static void test_terminal(void **state)
{
    (void)state;
    setenv("LC_ALL", "C", 1);
    assert_false(sketch_blocks());
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_true(sketch_blocks());
    setenv("LC_ALL", "nowhere", 1);
    assert_false(sketch_blocks());
    setenv("COLUMNS", "123", 1); /* standard output of a test is no terminal */
    assert_int_equal(sketch_columns(), 123);
    setenv("COLUMNS", "none", 1);
    assert_int_equal(sketch_columns(), 80);
    unsetenv("COLUMNS");
    assert_int_equal(sketch_columns(), 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
