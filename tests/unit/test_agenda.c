/* SPDX-License-Identifier: Apache-2.0 */
/* agenda: the examples that we ship are understood, and what cannot be measured is refused with its
 * line before anything is. */
#include "test.h"

#include "tools/evaluate/report/agenda.h"
#include "tools/evaluate/report/paper.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct agenda *agenda;

static int setup(void **state)
{
    (void)state;
    agenda = malloc(sizeof *agenda);
    return agenda ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(agenda);
    return 0;
}

static int load(const char *text)
{
    snprintf(path, sizeof path, "/tmp/augstream-agenda-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int rc = agenda_load(agenda, path);
    unlink(path);
    return rc;
}

static void refused(const char *text, int line, const char *words)
{
    char place[128];
    assert_int_equal(load(text), -EINVAL);
    snprintf(place, sizeof place, line ? "%s:%d: " : "%s: ", path, line);
    if (strncmp(err_text(), place, strlen(place)) != 0 || !strstr(err_text(), words))
        fail_msg("'%s' names not '%s' and '%s'", err_text(), place, words);
}

#define A "backbones: {a: {recipe: r.yaml, backbone: b.safetensors}}\n"
#define M "measures:\n  m:\n    "

static void test_understood(void **state)
{
    (void)state;
    if (load("title: T\nset: [data.loaders=embedded]\n"
             "backbones:\n"
             "  b: {recipe: r, backbone: w, title: The <b>, heads: color, method: moco}\n"
             "  a: {recipe: r, backbone: w, set: [views.size=64, data.workers=1]}\n" M
             "{verb: knn, train: x, test: y, scores: [knn_1, bank], options: [k=5]}\n") < 0)
        fail_msg("%s", err_text());
    assert_string_equal(agenda->title, "T");
    assert_int_equal(agenda->n_backbones, 2);
    assert_string_equal(agenda->backbones[0].name, "b"); /* in the file's order */
    assert_string_equal(agenda->backbones[0].title, "The <b>");
    assert_int_equal(agenda->backbones[0].heads, 1 + PAPER_COLOR);
    assert_string_equal(agenda->backbones[1].title, "a");
    assert_int_equal(agenda->backbones[1].heads, AGENDA_HEADS_RECIPE);
    assert_int_equal(agenda->backbones[1].set.n, 2);
    assert_string_equal(agenda->measures[0].title, "m");
    assert_string_equal(agenda->measures[0].role[ROLE_TEST], "y");
    assert_int_equal(agenda->measures[0].scores.n, 2);
    assert_string_equal(agenda_metric(&agenda->measures[0]), ""); /* knn has none */
    assert_int_equal(load(A M "{verb: linear, train: x, val: y, test: z}\n"), 0);
    assert_string_equal(agenda_metric(&agenda->measures[0]), "top1");
}

static void test_refused(void **state)
{
    (void)state;
    refused("title: x\n", 0, "backbones: there is none");
    refused(A, 0, "measures: there is none");
    refused(A M "{verb: knnn, train: x, test: y}\n", 4, "measures.m.verb: 'knnn' is none of knn");
    refused(A M "verb: knn\n    trian: x\n", 5, "measures.m.train"); /* the nearest known */
    refused(A M "train: x\n    test: y\n", 3, "measures.m.verb");
    refused(A M "verb: knn\n    train: x\n", 3, "measures.m.test: knn needs it");
    refused(A M "verb: knn\n    train: x\n    test: y\n    images: z\n", 7, "knn has no --images");
    refused(A M "verb: knn\n    train: x.safetensors\n    test: y\n", 5, "is of one backbone");
    refused(A M "verb: knn\n    train: x\n    test: y\n    metric: top1\n", 7,
            "knn has no --metric");
    refused(A M "verb: knn\n    train: x\n    test: y\n    paper: rose\n", 7,
            "'rose' is none of cifar10, ");
    refused(A M "verb: knn\n    train: x\n    test: y\n    options: [json=z]\n", 7,
            "--json is given by report");
    refused(A M "verb: knn\n    train: x\n    test: y\n    options: [--seed=1]\n", 7,
            "no dashes in front");
    refused(A M "{verb: linear, train: x, val: y, test: z, metric: top}\n", 4,
            "'top' is none of top1, mean-per-class");
    refused("backbones:\n  a: {recipe: r, backbone: b, method: simsam}\n" M
            "{verb: knn, train: x, test: y}\n",
            2, "backbones.a.method: 'simsam' is none of simsiam, ");
    refused("backbones:\n  a: {recipe: r, backbone: b, heads: all}\n", 2, "backbones.a.heads");
    refused("backbones:\n  a: {recipe: r}\n" M "{verb: knn, train: x, test: y}\n", 2,
            "backbones.a.backbone");
    refused("backbones:\n  a+b: {recipe: r}\n", 2, "'a+b' is not a name");
}

static void test_help_names_all(void **state)
{
    (void)state;
    char *help = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&help, &len);
    assert_non_null(out);
    conf_help(&agenda_table, out);
    assert_int_equal(fclose(out), 0);
    for (size_t i = 0; paper_dataset(i); i++)
        if (!strstr(help, paper_dataset(i)))
            fail_msg("the help of measures.*.paper does not name %s", paper_dataset(i));
    free(help);
}

static void test_examples(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob(TESTS_DIR "/../deploy/recipes/report-*.yaml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (agenda_load(agenda, found.gl_pathv[i]) < 0)
            fail_msg("%s", err_text());
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_understood),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help_names_all),
        cmocka_unit_test(test_examples),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
