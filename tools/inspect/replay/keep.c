/* SPDX-License-Identifier: Apache-2.0 */
/* keep: takes views, gives files. The caller's thread; owns the pixels, view after view, each of
 * which grows by doubling. */
#include "tools/inspect/replay/keep.h"

#include "common/auto.h"
#include "common/err.h"
#include "tools/picture.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t view_bytes(const struct keep *keep, uint32_t view)
{
    return (size_t)keep->sizes[view] * keep->sizes[view] * 3;
}

/* The views of the first batch are everybody's. */
static int views_agree(struct keep *keep, const struct wire_batch *b)
{
    if (keep->n_views == 0) {
        keep->n_views = b->n_views;
        memcpy(keep->sizes, b->sizes, sizeof keep->sizes);
        while (keep->large < b->n_views && b->sizes[keep->large] == b->sizes[0])
            keep->large++;
        for (uint32_t v = keep->large; v < b->n_views; v++)
            if (b->sizes[v] != b->sizes[keep->large])
                return err_set(-EINVAL, "views of more than two sizes are not for one file");
    }
    if (keep->n_views != b->n_views ||
        memcmp(keep->sizes, b->sizes, b->n_views * sizeof b->sizes[0]) != 0)
        return err_set(-EINVAL, "batches whose views differ in number or size are not for one "
                                "file: pick a step");
    return 0;
}

/* old, which is then another, or NULL and old is as it was. */
static void *grown(void *old, size_t n, size_t bytes)
{
    void *more = realloc(old, n * bytes);
    if (!more)
        err_set(-ENOMEM, "out of memory: %zu times %zu bytes to keep", n, bytes);
    return more;
}

static int capacity_reserve(struct keep *keep, size_t n)
{
    size_t sample = 0, capacity = keep->capacity ? keep->capacity : n;
    for (uint32_t v = 0; v < keep->n_views; v++)
        sample += view_bytes(keep, v);
    if (n > KEEP_BYTES_MAX / sample)
        return err_set(-E2BIG, "more than %llu bytes of pixels: pick a step or a sample",
                       (unsigned long long)KEEP_BYTES_MAX);
    while (capacity < n)
        capacity *= 2;
    if (capacity == keep->capacity)
        return 0;
    int64_t *labels = grown(keep->labels, capacity, sizeof *labels);
    keep->labels = labels ? labels : keep->labels;
    int64_t *samples = grown(keep->samples, capacity, sizeof *samples);
    keep->samples = samples ? samples : keep->samples;
    bool all = labels && samples;
    for (uint32_t v = 0; all && v < keep->n_views; v++) {
        uint8_t *pixels = grown(keep->pixels[v], capacity, view_bytes(keep, v));
        keep->pixels[v] = pixels ? pixels : keep->pixels[v];
        all = pixels != NULL;
    }
    if (!all)
        return -ENOMEM;
    keep->capacity = capacity;
    return 0;
}

int keep_room(struct keep *keep, const struct wire_message *tap,
              uint8_t *ret_pixels[OMEGA_VIEWS_MAX])
{
    int rc = views_agree(keep, &tap->tap.batch);
    if (!rc)
        rc = capacity_reserve(keep, keep->n + tap->tap.batch.n_samples);
    for (uint32_t v = 0; !rc && v < keep->n_views; v++)
        ret_pixels[v] = keep->pixels[v] + keep->n * view_bytes(keep, v);
    return rc;
}

void keep_batch(struct keep *keep, const struct wire_message *tap, const bool *good)
{
    const struct wire_batch *b = &tap->tap.batch;
    const size_t first = keep->n;
    for (uint32_t i = 0; i < b->n_samples; i++) {
        if (!good[i])
            continue;
        for (uint32_t v = 0; v < keep->n_views && keep->n != first + i; v++)
            memcpy(keep->pixels[v] + keep->n * view_bytes(keep, v),
                   keep->pixels[v] + (first + i) * view_bytes(keep, v), view_bytes(keep, v));
        keep->labels[keep->n] = b->labels[i];
        keep->samples[keep->n++] = b->omega[i].sample;
    }
}

