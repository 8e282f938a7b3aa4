/* SPDX-License-Identifier: Apache-2.0 */
/* augment: image + omega -> view. One file per operation; this header is the table of contents and
 * defines the result exactly (docs/rendering.md). The oracle is torchvision on PIL images and float
 * tensors. Operations work on planes of float in [0,1], [3][size][size]; one rounding at the end:
 * (uint8)(x * 255 + 0.5). Order: crop+resize, flip, jitter, solarize, grayscale, blur, rotation. */
#ifndef AUGSTREAM_LOADERD_AUGMENT_H
#define AUGSTREAM_LOADERD_AUGMENT_H

#include "common/omega.h"
#include "loaderd/decode.h"

#include <stddef.h>
#include <stdint.h>

/* Memory for one worker, made once for the largest view; grows only for larger crops. */
struct augment;
int augment_new(uint32_t size_max, struct augment **ret);
void augment_free(struct augment *a);

/* Renders one view: out is [size][size][3] uint8. The crop must lie inside the image
 * (omega_check). -ENOMEM only. */
int augment_view(struct augment *a, const struct image *image, const struct view_spec *law,
                 const struct omega *omega, uint8_t *out);

/* The operations. x: [3][size][size] float planes in [0,1], in place. */
/* Antialiased bilinear resize of a crop, PIL's triangle filter with its support scaled on
 * reduction, computed in float without PIL's 8-bit rounding between passes. */
int crop_resize(struct augment *a, const struct image *image, const struct omega *omega,
                uint32_t size, float *x);
void flip_horizontal(float *x, uint32_t size);
void jitter_apply(float *x, uint32_t size, const struct omega *omega);
void solarize_apply(float *x, uint32_t size, float threshold);
void grayscale_apply(float *x, uint32_t size);
void blur_apply(float *x, uint32_t size, float sigma, uint32_t kernel, float *scratch); /* 3*size*size */
void rotate_quarter(float *x, uint32_t size, uint32_t turns, float *scratch);

#endif
