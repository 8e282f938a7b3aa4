/* SPDX-License-Identifier: Apache-2.0 */
/* conf: a file, assignments and defaults fill one struct; every way of being wrong is refused with
 * its exact place. */
#include "test.h"

#include "common/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DATASETS_MAX = 3 };
enum schedule { COSINE, CONSTANT };

struct dataset {
    char name[CONF_NAME_MAX];
    char path[CONF_STR_MAX];
    int64_t limit;
};

struct owner {
    struct {
        char name[CONF_STR_MAX];
        int64_t seed;
    } run;
    struct {
        int64_t size;
        double mean[3], sigma[2];
        struct {
            double p;
        } jitter;
        bool flip;
    } views;
    int schedule;
    struct conf_strs loaders;
    struct dataset datasets[DATASETS_MAX];
    size_t n_datasets;
};

#define AT(field) offsetof(struct owner, field)
static const char *const schedules[] = {"cosine", "constant", NULL};
static const struct conf_option options[] = {
    {"run.name", CONF_STR, AT(run.name), NULL, .help = "names the run folder"},
    {"run.seed", CONF_INT, AT(run.seed), "1", .help = "of everything drawn"},
    {"views.size", CONF_INT, AT(views.size), "96", 1, 1024, "pixels", "side of a view"},
    {"views.mean", CONF_FLOATS, AT(views.mean), "[.43, .42, .39]", 0, 1, NULL, "RGB", .count = 3},
    {"views.sigma", CONF_FLOATS, AT(views.sigma), "[.1, 2]", 0, 9, "pixels", "blur", .count = 2},
    {"views.jitter.p", CONF_FLOAT, AT(views.jitter.p), "0.8", 0, 1, NULL, "probability"},
    {"views.flip", CONF_BOOL, AT(views.flip), "true", .help = "whether to"},
    {"optim.schedule", CONF_ENUM, AT(schedule), "cosine", .help = "of the learning rate",
     .choices = schedules},
    {"data.loaders", CONF_STRS, AT(loaders), "embedded", .help = "endpoints"},
    {"datasets.*.path", CONF_STR, offsetof(struct dataset, path), NULL, .help = "its place"},
    {"datasets.*.limit", CONF_INT, offsetof(struct dataset, limit), "7", 0, 99, NULL, "images"},
};
static const struct conf_map maps[] = {
    {"datasets", AT(datasets), sizeof(struct dataset), AT(n_datasets), DATASETS_MAX},
};
static const struct conf_table table = {options, ARRAY_LEN(options), maps, ARRAY_LEN(maps)};

static struct owner owner;
static char path[] = "test_conf.XXXXXX";

static int setup(void **state)
{
    (void)state;
    memset(&owner, 0xa5, sizeof owner); /* defaults must not count on zeroes */
    return conf_defaults(&table, &owner);
}

static int load(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return conf_load(&table, &owner, path);
}

/* line 0: the place is not the file's. */
static void assert_refused(int code, int line, const char *message)
{
    char expected[600];
    if (line > 0)
        snprintf(expected, sizeof expected, "%s:%d: %s", path, line, message);
    else
        snprintf(expected, sizeof expected, "%s", message);
    assert_string_equal(code == 0 ? "accepted" : err_text(), expected);
    assert_int_equal(code, -EINVAL);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_string_equal(owner.run.name, "");
    assert_int_equal(owner.run.seed, 1);
    assert_int_equal(owner.views.size, 96);
    assert_true(owner.views.mean[0] == .43 && owner.views.mean[2] == .39);
    assert_true(owner.views.sigma[1] == 2);
    assert_true(owner.views.jitter.p == .8);
    assert_true(owner.views.flip);
    assert_int_equal(owner.schedule, COSINE);
    assert_int_equal(owner.loaders.n, 1);
    assert_string_equal(owner.loaders.v[0], "embedded");
    assert_int_equal(owner.n_datasets, 0);
}