/* Views [from, to) become one tensor in the first one's memory, so that no more than one of them
 * is there twice. */
static int join(struct keep *keep, uint32_t from, uint32_t to)
{
    const size_t bytes = keep->n * view_bytes(keep, from);
    uint8_t *all = grown(keep->pixels[from], to - from, bytes ? bytes : 1);
    if (!all)
        return -ENOMEM;
    keep->pixels[from] = all;
    for (uint32_t v = from + 1; v < to; v++) {
        memcpy(keep->pixels[from] + (v - from) * bytes, keep->pixels[v], bytes);
        free(keep->pixels[v]);
        keep->pixels[v] = NULL;
    }
    return 0;
}

static int tensor_add(struct keep *keep, struct safetensors_out *out, const char *name,
                      const uint32_t range[2])
{
    const int64_t side = keep->sizes[range[0]], n = (int64_t)keep->n;
    int rc = join(keep, range[0], range[1]);
    return rc ? rc
              : safetensors_add(out, name, ST_U8, 5,
                                (int64_t[]){range[1] - range[0], n, side, side, 3},
                                keep->pixels[range[0]]);
}

int keep_write(struct keep *keep, const char *path)
{
    const int64_t n = (int64_t)keep->n;
    struct safetensors_out *out;
    int rc = safetensors_out_new(&out);
    if (rc)
        return rc;
    rc = tensor_add(keep, out, "views", (uint32_t[]){0, keep->large});
    if (!rc && keep->large < keep->n_views)
        rc = tensor_add(keep, out, "small", (uint32_t[]){keep->large, keep->n_views});
    if (!rc)
        rc = safetensors_add(out, "labels", ST_I64, 1, &n, keep->labels);
    if (!rc)
        rc = safetensors_add(out, "samples", ST_I64, 1, &n, keep->samples);
    if (!rc)
        rc = safetensors_write(out, path);
    safetensors_out_free(out);
    return rc;
}

int keep_draw(const struct keep *keep, const char *path)
{
    enum { GAP = 6 };
    const size_t n = keep->n < KEEP_SHEET_MAX ? keep->n : KEEP_SHEET_MAX;
    uint32_t w = 0, h = 0;
    for (uint32_t v = 0; v < keep->n_views; v++) {
        w += keep->sizes[v];
        h = keep->sizes[v] > h ? keep->sizes[v] : h;
    }
    /* about as wide as high */
    uint32_t columns = (uint32_t)ceil(sqrt((double)n * (h + GAP) / (w + GAP)));
    columns = columns ? columns : 1;
    const uint32_t rows = ((uint32_t)n + columns - 1) / columns;
    struct canvas canvas;
    int rc = canvas_init(&canvas, columns * (w + GAP) + GAP, rows * (h + GAP) + GAP, 0xffffff);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < n; i++) {
        int32_t x = (int32_t)(GAP + i % columns * (w + GAP));
        const int32_t y = (int32_t)(GAP + i / columns * (h + GAP));
        for (uint32_t v = 0; v < keep->n_views; v++) {
            const struct canvas_source view = {keep->pixels[v] + i * view_bytes(keep, v),
                                               keep->sizes[v], keep->sizes[v]};
            canvas_blit(&canvas, x, y, &view, 1);
            x += (int32_t)keep->sizes[v];
        }
    }
    rc = canvas_save(&canvas, path);
    canvas_done(&canvas);
    return rc;
}

void keep_done(struct keep *keep)
{
    for (uint32_t v = 0; v < OMEGA_VIEWS_MAX; v++)
        free(keep->pixels[v]);
    free(keep->labels);
    free(keep->samples);
    *keep = (struct keep){0};
}
