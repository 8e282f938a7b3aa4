/* SPDX-License-Identifier: Apache-2.0 */
/* survey: see survey.h. Takes batch headers, gives counts. Does not know where batches come from,
 * nor what a sample is called. */
#include "tools/inspect/survey/survey.h"

#include "common/class_names.h"
#include "common/err.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES_FIRST = 64 };

int survey_begin(struct survey *s, uint64_t samples, uint32_t classes,
                 const uint8_t fingerprint[DIGEST_BYTES])
{
    s->of_class = calloc(classes ? classes : 1, sizeof *s->of_class);
    s->size = calloc(SIZES_FIRST, sizeof *s->size);
    if (!s->of_class || !s->size)
        return err_set(-ENOMEM, "out of memory: %u classes", classes);
    s->size_cap = SIZES_FIRST;
    s->samples = samples;
    s->classes = classes;
    memcpy(s->fingerprint, fingerprint, DIGEST_BYTES);
    return 0;
}

int survey_name(struct survey *s, const char *const *names)
{
    if (!names)
        return 0;
    void *memory = malloc(class_names_bytes(names, s->classes));
    if (!memory)
        return err_set(-ENOMEM, "out of memory: names of %u classes", s->classes);
    s->class_names = class_names_lay(memory, names, s->classes);
    return 0;
}

void survey_done(struct survey *s)
{
    free((void *)s->class_names);
    for (size_t i = 0; i < s->n_bad; i++)
        free(s->bad[i].reason);
    free(s->bad);
    free(s->size);
    free(s->of_class);
    *s = (struct survey){0};
}

/* --- sizes --- */

/* Where a size is, or belongs, in a table of cap (a power of two) that has a free place. */
static struct survey_size *size_at(struct survey_size *table, size_t cap, uint32_t w, uint32_t h)
{
    uint64_t key = ((uint64_t)w << 32 | h) * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(key >> 32) & (cap - 1);
    while (table[i].n && (table[i].w != w || table[i].h != h))
        i = (i + 1) & (cap - 1);
    return &table[i];
}

static int sizes_grow(struct survey *s)
{
    size_t cap = 2 * s->size_cap;
    struct survey_size *table = calloc(cap, sizeof *table);
    if (!table)
        return err_set(-ENOMEM, "out of memory: %zu sizes of images", s->n_sizes);
    for (size_t i = 0; i < s->size_cap; i++)
        if (s->size[i].n)
            *size_at(table, cap, s->size[i].w, s->size[i].h) = s->size[i];
    free(s->size);
    s->size = table;
    s->size_cap = cap;
    return 0;
}

static int size_add(struct survey *s, uint32_t w, uint32_t h)
{
    struct survey_size *size = size_at(s->size, s->size_cap, w, h);
    if (size->n == 0) {
        *size = (struct survey_size){.w = w, .h = h};
        s->n_sizes++;
    }
    size->n++;
    return s->n_sizes * 2 > s->size_cap ? sizes_grow(s) : 0;
}

/* All sizes, close together; the caller frees. NULL where memory is out. */
static struct survey_size *sizes_list(const struct survey *s)
{
    struct survey_size *list = malloc((s->n_sizes + 1) * sizeof *list);
    if (!list) {
        (void)err_set(-ENOMEM, "out of memory: %zu sizes of images", s->n_sizes);
        return NULL;
    }
    for (size_t i = 0, n = 0; i < s->size_cap; i++)
        if (s->size[i].n)
            list[n++] = s->size[i];
    return list;
}

static int ordered(double a, double b)
{
    return (a > b) - (a < b);
}

static double figure(const struct survey_size *size, enum survey_figure which)
{
    switch (which) {
    case SURVEY_WIDTH:
        return size->w;
    case SURVEY_HEIGHT:
        return size->h;
    case SURVEY_PIXELS:
        return (double)size->w * size->h;
    default:
        return (double)size->w / size->h;
    }
}

#define BY(name, which)                                                                            \
    static int by_##name(const void *a, const void *b)                                             \
    {                                                                                              \
        return ordered(figure(a, which), figure(b, which));                                        \
    }
BY(width, SURVEY_WIDTH)
BY(height, SURVEY_HEIGHT)
BY(pixels, SURVEY_PIXELS)
BY(ratio, SURVEY_RATIO)
static int (*const by[SURVEY_FIGURES])(const void *, const void *) = {by_width, by_height,
                                                                      by_pixels, by_ratio};

