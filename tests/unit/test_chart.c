/* SPDX-License-Identifier: Apache-2.0 */
/* chart: bars are as long as their values, texts stay texts, and nothing leaves the picture. */
#include "test.h"

#include "tools/evaluate/report/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *svg;

static void draw(const struct chart_bar *bars, size_t n)
{
    size_t len;
    free(svg);
    FILE *out = open_memstream(&svg, &len);
    assert_non_null(out);
    chart_svg(&(struct chart){"Flowers <1>", bars, n}, out);
    assert_int_equal(fclose(out), 0);
}

/* Where the i-th rect of that class begins and how wide it is. */
static void rect(const char *kind, size_t i, double *ret_x, double *ret_width)
{
    char head[64];
    snprintf(head, sizeof head, "<rect class=\"%s\" x=\"", kind);
    const char *at = svg;
    for (size_t k = 0; k <= i; k++) {
        at = strstr(at, head);
        assert_non_null(at);
        at += strlen(head);
    }
    *ret_x = strtod(at, NULL);
    *ret_width = strtod(strstr(at, "width=\"") + 7, NULL);
    assert_true(*ret_x >= 0 && *ret_x + *ret_width <= 320.05); /* one decimal is printed */
}

static void test_lengths(void **state)
{
    (void)state;
    const struct chart_bar bars[] = {
        {"a", "40.00", 40, NAN, NAN, false},
        {"b", "20.00", 20, NAN, NAN, true},
        {"c", "10.00", 10, NAN, NAN, false},
    };
    draw(bars, ARRAY_LEN(bars));
    double x, whole, half, quarter;
    rect("bar", 0, &x, &whole);
    assert_true(fabs(whole - 316) < 0.1); /* the longest is as wide as the picture but its edges */
    rect("accent", 0, &x, &half);
    rect("bar", 1, &x, &quarter);
    assert_true(fabs(half - whole / 2) < 0.1 && fabs(quarter - whole / 4) < 0.1);
    assert_null(strstr(svg, "class=\"mark\""));
    assert_null(strstr(svg, "class=\"around\""));
    assert_non_null(strstr(svg, "viewBox=\"0 0 320 120\""));
}

static void test_all_that_is_drawn_has_room(void **state)
{
    (void)state;
    const struct chart_bar bars[] = {
        {"a", "-5", -5, 1, NAN, false},
        {"b", "10 ± 10", 10, 10, 25, false},
        {"c", "failed", NAN, NAN, NAN, false},
    };
    draw(bars, ARRAY_LEN(bars));
    double x, below, above, zero;
    rect("bar", 0, &x, &below);
    zero = x + below;
    rect("bar", 1, &x, &above);
    assert_true(fabs(x - zero) < 0.2 && fabs(above - 2 * below) < 0.2);
    const char *mark = strstr(svg, "class=\"mark\" d=\"M");
    assert_non_null(mark);
    assert_true(fabs(strtod(mark + strlen("class=\"mark\" d=\"M"), NULL) - 318) <
                0.1); /* the largest figure of all */
    assert_non_null(strstr(svg, "class=\"around\""));
}

static void test_nothing_to_scale(void **state)
{
    (void)state;
    const struct chart_bar bars[] = {{"a", "0.00", 0, 0, NAN, false},
                                     {"b", "failed", NAN, NAN, NAN, false}};
    draw(bars, ARRAY_LEN(bars));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
}

static void test_texts(void **state)
{
    (void)state;
    const struct chart_bar bars[] = {
        {"</text><script>", "\"1\"", 1, NAN, NAN, false},
        {"ééééééééééééééééééééééééééé", "2", 2, NAN, NAN, false}, /* 27 characters */
        {"éééééééééééééééééééééééééé", "3", 3, NAN, NAN, false},  /* 26 */
    };
    draw(bars, ARRAY_LEN(bars));
    assert_null(strstr(svg, "<script"));
    assert_non_null(strstr(svg, "role=\"img\" aria-label=\"Flowers &lt;1&gt;: "
                                "&lt;/text&gt;&lt;script&gt; &quot;1&quot;; "));
    assert_non_null(strstr(svg, ">éééééééééééééééééééééééééé…</text>"));
    assert_non_null(strstr(svg, ">éééééééééééééééééééééééééé</text>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_all_that_is_drawn_has_room),
        cmocka_unit_test(test_nothing_to_scale),
        cmocka_unit_test(test_texts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(svg);
    return failed;
}