static void test_load(void **state)
{
    (void)state;
    assert_int_equal(load("# a recipe\n"
                          "run: {name: \"a b\", seed: -3}\n"
                          "views:\n"
                          "    size: 224   # pixels\n"
                          "    mean: [.485, 0.456, 4e-1]\n"
                          "    jitter:\n"
                          "        p: 0\n"
                          "    flip: false\n"
                          "optim: {schedule: constant}\n"
                          "data:\n"
                          "    loaders:\n"
                          "        - tcp://node1:5555\n"
                          "        - 'tcp://node2:5555'\n"
                          "datasets:\n"
                          "    flowers: {path: /data/flowers}\n"
                          "    birds-2:\n"
                          "        path: /data/birds\n"
                          "        limit: 9\n"),
                     0);
    assert_string_equal(owner.run.name, "a b");
    assert_int_equal(owner.run.seed, -3);
    assert_int_equal(owner.views.size, 224);
    assert_true(owner.views.mean[0] == .485 && owner.views.mean[2] == .4);
    assert_true(owner.views.sigma[0] == .1); /* not in the file */
    assert_true(owner.views.jitter.p == 0);
    assert_false(owner.views.flip);
    assert_int_equal(owner.schedule, CONSTANT);
    assert_int_equal(owner.loaders.n, 2);
    assert_string_equal(owner.loaders.v[1], "tcp://node2:5555");
    assert_int_equal(owner.n_datasets, 2);
    assert_string_equal(owner.datasets[0].name, "flowers");
    assert_int_equal(owner.datasets[0].limit, 7);
    assert_string_equal(owner.datasets[1].name, "birds-2");
    assert_string_equal(owner.datasets[1].path, "/data/birds");
    assert_int_equal(owner.datasets[1].limit, 9);
    assert_int_equal(conf_complete(&table, &owner, path), 0);

    assert_int_equal(conf_line("run"), 2);
    assert_int_equal(conf_line("run.seed"), 2);
    assert_int_equal(conf_line("views.jitter.p"), 7);
    assert_int_equal(conf_line("datasets.birds-2.limit"), 18);
    assert_int_equal(conf_line("views.sigma"), 0);
    assert_int_equal(load("{}"), 0);
    assert_int_equal(conf_line("run.seed"), 0);
}

static void test_little_files(void **state)
{
    (void)state;
    assert_int_equal(load(""), 0);
    assert_int_equal(load("# nothing\n"), 0);
    assert_int_equal(load("views:\nrun: ~\ndatasets: {}\n"), 0); /* empty groups */
    assert_int_equal(load("views.size: 5\nviews: {flip: false}\n"), 0);
    assert_int_equal(owner.views.size, 5);
    assert_int_equal(load("data: {loaders: tcp://one:1}"), 0);
    assert_int_equal(owner.loaders.n, 1);
    assert_string_equal(owner.loaders.v[0], "tcp://one:1");
    assert_int_equal(load("data: {loaders: []}"), 0);
    assert_int_equal(owner.loaders.n, 0);
    assert_int_equal(load("datasets:\n    a:\n"), 0);
    assert_string_equal(owner.datasets[0].name, "a");
    assert_int_equal(owner.datasets[0].limit, 7);
}