int survey_ranges(const struct survey *s, struct survey_range ret[SURVEY_FIGURES])
{
    memset(ret, 0, SURVEY_FIGURES * sizeof *ret);
    if (s->n_sizes == 0)
        return 0;
    struct survey_size *list = sizes_list(s);
    if (!list)
        return -ENOMEM;
    for (int k = 0; k < SURVEY_FIGURES; k++) {
        uint64_t before = 0, half = (s->good + 1) / 2;
        size_t i = 0;
        qsort(list, s->n_sizes, sizeof *list, by[k]);
        while ((before += list[i].n) < half)
            i++;
        ret[k] = (struct survey_range){figure(&list[0], (enum survey_figure)k),
                                       figure(&list[i], (enum survey_figure)k),
                                       figure(&list[s->n_sizes - 1], (enum survey_figure)k)};
    }
    free(list);
    return 0;
}

static int by_count(const void *a, const void *b)
{
    const struct survey_size *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    return x->w != y->w ? (x->w > y->w) - (x->w < y->w) : (x->h > y->h) - (x->h < y->h);
}

int survey_commonest(const struct survey *s, size_t n, struct survey_size *ret)
{
    struct survey_size *list = sizes_list(s);
    if (!list)
        return -ENOMEM;
    n = n < s->n_sizes ? n : s->n_sizes;
    qsort(list, s->n_sizes, sizeof *list, by_count);
    memcpy(ret, list, n * sizeof *list);
    free(list);
    return (int)n;
}

void survey_shapes(const struct survey *s, uint64_t ret[3])
{
    memset(ret, 0, 3 * sizeof *ret);
    for (size_t i = 0; i < s->size_cap; i++)
        ret[s->size[i].w > s->size[i].h ? 0 : s->size[i].w < s->size[i].h ? 1 : 2] += s->size[i].n;
}

/* --- bad images --- */

int survey_add_bad(struct survey *s, uint32_t sample, enum wire_fault fault, const char *reason)
{
    if (s->n_bad == s->bad_cap) {
        size_t cap = s->bad_cap ? 2 * s->bad_cap : 64;
        struct survey_bad *more = realloc(s->bad, cap * sizeof *more);
        if (!more)
            return err_set(-ENOMEM, "out of memory: %zu bad images", s->n_bad);
        s->bad = more;
        s->bad_cap = cap;
    }
    char *copy = reason ? strdup(reason) : NULL;
    if (reason && !copy)
        return err_set(-ENOMEM, "out of memory: %zu bad images", s->n_bad);
    s->bad[s->n_bad++] = (struct survey_bad){sample, fault, copy};
    return 0;
}

int survey_explain(struct survey *s, uint32_t sample, enum wire_fault fault, const char *reason)
{
    size_t low = 0, high = s->n_bad; /* an epoch in dataset order: they came by sample */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->bad[middle].sample < sample)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->n_bad || s->bad[low].sample != sample)
        return 0;
    struct survey_bad *bad = &s->bad[low];
    if (bad->fault == FAULT_NONE)
        bad->fault = fault;
    if (!bad->reason && reason && reason[0] && !(bad->reason = strdup(reason)))
        return err_set(-ENOMEM, "out of memory: %zu bad images", s->n_bad);
    return 0;
}

/* --- */

static void box_add(struct survey *s, const struct omega *o, const uint32_t box[4])
{
    if (box[2] == 0 || box[3] == 0)
        return;
    s->boxed++;
    s->outside +=
        (uint64_t)box[0] + box[2] > o->source_w || (uint64_t)box[1] + box[3] > o->source_h;
}

static int image_add(struct survey *s, const struct wire_batch *b, uint32_t i)
{
    const struct omega *o = &b->omega[i];
    s->good++;
    if (b->labels[i] < 0)
        s->unlabelled++;
    else if (b->labels[i] >= s->classes)
        s->strange++;
    else
        s->of_class[b->labels[i]]++;
    if (b->boxes)
        box_add(s, o, b->boxes + 4 * (size_t)i);
    return size_add(s, o->source_w, o->source_h);
}

int survey_add(struct survey *s, const struct wire_batch *b)
{
    int rc = 0;
    for (uint32_t i = 0, k = 0; !rc && i < b->n_samples; i++)
        if (k < b->n_substituted && b->substituted[k].position == i) {
            rc = survey_add_bad(s, b->substituted[k].sample, b->substituted[k].fault, NULL);
            k++;
        } else {
            rc = image_add(s, b, i);
        }
    return rc;
}
