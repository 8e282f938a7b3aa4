/* SPDX-License-Identifier: Apache-2.0 */
/* conf_yaml: YAML text as a row of events with their lines. For conf's own files. Anchors, aliases,
 * tags, a second document, and texts too long or with control characters are refused. */
#ifndef AUGSTREAM_COMMON_CONF_YAML_H
#define AUGSTREAM_COMMON_CONF_YAML_H

#include "common/conf_value.h"

struct conf_yaml;

enum conf_yaml_kind {
    CONF_YAML_END,
    CONF_YAML_SCALAR,
    CONF_YAML_LIST,
    CONF_YAML_LIST_END,
    CONF_YAML_MAP,
    CONF_YAML_MAP_END,
};

struct conf_yaml_event {
    enum conf_yaml_kind kind;
    struct conf_scalar scalar; /* its line is set for every kind */
};

/* text and where are loans until the free; where->key may move on meanwhile. */
int conf_yaml_new(const char *text, size_t len, const struct conf_where *where,
                  struct conf_yaml **ret);
void conf_yaml_free(struct conf_yaml *yaml);

/* The next event; after CONF_YAML_END it is CONF_YAML_END again. -EINVAL, where and why. */
int conf_yaml_next(struct conf_yaml *yaml, struct conf_yaml_event *ret);

#endif
