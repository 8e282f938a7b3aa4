/* SPDX-License-Identifier: Apache-2.0 */
/* conf_table: finds what a dotted name means in a table of options. For conf's own files. */
#ifndef AUGSTREAM_COMMON_CONF_TABLE_H
#define AUGSTREAM_COMMON_CONF_TABLE_H

#include "common/conf_value.h"

enum conf_key_kind {
    CONF_KEY_UNKNOWN,
    CONF_KEY_GROUP, /* the beginning of an option's name, a map, or an entry of one */
    CONF_KEY_OPTION,
};

/* What where->key names in one owner. */
struct conf_key {
    enum conf_key_kind kind;
    const struct conf_option *option; /* CONF_KEY_OPTION */
    void *field;                      /* of it, in the owner or in an entry of its map */
    const struct conf_map *map;       /* where made: the map that got a new entry ... */
    void *made;                       /* ... and the entry, named, its options still unset */
};

/* A known key that names a new entry of a map makes it. -EINVAL for a bad entry name and for a full
 * map; an unknown key is no error here. */
int conf_key_find(const struct conf_table *table, void *base, const struct conf_where *where,
                  struct conf_key *ret);

/* Writes the known name nearest to key: by edit distance, where a name that ends in the same word
 * counts as near. "" for an empty table. */
void conf_key_nearest(const struct conf_table *table, const char *key, char ret[CONF_KEY_MAX]);

/* The map of an option "map.*.rest", or NULL for a plain option; NULL as well when the table has no
 * such map. */
const struct conf_map *conf_option_map(const struct conf_table *table, const char *name);

size_t conf_map_count(const struct conf_map *map, const void *base);
void *conf_map_entry(const struct conf_map *map, const void *base, size_t index);

#endif
