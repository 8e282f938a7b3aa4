/* SPDX-License-Identifier: Apache-2.0 */
/* cub200: CUB-200-2011 (Wah et al. 2011). Five text files, whose lines begin with an image's (or a
 * class's) number, tell its path, class, split (1: training) and box: x, y, w, h in pixels from 0.
 * There is no validation set: a fifth of the training images is drawn for it. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 1 << 20 };

struct bird {
    char *path;
    long class;    /* 0: not told */
    long split;    /* 0: not told, 1 test, 2 train */
    double box[4]; /* w 0: not told */
};

struct cub {
    struct manifest *m;
    char **classes;     /* [NUMBER_MAX + 1] by number, from 1 on */
    struct bird *birds; /* the same */
};

static int keep_text(const struct cub *c, long number, const char *rest, char **ret)
{
    if (*ret)
        return manifest_fail(c->m, -EBADMSG, "number %ld is there twice", number);
    *ret = strdup(rest);
    return *ret ? 0 : err_set(-ENOMEM, "no memory for a name");
}

static int class_line(const struct cub *c, long number, char *rest)
{
    return keep_text(c, number, rest, &c->classes[number]);
}

static int image_line(const struct cub *c, long number, char *rest)
{
    return keep_text(c, number, rest, &c->birds[number].path);
}

static int label_line(const struct cub *c, long number, char *rest)
{
    long class = 0;
    int r = manifest_integer(c->m, rest, "class", (const long[]){1, NUMBER_MAX}, &class);
    if (r == 0 && !c->classes[class])
        r = manifest_fail(c->m, -EBADMSG, "class %ld is not in classes.txt", class);
    c->birds[number].class = class;
    return r;
}

static int split_line(const struct cub *c, long number, char *rest)
{
    long train = 0;
    int r = manifest_integer(c->m, rest, "training", (const long[]){0, 1}, &train);
    c->birds[number].split = train + 1;
    return r;
}

static int box_line(const struct cub *c, long number, char *rest)
{
    double *box = c->birds[number].box;
    for (int i = 0; i < 4; i++) {
        const char *part = manifest_field(&rest, ' ');
        char *end = NULL;
        box[i] = part ? strtod(part, &end) : -1;
        if (!end || end == part || *end || !isfinite(box[i]))
            return manifest_fail(c->m, -EBADMSG, "x, y, width and height are expected");
    }
    if (rest && *rest)
        return manifest_fail(c->m, -EBADMSG, "more than a box of four numbers");
    if (box[2] <= 0 || box[3] <= 0)
        return manifest_fail(c->m, -EBADMSG, "a box of %gx%g pixels", box[2], box[3]);
    return 0;
}

/* In the order in which they are read; what they tell of an image that images.txt has not is
 * refused. */
static const struct part {
    const char *file;
    int (*line)(const struct cub *c, long number, char *rest);
    bool of_image;
} parts[] = {
    {"classes.txt", class_line, false},           {"images.txt", image_line, false},
    {"image_class_labels.txt", label_line, true}, {"train_test_split.txt", split_line, true},
    {"bounding_boxes.txt", box_line, true},
};

static int read_part(const struct cub *c, const struct part *part)
{
    auto_with(manifest_lines_done) struct manifest_lines lines = {0};
    bool any = false;
    char *text;
    int r = manifest_lines_open(&lines, c->m, part->file);
    while (r == 0 && (r = manifest_lines_next(&lines, &text)) == 1) {
        long number = 0;
        r = manifest_integer(c->m, manifest_field(&text, ' '), "number",
                             (const long[]){1, NUMBER_MAX}, &number);
        if (r == 0 && (!text || !*text))
            r = manifest_fail(c->m, -EBADMSG, "nothing behind number %ld", number);
        if (r == 0 && part->of_image && !c->birds[number].path)
            r = manifest_fail(c->m, -EBADMSG, "image %ld is not in images.txt", number);
        if (r == 0)
            r = part->line(c, number, text);
        any = true;
    }
    return r == 0 && !any ? manifest_fail(c->m, -EBADMSG, "names nothing") : r;
}

static int lacks(const struct cub *c, const char *file, long number)
{
    manifest_at(c->m, file, 0);
    return manifest_fail(c->m, -EBADMSG, "nothing of image %ld", number);
}

static int add_image(const struct cub *c, long number)
{
    const struct bird *bird = &c->birds[number];
    if (!bird->class)
        return lacks(c, "image_class_labels.txt", number);
    if (!bird->split)
        return lacks(c, "train_test_split.txt", number);
    if (bird->box[2] <= 0)
        return lacks(c, "bounding_boxes.txt", number);
    char path[MANIFEST_LINE_MAX + 16];
    snprintf(path, sizeof path, "images/%s", bird->path);
    char at[64];
    snprintf(at, sizeof at, "image %ld", number);
    manifest_at(c->m, at, 0);
    return manifest_add(c->m, &(struct manifest_row){
                                  .path = path,
                                  .label = c->classes[bird->class],
                                  .split = bird->split == 2 ? "train" : "test",
                                  .box = bird->box,
                              });
}

static int make(const struct cub *c)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++)
        r = read_part(c, &parts[i]);
    for (long i = 1; r == 0 && i <= NUMBER_MAX; i++)
        if (c->birds[i].path)
            r = add_image(c, i);
    if (r == 0)
        r = manifest_draw(c->m, &(struct manifest_part_drawn){"train", "val", .share = .2});
    return r;
}

int cub200_make(struct manifest *m)
{
    struct cub c = {m, calloc(NUMBER_MAX + 1, sizeof *c.classes),
                    calloc(NUMBER_MAX + 1, sizeof *c.birds)};
    int r = c.classes && c.birds ? make(&c) : err_set(-ENOMEM, "no memory for a list of birds");
    for (long i = 1; c.classes && c.birds && i <= NUMBER_MAX; i++) {
        free(c.classes[i]);
        free(c.birds[i].path);
    }
    free(c.classes);
    free(c.birds);
    return r;
}
