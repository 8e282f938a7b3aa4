/* SPDX-License-Identifier: Apache-2.0 */
/* aircraft: FGVC Aircraft (Maji et al. 2013); its classes here are the 100 variants. Lists of
 * `IMAGE VARIANT` for each split; boxes by their corners, both within, counted from 1. The lowest
 * 20 rows of each picture name its owner: they are left to whoever crops. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE_MAX = 9999999, CORNER_MAX = 65535 };

static const char variants_file[] = "data/variants.txt", boxes_file[] = "data/images_box.txt";

struct boxed {
    long image;
    uint64_t line; /* of boxes_file */
    double box[4]; /* x, y, w, h from 0 */
};

struct boxes {
    struct boxed *v; /* [n], by image once all are read */
    size_t n, cap;
};

static int boxed_order(const void *a, const void *b)
{
    const struct boxed *p = a, *q = b;
    return (p->image > q->image) - (p->image < q->image);
}

static int read_image(const struct manifest *m, char **rest, long *ret)
{
    return manifest_integer(m, manifest_field(rest, ' '), "image", (const long[]){0, IMAGE_MAX},
                            ret);
}

static int read_box(const struct manifest *m, char *text, struct boxed *ret)
{
    static const char *const names[4] = {"xmin", "ymin", "xmax", "ymax"};
    long corner[4];
    int r = read_image(m, &text, &ret->image);
    for (int i = 0; r == 0 && i < 4; i++)
        r = manifest_integer(m, manifest_field(&text, ' '), names[i],
                             (const long[]){i < 2 ? 1 : corner[i - 2], CORNER_MAX}, &corner[i]);
    if (r == 0 && text && *text)
        r = manifest_fail(m, -EBADMSG, "more than an image and four numbers");
    for (int i = 0; r == 0 && i < 2; i++) {
        ret->box[i] = (double)corner[i] - 1;
        ret->box[2 + i] = (double)corner[2 + i] - (double)corner[i] + 1;
    }
    ret->line = m->line;
    return r;
}

static int boxes_add(struct boxes *boxes, const struct boxed *boxed)
{
    if (boxes->n == boxes->cap) {
        const size_t cap = boxes->cap ? 2 * boxes->cap : 1024;
        struct boxed *grown = realloc(boxes->v, cap * sizeof *grown);
        if (!grown)
            return err_set(-ENOMEM, "no memory for %zu boxes", cap);
        boxes->v = grown;
        boxes->cap = cap;
    }
    boxes->v[boxes->n++] = *boxed;
    return 0;
}

static int read_boxes(struct manifest *m, struct boxes *boxes)
{
    auto_with(manifest_lines_done) struct manifest_lines lines = {0};
    char *text;
    int r = manifest_lines_open(&lines, m, boxes_file);
    while (r == 0 && (r = manifest_lines_next(&lines, &text)) == 1) {
        struct boxed boxed = {0};
        r = read_box(m, text, &boxed);
        if (r == 0)
            r = boxes_add(boxes, &boxed);
    }
    if (r == 0 && boxes->n)
        qsort(boxes->v, boxes->n, sizeof *boxes->v, boxed_order);
    for (size_t i = 1; r == 0 && i < boxes->n; i++)
        if (boxes->v[i].image == boxes->v[i - 1].image) {
            const uint64_t one = boxes->v[i].line, other = boxes->v[i - 1].line;
            manifest_at(m, boxes_file, one > other ? one : other);
            r = manifest_fail(m, -EBADMSG, "image %07ld is there twice", boxes->v[i].image);
        }
    return r;
}

static int add_image(struct manifest *m, const struct manifest_words *variants,
                     const struct boxes *boxes, const char *split, char *text)
{
    struct boxed key = {0};
    int r = read_image(m, &text, &key.image);
    if (r < 0)
        return r;
    if (!text || !*text)
        return manifest_fail(m, -EBADMSG, "an image and its variant are expected");
    text += strspn(text, " ");
    if (manifest_words_find(variants, text) < 0)
        return manifest_fail(m, -EBADMSG, "variant '%.60s' is not in %s", text, variants_file);
    const struct boxed *boxed =
        boxes->n ? bsearch(&key, boxes->v, boxes->n, sizeof key, boxed_order) : NULL;
    if (!boxed)
        return manifest_fail(m, -EBADMSG, "image %07ld has no box in %s", key.image, boxes_file);
    char path[64];
    snprintf(path, sizeof path, "data/images/%07ld.jpg", key.image);
    return manifest_add(
        m, &(struct manifest_row){.path = path, .label = text, .split = split, .box = boxed->box});
}

static int add_split(struct manifest *m, const struct manifest_words *variants,
                     const struct boxes *boxes, const char *split)
{
    auto_with(manifest_lines_done) struct manifest_lines lines = {0};
    const size_t before = m->n;
    char name[64], *text;
    snprintf(name, sizeof name, "data/images_variant_%s.txt", split);
    int r = manifest_lines_open(&lines, m, name);
    while (r == 0 && (r = manifest_lines_next(&lines, &text)) == 1)
        r = add_image(m, variants, boxes, split, text);
    return r == 0 && m->n == before ? manifest_fail(m, -EBADMSG, "names nothing") : r;
}

int aircraft_make(struct manifest *m)
{
    static const char *const splits[] = {"train", "val", "test"};
    auto_with(manifest_words_done) struct manifest_words variants = {0};
    struct boxes boxes = {0};
    int r = manifest_words(m, variants_file, &variants);
    if (r == 0)
        r = read_boxes(m, &boxes);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(splits); i++)
        r = add_split(m, &variants, &boxes, splits[i]);
    free(boxes.v);
    return r;
}
