/* SPDX-License-Identifier: Apache-2.0 */
/* augment: image + omega -> view. docs/rendering.md defines the result to the bit; the oracle is
 * torchvision on float tensors.
 * Order: crop and resize, flip, jitter, solarize, grayscale, blur, rotation, one rounding. One file
 * per operation: crop flip jitter solarize grayscale blur rotate pack, in plain C; simd/ holds the
 * same for vectors; kernels.h is what they have in common. */
#ifndef AUGSTREAM_LOADERD_AUGMENT_H
#define AUGSTREAM_LOADERD_AUGMENT_H

#include "common/omega.h"
#include "loaderd/decode/decode.h"

#include <stddef.h>
#include <stdint.h>

/* Memory for one worker, made once, large enough for every view up to size_max of every image that
 * decode gives: rendering itself never allocates. One thread. */
struct augment;
int augment_new(uint32_t size_max, struct augment **ret); /* size_max <= OMEGA_VIEW_MAX; -ENOMEM */
void augment_free(struct augment *a);

/* Another copy of the kernels than the one picked for this machine: for tests. */
struct kernels;
void augment_use(struct augment *a, const struct kernels *kernels);

/* Renders one view: out is [law->size][law->size][3]. law->size <= size_max; omega has passed
 * omega_check, and the image's window holds its crop. */
void augment_view(struct augment *a, const struct image *image, const struct view_spec *law,
                  const struct omega *omega, uint8_t *out);

/* Which pixels of the picture reduced by `reduce` a crop reads: those that its box touches, no
 * others, and every one of them weighs something. image->window must hold them. */
struct crop_window {
    uint32_t top, left, rows, cols;
};
struct crop_window crop_window(const struct omega *omega, uint32_t reduce);

#endif
