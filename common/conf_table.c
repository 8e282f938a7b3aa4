/* SPDX-License-Identifier: Apache-2.0 */
/* conf_table: takes a table and a dotted name, gives the option or group that it names and the
 * field in the owner's struct; makes the entries of maps. Any thread; no state. */
#include "common/conf_table.h"
#include "common/auto.h"

#include <assert.h>
#include <string.h>

enum match { MATCH_NONE, MATCH_BEGINNING, MATCH_WHOLE };

/* Component by component; '*' in the pattern stands for any one component. */
static enum match name_match(const char *pattern, const char *key)
{
    for (;;) {
        size_t p = strcspn(pattern, "."), k = strcspn(key, ".");
        bool star = p == 1 && pattern[0] == '*' && k > 0;
        if (!star && (p != k || memcmp(pattern, key, p) != 0))
            return MATCH_NONE;
        pattern += p;
        key += k;
        if (!*key)
            return *pattern ? MATCH_BEGINNING : MATCH_WHOLE;
        if (!*pattern)
            return MATCH_NONE;
        pattern++;
        key++;
    }
}

const struct conf_map *conf_option_map(const struct conf_table *table, const char *name)
{
    const char *star = strstr(name, ".*.");
    size_t len = star ? (size_t)(star - name) : 0;
    for (size_t i = 0; star && i < table->n_maps; i++)
        if (strlen(table->maps[i].name) == len && memcmp(table->maps[i].name, name, len) == 0)
            return &table->maps[i];
    return NULL;
}

static size_t *count_of(const struct conf_map *map, const void *base)
{
    return (size_t *)((char *)(uintptr_t)base + map->count_offset);
}

size_t conf_map_count(const struct conf_map *map, const void *base)
{
    return *count_of(map, base);
}

void *conf_map_entry(const struct conf_map *map, const void *base, size_t index)
{
    return (char *)(uintptr_t)base + map->offset + index * map->stride;
}

/* A letter or digit, then also '_' and '-': safe as a YAML key, a metric's label, a file's name. */
static bool entry_name_good(const char *name, size_t len)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (len == 0 || len >= CONF_NAME_MAX || !strchr(first, name[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr(first, name[i]) && name[i] != '_' && name[i] != '-')
            return false;
    return true;
}

/* The entry called name, made at the end when it is new: then 1. */
static int entry_find(const struct conf_map *map, void *base, const char *name, size_t len,
                      const struct conf_where *where, void **ret)
{
    size_t n = conf_map_count(map, base);
    for (size_t i = 0; i < n; i++) {
        char *entry = conf_map_entry(map, base, i);
        if (strlen(entry) != len || memcmp(entry, name, len) != 0)
            continue;
        *ret = entry;
        return 0;
    }
    if (!entry_name_good(name, len))
        return conf_fail(where, "'%.*s' is not a name of 1 to %d letters, digits, '-' and '_'",
                         (int)len, name, CONF_NAME_MAX - 1);
    if (n == map->max)
        return conf_fail(where, "%s has more than %zu entries", map->name, map->max);
    char *entry = conf_map_entry(map, base, n);
    memset(entry, 0, map->stride);
    memcpy(entry, name, len);
    ++*count_of(map, base);
    *ret = entry;
    return 1;
}

int conf_key_find(const struct conf_table *table, void *base, const struct conf_where *where,
                  struct conf_key *ret)
{
    *ret = (struct conf_key){.kind = CONF_KEY_UNKNOWN};
    const struct conf_option *o = NULL;
    for (size_t i = 0; i < table->n_options && ret->kind != CONF_KEY_OPTION; i++) {
        enum match match = name_match(table->options[i].name, where->key);
        if (match == MATCH_NONE)
            continue;
        o = &table->options[i];
        ret->kind = match == MATCH_WHOLE ? CONF_KEY_OPTION : CONF_KEY_GROUP;
    }
    if (ret->kind == CONF_KEY_UNKNOWN)
        return 0;
    void *owner = base;
    const struct conf_map *map = conf_option_map(table, o->name);
    if (map && strlen(where->key) > strlen(map->name)) {
        const char *name = where->key + strlen(map->name) + 1;
        int rc = entry_find(map, base, name, strcspn(name, "."), where, &owner);
        if (rc < 0)
            return rc;
        ret->map = map;
        ret->made = rc > 0 ? owner : NULL;
    }
    if (ret->kind == CONF_KEY_OPTION) {
        ret->option = o;
        ret->field = (char *)owner + o->offset;
    }
    return 0;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance, one row at a time; both shorter than CONF_KEY_MAX. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[CONF_KEY_MAX], n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0]; /* row i - 1, column j - 1 */
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = min_size(change, min_size(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

static const char *last_word(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* Where the name has '*', the key's component at that place stands in: "datasets.*.path" is then as
 * near to "datasets.birds.pth" as it looks. Cut to n components of the name. */
static void substitute(const char *pattern, const char *key, size_t n, char ret[CONF_KEY_MAX])
{
    size_t used = 0;
    for (; n > 0 && *pattern; n--) {
        size_t p = strcspn(pattern, "."), k = strcspn(key, ".");
        bool star = p == 1 && pattern[0] == '*' && k > 0;
        const char *from = star ? key : pattern;
        size_t len = min_size(star ? k : p, CONF_KEY_MAX - 2 - used);
        if (used > 0)
            ret[used - 1] = '.';
        memcpy(ret + used, from, len);
        used += len + 1;
        pattern += p + (pattern[p] == '.');
        key += k + (key[k] == '.');
        if (used >= CONF_KEY_MAX - 1)
            break;
    }
    ret[used ? used - 1 : 0] = 0;
}

void conf_key_nearest(const struct conf_table *table, const char *key, char ret[CONF_KEY_MAX])
{
    enum { MISPLACED = 2 }; /* the right word in the wrong group is worth two slips of the finger */
    size_t best = SIZE_MAX;
    ret[0] = 0;
    for (size_t i = 0; i < table->n_options; i++) {
        size_t words = 1;
        for (const char *p = table->options[i].name; *p; p++)
            words += *p == '.';
        for (size_t n = 1; n <= words; n++) { /* each group on the way is a name as well */
            char name[CONF_KEY_MAX];
            substitute(table->options[i].name, key, n, name);
            size_t distance = edit_distance(key, name);
            if (strcmp(last_word(key), last_word(name)) == 0)
                distance = min_size(distance, MISPLACED);
            if (distance >= best)
                continue;
            best = distance;
            memcpy(ret, name, CONF_KEY_MAX);
        }
    }
}
