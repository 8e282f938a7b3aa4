/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: the published datasets as their authors pack them -> a CSV for loaderd's format
 * `manifest`. A maker, one file and one row of manifest_sets[] per dataset, reads the set's own
 * lists and adds a row for each image; rows that loaderd would refuse, and images that are not
 * there, are refused at once, with the place that named them. One thread. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_MANIFEST_H
#define AUGSTREAM_TOOLS_EVALUATE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    MANIFEST_PATH_MAX = 1024, /* bytes with the NUL, as loaderd's ITEM_PATH_MAX */
    MANIFEST_LABEL_MAX = 255, /* bytes */
    MANIFEST_LINE_MAX = 4096, /* bytes of a list's line */
    MANIFEST_SPLITS_MAX = 32,
    MANIFEST_PARTS_MAX = 6,
    MANIFEST_BOX_MAX = 65535, /* pixels */
};

/* What a maker adds. All copied. */
struct manifest_row {
    const char *path;  /* below the root; never absolute, never with ".." */
    const char *label; /* the class's name; NULL: number is the class */
    int32_t number;    /* where label is NULL: from 0 on, -1 = none */
    const char *split;
    const double *box; /* x, y, w, h in pixels, the first pixel at 0; NULL: none */
};

struct manifest_kept {
    size_t path;           /* in text */
    uint32_t label, split; /* of labels, splits; label UINT32_MAX = none */
    bool boxed;
    int32_t box[4];
};

struct manifest_words {
    char **word;
    size_t n, cap;
};

/* A manifest being made. Zero-initialise, fill the first four, manifest_begin; done is fine on a
 * half-made one. */
struct manifest {
    const char *root;             /* the dataset's folder; a loan, as the next one */
    const char *classes;          /* --classes: a file of class names, one a line; NULL: all */
    uint64_t seed;                /* of splits that are drawn */
    char base[MANIFEST_PATH_MAX]; /* root, absolute, without links */
    int folder;                   /* the same, open; valid once base is filled */
    char at[MANIFEST_PATH_MAX];   /* what is being read, below the root or absolute: for messages */
    uint64_t line;                /* of it; 0 = the whole */
    char *text;                   /* paths, NUL-terminated */
    size_t text_n, text_cap;
    struct manifest_kept *rows;
    size_t n, cap;
    struct manifest_words labels, splits;
    bool numbers, names; /* which kinds of labels there are: never both */
};

int manifest_begin(struct manifest *m); /* -ENOENT, -ENOTDIR ... */
void manifest_done(struct manifest *m);

/* Where the maker stands, for the messages to come. The lists below do it by themselves. */
void manifest_at(struct manifest *m, const char *file, uint64_t line);

/* err_set with that place in front. */
int manifest_fail(const struct manifest *m, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* -EBADMSG: a path that leaves the root, an image that is none, a label that loaderd would refuse
 * or read as something else, a box without area or out of range; -ENOENT: no such image. */
int manifest_add(struct manifest *m, const struct manifest_row *row);

/* Is there such a file or folder below the root? */
bool manifest_has(const struct manifest *m, const char *path);

/* manifest_draw.c: of the rows of split `from`, moves some at random to split `to`: `each` of every
 * class, or where that is 0 share * (rows of from) of them in all, of each class in proportion (the
 * largest remainders are rounded up). What is drawn of a class depends on its own paths, the seed
 * and `to`, not on the order in which rows came. -EBADMSG where a class would have none left. */
struct manifest_part_drawn {
    const char *from, *to;
    size_t each;
    double share;
};
int manifest_draw(struct manifest *m, const struct manifest_part_drawn *drawn);

/* manifest_read.c: the lines of a text file below the root, or of an absolute path: without their
 * ends and trailing blanks, empty ones passed over. Zero-initialise; done is fine on that. */
struct manifest_lines {
    struct manifest *m;
    FILE *in;
    char *name;
    uint64_t line;
    char text[MANIFEST_LINE_MAX];
};
int manifest_lines_open(struct manifest_lines *lines, struct manifest *m, const char *path);
int manifest_lines_next(struct manifest_lines *lines, char **ret); /* 1, or 0 at the end */
void manifest_lines_done(struct manifest_lines *lines);

/* The next field of a line, up to `by` or its end; *rest goes behind. NULL: there is none. */
char *manifest_field(char **rest, char by);
/* A whole number, low to high, or -EBADMSG naming `what`. */
int manifest_integer(const struct manifest *m, const char *text, const char *what,
                     const long bounds[2], long *ret);

/* The names in a folder below the root, bytewise: its folders, or its images (.jpg .jpeg .png
 * .webp in any case). What begins with a dot is passed over. */
enum manifest_kind { MANIFEST_FOLDERS, MANIFEST_IMAGES };
int manifest_names(struct manifest *m, const char *path, enum manifest_kind kind,
                   struct manifest_words *ret);
/* Every word of a file, one a line. */
int manifest_words(struct manifest *m, const char *path, struct manifest_words *ret);
int manifest_words_add(struct manifest_words *words, const char *word, uint32_t *ret_place);
int64_t manifest_words_find(const struct manifest_words *words, const char *word); /* -1 = none */
void manifest_words_done(struct manifest_words *words);

/* A row for every image of folder/NAME/ below the root, NAME being its label; where only is not
 * NULL, of the folders that it names, each of which must be there. */
int manifest_class_folders(struct manifest *m, const char *folder, const char *split,
                           const struct manifest_words *only);

/* manifest_write.c: the CSV. relative: paths below the root, for a file that will lie there;
 * else absolute ones. */
int manifest_write(const struct manifest *m, bool relative, FILE *out);
/* The names of the classes, a line each, in place of it. */
int manifest_write_classes(const struct manifest *m, FILE *out);

/* --- the sets --- */

struct manifest_part {
    const char *split;
    uint32_t images; /* in the set as published */
};
struct manifest_set {
    const char *name;  /* "flowers102" */
    const char *title; /* "Oxford 102 Flowers" */
    const char *metric;
    const char *wants; /* what must lie below ROOT */
    int (*make)(struct manifest *m);
    uint32_t classes; /* as published; 0: whatever there is */
    bool picks;       /* takes --classes */
    struct manifest_part parts[MANIFEST_PARTS_MAX];
    /* Where the pictures are no files: the maker fills only m->labels, manifest_write writes these,
     * a line each, and this is what to declare beside the path, FILE being that list. */
    const char *declare;
};
extern const struct manifest_set manifest_sets[];
extern const size_t manifest_sets_n;
const struct manifest_set *manifest_set_find(const char *name); /* NULL: none is called so */

/* The makers, one file each. */
int flowers102_make(struct manifest *m);
int aircraft_make(struct manifest *m);
int cifar10_make(struct manifest *m);
int cifar100_make(struct manifest *m);
int cub200_make(struct manifest *m);
int dtd_make(struct manifest *m);
int fc100_train_make(struct manifest *m);
int fc100_val_make(struct manifest *m);
int fc100_test_make(struct manifest *m);
int folders_make(struct manifest *m);
int stl10_make(struct manifest *m);
int sun397_make(struct manifest *m);
int food101_make(struct manifest *m);
int mit67_make(struct manifest *m);
int pets_make(struct manifest *m);
int caltech101_make(struct manifest *m);
int caltech101_background_make(struct manifest *m);
int cars_make(struct manifest *m);
int plant_disease_make(struct manifest *m);
int imagenet_make(struct manifest *m);
int imagenet100_make(struct manifest *m);

#endif
