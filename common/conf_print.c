/* SPDX-License-Identifier: Apache-2.0 */
/* conf_print: takes a table and its owner, gives the dump that every run folder keeps; takes a
 * table, gives the option list of --help and of the manual page. Any thread; no state. */
#include "common/auto.h"
#include "common/conf.h"
#include "common/conf_table.h"
#include "common/err.h"
#include "common/page.h"

#include <errno.h>
#include <string.h>

/* A group that is being printed: the options whose names begin with prefix. */
struct group {
    const struct conf_table *table;
    const void *base;  /* of the whole */
    const void *owner; /* of the options in here: base, or a map's entry */
    const char *prefix;
    int depth;
};

/* Length of the first len bytes of name when it lies in the group, else 0: up to the end of the
 * component behind the prefix. */
static size_t component_end(const struct group *g, const char *name)
{
    size_t len = strlen(g->prefix);
    if (len > 0 && (strncmp(name, g->prefix, len) != 0 || name[len] != '.'))
        return 0;
    size_t start = len > 0 ? len + 1 : 0;
    return start + strcspn(name + start, ".");
}

/* Whether an option above row i already led to the same component. */
static bool done_before(const struct group *g, size_t i, size_t end)
{
    const char *name = g->table->options[i].name;
    for (size_t j = 0; j < i; j++)
        if (component_end(g, g->table->options[j].name) == end &&
            memcmp(g->table->options[j].name, name, end) == 0)
            return true;
    return false;
}

static void print_key(int depth, const char *key, size_t len, FILE *out)
{
    fprintf(out, "%*s%.*s:", 4 * depth, "", (int)len, key);
}

static void dump_group(const struct group *g, FILE *out);

static void dump_map(const struct group *g, const struct conf_map *map, FILE *out)
{
    char prefix[CONF_KEY_MAX];
    snprintf(prefix, sizeof prefix, "%s.*", map->name);
    size_t n = conf_map_count(map, g->base);
    fputs(n ? "\n" : " {}\n", out);
    for (size_t i = 0; i < n; i++) {
        const char *entry = conf_map_entry(map, g->base, i);
        print_key(g->depth + 1, entry, strlen(entry), out);
        fputc('\n', out);
        dump_group(&(struct group){g->table, g->base, entry, prefix, g->depth + 2}, out);
    }
}

static void dump_group(const struct group *g, FILE *out)
{
    size_t start = strlen(g->prefix) + (g->prefix[0] != 0);
    for (size_t i = 0; i < g->table->n_options; i++) {
        const struct conf_option *o = &g->table->options[i];
        size_t end = component_end(g, o->name);
        if (end == 0 || done_before(g, i, end))
            continue;
        print_key(g->depth, o->name + start, end - start, out);
        if (o->name[end] == 0) {
            fputc(' ', out);
            conf_value_print(o, (const char *)g->owner + o->offset, out);
            fputc('\n', out);
        } else if (strncmp(o->name + end, ".*.", 3) == 0) {
            dump_map(g, conf_option_map(g->table, o->name), out);
        } else {
            char prefix[CONF_KEY_MAX];
            snprintf(prefix, sizeof prefix, "%.*s", (int)end, o->name);
            fputc('\n', out);
            dump_group(&(struct group){g->table, g->base, g->owner, prefix, g->depth + 1}, out);
        }
    }
}

int conf_dump(const struct conf_table *table, const void *base, FILE *out)
{
    dump_group(&(struct group){table, base, base, "", 0}, out);
    return ferror(out) ? err_set(-EIO, "cannot write the configuration") : 0;
}

/* What an option means and takes: "side of a square view (integer in 8..1024 pixels)". */
static void help_meaning(const struct conf_option *o, char *ret, size_t cap)
{
    char takes[512];
    conf_value_takes(o, takes, sizeof takes);
    const char *article = strncmp(takes, "an ", 3) == 0 ? "an " : "a ";
    size_t skip = strncmp(takes, article, strlen(article)) == 0 ? strlen(article) : 0;
    const char *from = o->inherits ? ": " : "";
    if (o->type == CONF_STR) /* a text is what everything is, unless it is told */
        snprintf(ret, cap, "%s", o->help);
    else
        snprintf(ret, cap, "%s (%s%s%s)", o->help, takes + skip, from, from[0] ? o->inherits : "");
}

static const char *help_default(const struct conf_option *o)
{
    return o->def ? o->def : "required";
}

/* The key "base" as a row like the options', for a table whose files may have it. */
static struct conf_option base_row(const struct conf_table *table)
{
    return (struct conf_option){
        .name = "base", .type = CONF_STR, .def = "none", .help = table->base};
}

/* Groups stand apart: "views.size" begins one behind "data.path", "tap" none behind "listen". */
static bool begins_group(const struct conf_table *table, size_t i)
{
    if (i == 0)
        return false;
    const char *name = table->options[i].name, *before = table->options[i - 1].name;
    size_t word = strcspn(name, ".");
    bool same = strcspn(before, ".") == word && memcmp(name, before, word) == 0;
    return !same && (name[word] || strchr(before, '.'));
}

static void help_row(const struct conf_option *o, int width, FILE *out)
{
    enum { DEFAULT_WIDTH = 10 }; /* a longer one pushes its text to the next line */
    const int indent = 2 + width + 2 + DEFAULT_WIDTH + 2;
    char meaning[1024];
    int at = fprintf(out, "  %-*s  %s", width, o->name, help_default(o));
    fprintf(out, "%s%*s", at + 2 > indent ? "\n" : "", at + 2 > indent ? indent : indent - at, "");
    help_meaning(o, meaning, sizeof meaning);
    page_wrap(meaning, indent, indent, out);
}

void conf_help(const struct conf_table *table, FILE *out)
{
    int width = 0;
    for (size_t i = 0; i < table->n_options; i++) {
        int len = (int)strlen(table->options[i].name);
        width = len > width ? len : width;
    }
    const struct conf_option base = base_row(table);
    if (table->base) {
        help_row(&base, width, out);
        fputc('\n', out);
    }
    for (size_t i = 0; i < table->n_options; i++) {
        if (begins_group(table, i))
            fputc('\n', out);
        help_row(&table->options[i], width, out);
    }
}

static void man_row(const struct conf_option *o, FILE *out)
{
    char meaning[1024];
    fputs(".TP\n\\fB", out);
    page_roff_words(o->name, out);
    fputs("\\fR  ", out);
    page_roff_words(help_default(o), out);
    fputc('\n', out);
    help_meaning(o, meaning, sizeof meaning);
    page_roff(meaning, out);
}

void conf_man(const struct conf_table *table, FILE *out)
{
    const struct conf_option base = base_row(table);
    if (table->base)
        man_row(&base, out);
    for (size_t i = 0; i < table->n_options; i++)
        man_row(&table->options[i], out);
}