static void test_refused_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *message;
    } rows[] = {
        {"views:\n    sise: 3\n", 2,
         "views.sise: unknown key; the nearest known one is 'views.size'"},
        {"run: {name: x}\nview:\n    size: 3\n", 2,
         "view: unknown key; the nearest known one is 'views'"},
        {"\n\nseed: 3\n", 3, "seed: unknown key; the nearest known one is 'run.seed'"},
        {"datasets: {a: {pth: x}}\n", 1,
         "datasets.a.pth: unknown key; the nearest known one is 'datasets.a.path'"},
        {"run: {name: {first: x}}\n", 1, "run.name: is an option; it takes no mapping"},
        {"views:\n    size: 1025\n", 2, "views.size: '1025' is not an integer in 1..1024 pixels"},
        {"views:\n    size: 0\n", 2, "views.size: '0' is not an integer in 1..1024 pixels"},
        {"views:\n    size: 9.5\n", 2, "views.size: '9.5' is not an integer in 1..1024 pixels"},
        {"views:\n    size:\n    flip: true", 2,
         "views.size: has no value; it takes an integer in 1..1024 pixels"},
        {"views:\n    size: [9]\n", 2,
         "views.size: takes an integer in 1..1024 pixels, not a list of 1"},
        {"views: {sigma: 1}\n", 1,
         "views.sigma: takes a list of 2 numbers in 0..9 pixels, not one value"},
        {"views: {sigma: [1, 2, 3]}\n", 1,
         "views.sigma: takes a list of 2 numbers in 0..9 pixels, not a list of 3"},
        {"views:\n    sigma:\n        - 1\n        - 10\n", 4,
         "views.sigma: '10' is not a number in 0..9 pixels"},
        {"views: {flip: yes}\n", 1, "views.flip: 'yes' is not true or false"},
        {"optim:\n    schedule: cosin\n", 2,
         "optim.schedule: 'cosin' is not one of cosine | constant"},
        {"views: 3\n", 1, "views: is a group of options; it takes a mapping"},
        {"views: [1]\n", 1, "views: is a group of options; it takes a mapping"},
        {"run: {seed: 1}\nviews: {flip: true}\nrun: {name: x}\n", 3,
         "run: is given twice, first in line 1"},
        {"views:\n    size: 1\n    flip: true\n    size: 1\n", 4,
         "views.size: is given twice, first in line 2"},
        {"views: {size: 1}\nviews.size: 1\n", 2, "views.size: is given twice, first in line 1"},
        {"datasets:\n    a: {limit: 1}\n    a: {limit: 2}\n", 3,
         "datasets.a: is given twice, first in line 2"},
        {"datasets:\n    a: {}\n    b: {}\n    c: {}\n    d: {}\n", 5,
         "datasets.d: datasets has more than 3 entries"},
        {"datasets: {a/b: {}}\n", 1,
         "datasets.a/b: 'a/b' is not a name of 1 to 63 letters, digits, '-' and '_'"},
        {"- a\n", 1, "the file must be a mapping of options"},
        {"\nhello\n", 2, "the file must be a mapping of options"},
        {"? [a]\n: 1\n", 1, "a key must be a plain name"},
        {"'': 1\n", 1, "a key must be a plain name"},
        {"views:\n    size: &x 3\n", 2, "views.size: anchors (&) are not supported"},
        {"views:\n    size: *x\n", 2, "views.size: aliases (*) are not supported"},
        {"views:\n    size: !!int 3\n", 2, "views.size: tags (!) are not supported"},
        {"views: {size: 3}\n---\nviews: {size: 4}\n", 2, "a second document begins here"},
        {"run:\n    name: |\n        a\n        b\n", 3,
         "run.name: the text has a line break or control character in it"},
        {"data: {loaders: [a, {b: c}]}\n", 1, "data.loaders: a list holds plain values only"},
        {"data: {loaders: [a, ~]}\n", 1, "data.loaders: has no value; it takes a list of texts"},
        {"data:\n    loaders: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,\n"
         "        17]\n",
         3, "data.loaders: the list has more than 16 values"},
        {"views:\n    size: 3\n  flip: true\n", 3, NULL}, /* not YAML: the words are the parser's */
        {"\nviews: {size: 3\n", 2, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setup(NULL);
        int code = load(rows[i].text);
        if (rows[i].message) {
            assert_refused(code, rows[i].line, rows[i].message);
            continue;
        }
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s:%d: not valid YAML: ", path, rows[i].line);
        assert_int_equal(code, -EINVAL);
        if (strncmp(err_text(), prefix, strlen(prefix)) != 0)
            fail_msg("'%s' does not begin with '%s'", err_text(), prefix);
    }
}

