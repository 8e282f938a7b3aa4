/* SPDX-License-Identifier: Apache-2.0 */
/* usage_man: the page has every row that --help has, in man's order of sections, and the same rows
 * give the same bytes. tests/flow/manual.sh lets groff read the real ones. */
#include "test.h"

#include "common/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 14 }; /* bytes of what a test prints */

static const struct usage_option rows[] = {
    {"set", "KEY=VALUE", 's', "override one key", USAGE_REPEATED},
    {"run-dir", "DIR", 'o', "where to", USAGE_REQUIRED},
};
static const struct usage verb = {
    .name = "look",
    .program = "augstream-tool",
    .summary = "look at something",
    .operands = "ENDPOINT",
    .about = "Looks.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};
static const struct usage *const verbs[] = {&verb};
static const struct usage_section sections[] = {{"Examples", "    augstream-tool look"}};
static const struct conf_option keys_rows[] = {{"size", CONF_INT, 0, "1", .help = "how large"}};
static const struct conf_table keys = {keys_rows, 1, NULL, 0};
static const struct usage tool = {
    .name = "augstream-tool",
    .chapter = 8,
    .summary = "do things",
    .operands = "VERB ...",
    .about = ".Does things.",
    .verbs = verbs,
    .n_verbs = 1,
    .keys = &keys,
    .keys_of = "FILE",
    .sections = sections,
    .n_sections = 1,
};

static char *page(const struct usage *usage)
{
    char *text = calloc(1, TEXT_MAX);
    assert_non_null(text);
    FILE *out = fmemopen(text, TEXT_MAX - 1, "w");
    assert_non_null(out);
    usage_man(usage, out);
    fclose(out);
    return text;
}

static void test_order(void **state)
{
    (void)state;
    static const char *const parts[] = {
        ".TH AUGSTREAM-TOOL 8 \"\" \"augstream " AUGSTREAM_VERSION "\" \"System Administration\"\n",
        ".SH \"NAME\"\naugstream\\-tool \\- do things\n",
        ".SH \"SYNOPSIS\"\n.HP\n\\fBaugstream\\-tool\\fR\nVERB\\ \\&...\\&\n",
        ".SH \"DESCRIPTION\"\n\\&.Does things.\n",
        (".SH \"VERBS\"\n.SS look\n.HP\n\\fBaugstream\\-tool\\ look\\fR\nENDPOINT\\&\n"
         "[\\-\\-set\\ KEY=VALUE\\ \\&...]\\&\n\\-\\-run\\-dir\\ DIR\\&\n.PP\nLooks.\n"),
        ".TP\n\\fB\\-\\-set KEY=VALUE\\fR\noverride one key\n",
        ".TP\n\\fB\\-\\-run\\-dir DIR\\fR\nwhere to\n",
        ".SH \"OPTIONS\"\n.TP\n\\fB\\-\\-help[=FORM]\\fR\n",
        ".TP\n\\fB\\-\\-version\\fR\n",
        ".SH \"KEYS\"\n",
        ".TP\n\\fBsize\\fR  1\nhow large (integer)\n",
        ".SH \"EXAMPLES\"\n.RS 4\n.EX\naugstream\\-tool look\n.EE\n",
        ".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nsuccess\n",
        ".TP\n\\fB78\\fR\n",
        ".SH \"SEE ALSO\"\n\\fBaugstream\\-evaluate\\fR(1),\n",
        "\\fBaugstream\\-loaderd\\fR(8),\n",
    };
    auto_free char *text = page(&tool);
    const char *at = text;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const char *found = strstr(at, parts[i]);
        if (!found)
            fail_msg("not there, or not in its place: %s\nin %s", parts[i], at);
        at = found + strlen(parts[i]);
    }
    auto_free char *again = page(&tool);
    assert_string_equal(text, again);
}

static void test_not_itself(void **state)
{
    (void)state;
    struct usage trainer = tool;
    trainer.name = "augstream-trainer";
    trainer.n_verbs = 0;
    trainer.keys = NULL;
    auto_free char *text = page(&trainer);
    const char *see = strstr(text, ".SH \"SEE ALSO\"");
    assert_non_null(see);
    assert_null(strstr(see, "trainer"));
    assert_null(strstr(text, ".SH \"VERBS\""));
    assert_null(strstr(text, ".SH \"KEYS\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_not_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
