/* SPDX-License-Identifier: Apache-2.0 */
/* sun397: SUN397 (Xiao et al. 2010), the first of its ten partitions: 50 + 50 images a class.
 * Classes and images are paths from a slash on; the lists lie in the set's folder, or in Partitions
 * below it. There is no validation set: a fifth of the training images is drawn for it. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <string.h>

static const char classes_file[] = "ClassName.txt";

static int list_open(struct manifest_lines *lines, struct manifest *m, const char *name)
{
    char below[64];
    snprintf(below, sizeof below, "Partitions/%s", name);
    return manifest_lines_open(lines, m, manifest_has(m, below) ? below : name);
}

static int read_classes(struct manifest *m, struct manifest_words *classes)
{
    auto_with(manifest_lines_done) struct manifest_lines lines = {0};
    uint32_t place;
    char *text;
    int r = list_open(&lines, m, classes_file);
    while (r == 0 && (r = manifest_lines_next(&lines, &text)) == 1) {
        if (text[0] != '/' || !text[1])
            return manifest_fail(m, -EBADMSG, "'%.60s' is no class: /LETTER/NAME", text);
        if (manifest_words_find(classes, text + 1) >= 0)
            return manifest_fail(m, -EBADMSG, "'%.60s' is there twice", text + 1);
        r = manifest_words_add(classes, text + 1, &place);
    }
    return r;
}

static int add_image(struct manifest *m, const struct manifest_words *classes, const char *split,
                     char *text)
{
    char path[MANIFEST_LINE_MAX];
    char *slash = strrchr(text, '/');
    if (text[0] != '/' || slash == text || !slash[1])
        return manifest_fail(m, -EBADMSG, "'%.60s' is no image: /LETTER/CLASS/IMAGE", text);
    snprintf(path, sizeof path, "%s", text + 1);
    *slash = 0;
    if (manifest_words_find(classes, text + 1) < 0)
        return manifest_fail(m, -EBADMSG, "class '%.60s' is not in %s", text + 1, classes_file);
    return manifest_add(m, &(struct manifest_row){.path = path, .label = text + 1, .split = split});
}

int sun397_make(struct manifest *m)
{
    static const struct {
        const char *list, *split;
    } parts[] = {{"Training_01.txt", "train"}, {"Testing_01.txt", "test"}};
    auto_with(manifest_words_done) struct manifest_words classes = {0};
    int r = read_classes(m, &classes);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
        auto_with(manifest_lines_done) struct manifest_lines lines = {0};
        const size_t before = m->n;
        char *text;
        r = list_open(&lines, m, parts[i].list);
        while (r == 0 && (r = manifest_lines_next(&lines, &text)) == 1)
            r = add_image(m, &classes, parts[i].split, text);
        if (r == 0 && m->n == before)
            r = manifest_fail(m, -EBADMSG, "names nothing");
    }
    if (r == 0)
        r = manifest_draw(m, &(struct manifest_part_drawn){"train", "val", .share = .2});
    return r;
}
