/* SPDX-License-Identifier: Apache-2.0 */
/* conf_equal: takes two owners of one table, gives a comparison of values, not of bytes: what lies
 * behind the end of a string is nobody's. */
#include "common/conf_equal.h"

#include "common/conf_table.h"

#include <string.h>

static bool equal_strs(const struct conf_strs *a, const struct conf_strs *b)
{
    bool equal = a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = strcmp(a->v[i], b->v[i]) == 0;
    return equal;
}

static bool equal_fields(const struct conf_option *option, const void *a, const void *b)
{
    switch (option->type) {
    case CONF_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case CONF_INT:
        return *(const int64_t *)a == *(const int64_t *)b;
    case CONF_FLOAT:
        return *(const double *)a == *(const double *)b;
    case CONF_STR:
        return strcmp(a, b) == 0;
    case CONF_ENUM:
        return *(const int *)a == *(const int *)b;
    case CONF_FLOATS:
        return memcmp(a, b, option->count * sizeof(double)) == 0;
    case CONF_STRS:
        return equal_strs(a, b);
    }
    return false;
}

bool conf_equal(const struct conf_table *table, const struct conf_option *option, const void *a,
                const void *b)
{
    const struct conf_map *map = conf_option_map(table, option->name);
    if (!map)
        return equal_fields(option, (const char *)a + option->offset,
                            (const char *)b + option->offset);
    bool equal = conf_map_count(map, a) == conf_map_count(map, b);
    for (size_t i = 0; equal && i < conf_map_count(map, a); i++) {
        const char *x = conf_map_entry(map, a, i), *y = conf_map_entry(map, b, i);
        equal = strcmp(x, y) == 0 && equal_fields(option, x + option->offset, y + option->offset);
    }
    return equal;
}
