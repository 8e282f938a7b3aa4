/* SPDX-License-Identifier: Apache-2.0 */
/* conf_print: the dump reads back to the same values, whatever they are, and the help is a table.
 */
#include "test.h"

#include "common/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
    char name[CONF_NAME_MAX];
    char path[CONF_STR_MAX];
    double limit;
};

struct owner {
    char text[CONF_STR_MAX];
    int64_t integer;
    double number, numbers[5];
    bool yes;
    int index;
    struct conf_strs texts;
    struct entry entries[4];
    size_t n;
};

#define AT(field) offsetof(struct owner, field)
static const char *const choices[] = {"auto", "ref", NULL};
/* The groups are torn apart on purpose: a dump must still open each but once. */
static const struct conf_option options[] = {
    {"a.text", CONF_STR, AT(text), NULL, .help = "words"},
    {"b", CONF_INT, AT(integer), "1", .help = "top"},
    {"a.deep.number", CONF_FLOAT, AT(number), "1", 0, 9, "s", "a number"},
    {"sets.*.path", CONF_STR, offsetof(struct entry, path), NULL, .help = "place"},
    {"c.yes", CONF_BOOL, AT(yes), "false", .help = "or no"},
    {"a.deep.numbers", CONF_FLOATS, AT(numbers), "[1,2,3,4,5]", .help = "five", .count = 5},
    {"c.index", CONF_ENUM, AT(index), "ref", .help = "which", .choices = choices},
    {"a.texts", CONF_STRS, AT(texts), "[]", .help = "more words"},
    {"sets.*.limits.high", CONF_FLOAT, offsetof(struct entry, limit), "5", .help = "most"},
};
static const struct conf_map maps[] = {{"sets", AT(entries), sizeof(struct entry), AT(n), 4}};
static const struct conf_table table = {options, ARRAY_LEN(options), maps, ARRAY_LEN(maps)};

static char *dumped(const struct owner *o)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(conf_dump(&table, o, out), 0);
    fclose(out);
    return text;
}

static void test_layout(void **state)
{
    (void)state;
    struct owner o;
    assert_int_equal(conf_defaults(&table, &o), 0);
    auto_free char *empty = dumped(&o);
    assert_string_equal(empty, "a:\n"
                               "    text: \"\"\n"
                               "    deep:\n"
                               "        number: 1\n"
                               "        numbers: [1, 2, 3, 4, 5]\n"
                               "    texts: []\n"
                               "b: 1\n"
                               "sets: {}\n"
                               "c:\n"
                               "    yes: false\n"
                               "    index: ref\n");
    assert_int_equal(conf_set(&table, &o, "sets.x.path=p"), 0);
    auto_free char *filled = dumped(&o);
    assert_non_null(strstr(filled, "b: 1\n"
                                   "sets:\n"
                                   "    x:\n"
                                   "        path: \"p\"\n"
                                   "        limits:\n"
                                   "            high: 5\n"
                                   "c:\n"));
}

static void test_reads_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "plain",
        "a: b",
        "- a",
        "#x",
        "\"quoted\" 'twice'",
        "back\\slash",
        "~",
        "null",
        "true",
        "1e5",
        "*x",
        "&x",
        "!x",
        "{x}",
        "[x]",
        "a, b",
        " padded ",
        "---",
        "tcp://node1:5555",
        "%YAML",
        "@x",
        "`x`",
        "a\xc3\xa9z",
        "\xe2\x80\xa8",
    };
    char path[] = "test_conf_print.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        static struct owner o, back;
        memset(&o, 0, sizeof o);
        memset(&back, 0, sizeof back);
        assert_int_equal(conf_defaults(&table, &o), 0);
        assert_int_equal(conf_defaults(&table, &back), 0);
        snprintf(o.text, sizeof o.text, "%s", texts[i]);
        o.integer = INT64_MIN + (int64_t)i;
        o.number = (double)i / 7;
        o.numbers[0] = 1e-300 / (double)(i + 1);
        o.numbers[2] = -1e17 / (double)(i + 3);
        o.yes = i % 2;
        o.index = (int)(i % 2);
        o.texts.n = i % CONF_LIST_MAX;
        for (size_t j = 0; j < o.texts.n; j++)
            snprintf(o.texts.v[j], CONF_STR_MAX, "%s", texts[j]);
        o.n = i % 5;
        for (size_t j = 0; j < o.n; j++) {
            snprintf(o.entries[j].name, CONF_NAME_MAX, "%zu-entry", 9 - j); /* the order stays */
            snprintf(o.entries[j].path, CONF_STR_MAX, "%s", texts[i]);
            o.entries[j].limit = 0.1 * (double)i;
        }
        auto_free char *text = dumped(&o);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
        if (conf_load(&table, &back, path) != 0)
            fail_msg("%s in\n%s", err_text(), text);
        assert_memory_equal(&o, &back, sizeof o);
    }
    unlink(path);
}

static void test_write_error(void **state)
{
    (void)state;
    struct owner o;
    assert_int_equal(conf_defaults(&table, &o), 0);
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(conf_dump(&table, &o, full), -EIO);
    fclose(full);
}

static char *printed(void (*print)(const struct conf_table *table, FILE *out))
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(&table, out);
    fclose(out);
    return text;
}

static void test_help(void **state)
{
    (void)state;
    auto_free char *text = printed(conf_help);
    assert_string_equal(text, "  a.text              required    words\n\n"
                              "  b                   1           top (integer)\n"
                              "\n"
                              "  a.deep.number       1           a number (number in 0..9 s)\n"
                              "\n"
                              "  sets.*.path         required    place\n"
                              "\n"
                              "  c.yes               false       or no (true or false)\n"
                              "\n"
                              "  a.deep.numbers      [1,2,3,4,5]\n"
                              "                                  five (list of 5 numbers)\n"
                              "\n"
                              "  c.index             ref         which (auto | ref)\n"
                              "\n"
                              "  a.texts             []          more words (list of texts)\n"
                              "\n"
                              "  sets.*.limits.high  5           most (number)\n");
}

static void test_man(void **state)
{
    (void)state;
    auto_free char *text = printed(conf_man);
    assert_non_null(strstr(text, ".TP\n\\fBa.text\\fR  required\nwords\n.TP\n\\fBb\\fR  1\n"));
    assert_non_null(strstr(text, "\\fBc.index\\fR  ref\nwhich (auto | ref)\n"));
    assert_non_null(strstr(text, "\\fBa.deep.number\\fR  1\na number (number in 0..9 s)\n"));
}

/* A table whose files may have a base says so before its options. */
static void test_base(void **state)
{
    (void)state;
    struct conf_table with = table;
    with.base = "another file";
    char *text[2] = {NULL};
    size_t len;
    for (int i = 0; i < 2; i++) {
        FILE *out = open_memstream(&text[i], &len);
        assert_non_null(out);
        (i ? conf_man : conf_help)(&with, out);
        fclose(out);
    }
    static const char *const begins[] = {
        "  base                none        another file\n\n  a.text ",
        ".TP\n\\fBbase\\fR  none\nanother file\n.TP\n\\fBa.text",
    };
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(strstr(text[i], begins[i]), text[i]);
    free(text[0]);
    free(text[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),      cmocka_unit_test(test_reads_back),
        cmocka_unit_test(test_write_error), cmocka_unit_test(test_help),
        cmocka_unit_test(test_man),         cmocka_unit_test(test_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
