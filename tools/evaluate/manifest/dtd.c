/* SPDX-License-Identifier: Apache-2.0 */
/* dtd: Describable Textures (Cimpoi et al. 2014), the first of its ten partitions, as is usual:
 * lists of `CLASS/IMAGE` for each split. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <string.h>

static int add_image(struct manifest *m, const char *split, char *text)
{
    char *slash = strchr(text, '/');
    if (!slash || slash == text || !slash[1])
        return manifest_fail(m, -EBADMSG, "'%.60s' is no CLASS/IMAGE", text);
    char path[MANIFEST_LINE_MAX + 16];
    snprintf(path, sizeof path, "images/%s", text);
    *slash = 0;
    return manifest_add(m, &(struct manifest_row){.path = path, .label = text, .split = split});
}

int dtd_make(struct manifest *m)
{
    static const char *const splits[] = {"train", "val", "test"};
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(splits); i++) {
        auto_with(manifest_lines_done) struct manifest_lines lines = {0};
        const size_t before = m->n;
        char name[32], *text;
        snprintf(name, sizeof name, "labels/%s1.txt", splits[i]);
        r = manifest_lines_open(&lines, m, name);
        while (r == 0 && (r = manifest_lines_next(&lines, &text)) == 1)
            r = add_image(m, splits[i], text);
        if (r == 0 && m->n == before)
            r = manifest_fail(m, -EBADMSG, "names nothing");
    }
    return r;
}
