/* SPDX-License-Identifier: Apache-2.0 */
/* page: takes text, gives lines for a terminal or roff. Any thread; no state. Does not know what
 * the text is about: usage and conf_print do. */
#include "common/page.h"

#include "common/auto.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char example[] = "    "; /* what its first line begins with */

/* The next word of text[0..*len), *ret_word bytes long; moves *len on to what is behind it. NULL
 * after the last. */
static const char *word_next(const char *text, size_t *len, size_t *ret_word)
{
    size_t at = 0, end;
    while (at < *len && (text[at] == ' ' || text[at] == '\n'))
        at++;
    for (end = at; end < *len && text[end] != ' ' && text[end] != '\n';)
        end++;
    *ret_word = end - at;
    *len -= end;
    return end > at ? text + at : NULL;
}

static void wrap(const char *text, size_t len, int at, int indent, FILE *out)
{
    size_t bytes;
    bool begun = false; /* a word stands on this line */
    for (const char *word; (word = word_next(text, &len, &bytes)); text = word + bytes) {
        if (begun && at + 1 + (int)bytes > PAGE_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
            begun = false;
        }
        at += fprintf(out, "%s%.*s", begun ? " " : "", (int)bytes, word);
        begun = true;
    }
    fputc('\n', out);
}

void page_wrap(const char *text, int at, int indent, FILE *out)
{
    wrap(text, strlen(text), at, indent, out);
}

/* What is printed of each paragraph, and of each line of an example. */
struct style {
    void (*words)(const char *text, size_t len, int indent, FILE *out);
    void (*line)(const char *text, size_t len, int indent, FILE *out);
    const char *between, *before, *after; /* paragraphs; an example */
};

static void text_each(const char *text, const struct style *style, int indent, FILE *out)
{
    for (const char *next = text; next; text = next) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        next = end ? end + 2 : NULL;
        if (strncmp(text, example, sizeof example - 1) == 0) {
            fputs(style->before, out);
            for (size_t at = 0, line; at < len; at += line + 1) {
                line = strcspn(text + at, "\n");
                style->line(text + at, line, indent, out);
            }
            fputs(style->after, out);
        } else {
            style->words(text, len, indent, out);
        }
        if (next)
            fputs(style->between, out);
    }
}

static void plain_words(const char *text, size_t len, int indent, FILE *out)
{
    fprintf(out, "%*s", indent, "");
    wrap(text, len, indent, indent, out);
}

/* A line of an example without the blanks that mark it. */
static const char *example_line(const char *text, size_t *len)
{
    size_t blanks = sizeof example - 1 < *len ? sizeof example - 1 : *len;
    *len -= blanks;
    return text + blanks;
}

static void plain_line(const char *text, size_t len, int indent, FILE *out)
{
    text = example_line(text, &len);
    fprintf(out, "%*s%.*s\n", indent + 2, "", (int)len, text);
}

void page_text(const char *text, int indent, FILE *out)
{
    static const struct style plain = {plain_words, plain_line, "\n", "", ""};
    text_each(text, &plain, indent, out);
}

/* A dot or quote that begins a line would be a request; a backslash begins an escape; a hyphen, a
 * quote and their like would be made typographic, and no command could be copied from the page. */
static void roff_escape(const char *text, size_t len, FILE *out)
{
    static const struct {
        char c;
        const char *roff;
    } escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"},
                   {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}};
    if (len > 0 && text[0] == '.')
        fputs("\\&", out);
    for (size_t i = 0; i < len; i++) {
        const char *roff = NULL;
        for (size_t e = 0; e < ARRAY_LEN(escapes); e++)
            if (escapes[e].c == text[i])
                roff = escapes[e].roff;
        if (roff)
            fputs(roff, out);
        else
            fputc(text[i], out);
    }
}

void page_roff_words(const char *words, FILE *out)
{
    roff_escape(words, strlen(words), out);
}

/* All in one line of roff: only its first word could stand where a request would. */
static void roff_words(const char *text, size_t len, int indent, FILE *out)
{
    (void)indent;
    size_t bytes;
    const char *between = "";
    for (const char *word; (word = word_next(text, &len, &bytes)); text = word + bytes) {
        fputs(between, out);
        roff_escape(word, bytes, out);
        between = " ";
    }
    fputc('\n', out);
}

static void roff_line(const char *text, size_t len, int indent, FILE *out)
{
    (void)indent;
    text = example_line(text, &len);
    roff_escape(text, len, out);
    fputc('\n', out);
}

void page_roff(const char *text, FILE *out)
{
    static const struct style roff = {roff_words, roff_line, ".PP\n", ".RS 4\n.EX\n", ".EE\n.RE\n"};
    text_each(text, &roff, 0, out);
}
