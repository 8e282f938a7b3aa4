/* SPDX-License-Identifier: Apache-2.0 */
/* conf_inherit: options that take another option's value until they are given one of their own. For
 * conf's own files; owners call conf_resolve and conf_inherits (conf.h). */
#ifndef AUGSTREAM_COMMON_CONF_INHERIT_H
#define AUGSTREAM_COMMON_CONF_INHERIT_H

#include "common/conf.h"

/* Marks the field as having no value of its own, by one that the option's type never takes
 * (INT64_MIN, NaN, -1). */
void conf_inherit_set(const struct conf_option *option, void *field);

/* -EINVAL for a row that inherits from what is not a plain option above it of the same type, or
 * that has no such mark. */
int conf_inherit_check(const struct conf_table *table);

#endif
