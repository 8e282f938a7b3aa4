/* SPDX-License-Identifier: Apache-2.0 */
/* conf_inherit: takes an owner, gives every option without a value of its own the one it inherits.
 * Any thread; no state. Does not parse (conf_value knows the word). */
#include "common/conf_inherit.h"

#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Bytes of the field; 0 for types that have no mark. */
static size_t field_bytes(const struct conf_option *o)
{
    switch (o->type) {
    case CONF_INT:
        return sizeof(int64_t);
    case CONF_FLOAT:
        return sizeof(double);
    case CONF_FLOATS:
        return o->count * sizeof(double);
    case CONF_ENUM:
        return sizeof(int);
    case CONF_BOOL:
    case CONF_STR:
    case CONF_STRS:
        break;
    }
    return 0;
}

void conf_inherit_set(const struct conf_option *o, void *field)
{
    if (o->type == CONF_INT)
        *(int64_t *)field = INT64_MIN;
    else if (o->type == CONF_ENUM)
        *(int *)field = -1;
    else
        for (size_t i = 0; i < field_bytes(o) / sizeof(double); i++)
            ((double *)field)[i] = NAN;
}

bool conf_inherits(const struct conf_option *o, const void *field)
{
    if (!o->inherits)
        return false;
    if (o->type == CONF_INT)
        return *(const int64_t *)field == INT64_MIN;
    if (o->type == CONF_ENUM)
        return *(const int *)field == -1;
    return isnan(*(const double *)field);
}

/* The option that row i inherits from, or NULL when the table has none above it. */
static const struct conf_option *parent(const struct conf_table *table, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(table->options[j].name, table->options[i].inherits) == 0)
            return &table->options[j];
    return NULL;
}

int conf_inherit_check(const struct conf_table *table)
{
    for (size_t i = 0; i < table->n_options; i++) {
        const struct conf_option *o = &table->options[i];
        if (!o->inherits)
            continue;
        const struct conf_option *from = parent(table, i);
        bool bounded = o->type != CONF_INT || o->min != 0 || o->max != 0;
        if (!from || from->type != o->type || from->count != o->count || field_bytes(o) == 0 ||
            !bounded || strchr(o->name, '*') || strchr(from->name, '*'))
            return err_set(-EINVAL, "default of %s: it cannot inherit from %s", o->name,
                           o->inherits);
    }
    return 0;
}

void conf_resolve(const struct conf_table *table, void *base)
{
    for (size_t i = 0; i < table->n_options; i++) { /* from above: a parent is resolved by now */
        const struct conf_option *o = &table->options[i];
        void *field = (char *)base + o->offset;
        if (conf_inherits(o, field))
            memcpy(field, (char *)base + parent(table, i)->offset, field_bytes(o));
    }
}
