/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval: precision over all queries and the shown rows' neighbours on a bank that a person can
 * check (retrieval_bed.h); the draw; the sheet's pixels; the page's words. */
#include "test.h"

#include "common/file.h"
#include "retrieval_bed.h"
#include "tools/evaluate/retrieval.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct retrieval_bed bed;
static struct views bank_views, query_views;
static struct ops *ops;

static int setup(void **state)
{
    (void)state;
    retrieval_bed_make(&bed);
    bank_views = (struct views){.pixels = bed.bank_views[0][0], .n = BED_BANK, .side = BED_SIDE};
    query_views =
        (struct views){.pixels = bed.query_views[0][0], .n = BED_QUERIES, .side = BED_SIDE};
    return ops_open("auto", 1, &ops);
}

static int teardown(void **state)
{
    (void)state;
    ops_close(ops);
    return 0;
}

static struct retrieval both(size_t k)
{
    return (struct retrieval){.bank = &bed.bank,
                              .queries = &bed.queries,
                              .k = k,
                              .bank_views = &bank_views,
                              .query_views = &query_views};
}

static struct retrieval itself(size_t k)
{
    return (struct retrieval){.bank = &bed.bank,
                              .queries = &bed.bank,
                              .same = true,
                              .k = k,
                              .bank_views = &bank_views,
                              .query_views = &bank_views};
}

static void expect_precision(const struct retrieval *r, size_t i, size_t at, double value)
{
    assert_true(i < r->n_precision);
    assert_int_equal(r->precision[i].at, at);
    assert_true(fabs(r->precision[i].value - value) < 1e-12);
}

static void test_precision(void **state)
{
    (void)state;
    struct retrieval r = both(3);
    r.rows[0] = 2;
    r.rows[1] = 0;
    r.n_rows = 2;
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    assert_int_equal(r.n_precision, 3);
    expect_precision(&r, 0, 1, 2.0 / 3);
    expect_precision(&r, 1, 3, 4.0 / 9);
    expect_precision(&r, 2, 5, 3.0 / 5);
    const uint32_t want[] = {4, 2, 5, 0, 1, 3}; /* in the order asked for */
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(r.nearest[i].row, want[i]);
    retrieval_done(&r);
    r = itself(2);
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    expect_precision(&r, 0, 1, 1.0 / 2);
    expect_precision(&r, 1, 2, 1.0 / 3);
    expect_precision(&r, 2, 5, 2.0 / 5);
    retrieval_done(&r);
}

static void test_cuts(void **state)
{
    (void)state;
    struct retrieval r = both(5);
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    assert_int_equal(r.n_precision, 2);
    expect_precision(&r, 1, 5, 3.0 / 5);
    retrieval_done(&r);
    r = both(1);
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    assert_int_equal(r.n_precision, 2);
    retrieval_done(&r);
    bed.bank.f.n = 4; /* the first four rows: five there are not */
    r = both(1);
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    assert_int_equal(r.n_precision, 1);
    retrieval_done(&r);
    r = both(5);
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), -EINVAL);
    assert_non_null(strstr(err_text(), "5 of them, but the bank has 4 rows"));
    retrieval_done(&r);
    bed.bank.f.n = BED_BANK;
    r = both(1);
    r.rows[0] = BED_QUERIES;
    r.n_rows = 1;
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), -ERANGE);
    assert_string_equal(err_text(), "of/queries: there is no row 3: it has 3, the first is 0");
    retrieval_done(&r);
}

/* Rows are apart and ascending; every one is as likely as another; the seed is all that counts. */
static void test_draw(void **state)
{
    (void)state;
    size_t drawn[BED_BANK] = {0};
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct retrieval a = itself(1), b = itself(1);
        retrieval_draw(&a, 2, seed);
        retrieval_draw(&b, 2, seed);
        assert_int_equal(a.n_rows, 2);
        assert_true(a.rows[0] < a.rows[1] && a.rows[1] < BED_BANK);
        assert_memory_equal(a.rows, b.rows, 2 * sizeof a.rows[0]);
        drawn[a.rows[0]]++;
        drawn[a.rows[1]]++;
    }
    for (size_t i = 0; i < BED_BANK; i++)
        assert_in_range(drawn[i], 1000 - 130, 1000 + 130); /* five deviations of a share of 1/3 */
    struct retrieval all = itself(1);
    retrieval_draw(&all, BED_BANK, 7);
    for (uint32_t i = 0; i < BED_BANK; i++)
        assert_int_equal(all.rows[i], i);
}

static size_t count(const struct canvas *c, uint32_t colour)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)c->w * c->h; i++)
        n += ((uint32_t)c->rgb[3 * i] << 16 | (uint32_t)c->rgb[3 * i + 1] << 8 |
              c->rgb[3 * i + 2]) == colour;
    return n;
}

