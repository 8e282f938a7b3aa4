/* SPDX-License-Identifier: Apache-2.0 */
/* conf: takes a table of options and YAML (a file, an assignment, the defaults), gives the owner's
 * struct filled in. conf_line's memory belongs to its thread; the rest has no state. YAML is read
 * by conf_yaml, names are resolved by conf_table, values are checked by conf_value, and conf_print
 * does the dump and the help. Does not check one option against another: owners do, with conf_line.
 */
#include "common/conf.h"
#include "common/auto.h"
#include "common/conf_inherit.h"
#include "common/conf_table.h"
#include "common/conf_yaml.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_PATH_MAX = 4096 };

/* The names that this thread's last file gave, behind those of its base; kept until its next file.
 */
struct seen {
    char key[CONF_KEY_MAX];
    int line;
};
static _Thread_local struct {
    struct seen *v;
    size_t n, room;
    size_t n_base; /* the first so many are the base's, once that is read */
    char base[BASE_PATH_MAX];
} seen;

/* One pass over one piece of YAML. */
struct walk {
    const struct conf_table *table;
    void *base;
    struct conf_yaml *yaml;
    struct conf_where where;
    char key[CONF_KEY_MAX]; /* where.key: grows and shrinks as mappings open and close */
    bool is_base, begun;    /* the file is another's base; a key of it has been read */
    struct conf_yaml_event event;
    struct conf_scalar list[CONF_LIST_MAX];
};

/* The last one counts; NULL when key was not there from number `from` on. */
static const struct seen *seen_find(const char *key, size_t from)
{
    for (size_t i = seen.n; i > from; i--)
        if (strcmp(seen.v[i - 1].key, key) == 0)
            return &seen.v[i - 1];
    return NULL;
}

int conf_line(const char *key)
{
    const struct seen *s = seen_find(key, 0);
    return s ? s->line : 0;
}

const char *conf_line_base(const char *key)
{
    const struct seen *s = seen_find(key, 0);
    return s && s < seen.v + seen.n_base ? seen.base : NULL;
}

/* The table bounds how many names can get here: unknown and double ones are errors. */
static int seen_add(const struct conf_where *where)
{
    const struct seen *first = seen_find(where->key, seen.n_base);
    if (first)
        return conf_fail(where, "is given twice, first in line %d", first->line);
    if (seen.n == seen.room) {
        size_t room = seen.room ? 2 * seen.room : 64;
        struct seen *v = realloc(seen.v, room * sizeof *v);
        if (!v)
            return err_set(-ENOMEM, "conf: no memory for %zu names", room);
        seen.v = v;
        seen.room = room;
    }
    struct seen *s = &seen.v[seen.n++];
    snprintf(s->key, sizeof s->key, "%s", where->key);
    s->line = where->line;
    return 0;
}

static void walk_init(struct walk *w, const struct conf_where *where)
{
    memset(w, 0, sizeof *w);
    w->where = *where;
    snprintf(w->key, sizeof w->key, "%s", where->key);
    w->where.key = w->key;
}

static void walk_done(struct walk *w)
{
    conf_yaml_free(w->yaml);
}

/* The elements of a list whose beginning was read. */
static int take_list(struct walk *w, size_t *ret_n)
{
    size_t n = 0;
    for (;;) {
        int rc = conf_yaml_next(w->yaml, &w->event);
        if (rc < 0)
            return rc;
        if (w->event.kind == CONF_YAML_LIST_END)
            break;
        struct conf_where at = w->where;
        at.line = w->event.scalar.line;
        if (w->event.kind != CONF_YAML_SCALAR)
            return conf_fail(&at, "a list holds plain values only");
        if (n == CONF_LIST_MAX)
            return conf_fail(&at, "the list has more than %d values", CONF_LIST_MAX);
        w->list[n++] = w->event.scalar;
    }
    *ret_n = n;
    return 0;
}

/* The value that comes next, into an option's field. */
static int take_value(struct walk *w, const struct conf_option *option, void *field)
{
    int rc = conf_yaml_next(w->yaml, &w->event);
    if (rc < 0)
        return rc;
    size_t n = 1;
    bool list = w->event.kind == CONF_YAML_LIST;
    if (list)
        rc = take_list(w, &n);
    else if (w->event.kind == CONF_YAML_MAP)
        rc = conf_fail(&w->where, "is an option; it takes no mapping");
    else if (w->event.kind == CONF_YAML_END) /* an empty text has no scalar either */
        w->list[0] = (struct conf_scalar){.plain = true, .line = w->where.line};
    else
        w->list[0] = w->event.scalar;
    return rc < 0 ? rc : conf_value_set(option, field, w->list, n, list, &w->where);
}

static int take_end(struct walk *w)
{
    int rc = conf_yaml_next(w->yaml, &w->event);
    return rc == 0 && w->event.kind != CONF_YAML_END ? conf_fail(&w->where, "more than one value")
                                                     : rc;
}