static void test_long_texts(void **state)
{
    (void)state;
    char text[700], long_text[CONF_STR_MAX + 1];
    memset(long_text, 'x', CONF_STR_MAX);
    long_text[CONF_STR_MAX] = 0;
    snprintf(text, sizeof text, "run:\n    name: %s\n", long_text);
    assert_refused(load(text), 2, "run.name: the text is longer than 511 bytes");
    long_text[CONF_STR_MAX - 1] = 0;
    snprintf(text, sizeof text, "run:\n    name: %s\n", long_text);
    setup(NULL);
    assert_int_equal(load(text), 0);
    assert_string_equal(owner.run.name, long_text);
    snprintf(text, sizeof text, "a:\n    %.300s: 1\n", long_text); /* stops at the first unknown */
    setup(NULL);
    assert_refused(load(text), 1, "a: unknown key; the nearest known one is 'run'");
    snprintf(text, sizeof text, "views:\n    %.300s: 1\n", long_text);
    setup(NULL);
    assert_int_equal(load(text), -EINVAL);
    assert_non_null(strstr(err_text(), "the name is longer than 255 bytes"));
}

static void test_unreadable_files(void **state)
{
    (void)state;
    assert_int_equal(conf_load(&table, &owner, "no/such.yaml"), -EINVAL);
    assert_non_null(strstr(err_text(), "no/such.yaml: No such file"));
    assert_int_equal(conf_load(&table, &owner, "/dev/zero"), -EINVAL);
    assert_non_null(strstr(err_text(), "/dev/zero: more than 1048576 bytes"));
    assert_refused(load("run: {}\n\xff\xfe: 3\n"), 2, "not UTF-8 text (byte 8)");
    FILE *f = fopen(path, "w");
    fwrite("run: {name: a\0b}\n", 1, 17, f);
    fclose(f);
    assert_refused(conf_load(&table, &owner, path), 1, "not UTF-8 text (byte 13)");
}

