/* SPDX-License-Identifier: Apache-2.0 */
/* grid: one table in three forms: values, the paper's figures where they belong, failures with
 * their reason, and no text that breaks out of its cell. */
#include "test.h"

#include "tools/evaluate/report/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINEAR, LOCALIZE, SHOTS, MEASURES, BACKBONES = 2 };

static struct agenda *agenda;
static struct record *records;
static struct grid_row rows[BACKBONES] = {
    {"SimSiam", "simsiam", PAPER_NONE, ""},
    {"+ <AugSelf>, \"both\" | a", "simsiam", PAPER_BOTH, "epochs 1, not 200"},
};
static struct grid grid;
static char *text;

/* One that the verb is not yet there for must be told apart from one that failed. */
static void measure(size_t i, const char *title, const char *verb, const char *paper)
{
    struct agenda_measure *m = &agenda->measures[i];
    snprintf(m->name, sizeof m->name, "m%zu", i);
    snprintf(m->title, sizeof m->title, "%s", title);
    snprintf(m->verb, sizeof m->verb, "%s", verb);
    snprintf(m->paper, sizeof m->paper, "%s", paper);
}

static struct record *at(size_t backbone, size_t i)
{
    return &records[backbone * MEASURES + i];
}

static void score(struct record *r, const char *name, double value, double around, const char *unit)
{
    r->state = RECORD_DONE;
    assert_int_equal(scores_add(&r->scores, name, value, around, unit), 0);
}

static int setup(void **state)
{
    (void)state;
    agenda = calloc(1, sizeof *agenda);
    records = calloc(BACKBONES * MEASURES, sizeof *records);
    if (!agenda || !records)
        return -1;
    snprintf(agenda->title, sizeof agenda->title, "A & B");
    agenda->n_backbones = BACKBONES;
    agenda->n_measures = MEASURES;
    snprintf(agenda->backbones[0].name, CONF_NAME_MAX, "simsiam");
    snprintf(agenda->backbones[1].name, CONF_NAME_MAX, "augself");
    measure(LINEAR, "CIFAR-10", "linear", "cifar10");
    measure(LOCALIZE, "CUB", "localize", "cub200");
    measure(SHOTS, "Birds", "fewshot", "");
    agenda->measures[SHOTS].scores.n = 2;
    snprintf(agenda->measures[SHOTS].scores.v[0], CONF_STR_MAX, "one_shot");
    snprintf(agenda->measures[SHOTS].scores.v[1], CONF_STR_MAX, "five_shot");
    score(at(0, LINEAR), "linear_top1", 81.234, NAN, "%");
    score(at(0, LINEAR), "weight", 0.5, NAN, "");
    score(at(0, LOCALIZE), "l2_error", 0.0046213, NAN, "");
    score(at(0, SHOTS), "one_shot", 40, 0.315, "%");
    *at(1, LINEAR) = (struct record){.state = RECORD_FAILED, .error = "no <image> | at, \"all\""};
    score(at(1, SHOTS), "one_shot", 41, 0.3, "%");
    score(at(1, SHOTS), "five_shot", 55.555, 0.2, "%");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(agenda);
    free(records);
    free(text);
    return 0;
}

static void write_as(void (*form)(const struct grid *, FILE *))
{
    size_t len;
    free(text);
    text = NULL;
    assert_int_equal(grid_init(&grid, agenda, rows, records), 0);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    form(&grid, out);
    assert_int_equal(fclose(out), 0);
}

static void has(const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in:\n%s", part, text);
}

