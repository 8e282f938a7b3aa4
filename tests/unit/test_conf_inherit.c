/* SPDX-License-Identifier: Apache-2.0 */
/* conf_inherit: an option without a value of its own has the one it inherits, whatever gave that
 * one; the word goes through file, --set, dump and --help; broken tables are refused. */
#include "test.h"

#include "common/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct law {
    int64_t size;
    double flip, scale[2];
    int order;
};

struct owner {
    struct law first, second, third;
};

#define AT(field) offsetof(struct owner, field)
static const char *const orders[] = {"image", "batch", NULL};
static const struct conf_option options[] = {
    {"v.size", CONF_INT, AT(first.size), "96", 1, 1024, "pixels", "side"},
    {"v.flip", CONF_FLOAT, AT(first.flip), ".5", 0, 1, NULL, "probability"},
    {"v.scale", CONF_FLOATS, AT(first.scale), "[.2, 1]", 0, 1, NULL, "area", NULL, 2},
    {"v.order", CONF_ENUM, AT(first.order), "image", 0, 0, NULL, "of", orders},
    {"v.second.size", CONF_INT, AT(second.size), "inherit", 1, 1024, "pixels", "side",
     .inherits = "v.size"},
    {"v.second.flip", CONF_FLOAT, AT(second.flip), "inherit", 0, 1, NULL, "probability",
     .inherits = "v.flip"},
    {"v.second.scale", CONF_FLOATS, AT(second.scale), "inherit", 0, 1, NULL, "area", NULL, 2,
     "v.scale"},
    {"v.second.order", CONF_ENUM, AT(second.order), "inherit", 0, 0, NULL, "of", orders,
     .inherits = "v.order"},
    {"v.third.flip", CONF_FLOAT, AT(third.flip), "inherit", 0, 1, NULL, "probability",
     .inherits = "v.second.flip"}, /* of one that inherits itself */
};
static const struct conf_table table = {options, ARRAY_LEN(options), NULL, 0};

static struct owner owner, resolved;

static int setup(void **state)
{
    (void)state;
    memset(&owner, 0xa5, sizeof owner);
    return conf_defaults(&table, &owner);
}

static void set(const char *assignment)
{
    if (conf_set(&table, &owner, assignment) < 0)
        fail_msg("%s", err_text());
    resolved = owner;
    conf_resolve(&table, &resolved);
}

static void test_takes_what_it_inherits(void **state)
{
    (void)state;
    set("v.flip=.25");
    assert_true(resolved.second.flip == .25 && resolved.third.flip == .25);
    assert_int_equal(resolved.second.size, 96);
    assert_true(resolved.second.scale[0] == .2 && resolved.second.scale[1] == 1);
    assert_int_equal(resolved.second.order, 0);
    set("v.second.flip=0"); /* a value of its own, even the smallest */
    set("v.second.size=1");
    set("v.second.scale=[0, 0]");
    set("v.second.order=image");
    set("v={flip: .75, size: 7, scale: [.5, .6], order: batch}");
    assert_true(resolved.first.flip == .75 && resolved.second.flip == 0);
    assert_true(resolved.third.flip == 0);
    assert_int_equal(resolved.second.size, 1);
    assert_true(resolved.second.scale[0] == 0 && resolved.second.scale[1] == 0);
    assert_int_equal(resolved.second.order, 0);
    /* ... taken back */
    set("v.second={flip: inherit, size: inherit, scale: inherit, order: inherit}");
    assert_true(resolved.second.flip == .75 && resolved.third.flip == .75);
    assert_int_equal(resolved.second.size, 7);
    assert_true(resolved.second.scale[0] == .5 && resolved.second.scale[1] == .6);
    assert_int_equal(resolved.second.order, 1);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *set, *says;
    } rows[] = {
        {"v.flip=inherit", "--set v.flip: 'inherit' is not a number in 0..1"},
        {"v.second.flip=2", "--set v.second.flip: '2' is not a number in 0..1 or inherit"},
        {"v.second.size=x",
         "--set v.second.size: 'x' is not an integer in 1..1024 pixels or inherit"},
        {"v.second.order=x", "--set v.second.order: 'x' is not one of image | batch or inherit"},
        {"v.second.scale=[inherit, 1]", "--set v.second.scale: 'inherit' is not a number in 0..1"},
        {"v.second.scale=[inherit]",
         "--set v.second.scale: takes a list of 2 numbers in 0..1 or inherit, not a list of 1"},
        {"v.second.scale=1",
         "--set v.second.scale: takes a list of 2 numbers in 0..1 or inherit, not one value"},
        {"v.second.flip=",
         "--set v.second.flip: has no value; it takes a number in 0..1 or inherit"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(conf_set(&table, &owner, rows[i].set), -EINVAL);
        assert_string_equal(err_text(), rows[i].says);
    }
}

static void test_dump_reads_back(void **state)
{
    (void)state;
    set("v.second={flip: .125, order: batch}");
    auto_free char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(conf_dump(&table, &owner, out), 0);
    fclose(out);
    assert_string_equal(text, "v:\n"
                              "    size: 96\n"
                              "    flip: 0.5\n"
                              "    scale: [0.2, 1]\n"
                              "    order: image\n"
                              "    second:\n"
                              "        size: inherit\n"
                              "        flip: 0.125\n"
                              "        scale: inherit\n"
                              "        order: batch\n"
                              "    third:\n"
                              "        flip: inherit\n");
    char path[] = "test_conf_inherit.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    assert_int_equal(conf_defaults(&table, &owner), 0);
    int rc = conf_load(&table, &owner, path);
    unlink(path);
    assert_int_equal(rc, 0);
    set("v.size=8");
    assert_int_equal(resolved.second.size, 8); /* still inherits */
    assert_true(resolved.second.flip == .125 && resolved.third.flip == .125);
    assert_int_equal(resolved.second.order, 1);
}

static void test_help(void **state)
{
    (void)state;
    auto_free char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    conf_help(&table, out);
    fclose(out);
    assert_non_null(strstr(text, " or inherit: v.size)\n"));
    assert_non_null(strstr(text, "(number in 0..1 or inherit: v.second.flip)\n"));
}

static void test_broken_tables(void **state)
{
    (void)state;
    static const struct conf_option broken[][2] = {
        {{"a", CONF_FLOAT, 0, "0"}, {"b", CONF_FLOAT, 8, "inherit", .inherits = "c"}},
        {{"b", CONF_FLOAT, 8, "inherit", .inherits = "a"}, {"a", CONF_FLOAT, 0, "0"}},
        {{"a", CONF_INT, 0, "0", 0, 1}, {"b", CONF_FLOAT, 8, "inherit", .inherits = "a"}},
        {{"a", CONF_INT, 0, "0"}, {"b", CONF_INT, 8, "inherit", .inherits = "a"}}, /* unbounded */
        {{"a", CONF_BOOL, 0, "true"}, {"b", CONF_BOOL, 8, "inherit", .inherits = "a"}},
        {{"a", CONF_FLOATS, 0, "[0]", .count = 1},
         {"b", CONF_FLOATS, 8, "inherit", .count = 2, .inherits = "a"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        double space[4];
        const struct conf_table t = {broken[i], 2, NULL, 0};
        assert_int_equal(conf_defaults(&t, space), -EINVAL);
        assert_non_null(strstr(err_text(), "default of b: it cannot inherit from "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_takes_what_it_inherits, setup),
        cmocka_unit_test_setup(test_refused, setup),
        cmocka_unit_test_setup(test_dump_reads_back, setup),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_broken_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
