/* SPDX-License-Identifier: Apache-2.0 */
/* augment: image + omega -> view. One file per operation; this header is the table of contents and
 * defines the result exactly (docs/rendering.md). The oracle is torchvision on float tensors.
 * Operations work on planes of float in [0,1], [3][size][size]; one rounding at the end:
 * (uint8)(x * 255 + 0.5). Order: crop+resize, flip, jitter, solarize, grayscale, blur, rotation. */
#ifndef AUGSTREAM_LOADERD_AUGMENT_H
#define AUGSTREAM_LOADERD_AUGMENT_H

#include "common/omega.h"
#include "loaderd/decode/decode.h"

#include <stddef.h>
#include <stdint.h>

/* The weights with which source pixels make output pixels, along one axis: output pixel i is the
 * sum over k < count[i] of weight[i * stride + k] * source[first[i] + k]. */
struct crop_taps {
    uint32_t first[OMEGA_VIEW_MAX], count[OMEGA_VIEW_MAX];
    uint32_t stride;
    float *weight; /* [size][stride] */
};

/* Memory for one worker, made once, large enough for every view up to size_max of every image that
 * decode gives: rendering itself never allocates. One thread. */
struct augment {
    uint32_t size_max;
    struct crop_taps rows, columns;
    float *line;    /* [3 * DECODE_SIDE_MAX + 1]: one output row at the crop's full width */
    float *x;       /* [3][size_max][size_max] */
    float *scratch; /* [size_max][size_max] */
};

int augment_new(uint32_t size_max, struct augment **ret); /* size_max <= OMEGA_VIEW_MAX; -ENOMEM */
void augment_free(struct augment *a);

/* Renders one view: out is [law->size][law->size][3]. law->size <= size_max; the crop lies inside
 * the image (omega_check), and the image's window holds it. */
void augment_view(struct augment *a, const struct image *image, const struct view_spec *law,
                  const struct omega *omega, uint8_t *out);

/* Which pixels of the picture reduced by `reduce` a crop reads: those that its box touches, no
 * others, and every one of them weighs something. image->window must hold them. */
struct crop_window {
    uint32_t top, left, rows, cols;
};
struct crop_window crop_window(const struct omega *omega, uint32_t reduce);

/* The operations. x: [3][size][size] float planes in [0,1], in place. */

/* Antialiased bilinear resize of omega's crop: PIL's triangle filter, its support widened on
 * reduction, taps that leave the crop dropped; in float, without PIL's 8-bit rounding between the
 * two passes. A crop of size x size is copied exactly: x = byte / 255. */
void crop_resize(struct augment *a, const struct image *image, const struct omega *omega,
                 uint32_t size, float *x);

void flip_horizontal(float *x, uint32_t size);

/* Brightness, contrast, saturation and hue in omega's order, clamped to [0,1] after each. */
void jitter_apply(float *x, uint32_t size, const struct omega *omega);

void solarize_apply(float *x, uint32_t size, float threshold); /* inverts what is >= threshold */
void grayscale_apply(float *x, uint32_t size);

/* kernel: odd, at most OMEGA_KERNEL_MAX; border reflected without repeating the edge pixel. */
struct blur {
    float sigma; /* pixels, > 0 */
    uint32_t kernel;
};
void blur_apply(float *x, uint32_t size, const struct blur *blur,
                float *scratch); /* [size][size] */

/* turns: quarter turns counter-clockwise, 0..3. scratch: [size][size]. */
void rotate_quarter(float *x, uint32_t size, uint32_t turns, float *scratch);

/* The luma weights of torchvision's rgb_to_grayscale. */
#define LUMA_R 0.2989f
#define LUMA_G 0.587f
#define LUMA_B 0.114f

#endif