static void test_set(void **state)
{
    (void)state;
    assert_int_equal(load("views: {size: 10}\n"), 0);
    assert_int_equal(conf_set(&table, &owner, "views.size=11"), 0); /* over the file, and again */
    assert_int_equal(conf_set(&table, &owner, "views.size=12"), 0);
    assert_int_equal(owner.views.size, 12);
    assert_int_equal(conf_set(&table, &owner, "views.sigma=[.5, 1]"), 0);
    assert_true(owner.views.sigma[0] == .5);
    assert_int_equal(conf_set(&table, &owner, "run.name=a=b"), 0);
    assert_string_equal(owner.run.name, "a=b");
    assert_int_equal(conf_set(&table, &owner, "run.name=\"\""), 0);
    assert_string_equal(owner.run.name, "");
    assert_int_equal(conf_set(&table, &owner, "data.loaders=tcp://a:1"), 0);
    assert_string_equal(owner.loaders.v[0], "tcp://a:1");
    assert_int_equal(conf_set(&table, &owner, "datasets.a.path=/x"), 0);
    assert_int_equal(conf_set(&table, &owner, "datasets.a.limit=3"), 0);
    assert_int_equal(owner.n_datasets, 1);
    assert_string_equal(owner.datasets[0].path, "/x");
    assert_int_equal(owner.datasets[0].limit, 3);
    assert_int_equal(conf_set(&table, &owner, "views={size: 20, jitter: {p: .25}}"), 0);
    assert_int_equal(owner.views.size, 20);
    assert_true(owner.views.jitter.p == .25);

    static const struct {
        const char *assignment, *message;
    } rows[] = {
        {"views.size=0", "--set views.size: '0' is not an integer in 1..1024 pixels"},
        {"views.sise=1", "--set views.sise: unknown key; the nearest known one is 'views.size'"},
        {"views={sise: 1}", "--set views.sise: unknown key; the nearest known one is 'views.size'"},
        {"views.size=", "--set views.size: has no value; it takes an integer in 1..1024 pixels"},
        {"views.size", "--set views.size: is not of the form name=value"},
        {"=3", "--set =3: is not of the form name=value"},
        {"views=3", "--set views: is a group of options; it takes a mapping"},
        {"views.size=3\n---\n4", "--set views.size: a second document begins here"},
        {"run.name=[a", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int code = conf_set(&table, &owner, rows[i].assignment);
        if (rows[i].message)
            assert_refused(code, 0, rows[i].message);
        else
            assert_non_null(strstr(err_text(), "--set run.name: not valid YAML: "));
    }
}

static void test_complete(void **state)
{
    (void)state;
    assert_int_equal(load("views: {}\n\nrun: {seed: 3}\ndatasets:\n    a: {limit: 3}\n"), 0);
    assert_refused(conf_complete(&table, &owner, path), 3, "run.name: must be given");
    assert_int_equal(conf_set(&table, &owner, "run.name=x"), 0);
    assert_refused(conf_complete(&table, &owner, path), 5, "datasets.a.path: must be given");
    assert_int_equal(conf_set(&table, &owner, "datasets.a.path=x"), 0);
    assert_int_equal(conf_complete(&table, &owner, path), 0);
    setup(NULL);
    assert_int_equal(load(""), 0);
    assert_refused(conf_complete(&table, &owner, path), 1, "run.name: must be given");
    assert_refused(conf_complete(&table, &owner, NULL), 0, "--set run.name: must be given");
}

static void test_broken_tables(void **state)
{
    (void)state;
    static const struct {
        struct conf_option option;
        const char *message;
    } rows[] = {
        {{"a.b", CONF_INT, 0, "x", 0, 0, .help = ""}, "default of a.b: 'x' is not an integer"},
        {{"a.b", CONF_INT, 0, "12", 0, 9, .help = ""},
         "default of a.b: '12' is not an integer in 0..9"},
        {{"a.b", CONF_INT, 0, NULL, 0, 0, .help = ""},
         "default of a.b: only a text can be without one"},
        {{"a.*.b", CONF_INT, 0, "1", 0, 0, .help = ""},
         "default of a.*.b: the table has no such map"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t field[64];
        const struct conf_table broken = {&rows[i].option, 1, NULL, 0};
        assert_refused(conf_defaults(&broken, field), 0, rows[i].message);
    }
}

/* --- bases --- */

static const struct conf_table with_base = {options, ARRAY_LEN(options), maps, ARRAY_LEN(maps),
                                            "another file"};
static char folder[] = "test_conf_base.XXXXXX";
static char below[64], above[64];

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup_bases(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(below, sizeof below, "%s/below.yaml", folder);
    snprintf(above, sizeof above, "%s/above.yaml", folder);
    return setup(state);
}

static int teardown_bases(void **state)
{
    (void)state;
    unlink(below);
    unlink(above);
    rmdir(folder);
    snprintf(folder, sizeof folder, "test_conf_base.XXXXXX");
    return 0;
}

/* What this file says holds, group by group down to the single key; the rest is its base's. */
static void test_base(void **state)
{
    (void)state;
    put(below, "run: {name: below,\n      seed: 5}\nviews: {size: 32, sigma: [.2, .3]}\n"
               "datasets: {a: {path: p, limit: 3}}\n");
    put(above, "base: below.yaml\n\nrun: {name: above}\nviews:\n  size: 64\n"
               "datasets: {a: {limit: 4}, b: {path: q}}\n");
    if (conf_load(&with_base, &owner, above) < 0)
        fail_msg("%s", err_text());
    assert_string_equal(owner.run.name, "above");
    assert_int_equal(owner.run.seed, 5);
    assert_int_equal(owner.views.size, 64);
    assert_true(owner.views.sigma[0] == .2);
    assert_int_equal(owner.n_datasets, 2);
    assert_int_equal(owner.datasets[0].limit, 4);
    assert_string_equal(owner.datasets[0].path, "p");
    assert_int_equal(conf_line("run.name"), 3);
    assert_null(conf_line_base("run.name"));
    assert_int_equal(conf_line("run.seed"), 2);
    assert_string_equal(conf_line_base("run.seed"), below);
    assert_int_equal(conf_line("views"), 4);
    assert_int_equal(conf_line("optim"), 0);
    assert_null(conf_line_base("optim"));
    /* the next file has no base: nothing is left of this one */
    assert_int_equal(conf_load(&with_base, &owner, below), 0);
    assert_null(conf_line_base("run.seed"));
    char full[4200];
    assert_non_null(realpath(below, full));
    char text[4300];
    snprintf(text, sizeof text, "base: %s\n", full);
    put(above, text);
    setup(NULL);
    assert_int_equal(conf_load(&with_base, &owner, above), 0);
    assert_string_equal(owner.run.name, "below");
}

static void test_refused_bases(void **state)
{
    (void)state;
    static const struct {
        const char *below, *above, *says;
    } rows[] = {
        {"run: {sed: 1}\n", "base: below.yaml\n",
         "below.yaml:1: run.sed: unknown key; the nearest known one is 'run.seed'"},
        {"run: {seed: 1}\nrun: {seed: 2}\n", "base: below.yaml\n",
         "below.yaml:2: run: is given twice, first in line 1"},
        {"run: {seed: 1}\n", "base: below.yaml\nrun: {seed: 2}\n\nrun: {seed: 3}\n",
         "above.yaml:4: run: is given twice, first in line 2"},
        {"", "run: {seed: 1}\nbase: below.yaml\n",
         "above.yaml:2: base: must be the first key of the file"},
        {"", "base: below.yaml\nbase: below.yaml\n",
         "above.yaml:2: base: must be the first key of the file"},
        {"base: other.yaml\n", "base: below.yaml\n",
         "below.yaml:1: base: this file is a base, which has none of its own"},
        {"", "base: above.yaml\n", /* a circle is a base with a base */
         "above.yaml:1: base: this file is a base, which has none of its own"},
        {"", "base: [below.yaml]\n", "above.yaml:1: base: is not the name of a file"},
        {"", "base: ''\n", "above.yaml:1: base: is not the name of a file"},
        {"", "base:\n", "above.yaml:1: base: is not the name of a file"},
        {"- 1\n", "base: below.yaml\n", "below.yaml:1: the file must be a mapping of options"},
        {"run: {\n", "base: below.yaml\n", "below.yaml:1: not valid YAML"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        put(below, rows[i].below);
        put(above, rows[i].above);
        setup(NULL);
        int rc = conf_load(&with_base, &owner, above);
        char expected[200];
        snprintf(expected, sizeof expected, "%s/%s", folder, rows[i].says);
        if (rc != -EINVAL || strncmp(err_text(), expected, strlen(expected)) != 0)
            fail_msg("%d %s: not %s", rc, rc < 0 ? err_text() : "accepted", expected);
    }
    unlink(below);
    put(above, "\nbase: below.yaml\n");
    assert_int_equal(conf_load(&with_base, &owner, above), -EINVAL);
    char expected[200];
    snprintf(expected, sizeof expected, "%s:2: base: %s: No such file or directory", above, below);
    assert_string_equal(err_text(), expected);
    assert_int_equal(conf_set(&with_base, &owner, "base=below.yaml"), -EINVAL);
    assert_string_equal(err_text(), "--set base: stands in files only");
    put(above, "base: below.yaml\n"); /* a table without bases knows no such key */
    assert_int_equal(conf_load(&table, &owner, above), -EINVAL);
    assert_non_null(strstr(err_text(), "base: unknown key"));
}

#define FRESH(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        FRESH(test_defaults),
        FRESH(test_load),
        FRESH(test_little_files),
        FRESH(test_refused_files),
        FRESH(test_long_texts),
        FRESH(test_unreadable_files),
        FRESH(test_set),
        FRESH(test_complete),
        FRESH(test_broken_tables),
        cmocka_unit_test_setup_teardown(test_base, setup_bases, teardown_bases),
        cmocka_unit_test_setup_teardown(test_refused_bases, setup_bases, teardown_bases),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
