/* SPDX-License-Identifier: Apache-2.0 */
/* augment: takes an image and omega, gives one view's bytes. Owns its memory; one thread per struct
 * augment. It draws nothing and checks nothing: omega says all, and has been checked.
 *
 * A view goes through in at most three passes, row by row, so that a row stays in the nearest
 * cache: crop, flip and colours up to contrast, which needs the mean of the whole view; the other
 * colours; blur, which needs the rows around. Whichever pass is the last rounds and writes. */
#include "loaderd/augment/augment.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/augment/parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 3, PLANES = CHANNELS + 1 /* blur writes apart from what it reads */ };

struct augment {
    const struct kernels *kernels;
    uint32_t size_max;
    struct crop crop;
    void *memory;     /* what planes lie in */
    float *planes;    /* [PLANES][size][pitch] */
    float *row;       /* [CHANNELS][pitch] */
    float *blur_line; /* [BLUR_LINE] */
    uint8_t *bytes;   /* [3 * pitch + PACK_SLACK] */
};

void *augment_zeroed(size_t bytes)
{
    const size_t whole = (bytes + AUGMENT_ALIGN - 1) / AUGMENT_ALIGN * AUGMENT_ALIGN;
    void *p = aligned_alloc(AUGMENT_ALIGN, whole);
    return p ? memset(p, 0, whole) : NULL;
}

static void augment_freep(struct augment **a)
{
    augment_free(*a);
}

int augment_new(uint32_t size_max, struct augment **ret)
{
    assert(size_max >= 1 && size_max <= OMEGA_VIEW_MAX);
    auto_with(augment_freep) struct augment *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(-ENOMEM, "no memory for rendering views");
    const size_t pitch = pitch_of(size_max);
    a->kernels = kernels_pick();
    a->size_max = size_max;
    const int rc = crop_init(&a->crop, size_max);
    if (rc < 0)
        return rc;
    /* Not by augment_zeroed: pages that no view touches shall cost nothing. */
    a->memory = calloc(1, PLANES * size_max * pitch * sizeof(float) + AUGMENT_ALIGN);
    a->row = augment_zeroed(CHANNELS * pitch * sizeof(float));
    a->blur_line = augment_zeroed(BLUR_LINE * sizeof(float));
    a->bytes = malloc(CHANNELS * pitch + PACK_SLACK);
    if (!a->memory || !a->row || !a->blur_line || !a->bytes)
        return err_set(-ENOMEM, "no memory for rendering views of %u pixels", size_max);
    a->planes =
        (float *)(((uintptr_t)a->memory + AUGMENT_ALIGN - 1) & ~(uintptr_t)(AUGMENT_ALIGN - 1));
    *ret = take_ptr(&a);
    return 0;
}

void augment_free(struct augment *a)
{
    if (!a)
        return;
    crop_done(&a->crop);
    free(a->memory);
    free(a->row);
    free(a->blur_line);
    free(a->bytes);
    free(a);
}

void augment_use(struct augment *a, const struct kernels *kernels)
{
    a->kernels = kernels;
}

/* A view on its way: what is to be done, and where its planes are. */
struct passage {
    struct augment *a;
    uint32_t size;
    size_t pitch;
    struct colour_plan colours;
    bool gray; /* all channels are alike: blur needs one */
    struct rotation rotation;
};

/* Row y of the three planes from the first-th on. */
static void plane_rows(const struct passage *p, int first, uint32_t y, float *ret[CHANNELS])
{
    for (int c = 0; c < CHANNELS; c++)
        ret[c] = p->a->planes + ((size_t)(first + c) * p->size + y) * p->pitch;
}

static void write_row(const struct passage *p, uint32_t y, float *const row[CHANNELS])
{
    const float *const from[CHANNELS] = {row[0], p->gray ? row[0] : row[1],
                                         p->gray ? row[0] : row[2]};
    p->a->kernels->pack(p->pitch, from, p->a->bytes);
    rotate_place(&p->rotation, y, p->a->bytes);
}

static void colour_row(const struct passage *p, const struct colour *colour,
                       float *const from[CHANNELS], float *const to[CHANNELS])
{
    const float *const in[CHANNELS] = {from[0], from[1], from[2]};
    p->a->kernels->colour(colour, p->pitch, in, to);
}

/* Crop, flip, and the colours up to the mean. to_planes: or else written at once. */
static void first_pass(struct passage *p, bool to_planes)
{
    const struct augment *a = p->a;
    double sums[MEAN_LANES] = {0};
    for (uint32_t y = 0; y < p->size; y++) {
        float *row[CHANNELS] = {a->row, a->row + p->pitch, a->row + 2 * p->pitch};
        if (to_planes)
            plane_rows(p, 1, y, row);
        crop_row(&a->crop, y, row);
        if (p->colours.head.n)
            colour_row(p, &p->colours.head, row, row);
        if (p->colours.mean) {
            const float *const in[CHANNELS] = {row[0], row[1], row[2]};
            a->kernels->luma(p->pitch, in, sums);
        }
        if (!to_planes)
            write_row(p, y, row);
    }
    double sum = 0;
    for (int s = 0; s < MEAN_LANES; s++)
        sum += sums[s];
    if (p->colours.mean)
        colour_mean(&p->colours, (float)(sum / ((double)p->size * p->size)));
}

/* The colours from contrast on. */
static void second_pass(struct passage *p, bool to_planes)
{
    const struct augment *a = p->a;
    for (uint32_t y = 0; y < p->size; y++) {
        float *planes[CHANNELS];
        plane_rows(p, 1, y, planes);
        float *row[CHANNELS] = {a->row, a->row + p->pitch, a->row + 2 * p->pitch};
        colour_row(p, &p->colours.tail, planes, to_planes ? planes : row);
        if (!to_planes)
            write_row(p, y, row);
    }
}

/* Blur, each channel from its plane to the one before. */
static void third_pass(struct passage *p, const struct omega *omega)
{
    const struct augment *a = p->a;
    const size_t plane = (size_t)p->size * p->pitch;
    struct blur_taps taps;
    blur_taps_fill(&taps, omega->blur.sigma, omega->blur.kernel);
    for (int c = 0; c < (p->gray ? 1 : CHANNELS); c++) {
        const struct blur_pass pass = {.taps = &taps,
                                       .size = p->size,
                                       .in = a->planes + (size_t)(c + 1) * plane,
                                       .out = a->planes + (size_t)c * plane,
                                       .line = a->blur_line};
        a->kernels->blur(&pass);
    }
    for (uint32_t y = 0; y < p->size; y++) {
        float *row[CHANNELS];
        plane_rows(p, 0, y, row);
        write_row(p, y, row);
    }
}

void augment_view(struct augment *a, const struct image *image, const struct view_spec *law,
                  const struct omega *omega, uint8_t *out)
{
    assert(law->size >= 1 && law->size <= a->size_max);
    struct passage p = {
        .a = a,
        .size = law->size,
        .pitch = pitch_of(law->size),
        .gray = omega->grayscale,
        .rotation = {.out = out, .size = law->size, .turns = omega->rotation},
    };
    colour_plan(omega, &p.colours);
    crop_open(&a->crop, a->kernels, image, omega, p.size);
    first_pass(&p, p.colours.mean || omega->blur.applied);
    if (p.colours.mean)
        second_pass(&p, omega->blur.applied);
    if (omega->blur.applied)
        third_pass(&p, omega);
}
