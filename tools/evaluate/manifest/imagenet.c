/* SPDX-License-Identifier: Apache-2.0 */
/* imagenet: ILSVRC 2012 (Russakovsky et al. 2015), whole or of the classes that a list names.
 * train/ has a folder for each class; val/ the same, or 50 000 images whose classes tells a CSV, or
 * the devkit: a line each of class numbers, which a MATLAB file turns into names. The second split
 * is the set's own validation set, which everybody tests on. */
#include "tools/evaluate/manifest/mat.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_MAX = 4096 };

static const char solution[] = "LOC_val_solution.csv";
static const char truth[] = "ILSVRC2012_validation_ground_truth.txt";

struct imagenet {
    struct manifest *m;
    char val[64];                /* the folder of the validation images, below the root */
    struct manifest_words names; /* of classes that are taken */
};

static void imagenet_done(struct imagenet *imagenet)
{
    manifest_words_done(&imagenet->names);
}

/* The first of these folders that has `wanted` in it, or the last. */
static const char *place_of(const struct manifest *m, const char *const places[], size_t n,
                            const char *wanted)
{
    for (size_t i = 0; i + 1 < n; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", places[i], wanted);
        if (manifest_has(m, path))
            return places[i];
    }
    return places[n - 1];
}

/* --classes: the first word of each line. Of equal words the last one is found, so that one that
 * comes again is not found at its first place. */
static int read_classes(struct manifest *m, struct manifest_words *ret)
{
    auto_free char *real = realpath(m->classes, NULL);
    if (!real)
        return err_set(-errno, "%s: %s", m->classes, strerror(errno));
    int r = manifest_words(m, real, ret);
    for (size_t i = 0; r == 0 && i < ret->n; i++) {
        char *word = ret->word[i];
        word[strcspn(word, " \t,")] = 0;
        if (!*word || strchr(word, '/') || *word == '.')
            r = manifest_fail(m, -EBADMSG, "name %zu is no class", i + 1);
        else if (manifest_words_find(ret, word) != (int64_t)i)
            r = manifest_fail(m, -EBADMSG, "class '%.40s' is named twice", word);
    }
    return r;
}

/* A validation image's name, without folder and ending, and its class. */
static int add_val(const struct imagenet *in, const char *image, const char *class)
{
    char path[MANIFEST_LINE_MAX + 128];
    if (manifest_words_find(&in->names, class) < 0)
        return in->m->classes
                   ? 0
                   : manifest_fail(in->m, -EBADMSG, "class '%.40s' has no folder in train", class);
    snprintf(path, sizeof path, "%s/%s.JPEG", in->val, image);
    return manifest_add(in->m,
                        &(struct manifest_row){.path = path, .label = class, .split = "val"});
}

/* ImageId,PredictionString: the latter is class and box, once or more. */
static int val_by_solution(const struct imagenet *in)
{
    auto_with(manifest_lines_done) struct manifest_lines lines;
    char *line;
    int r = manifest_lines_open(&lines, in->m, solution);
    while (r >= 0 && (r = manifest_lines_next(&lines, &line)) == 1) {
        const char *image = manifest_field(&line, ',');
        const char *class = manifest_field(&line, ' ');
        if (!class)
            r = manifest_fail(in->m, -EBADMSG, "no class: ImageId,PredictionString");
        else if (lines.line > 1)
            r = add_val(in, image, class);
        else if (strcmp(image, "ImageId") != 0)
            r = manifest_fail(in->m, -EBADMSG, "the first line is ImageId,PredictionString");
    }
    return r;
}

/* ret[id]: the class's place in synsets, from 1 on; 0 = there is none. */
static int read_ids(const struct mat *synsets, uint32_t ret[IDS_MAX + 1])
{
    for (size_t i = 0; i < mat_count(synsets); i++) {
        long id;
        int r = mat_integer(synsets, i, "ILSVRC2012_ID", (const long[]){1, IDS_MAX}, &id);
        if (r < 0)
            return r;
        ret[id] = (uint32_t)i + 1;
    }
    return 0;
}

static int val_by_devkit(const struct imagenet *in, const char *devkit)
{
    uint32_t place_of_id[IDS_MAX + 1] = {0};
    auto_with(manifest_lines_done) struct manifest_lines lines = {0};
    auto_with(mat_freep) struct mat *synsets = NULL;
    char path[128], *line;
    snprintf(path, sizeof path, "%s/meta.mat", devkit);
    int r = mat_open(in->m, path, "synsets", &synsets);
    if (r == 0)
        r = read_ids(synsets, place_of_id);
    snprintf(path, sizeof path, "%s/%s", devkit, truth);
    if (r == 0)
        r = manifest_lines_open(&lines, in->m, path);
    for (unsigned n = 1; r >= 0 && (r = manifest_lines_next(&lines, &line)) == 1; n++) {
        char image[64], class[MAT_TEXT_MAX];
        long id = 0;
        r = manifest_integer(in->m, line, "class", (const long[]){1, IDS_MAX}, &id);
        if (r == 0 && place_of_id[id] == 0)
            r = manifest_fail(in->m, -EBADMSG, "class %ld is not in meta.mat", id);
        if (r == 0)
            r = mat_text(synsets, place_of_id[id] - 1, "WNID", class);
        manifest_at(in->m, lines.name, lines.line);
        snprintf(image, sizeof image, "ILSVRC2012_val_%08u", n);
        if (r == 0)
            r = add_val(in, image, class);
    }
    return r;
}

static int add_val_split(const struct imagenet *in)
{
    static const char *const devkits[] = {"ILSVRC2012_devkit_t12/data", "devkit/data", "."};
    char path[MANIFEST_PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", in->val, in->names.word[0]);
    if (manifest_has(in->m, path))
        return manifest_class_folders(in->m, in->val, "val", &in->names);
    if (manifest_has(in->m, solution))
        return val_by_solution(in);
    const char *devkit = place_of(in->m, devkits, ARRAY_LEN(devkits), truth);
    snprintf(path, sizeof path, "%s/%s", devkit, truth);
    if (manifest_has(in->m, path))
        return val_by_devkit(in, devkit);
    manifest_at(in->m, in->val, 0);
    return manifest_fail(
        in->m, -ENOENT,
        "has no folder %s, and what tells its images' classes is not there: %s, or "
        "%s/meta.mat and %s",
        in->names.word[0], solution, devkits[0], truth);
}

int imagenet_make(struct manifest *m)
{
    static const char *const places[] = {"ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "."};
    const char *data = place_of(m, places, ARRAY_LEN(places), "train");
    const bool at_root = strcmp(data, ".") == 0;
    char train[64];
    auto_with(imagenet_done) struct imagenet in = {.m = m};
    snprintf(train, sizeof train, "%s%strain", at_root ? "" : data, at_root ? "" : "/");
    snprintf(in.val, sizeof in.val, "%s%sval", at_root ? "" : data, at_root ? "" : "/");
    int r = m->classes ? read_classes(m, &in.names)
                       : manifest_names(m, train, MANIFEST_FOLDERS, &in.names);
    if (r == 0)
        r = manifest_class_folders(m, train, "train", &in.names);
    return r < 0 ? r : add_val_split(&in);
}

int imagenet100_make(struct manifest *m)
{
    if (!m->classes)
        return err_set(-EINVAL,
                       "imagenet100 wants --classes FILE: which 100 classes, a wnid (n and "
                       "8 digits) a line");
    return imagenet_make(m);
}
