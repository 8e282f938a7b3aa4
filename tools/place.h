/* SPDX-License-Identifier: Apache-2.0 */
/* place: PATH[:SPLIT] of a command line -> how a private loader is told of the dataset there. */
#ifndef AUGSTREAM_TOOLS_PLACE_H
#define AUGSTREAM_TOOLS_PLACE_H

#include "common/conf.h"

struct place {
    char path[CONF_STR_MAX];
    const char *split;  /* into name; "" */
    const char *format; /* a row of source_formats[] */
};

/* Of PATH[:SPLIT]: a name that is a path as it stands has no split. format: as told; NULL: by what
 * lies there. -ENOENT, -EINVAL for a file of no known kind, which says that `option` tells it. */
int place_find(const char *name, const char *format, const char *option, struct place *ret);

#endif
