/* SPDX-License-Identifier: Apache-2.0 */
/* conf_equal: which options two configurations of one table differ in. Any thread; no state. */
#ifndef AUGSTREAM_COMMON_CONF_EQUAL_H
#define AUGSTREAM_COMMON_CONF_EQUAL_H

#include "common/conf.h"

/* Whether an option of the table has the same value in both. One of a map's entries
 * ("datasets.*.x") has when the maps hold the same names in the same order, each with the same
 * value. */
bool conf_equal(const struct conf_table *table, const struct conf_option *option, const void *a,
                const void *b);

#endif
