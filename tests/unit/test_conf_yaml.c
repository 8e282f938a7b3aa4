/* SPDX-License-Identifier: Apache-2.0 */
/* conf_yaml: the events of a text with their lines, and which bytes are text at all. */
#include "test.h"

#include "common/conf_yaml.h"

#include <errno.h>
#include <string.h>

static const struct conf_where where = {.path = "f", .line = 1, .key = ""};

static void test_events(void **state)
{
    (void)state;
    static const struct {
        enum conf_yaml_kind kind;
        int line;
        const char *text;
        bool plain;
    } rows[] = {
        {CONF_YAML_MAP, 2, NULL, false},      {CONF_YAML_SCALAR, 2, "a", true},
        {CONF_YAML_LIST, 3, NULL, false},     {CONF_YAML_SCALAR, 3, "1", true},
        {CONF_YAML_SCALAR, 4, "it's", false}, {CONF_YAML_LIST_END, 5, NULL, false},
        {CONF_YAML_SCALAR, 5, "b", true},     {CONF_YAML_SCALAR, 5, "", true},
        {CONF_YAML_SCALAR, 6, "c", false},    {CONF_YAML_SCALAR, 6, "\xc3\xa9", true},
        {CONF_YAML_MAP_END, 7, NULL, false},  {CONF_YAML_END, 7, NULL, false},
        {CONF_YAML_END, 7, NULL, false},
    };
    const char *text = "# head\na:\n  - 1\n  - 'it''s'\nb:\n\"c\": \xc3\xa9\n";
    struct conf_yaml *yaml;
    assert_int_equal(conf_yaml_new(text, strlen(text), &where, &yaml), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_yaml_event event;
        assert_int_equal(conf_yaml_next(yaml, &event), 0);
        assert_int_equal(event.kind, rows[i].kind);
        if (event.kind != CONF_YAML_END)
            assert_int_equal(event.scalar.line, rows[i].line);
        if (!rows[i].text)
            continue;
        assert_string_equal(event.scalar.text, rows[i].text);
        assert_int_equal(event.scalar.plain, rows[i].plain);
    }
    conf_yaml_free(yaml);
    conf_yaml_free(NULL);
}

/* Every way out: the error, and no memory left behind (the sanitizers look). */
static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"a: *b", "f:1: aliases (*) are not supported"},
        {"a:\n  &b c", "f:2: anchors (&) are not supported"},
        {"&b {a: 1}", "f:1: anchors (&) are not supported"},
        {"a: [!x 1]", "f:1: tags (!) are not supported"},
        {"a\n---\nb", "f:2: a second document begins here"},
        {"a: \"b\\tc\"", "f:1: the text has a line break or control character in it"},
        {"a: \"b\\0c\"", "f:1: the text has a line break or control character in it"},
        {"a: [", "f:1: not valid YAML: "},
        {"a: \"b", "f:1: not valid YAML: "},
        {"a: 1\nb: c: d", "f:2: not valid YAML: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_yaml *yaml;
        struct conf_yaml_event event = {.kind = CONF_YAML_MAP};
        assert_int_equal(conf_yaml_new(rows[i].text, strlen(rows[i].text), &where, &yaml), 0);
        int rc = 0;
        while (rc == 0 && event.kind != CONF_YAML_END)
            rc = conf_yaml_next(yaml, &event);
        assert_int_equal(rc, -EINVAL);
        if (strncmp(err_text(), rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("'%s': '%s'", rows[i].text, err_text());
        conf_yaml_free(yaml);
    }
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        bool good;
    } rows[] = {
        {"\x7f", 1, true},
        {"\xc2\x80", 2, true},
        {"\xdf\xbf", 2, true},
        {"\xe0\xa0\x80", 3, true},
        {"\xed\x9f\xbf", 3, true},
        {"\xef\xbf\xbd", 3, true},
        {"\xf0\x90\x80\x80", 4, true},
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"\0", 1, false},
        {"\x80", 1, false},             /* a continuation by itself */
        {"\xc3", 1, false},             /* cut */
        {"\xc3\x41", 2, false},         /* no continuation */
        {"\xc1\xbf", 2, false},         /* too long a way to say it */
        {"\xe0\x9f\xbf", 3, false},     /* the same */
        {"\xf0\x8f\xbf\xbf", 4, false}, /* the same */
        {"\xed\xa0\x80", 3, false},     /* half of a UTF-16 pair */
        {"\xf4\x90\x80\x80", 4, false}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 4, false},
        {"\xff\xfe", 2, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[16] = "#\n# ";
        memcpy(text + 4, rows[i].bytes, rows[i].len);
        struct conf_yaml *yaml = NULL;
        int rc = conf_yaml_new(text, 4 + rows[i].len, &where, &yaml);
        assert_int_equal(rc, rows[i].good ? 0 : -EINVAL);
        if (!rows[i].good)
            assert_string_equal(err_text(), "f:2: not UTF-8 text (byte 4)");
        conf_yaml_free(yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
