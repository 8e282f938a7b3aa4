/* SPDX-License-Identifier: Apache-2.0 */
/* usage: takes a program's rows and its arguments, gives options, and the text of --help. getopt's
 * state is the process's, so one thread, once. usage_man.c prints the manual page. */
#include "common/usage.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/page.h"
#include "common/usage_private.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

enum { KEY_HELP = 257, KEY_VERSION };

const struct usage_option usage_common[] = {
    {"help", "[=FORM]", KEY_HELP,
     "this text; =man: as a manual page; =bash, =zsh: what completes it in that shell",
     .choices = "man bash zsh"},
    {"version", NULL, KEY_VERSION, "the version"},
};
const size_t usage_common_n = ARRAY_LEN(usage_common);

const struct usage_exit usage_exits[] = {
    {EXIT_OK, "success"},
    {EXIT_USAGE, "the command line is wrong"},
    {EXIT_DATA, "data is missing, out of reach or damaged: a dataset, a file, a checkpoint"},
    {EXIT_UNAVAILABLE, "nobody answers, an address cannot be had, or a disk is full"},
    {EXIT_INTERNAL, "anything else: no memory, output lost, a fault of the program"},
    {EXIT_CONFIG, "a configuration, a recipe or a value in it is wrong"},
};
const size_t usage_exits_n = ARRAY_LEN(usage_exits);

const struct usage_option *usage_option_at(const struct usage *usage, size_t i)
{
    return i < usage->n_options ? &usage->options[i] : &usage_common[i - usage->n_options];
}

/* --- the command line --- */

static void take_row(const struct usage_option *row, struct option *ret)
{
    bool may = row->value && row->value[0] == '[';
    *ret = (struct option){.name = row->name,
                           .has_arg = may          ? optional_argument
                                      : row->value ? required_argument
                                                   : no_argument,
                           .val = row->key};
}

/* Whether argument is "--NAME=VALUE", NAME perhaps shortened. */
static bool gives_value(const char *argument, const char *name)
{
    size_t typed = strncmp(argument, "--", 2) == 0 ? strcspn(argument + 2, "=") : 0;
    return typed > 0 && argument[2 + typed] == '=' && strncmp(argument + 2, name, typed) == 0;
}

/* getopt has stepped behind a long option, but perhaps not behind letters after one hyphen. */
static int bad_option(const struct option *options, int what, const char *argument)
{
    if (what == ':')
        return err_set(-EINVAL, "%s needs a value (--help lists the options)", argument);
    for (size_t i = 0; optopt && options[i].name; i++)
        if (options[i].val == optopt && gives_value(argument, options[i].name))
            return err_set(-EINVAL, "%s: --%s takes no value", argument, options[i].name);
    if (optopt > 0 && optopt < 256)
        return err_set(-EINVAL, "unrecognized option '-%c' (--help lists the options)", optopt);
    return err_set(-EINVAL, "unrecognized option '%s' (--help lists the options)", argument);
}

static int answer_help(const struct usage *usage)
{
    static const struct {
        const char *form;
        void (*print)(const struct usage *usage, FILE *out);
    } forms[] = {{"", usage_help}, {"man", usage_man}, {"bash", usage_bash}, {"zsh", usage_zsh}};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(optarg ? optarg : "", forms[i].form) == 0) {
            forms[i].print(usage, stdout);
            return USAGE_TOLD;
        }
    return err_set(-EINVAL, "--help=%s: man, bash and zsh are the forms there are", optarg);
}

int usage_next(const struct usage *usage, int argc, char **argv)
{
    struct option options[USAGE_OPTIONS_MAX + ARRAY_LEN(usage_common) + 1] = {0};
    assert(usage->n_options <= USAGE_OPTIONS_MAX);
    for (size_t i = 0; i < usage->n_options + usage_common_n; i++)
        take_row(usage_option_at(usage, i), &options[i]);
    opterr = 0; /* one message, and it is ours */
    int key = getopt_long(argc, argv, ":", options, NULL);
    switch (key) {
    case -1:
        return USAGE_END;
    case KEY_HELP:
        return answer_help(usage);
    case KEY_VERSION:
        printf("%s %s\n", usage->program ? usage->program : usage->name, AUGSTREAM_VERSION);
        return USAGE_TOLD;
    case '?':
    case ':':
        return bad_option(options, key, argv[optind - 1]);
    default:
        return key;
    }
}

