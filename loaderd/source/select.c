/* SPDX-License-Identifier: Apache-2.0 */
/* select: takes a whole listing, leaves the classes and the fraction that are asked for, in the
 * order they had. One thread. What is kept of a class depends on its samples' names alone: every
 * loader keeps the same, a larger fraction keeps all that a smaller one does, and a sample more
 * moves at most one other. */
#include "loaderd/source/listing.h"

#include "common/auto.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES_FILE_MAX = 64 << 20 };

struct rank {
    uint64_t hash;
    uint32_t class; /* label + 1 */
    uint32_t row;
};

static void listing_drop(struct listing *l, const bool *kept)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_rows; i++) {
        if (!kept[i])
            continue;
        l->rows[n] = l->rows[i];
        if (l->boxes)
            memcpy(l->boxes[n], l->boxes[i], sizeof l->boxes[n]);
        n++;
    }
    l->n_rows = n;
}

/* --- the classes of a file --- */

struct choice {
    const char *path;
    int32_t *fresh; /* [n_classes] the label that a class gets, -1 = it is left out */
    uint64_t *classes;
    size_t n;
};

static int choose(const struct listing *l, struct choice *c, const char *name, size_t line)
{
    const int32_t class = listing_class_find(l, name);
    if (class < 0)
        return err_set(-EINVAL, "%s:%zu: %s has no class '%.200s'", c->path, line,
                       l->names + l->root, name);
    if (c->fresh[class] >= 0)
        return err_set(-EINVAL, "%s:%zu: class '%.200s' is there twice", c->path, line, name);
    c->classes[c->n] = l->classes[class];
    c->fresh[class] = (int32_t)c->n++;
    return 0;
}

static int choose_all(const struct listing *l, struct choice *c, char *text, size_t len)
{
    if (memchr(text, 0, len))
        return err_set(-EINVAL, "%s: not a text: it has a byte 0", c->path);
    size_t number = 0;
    for (char *next = text; next;) {
        char *line = next;
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        number++;
        const size_t n = strlen(line);
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = 0;
        if (!line[0])
            continue;
        int r = choose(l, c, line, number);
        if (r < 0)
            return r;
    }
    return c->n > 0 ? 0 : err_set(-EINVAL, "%s: names no class", c->path);
}

static int apply(struct listing *l, struct choice *c)
{
    bool *kept auto_free = calloc(l->n_rows + 1, sizeof *kept);
    if (!kept)
        return err_set(-ENOMEM, "no memory for %zu samples", l->n_rows);
    for (size_t i = 0; i < l->n_rows; i++) {
        struct listed_row *row = &l->rows[i];
        row->label = row->label < 0 ? -1 : c->fresh[row->label];
        kept[i] = row->label >= 0;
    }
    listing_drop(l, kept);
    memcpy(l->classes, c->classes, c->n * sizeof *l->classes);
    l->n_classes = c->n;
    free(l->class_of); /* they have other numbers now */
    l->class_of = NULL;
    l->class_slots = 0;
    return 0;
}

static int select_classes(struct listing *l, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    int r = listing_watch(l, path, &st);
    char *text auto_free = NULL;
    size_t len;
    if (r == 0)
        r = file_read_regular(path, CLASSES_FILE_MAX, &text, &len);
    if (r < 0)
        return r;
    int32_t *fresh auto_free = malloc((l->n_classes + 1) * sizeof *fresh);
    uint64_t *classes auto_free = malloc((l->n_classes + 1) * sizeof *classes);
    if (!fresh || !classes)
        return err_set(-ENOMEM, "no memory for %zu classes", l->n_classes);
    for (size_t i = 0; i < l->n_classes; i++)
        fresh[i] = -1;
    struct choice choice = {.path = path, .fresh = fresh, .classes = classes};
    r = choose_all(l, &choice, text, len);
    return r < 0 ? r : apply(l, &choice);
}

/* --- a fraction of each class --- */

static uint64_t name_hash(const char *name)
{
    struct digest d;
    uint8_t bytes[DIGEST_BYTES];
    digest_init(&d);
    digest_add_str(&d, "fraction");
    digest_add_str(&d, name);
    digest_end(&d, bytes);
    uint64_t h = 0;
    for (int i = 0; i < 8; i++)
        h |= (uint64_t)bytes[i] << 8 * i;
    return h;
}

static int rank_order(const void *pa, const void *pb)
{
    const struct rank *a = pa, *b = pb;
    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Of n samples: the nearest whole number, and never none. */
static size_t share(double fraction, size_t n)
{
    const size_t k = (size_t)llround(fraction * (double)n);
    return k < 1 ? 1 : k > n ? n : k;
}

static int select_fraction(struct listing *l, double fraction)
{
    struct rank *ranks auto_free = malloc((l->n_rows + 1) * sizeof *ranks);
    bool *kept auto_free = calloc(l->n_rows + 1, sizeof *kept);
    if (!ranks || !kept)
        return err_set(-ENOMEM, "no memory for %zu samples", l->n_rows);
    for (size_t i = 0; i < l->n_rows; i++)
        ranks[i] = (struct rank){.hash = name_hash(l->names + l->rows[i].name),
                                 .class = (uint32_t)(l->rows[i].label + 1),
                                 .row = (uint32_t)i};
    qsort(ranks, l->n_rows, sizeof *ranks, rank_order);
    for (size_t at = 0; at < l->n_rows;) {
        size_t end = at;
        while (end < l->n_rows && ranks[end].class == ranks[at].class)
            end++;
        for (size_t i = at, stop = at + share(fraction, end - at); i < stop; i++)
            kept[ranks[i].row] = true;
        at = end;
    }
    listing_drop(l, kept);
    return 0;
}

int select_samples(struct listing *l, const struct source_spec *spec)
{
    int r = 0;
    if (spec->classes && spec->classes[0])
        r = select_classes(l, spec->classes);
    if (r == 0 && spec->fraction > 0 && spec->fraction < 1)
        r = select_fraction(l, spec->fraction);
    return r;
}
