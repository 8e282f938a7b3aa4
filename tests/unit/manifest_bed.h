/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_bed: a made-up tree in a published set's own layout, the set's maker run over it, and
 * what loaderd's format `manifest` then finds in the CSV. */
#ifndef AUGSTREAM_TESTS_MANIFEST_BED_H
#define AUGSTREAM_TESTS_MANIFEST_BED_H

#include "garden.h"
#include "mat_make.h"

#include "common/file.h"
#include "loaderd/source/source.h"
#include "tools/evaluate/manifest/manifest.h"

#include <errno.h>

/* An image to be found; its folders come with it. Makers open none: a byte will do. */
static inline void bed_image(const struct garden *garden, const char *name)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", garden_path(garden, name));
    *strrchr(folder, '/') = 0;
    assert_int_equal(file_mkdirs(folder), 0);
    garden_write(garden, name, "i");
}

static inline void bed_text(const struct garden *garden, const char *name, const char *text)
{
    bed_image(garden, name);
    garden_write(garden, name, text);
}

/* The maker's own code; ret, if it is 0, is what bed_told gets its CSV from. */
static inline int bed_make(const struct garden *garden, const char *set, const char *classes,
                           struct manifest *ret)
{
    const struct manifest_set *row = manifest_set_find(set);
    assert_non_null(row);
    *ret = (struct manifest){.root = garden->root, .classes = classes, .seed = 7};
    int r = manifest_begin(ret);
    return r < 0 ? r : row->make(ret);
}

/* What loaderd finds in a split: "path:label ...", in order, then class names. */
static inline const char *bed_split(const struct garden *garden, const char *split)
{
    static char out[2][8192];
    static int which;
    which = !which;
    char *text = out[which];
    struct source *source = NULL;
    const struct source_spec spec = {
        .format = "manifest", .path = garden_path(garden, "m.csv"), .split = split};
    if (source_open(&spec, &source) < 0)
        fail_msg("%s", err_text());
    size_t at = 0;
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        int32_t box[4];
        source->item(source, i, &item);
        const char *path = strstr(item.path, garden->root);
        assert_non_null(path);
        at += (size_t)snprintf(text + at, sizeof *out - at, "%s:%d",
                               path + strlen(garden->root) + 1, item.label);
        if (source->box && source->box(source, i, box) == 0)
            at += (size_t)snprintf(text + at, sizeof *out - at, "[%d,%d,%d,%d]", box[0], box[1],
                                   box[2], box[3]);
        at += (size_t)snprintf(text + at, sizeof *out - at, " ");
        assert_true(at < sizeof *out);
    }
    for (uint32_t i = 0; i < source->classes; i++)
        at += (size_t)snprintf(text + at, sizeof *out - at, "%s,", source->class_name(source, i));
    assert_true(at < sizeof *out);
    source_free(source);
    return text;
}

static inline void bed_write(const struct garden *garden, const struct manifest *m, bool relative)
{
    FILE *out = fopen(garden_path(garden, "m.csv"), "w");
    assert_non_null(out);
    assert_int_equal(manifest_write(m, relative, out), 0);
    assert_int_equal(fclose(out), 0);
}

/* The set is made and lies in the garden as m.csv. */
static inline void bed_made(const struct garden *garden, const char *set, const char *classes)
{
    struct manifest m;
    if (bed_make(garden, set, classes, &m) < 0)
        fail_msg("%s: %s", set, err_text());
    bed_write(garden, &m, true);
    manifest_done(&m);
}

/* The set cannot be made, and the message has these words. */
static inline void bed_refused(const struct garden *garden, const char *set, int code,
                               const char *words)
{
    struct manifest m;
    const int r = bed_make(garden, set, NULL, &m);
    manifest_done(&m);
    if (r != code || !strstr(err_text(), words))
        fail_msg("%s: %d, '%s' instead of %d, '%s'", set, r, err_text(), code, words);
}

/* How many rows of a split, in all and of one label (-1: whichever). */
static inline uint32_t bed_count(const struct garden *garden, const char *split, int32_t label)
{
    struct source *source = NULL;
    const struct source_spec spec = {
        .format = "manifest", .path = garden_path(garden, "m.csv"), .split = split};
    if (source_open(&spec, &source) < 0)
        fail_msg("%s", err_text());
    uint32_t n = 0;
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        source->item(source, i, &item);
        n += label < 0 || item.label == label;
    }
    source_free(source);
    return n;
}

#endif
