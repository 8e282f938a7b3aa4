/* SPDX-License-Identifier: Apache-2.0 */
/* usage_man: takes a program's rows, gives its manual page as roff. Any thread; no state. No date
 * is in it: the same source gives the same page. */
#include "common/auto.h"
#include "common/page.h"
#include "common/usage_private.h"

#include <ctype.h>
#include <string.h>

static void upper(const char *text, FILE *out)
{
    for (; *text; text++)
        fputc(toupper((unsigned char)*text), out);
}

static void section(const char *title, FILE *out)
{
    fputs(".SH \"", out);
    upper(title, out);
    fputs("\"\n", out);
}

/* What stands on the left of a list, in bold. */
static void term(const char *text, FILE *out)
{
    fputs(".TP\n\\fB", out);
    page_roff_words(text, out);
    fputs("\\fR\n", out);
}

static void synopsis(const struct usage *usage, FILE *out)
{
    char piece[USAGE_TEXT_MAX + 8];
    fputs(".HP\n\\fB", out); /* further lines hang */
    page_roff_words(usage->program ? usage->program : usage->name, out);
    if (usage->program)
        fprintf(out, "\\ %s", usage->name);
    fputs("\\fR\n", out);
    for (size_t i = 0; usage_piece(usage, i, piece, sizeof piece); i++) {
        char *at = piece;
        for (char *blank; (blank = strchr(at, ' ')); at = blank + 1) { /* no line ends in it */
            *blank = 0;
            page_roff_words(at, out);
            fputs("\\ ", out);
        }
        page_roff_words(at, out);
        fputs("\\&\n", out); /* "...]" ends no sentence */
    }
}

/* common: --help and --version as well. */
static void options(const struct usage *usage, bool common, FILE *out)
{
    char text[USAGE_TEXT_MAX];
    for (size_t i = 0; i < usage->n_options + (common ? usage_common_n : 0); i++) {
        const struct usage_option *o = usage_option_at(usage, i);
        usage_option_text(o, text, sizeof text);
        term(text, out);
        page_roff(o->help, out);
    }
}

static void verbs(const struct usage *usage, FILE *out)
{
    section("verbs", out);
    for (size_t i = 0; i < usage->n_verbs; i++) {
        const struct usage *verb = usage->verbs[i];
        fprintf(out, ".SS %s\n", verb->name);
        synopsis(verb, out);
        fputs(".PP\n", out);
        page_roff(verb->about, out);
        options(verb, false, out);
    }
}

static void see_also(const struct usage *usage, FILE *out)
{
    static const struct {
        const char *name;
        int chapter;
    } pages[] = {{"augstream-evaluate", 1},
                 {"augstream-inspect", 1},
                 {"augstream-loaderd", 8},
                 {"augstream-synth", 1},
                 {"augstream-trainer", 1}};
    section("see also", out);
    const char *between = "";
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (strcmp(pages[i].name, usage->name) == 0)
            continue;
        fprintf(out, "%s\\fB", between);
        page_roff_words(pages[i].name, out);
        fprintf(out, "\\fR(%d)", pages[i].chapter);
        between = ",\n";
    }
    fputc('\n', out);
}

void usage_man(const struct usage *usage, FILE *out)
{
    fputs(".TH ", out);
    upper(usage->name, out);
    fprintf(out, " %d \"\" \"augstream %s\" \"%s\"\n", usage->chapter, AUGSTREAM_VERSION,
            usage->chapter == 8 ? "System Administration" : "User Commands");
    fputs(".nh\n.ad l\n", out); /* names of keys and options stay whole, lines ragged */
    section("name", out);
    page_roff_words(usage->name, out);
    fputs(" \\- ", out);
    page_roff(usage->summary, out);
    section("synopsis", out);
    synopsis(usage, out);
    section("description", out);
    page_roff(usage->about, out);
    if (usage->n_verbs > 0)
        verbs(usage, out);
    section("options", out);
    options(usage, true, out);
    if (usage->keys) {
        section("keys", out);
        fprintf(out, "What may stand in %s, each with its default:\n", usage->keys_of);
        conf_man(usage->keys, out);
    }
    for (size_t i = 0; i < usage->n_sections; i++) {
        section(usage->sections[i].title, out);
        page_roff(usage->sections[i].text, out);
    }
    section("exit status", out);
    for (size_t i = 0; i < usage_exits_n; i++) {
        fprintf(out, ".TP\n\\fB%d\\fR\n", usage_exits[i].code);
        page_roff(usage_exits[i].meaning, out);
    }
    see_also(usage, out);
}
