/* SPDX-License-Identifier: Apache-2.0 */
/* usage: the rows are the command line: every option is taken, everything else is refused with one
 * message, and the help has them all. */
#include "test.h"

#include "common/usage.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 14 }; /* bytes of what a test prints */

static const struct usage_option rows[] = {
    {"set", "KEY=VALUE", 's', "override one key", USAGE_REPEATED},
    {"out", "FILE", 'o', "where to", USAGE_REQUIRED},
    {"resume", NULL, 'r', "go on"},
    {"steps", "N", 'n', "end after N steps"},
};
static const struct usage verb = {
    .name = "look",
    .program = "tool",
    .summary = "look at something",
    .operands = "",
    .about = "Looks.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};
static const struct usage *const verbs[] = {&verb};
static const struct usage_section sections[] = {{"Examples", "    tool look --out x"}};
static const struct conf_option keys_rows[] = {{"size", CONF_INT, 0, "1", .help = "how large"}};
static const struct conf_table keys = {keys_rows, 1, NULL, 0};
static const struct usage tool = {
    .name = "tool",
    .chapter = 1,
    .summary = "do things",
    .operands = "FILE.yaml",
    .about = "Does things.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .verbs = verbs,
    .n_verbs = 1,
    .keys = &keys,
    .keys_of = "FILE.yaml",
    .sections = sections,
    .n_sections = 1,
};

enum { ARGS_MAX = 8 };

/* One command line: its keys in order as text, or the message. */
static void read_line(const char *const *args, char *ret, size_t cap)
{
    char copies[ARGS_MAX][64], *argv[ARGS_MAX + 2] = {"tool"};
    int argc = 1, key = 0;
    for (; args[argc - 1]; argc++) {
        snprintf(copies[argc - 1], sizeof copies[0], "%s", args[argc - 1]);
        argv[argc] = copies[argc - 1];
    }
    size_t used = 0;
    optind = 0; /* glibc: begin anew */
    ret[0] = 0;
    while ((key = usage_next(&tool, argc, argv)) > 0)
        used += (size_t)snprintf(ret + used, cap - used, "%c(%s)", key, optarg ? optarg : "");
    if (key < 0) {
        assert_int_equal(key, -EINVAL);
        snprintf(ret, cap, "%s", err_text());
        return;
    }
    for (int i = optind; i < argc; i++)
        used += (size_t)snprintf(ret + used, cap - used, " %s", argv[i]);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *args[ARGS_MAX];
        const char *expected;
    } cases[] = {
        {{NULL}, ""},
        {{"f", "--set", "a=1", "--resume", "--set=b=-2", "g"}, "s(a=1)r()s(b=-2) f g"},
        {{"--steps", "-1", "--", "--resume"}, "n(-1) --resume"},
        {{"--res"}, "r()"},
        {{"--fast", "--resume"}, "unrecognized option '--fast' (--help lists the options)"},
        {{"--s"}, "unrecognized option '--s' (--help lists the options)"},
        {{"f", "--set"}, "--set needs a value (--help lists the options)"},
        {{"--resume=x"}, "--resume=x: --resume takes no value"},
        {{"--version=x"}, "--version=x: --version takes no value"},
        {{"-r"}, "unrecognized option '-r' (--help lists the options)"},
        {{"--set=a", "-rx"}, "unrecognized option '-r' (--help lists the options)"},
        {{"--resume", "-x"}, "unrecognized option '-x' (--help lists the options)"},
        {{"--help=html"}, "--help=html: man, bash and zsh are the forms there are"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[256];
        read_line(cases[i].args, got, sizeof got);
        assert_string_equal(got, cases[i].expected);
    }
}

/* What a command line makes usage_next print, and that nothing else is to be done then. */
static char *told(const struct usage *usage, const char *argument)
{
    char copy[32], path[] = "test_usage.XXXXXX", *argv[] = {"tool", copy, NULL};
    snprintf(copy, sizeof copy, "%s", argument);
    auto_close int file = mkstemp(path);
    fflush(stdout);
    auto_close int kept = dup(STDOUT_FILENO);
    assert_true(file >= 0 && kept >= 0 && dup2(file, STDOUT_FILENO) >= 0);
    optind = 0;
    int key = usage_next(usage, 2, argv);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    unlink(path);
    assert_int_equal(key, USAGE_TOLD);
    char *text = calloc(1, TEXT_MAX);
    assert_non_null(text);
    assert_true(pread(file, text, TEXT_MAX - 1, 0) > 0);
    return text;
}

static char *printed(const struct usage *usage, void (*print)(const struct usage *u, FILE *out))
{
    char *text = calloc(1, TEXT_MAX);
    assert_non_null(text);
    FILE *out = fmemopen(text, TEXT_MAX - 1, "w");
    assert_non_null(out);
    print(usage, out);
    fclose(out);
    return text;
}

static void test_told(void **state)
{
    (void)state;
    auto_free char *version = told(&tool, "--version"), *of_verb = told(&verb, "--version");
    assert_string_equal(version, "tool " AUGSTREAM_VERSION "\n");
    assert_string_equal(of_verb, version);
    auto_free char *help = told(&tool, "--help"), *same = printed(&tool, usage_help);
    assert_string_equal(help, same);
    auto_free char *man = told(&tool, "--help=man"), *page = printed(&tool, usage_man);
    assert_string_equal(man, page);
    assert_string_not_equal(help, man);
}

static void test_help(void **state)
{
    (void)state;
    auto_free char *text = printed(&tool, usage_help);
    assert_string_equal(
        text, "Usage: tool FILE.yaml [--set KEY=VALUE ...] --out FILE [--resume] [--steps N]\n"
              "\n"
              "Does things.\n"
              "\n"
              "Verbs (VERB --help tells more):\n"
              "  look  look at something\n"
              "\n"
              "Options:\n"
              "  --set KEY=VALUE  override one key\n"
              "  --out FILE       where to\n"
              "  --resume         go on\n"
              "  --steps N        end after N steps\n"
              "  --help[=FORM]    this text; =man: as a manual page; =bash, =zsh: what "
              "completes it in that shell\n"
              "  --version        the version\n"
              "\n"
              "Examples:\n"
              "    tool look --out x\n"
              "\n"
              "Exit codes:\n"
              "   0  success\n"
              "  64  the command line is wrong\n"
              "  65  data is missing, out of reach or damaged: a dataset, a file, a checkpoint\n"
              "  69  nobody answers, an address cannot be had, or a disk is full\n"
              "  70  anything else: no memory, output lost, a fault of the program\n"
              "  78  a configuration, a recipe or a value in it is wrong\n"
              "\n"
              "Keys of FILE.yaml (name, default, meaning):\n"
              "  size  1           how large (integer)\n");
    auto_free char *short_one = printed(&verb, usage_help);
    assert_memory_equal(short_one, "Usage: tool look [--set KEY=VALUE ...] --out FILE", 49);
    assert_null(strstr(short_one, "Exit codes"));
}

/* A long synopsis breaks between options, under the first of them. */
static void test_long_synopsis(void **state)
{
    (void)state;
    struct usage_option many[20];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct usage_option){"option", "VALUE", 'o', "help"};
    struct usage wide = tool;
    wide.options = many;
    wide.n_options = ARRAY_LEN(many);
    auto_free char *text = printed(&wide, usage_help);
    *strstr(text, "\n\n") = 0;
    size_t lines = 0, pieces = 0;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")); lines++) {
        assert_true(strlen(line) <= 100);
        assert_int_equal(strspn(line, lines ? " " : ""), lines ? strlen("Usage: tool ") : 0);
        for (char *at = line; (at = strstr(at, "[--option VALUE]")); at++)
            pieces++;
    }
    assert_int_equal(pieces, ARRAY_LEN(many));
    assert_int_equal(lines, 5); /* 4, 5, 5, 5 and 1 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_long_synopsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