/* --- help --- */

void usage_option_text(const struct usage_option *o, char *ret, size_t cap)
{
    const char *value = o->value ? o->value : "";
    snprintf(ret, cap, "--%s%s%s", o->name, value[0] && value[0] != '[' ? " " : "", value);
}

bool usage_piece(const struct usage *usage, size_t i, char *ret, size_t cap)
{
    if (usage->operands[0]) {
        if (i == 0) {
            snprintf(ret, cap, "%s", usage->operands);
            return true;
        }
        i--;
    }
    if (i >= usage->n_options)
        return false;
    const struct usage_option *o = &usage->options[i];
    char text[USAGE_TEXT_MAX];
    usage_option_text(o, text, sizeof text);
    snprintf(ret, cap,
             o->need == USAGE_REQUIRED   ? "%s"
             : o->need == USAGE_REPEATED ? "[%s ...]"
                                         : "[%s]",
             text);
    return true;
}

/* Pieces stay whole: an option and its value are on one line. */
static void help_synopsis(const struct usage *usage, FILE *out)
{
    char piece[USAGE_TEXT_MAX + 8];
    int at = fprintf(out, "Usage: %s%s%s", usage->program ? usage->program : "",
                     usage->program ? " " : "", usage->name);
    const int indent = at + 1;
    for (size_t i = 0; usage_piece(usage, i, piece, sizeof piece); i++) {
        if (at + 1 + (int)strlen(piece) > PAGE_WIDTH)
            at = fprintf(out, "\n%*s", indent - 1, "") - 1;
        at += fprintf(out, " %s", piece);
    }
    fputs("\n\n", out);
}

/* A row of two columns. */
static void help_row(const char *name, int width, const char *help, FILE *out)
{
    fprintf(out, "  %-*s  ", width, name);
    page_wrap(help, width + 4, width + 4, out);
}

static void help_options(const struct usage *usage, FILE *out)
{
    char text[USAGE_TEXT_MAX];
    int width = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < usage->n_options + usage_common_n; i++) {
            const struct usage_option *o = usage_option_at(usage, i);
            usage_option_text(o, text, sizeof text);
            if (pass == 1)
                help_row(text, width, o->help, out);
            else if ((int)strlen(text) > width)
                width = (int)strlen(text);
        }
}

static void help_verbs(const struct usage *usage, FILE *out)
{
    int width = 0;
    for (size_t i = 0; i < usage->n_verbs; i++)
        if ((int)strlen(usage->verbs[i]->name) > width)
            width = (int)strlen(usage->verbs[i]->name);
    fputs("Verbs (VERB --help tells more):\n", out);
    for (size_t i = 0; i < usage->n_verbs; i++)
        help_row(usage->verbs[i]->name, width, usage->verbs[i]->summary, out);
    fputc('\n', out);
}

void usage_help(const struct usage *usage, FILE *out)
{
    help_synopsis(usage, out);
    page_text(usage->about, 0, out);
    fputc('\n', out);
    if (usage->n_verbs > 0)
        help_verbs(usage, out);
    fputs("Options:\n", out);
    help_options(usage, out);
    for (size_t i = 0; i < usage->n_sections; i++) {
        fprintf(out, "\n%s:\n", usage->sections[i].title);
        page_text(usage->sections[i].text, 2, out);
    }
    if (!usage->program) { /* a verb's are its program's */
        fputs("\nExit codes:\n", out);
        for (size_t i = 0; i < usage_exits_n; i++)
            fprintf(out, "  %2d  %s\n", usage_exits[i].code, usage_exits[i].meaning);
    }
    if (usage->keys) {
        fprintf(out, "\nKeys of %s (name, default, meaning):\n", usage->keys_of);
        conf_help(usage->keys, out);
    }
}