static int default_set(const struct conf_option *option, void *field)
{
    const struct conf_where where = {.source = "default of", .key = option->name};
    if (option->def) {
        auto_with(walk_done) struct walk w;
        walk_init(&w, &where);
        int rc = conf_yaml_new(option->def, strlen(option->def), &w.where, &w.yaml);
        if (rc == 0)
            rc = take_value(&w, option, field);
        return rc == 0 ? take_end(&w) : rc;
    }
    if (option->type == CONF_STR)
        memset(field, 0, CONF_STR_MAX);
    else if (option->type == CONF_STRS)
        memset(field, 0, sizeof(struct conf_strs));
    else
        return conf_fail(&where, "only a text can be without one");
    return 0;
}

/* The defaults of the plain options (map NULL) or of one entry of a map. */
static int defaults_of(const struct conf_table *table, const struct conf_map *map, void *owner)
{
    int rc = 0;
    for (size_t i = 0; i < table->n_options && rc == 0; i++) {
        const struct conf_option *o = &table->options[i];
        if (conf_option_map(table, o->name) == map)
            rc = default_set(o, (char *)owner + o->offset);
    }
    return rc;
}

int conf_defaults(const struct conf_table *table, void *base)
{
    for (size_t i = 0; i < table->n_options; i++) {
        const char *name = table->options[i].name;
        if (strchr(name, '*') && !conf_option_map(table, name))
            return err_set(-EINVAL, "default of %s: the table has no such map", name);
    }
    for (size_t i = 0; i < table->n_maps; i++)
        *(size_t *)((char *)base + table->maps[i].count_offset) = 0;
    int rc = conf_inherit_check(table);
    return rc < 0 ? rc : defaults_of(table, NULL, base);
}

static int unknown_key(const struct walk *w)
{
    char nearest[CONF_KEY_MAX];
    conf_key_nearest(w->table, w->key, nearest);
    return conf_fail(&w->where, "unknown key; the nearest known one is '%s'", nearest);
}

static int walk_map(struct walk *w);
static int load_file(const struct conf_table *table, void *base, const char *path,
                     const struct conf_where *by);

/* The other file's path, as seen from the folder of this one. */
static int base_path(const struct walk *w, const char *name)
{
    const char *slash = name[0] == '/' ? NULL : strrchr(w->where.path, '/');
    size_t folder = slash ? (size_t)(slash + 1 - w->where.path) : 0;
    int n = snprintf(seen.base, sizeof seen.base, "%.*s%s", (int)folder, w->where.path, name);
    return (size_t)n < sizeof seen.base ? 0 : conf_fail(&w->where, "the path is too long");
}

/* The file that comes behind the key. */
static int walk_base(struct walk *w)
{
    if (!w->where.path)
        return conf_fail(&w->where, "stands in files only");
    if (w->is_base)
        return conf_fail(&w->where, "this file is a base, which has none of its own");
    if (w->begun)
        return conf_fail(&w->where, "must be the first key of the file");
    int rc = conf_yaml_next(w->yaml, &w->event);
    if (rc < 0)
        return rc;
    if (w->event.kind != CONF_YAML_SCALAR || conf_scalar_null(&w->event.scalar) ||
        !w->event.scalar.text[0])
        return conf_fail(&w->where, "is not the name of a file");
    w->begun = true;
    rc = base_path(w, w->event.scalar.text);
    if (rc == 0)
        rc = load_file(w->table, w->base, seen.base, &w->where);
    seen.n_base = seen.n;
    return rc;
}

/* What stands behind w->key. */
static int walk_key(struct walk *w)
{
    if (w->table->base && strcmp(w->key, "base") == 0)
        return walk_base(w);
    w->begun = true;
    struct conf_key found;
    int rc = conf_key_find(w->table, w->base, &w->where, &found);
    if (rc == 0 && found.kind == CONF_KEY_UNKNOWN)
        rc = unknown_key(w);
    if (rc == 0 && w->where.path)
        rc = seen_add(&w->where);
    if (rc == 0 && found.made)
        rc = defaults_of(w->table, found.map, found.made);
    if (rc < 0)
        return rc;
    if (found.kind == CONF_KEY_OPTION)
        return take_value(w, found.option, found.field);
    rc = conf_yaml_next(w->yaml, &w->event);
    if (rc < 0)
        return rc;
    if (w->event.kind == CONF_YAML_MAP)
        return walk_map(w);
    bool empty = w->event.kind == CONF_YAML_END ||
                 (w->event.kind == CONF_YAML_SCALAR && conf_scalar_null(&w->event.scalar));
    return empty ? 0 : conf_fail(&w->where, "is a group of options; it takes a mapping");
}

