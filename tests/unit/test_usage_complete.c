/* SPDX-License-Identifier: Apache-2.0 */
/* usage_complete: every row of a program is in both scripts, and what a shell would read as its own
 * is quoted. That shells read them, and what they offer, is tests/flow/completion.sh's. */
#include "test.h"

#include "common/auto.h"
#include "common/usage.h"

#include <stdlib.h>
#include <string.h>

static const char *const colours[] = {"red", "green", NULL};
static const struct conf_option key_rows[] = {
    {"run.size", CONF_INT, 0, "1", .help = "how large"},
    {"run.colour", CONF_ENUM, 8, "red", .help = "which", .choices = colours},
    {"run.loud", CONF_BOOL, 16, "false", .help = "or not"},
    {"sets.*.path", CONF_STR, 24, NULL, .help = "where"},
};
static const struct conf_table keys = {.options = key_rows, .n_options = ARRAY_LEN(key_rows)};
static const struct usage_option rows[] = {
    {"out", "FILE.png", 'o', "it's [here]: a\\b", USAGE_REQUIRED},
    {"set", "KEY=VALUE", 's', "override", USAGE_REPEATED, .keys = &keys},
    {"as", "FORM", 'a', "which", .choices = "text json"},
    {"count", "N", 'n', "how many"},
    {"fast", NULL, 'f', "quick"},
};
static const struct usage verb = {.name = "draw",
                                  .program = "augstream-toy",
                                  .summary = "it's a: picture",
                                  .operands = "FILE",
                                  .options = rows,
                                  .n_options = ARRAY_LEN(rows)};
static const struct usage *const verbs[] = {&verb};
static const struct usage tool = {
    .name = "augstream-toy", .operands = "VERB ...", .verbs = verbs, .n_verbs = 1};

static char *printed(void (*print)(const struct usage *, FILE *))
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(&tool, out);
    fclose(out);
    return text;
}

static void assert_all(const char *text, const char *const *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(text, wanted[i]))
            fail_msg("no '%s' in:\n%s", wanted[i], text);
}

static void test_bash(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "\n_augstream_toy()\n{\n",
        "keys='run.size= run.colour= run.loud='\n",
        "    run.colour) words='red green' ;;\n",
        "    run.loud) words='true false' ;;\n",
        "    draw)\n",
        "        --out) files=1 ;;\n",
        "        --set) words=$keys ;;\n",
        "        --as) words='text json' ;;\n",
        "        --count) return ;;\n",
        "        --help) words='man bash zsh' ;;\n",
        "words='--out --set --as --count --fast --help --version'\n",
        "            words='draw'\n",
        "\ncomplete -F _augstream_toy augstream-toy\n",
    };
    auto_free char *text = printed(usage_bash);
    assert_all(text, wanted, ARRAY_LEN(wanted));
    assert_null(strstr(text, "sets."));     /* under a name that nobody can guess */
    assert_null(strstr(text, "--fast) "));  /* takes nothing */
    assert_null(strstr(text, "run.size)")); /* any number */
}

static void test_zsh(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "#compdef augstream-toy\n",
        "compadd -S '' -- run.size= run.colour= run.loud=\n",
        "            'draw:it'\\''s a: picture'\n",
        "        '--out=[it'\\''s \\[here\\]\\: a\\\\b]:FILE.png:_files' \\\n",
        "        '*--set=[override]:KEY=VALUE:_augstream-toy_keys' \\\n",
        "        '--as=[which]:FORM:(text json)' \\\n",
        "        '--count=[how many]:N:' \\\n",
        "        '--fast[quick]' \\\n",
        "]::FORM:(man bash zsh)' \\\n",
        "        '--version[the version]' \\\n        '*:file:_files'\n",
    };
    auto_free char *text = printed(usage_zsh);
    assert_all(text, wanted, ARRAY_LEN(wanted));
    assert_int_equal(strncmp(text, "#compdef ", 9), 0); /* in its first line, or zsh does not see */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bash),
        cmocka_unit_test(test_zsh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
