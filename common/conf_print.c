/* SPDX-License-Identifier: Apache-2.0 */
/* conf_print: takes a table and its owner, gives the dump that every run folder keeps; takes a
 * table, gives the option list of --help. Any thread; no state. */
#include "common/auto.h"
#include "common/conf.h"
#include "common/conf_table.h"
#include "common/err.h"

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

/* The columns of one option: name, what it takes, default. */
enum { COLUMN_NAME, COLUMN_TAKES, COLUMN_DEFAULT, COLUMNS };

static void help_column(const struct conf_option *o, int column, char *ret, size_t cap)
{
    if (column == COLUMN_NAME)
        snprintf(ret, cap, "%s", o->name);
    else if (column == COLUMN_TAKES)
        conf_value_takes(o, ret, cap);
    else if (o->inherits)
        snprintf(ret, cap, "[as %s]", o->inherits);
    else if (o->def)
        snprintf(ret, cap, "[%s]", o->def);
    else
        snprintf(ret, cap, "required");
}

void conf_help(const struct conf_table *table, FILE *out)
{
    char text[512];
    int width[COLUMNS] = {0};
    for (size_t i = 0; i < table->n_options; i++)
        for (int c = 0; c < COLUMNS; c++) {
            help_column(&table->options[i], c, text, sizeof text);
            int len = (int)strlen(text);
            width[c] = len > width[c] ? len : width[c];
        }
    for (size_t i = 0; i < table->n_options; i++) {
        fputs("  ", out);
        for (int c = 0; c < COLUMNS; c++) {
            help_column(&table->options[i], c, text, sizeof text);
            fprintf(out, "%-*s  ", width[c], text);
        }
        fprintf(out, "%s\n", table->options[i].help);
    }
}