/* The pairs of a mapping whose beginning was read. The table's depth bounds the recursion. */
static int walk_map(struct walk *w)
{
    size_t len = strlen(w->key);
    for (;;) {
        int rc = conf_yaml_next(w->yaml, &w->event);
        if (rc < 0 || w->event.kind == CONF_YAML_MAP_END)
            return rc;
        w->where.line = w->event.scalar.line;
        if (w->event.kind != CONF_YAML_SCALAR || w->event.scalar.text[0] == 0)
            return conf_fail(&w->where, "a key must be a plain name");
        int n = snprintf(w->key + len, sizeof w->key - len, "%s%s", len ? "." : "",
                         w->event.scalar.text);
        if ((size_t)n >= sizeof w->key - len)
            return conf_fail(&w->where, "the name is longer than %d bytes", CONF_KEY_MAX - 1);
        rc = walk_key(w);
        if (rc < 0)
            return rc;
        w->key[len] = 0;
    }
}

/* A base's absence is the fault of the line that named it. */
static int file_text(const char *path, const struct conf_where *by, char **ret, size_t *ret_len)
{
    if (file_read(path, CONF_FILE_MAX, ret, ret_len) == 0)
        return 0;
    char why[ERR_TEXT_MAX / 2];
    snprintf(why, sizeof why, "%s", err_text());
    return by ? conf_fail(by, "%s", why) : -EINVAL; /* there is no line to name */
}

/* by: where the file is named as a base, or NULL. */
static int load_file(const struct conf_table *table, void *base, const char *path,
                     const struct conf_where *by)
{
    auto_free char *text = NULL;
    size_t len;
    int rc = file_text(path, by, &text, &len);
    if (rc < 0)
        return rc;
    auto_with(walk_done) struct walk w;
    walk_init(&w, &(struct conf_where){.path = path, .line = 1, .key = ""});
    w.table = table;
    w.base = base;
    w.is_base = by != NULL;
    rc = conf_yaml_new(text, len, &w.where, &w.yaml);
    if (rc == 0)
        rc = conf_yaml_next(w.yaml, &w.event);
    if (rc < 0 || w.event.kind == CONF_YAML_END)
        return rc;
    if (w.event.kind != CONF_YAML_MAP) {
        w.where.line = w.event.scalar.line;
        return conf_fail(&w.where, "the file must be a mapping of options");
    }
    rc = walk_map(&w);
    return rc < 0 ? rc : take_end(&w);
}

int conf_load(const struct conf_table *table, void *base, const char *path)
{
    seen.n = seen.n_base = 0;
    return load_file(table, base, path, NULL);
}

int conf_set(const struct conf_table *table, void *base, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    size_t len = equals ? (size_t)(equals - assignment) : 0;
    if (len == 0 || len >= CONF_KEY_MAX)
        return err_set(-EINVAL, "--set %.128s: is not of the form name=value", assignment);
    auto_with(walk_done) struct walk w;
    walk_init(&w, &(struct conf_where){.source = "--set", .key = ""});
    memcpy(w.key, assignment, len);
    w.table = table;
    w.base = base;
    int rc = conf_yaml_new(equals + 1, strlen(equals + 1), &w.where, &w.yaml);
    if (rc == 0)
        rc = walk_key(&w);
    return rc == 0 ? take_end(&w) : rc;
}

/* The line of the innermost group around key that the file has, else its first. */
static int line_around(const char *key)
{
    char group[CONF_KEY_MAX];
    snprintf(group, sizeof group, "%s", key);
    for (char *dot = strrchr(group, '.'); dot; dot = strrchr(group, '.')) {
        *dot = 0;
        if (conf_line(group) > 0 && !conf_line_base(group))
            return conf_line(group);
    }
    return 1;
}

static int given(const struct conf_option *option, const void *field, const char *key,
                 const char *path)
{
    const struct conf_strs *strs = field;
    if (option->type == CONF_STR ? *(const char *)field != 0 : strs->n > 0)
        return 0;
    return conf_fail(&(struct conf_where){path, "--set", line_around(key), key}, "must be given");
}

int conf_complete(const struct conf_table *table, const void *base, const char *path)
{
    for (size_t i = 0; i < table->n_options; i++) {
        const struct conf_option *o = &table->options[i];
        const struct conf_map *map = conf_option_map(table, o->name);
        size_t n = map ? conf_map_count(map, base) : 1;
        for (size_t j = 0; j < n && !o->def; j++) {
            const char *owner = map ? conf_map_entry(map, base, j) : base;
            char key[CONF_KEY_MAX];
            if (map) /* "map.*.rest": the entry begins with its name */
                snprintf(key, sizeof key, "%s.%s%s", map->name, owner,
                         o->name + strlen(map->name) + 2);
            else
                snprintf(key, sizeof key, "%s", o->name);
            int rc = given(o, owner + o->offset, key, path);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}
