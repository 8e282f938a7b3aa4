/* SPDX-License-Identifier: Apache-2.0 */
/* augment: takes an image and omega, gives one view's bytes. Owns its memory; one thread per struct
 * augment. It draws nothing and checks nothing: omega says all, and has been checked. */
#include "loaderd/augment/augment.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Most taps of an axis with `size` outputs: size * (2 * ceil(source / size) + 1) for any size up to
 * size_max and any source side up to DECODE_SIDE_MAX; see crop.c for the count per output. */
static size_t taps_max(uint32_t size_max)
{
    return 2 * (size_t)DECODE_SIDE_MAX + 3 * (size_t)size_max;
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
    size_t pixels = (size_t)size_max * size_max;
    a->size_max = size_max;
    a->rows.weight = malloc(taps_max(size_max) * sizeof(float));
    a->columns.weight = malloc(taps_max(size_max) * sizeof(float));
    a->line = calloc(3 * (size_t)DECODE_SIDE_MAX + 1, sizeof(float));
    a->x = malloc(3 * pixels * sizeof(float));
    a->scratch = malloc(pixels * sizeof(float));
    if (!a->rows.weight || !a->columns.weight || !a->line || !a->x || !a->scratch)
        return err_set(-ENOMEM, "no memory for rendering views of %u pixels", size_max);
    *ret = take_ptr(&a);
    return 0;
}

void augment_free(struct augment *a)
{
    if (!a)
        return;
    free(a->rows.weight);
    free(a->columns.weight);
    free(a->line);
    free(a->x);
    free(a->scratch);
    free(a);
}

static void round_to_bytes(const float *x, uint32_t size, uint8_t *out)
{
    size_t pixels = (size_t)size * size;
    const float *red = x, *green = x + pixels, *blue = x + 2 * pixels;
    for (size_t i = 0; i < pixels; i++) {
        out[3 * i] = (uint8_t)(red[i] * 255.0f + 0.5f);
        out[3 * i + 1] = (uint8_t)(green[i] * 255.0f + 0.5f);
        out[3 * i + 2] = (uint8_t)(blue[i] * 255.0f + 0.5f);
    }
}

void augment_view(struct augment *a, const struct image *image, const struct view_spec *law,
                  const struct omega *omega, uint8_t *out)
{
    const uint32_t size = law->size;
    assert(size >= 1 && size <= a->size_max);
    crop_resize(a, image, omega, size, a->x);
    if (omega->flip)
        flip_horizontal(a->x, size);
    if (omega->jitter.applied)
        jitter_apply(a->x, size, omega);
    if (omega->solarize.applied)
        solarize_apply(a->x, size, omega->solarize.threshold);
    if (omega->grayscale)
        grayscale_apply(a->x, size);
    if (omega->blur.applied) {
        const struct blur blur = {.sigma = omega->blur.sigma, .kernel = omega->blur.kernel};
        blur_apply(a->x, size, &blur, a->scratch);
    }
    if (omega->rotation)
        rotate_quarter(a->x, size, omega->rotation, a->scratch);
    round_to_bytes(a->x, size, out);
}