/* Query 0's three neighbours are rows 0, 1, 3: the same label, another, the same. */
static void test_sheet(void **state)
{
    (void)state;
    struct retrieval r = both(3);
    r.n_rows = 1; /* row 0 */
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    struct canvas sheet = {0};
    assert_int_equal(retrieval_sheet_init(&r, &sheet), 0);
    retrieval_sheet_draw(&r, &sheet);
    const size_t zoomed = (size_t)4 * BED_SIDE * BED_SIDE;
    assert_int_equal(count(&sheet, 0x030004), zoomed); /* the query, no mark on it */
    assert_in_range(count(&sheet, 30 << 16 | 0x102), zoomed - 256, zoomed - 1); /* row 3, a mark */
    assert_int_equal(count(&sheet, 10 << 16 | 0x102), count(&sheet, 30 << 16 | 0x102));
    assert_int_equal(count(&sheet, 20 << 16 | 0x102), 0); /* row 2 */
    const size_t green = count(&sheet, 0x1A7F37), red = count(&sheet, 0xCF222E);
    assert_true(red > 2000 && green > 2 * red - 200 && green < 2 * red + 200);
    size_t x[4] = {0}; /* from left to right: the query, then rows 0, 1, 3 */
    const uint32_t colours[] = {0x030004, 0x000102, 10 << 16 | 0x102, 30 << 16 | 0x102};
    for (size_t i = 0; i < (size_t)sheet.w * sheet.h; i++)
        for (size_t p = 0; p < 4; p++)
            if (!x[p] && ((uint32_t)sheet.rgb[3 * i] << 16 | (uint32_t)sheet.rgb[3 * i + 1] << 8 |
                          sheet.rgb[3 * i + 2]) == colours[p])
                x[p] = i % sheet.w;
    assert_true(x[0] < x[1] && x[1] < x[2] && x[2] < x[3]);
    canvas_done(&sheet);
    retrieval_done(&r);
    bank_views.side = VIEWS_SIDE_MAX; /* a sheet beyond all bounds, told before anything is read */
    r = both(100);
    r.n_rows = RETRIEVAL_ROWS_MAX;
    assert_int_equal(retrieval_sheet_init(&r, &sheet), -E2BIG);
    bank_views.side = BED_SIDE;
}

static size_t times(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

static void test_page(void **state)
{
    (void)state;
    char folder[] = "/tmp/augstream-test-XXXXXX", path[64], *page;
    size_t len;
    struct retrieval r = both(3);
    retrieval_draw(&r, BED_QUERIES, 1);
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/p.html", folder);
    assert_int_equal(retrieval_page(&r, path), 0);
    assert_int_equal(file_read(path, 1 << 24, &page, &len), 0);
    assert_int_equal(times(page, "<section"), 3);
    assert_int_equal(times(page, "<img "), 3 * 4);
    assert_int_equal(times(page, "src=\"data:image/png;base64,iVBOR"), 3 * 4);
    assert_int_equal(times(page, "alt=\""), 3 * 4);
    assert_int_equal(times(page, "<figure class=\"same\">"), 4);
    assert_int_equal(times(page, "<figure class=\"other\">"), 5);
    assert_int_equal(times(page, "alt=\"query: row 2, label 0\""), 1);
    assert_int_equal(
        times(page, "alt=\"neighbour 3: row 3, label 0, cosine 0.7071, the same label\""), 1);
    assert_int_equal(times(page, "Row 0: 2 of 3 neighbours have its label"), 1);
    assert_int_equal(
        times(page, "66.67&nbsp;%") + times(page, "44.44&nbsp;%") + times(page, "60.00&nbsp;%"), 3);
    assert_int_equal(times(page, "bank&lt;&amp;&gt;"), 1); /* names are no markup */
    assert_int_equal(times(page, "bank<&>") + times(page, "http"), 0);
    free(page);
    unlink(path);
    rmdir(folder);
    assert_int_equal(retrieval_page(&r, path), -ENOENT);
    retrieval_done(&r);
}

/* Names of anybody's making: on the page they are text, on the sheet a line of their own, which
 * keeps to its cell. */
static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"<script>\"a\" & 'b'",
                                        "a name that is by far too long for it"};
    char folder[] = "/tmp/augstream-test-XXXXXX", path[64], *page;
    size_t len;
    struct retrieval r = both(3);
    r.n_rows = 1; /* row 0: neighbours of label 0, 1, 0 */
    struct canvas without = {0}, with = {0};
    assert_int_equal(retrieval_find(&r, ops, NULL, NULL), 0);
    assert_int_equal(retrieval_sheet_init(&r, &without), 0);
    retrieval_sheet_draw(&r, &without);
    bed.bank.f.class_names = bed.queries.f.class_names = names;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/p.html", folder);
    assert_int_equal(retrieval_page(&r, path), 0);
    assert_int_equal(file_read(path, 1 << 24, &page, &len), 0);
    static const char escaped[] = "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;";
    assert_int_equal(times(page, "<script"), 0);
    assert_int_equal(times(page, escaped), 2 * 3); /* in alt, and under the picture */
    assert_int_equal(times(page, "label 1<br><bdi>a name that is by far too long for it</bdi>"), 1);
    assert_int_equal(times(page, "row 1, label 1 (a name that is by far too long for it), cosine"),
                     1);
    free(page);
    unlink(path);
    rmdir(folder);

    assert_int_equal(retrieval_sheet_init(&r, &with), 0);
    retrieval_sheet_draw(&r, &with);
    assert_int_equal(with.w, without.w);
    assert_true(with.h > without.h);
    /* What is new lies under the words that were there, inside the cells. */
    size_t ink = 0, between = 0;
    for (uint32_t y = without.h - 12; y < with.h; y++)
        for (uint32_t x = 0; x < with.w; x++) {
            const uint8_t *p = with.rgb + 3 * ((size_t)y * with.w + x);
            const bool marked = p[0] < 0xF0;
            const uint32_t cell = 12 + 136 + 24 + 136; /* where the first neighbour's ends */
            ink += marked;
            between += marked && x >= cell + 12 + 136 && x < cell + 12 + 136 + 12;
        }
    assert_true(ink > 100);
    assert_int_equal(between, 0);
    canvas_done(&with);
    canvas_done(&without);
    retrieval_done(&r);
    bed.bank.f.class_names = bed.queries.f.class_names = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision), cmocka_unit_test(test_cuts), cmocka_unit_test(test_draw),
        cmocka_unit_test(test_sheet),     cmocka_unit_test(test_page), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