static void test_columns(void **state)
{
    (void)state;
    assert_int_equal(grid_init(&grid, agenda, rows, records), 0);
    assert_int_equal(grid.n_columns, 4);
    assert_string_equal(grid.columns[0].score, "linear_top1");
    assert_string_equal(grid.columns[3].score, "five_shot");
    assert_string_equal(grid.columns[3].unit, "%"); /* of the backbone that has it */
    char why[256];
    assert_true(grid_at(&grid, 0, 3)->no_score);
    grid_why(&grid, 0, 3, sizeof why, why);
    assert_string_equal(why, "fewshot has no score five_shot; its first is one_shot");
    grid_why(&grid, 1, 1, sizeof why, why);
    assert_string_equal(why, "not measured yet");
    grid_why(&grid, 0, 0, sizeof why, why);
    assert_string_equal(why, "");
    grid_done(&grid);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {{72.184, "%", "72.18"}, {0, "%", "0.00"},         {0.038, "", "0.03800"},
                 {0, "", "0"},           {1020, "images", "1020"}, {-0.5, "nats", "-0.5000"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[32];
        grid_number(cases[i].value, cases[i].unit, got);
        assert_string_equal(got, cases[i].text);
    }
}

static void test_markdown(void **state)
{
    (void)state;
    write_as(grid_markdown);
    has("# A \\& B\n\n| backbone | CIFAR-10 (linear\\_top1, %) | CUB (l2\\_error) | Birds "
        "(one\\_shot, %) | "
        "Birds (five\\_shot, %) |\n|---|---:|---:|---:|---:|\n");
    has("\n| SimSiam | 81.23 (paper 82.35) | 0.004621 (paper 0.00462) | 40.00 ± 0.32 | failed |\n");
    has("\n| + \\<AugSelf\\>, \"both\" \\| a | failed (paper 82.76) | … (paper 0.00335) | "
        "41.00 ± 0.30 | 55.55 ± 0.20 |\n");
    has("ResNet-18 pre-trained on STL10 for 200 epochs");
    has("\\| a is not of the paper's setting: epochs 1, not 200.\n");
    assert_null(strstr(text, "SimSiam is not"));
    has("* + \\<AugSelf\\>, \"both\" \\| a, CIFAR-10: no \\<image\\> \\| at, \"all\"\n");
    grid_done(&grid);
}

static void test_csv(void **state)
{
    (void)state;
    write_as(grid_csv);
    has("simsiam,SimSiam,simsiam,none,m0,CIFAR-10,linear,top1,done,linear_top1,81.234,,%,82.35,"
        "\r\n");
    has("simsiam,SimSiam,simsiam,none,m0,CIFAR-10,linear,top1,done,weight,0.5,,,,\r\n");
    has("m2,Birds,fewshot,,done,one_shot,40,0.315,%,,\r\n");
    has("augself,\"+ <AugSelf>, \"\"both\"\" | "
        "a\",simsiam,both,m0,CIFAR-10,linear,top1,failed,,,,,"
        ",\"no <image> | at, \"\"all\"\"\"\r\n");
    has("m1,CUB,localize,,missing,,,,,,\r\n");
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1 + 4 + 4);
    grid_done(&grid);
}

static void test_page(void **state)
{
    (void)state;
    write_as(grid_page);
    has("<th scope=\"row\">+ &lt;AugSelf&gt;, &quot;both&quot; | a</th>");
    has("<td class=\"figure\">81.23<br><span class=\"soft\">paper 82.35</span></td>");
    has("<a class=\"bad\" href=\"#failed\">failed</a>");
    has("<h2 id=\"failed\">Failed</h2>");
    has("<code>no &lt;image&gt; | at, &quot;all&quot;</code>");
    has("<caption>");
    has("the paper's figure");
    size_t plots = 0;
    for (const char *p = text; (p = strstr(p, "<svg ")); p++)
        plots++;
    assert_int_equal(plots, 4);
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "http:"));
    assert_null(strstr(text, "https:"));
    grid_done(&grid);
}

static void test_no_figure_of_another_score(void **state)
{
    (void)state;
    struct score *first = &at(0, LINEAR)->scores.v[0];
    snprintf(first->name, SCORE_NAME_MAX, "linear_mean_per_class");
    write_as(grid_csv);
    has("done,linear_mean_per_class,81.234,,%,,\r\n");
    grid_done(&grid);
    snprintf(first->name, SCORE_NAME_MAX, "linear_top1");
    rows[0].heads = PAPER_OTHER;
    write_as(grid_csv);
    has("done,linear_top1,81.234,,%,,\r\n");
    grid_done(&grid);
    rows[0].heads = PAPER_NONE;
    snprintf(first->unit, SCORE_UNIT_MAX, "nats");
    write_as(grid_csv);
    has("done,linear_top1,81.234,,nats,,\r\n");
    grid_done(&grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_markdown), cmocka_unit_test(test_csv),
        cmocka_unit_test(test_page),     cmocka_unit_test(test_no_figure_of_another_score),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
