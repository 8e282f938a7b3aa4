/* SPDX-License-Identifier: Apache-2.0 */
/* source: takes a format's name and a path, gives an open dataset. Any thread. Knows no format: the
 * table's rows do. */
#include "loaderd/source/source.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <string.h>

const struct source_format source_formats[] = {
    {"folder", folder_open},
};
const size_t source_formats_n = ARRAY_LEN(source_formats);

int source_open(const char *format, const char *path, struct source **ret)
{
    for (size_t i = 0; i < source_formats_n; i++) {
        if (strcmp(source_formats[i].name, format) != 0)
            continue;
        int r = source_formats[i].open(path, ret);
        if (r == 0)
            (*ret)->format = &source_formats[i];
        return r;
    }
    return err_set(-EINVAL, "%s: no dataset format is called '%s'", path, format);
}

void source_free(struct source *source)
{
    if (source)
        source->free(source);
}
