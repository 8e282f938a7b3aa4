/* SPDX-License-Identifier: Apache-2.0 */
/* parts: what the files of augment share: from omega to weights and steps, and the plain C of each
 * operation. In the order of rendering. */
#ifndef AUGSTREAM_LOADERD_AUGMENT_PARTS_H
#define AUGSTREAM_LOADERD_AUGMENT_PARTS_H

#include "loaderd/augment/augment.h"
#include "loaderd/augment/kernels.h"

/* Cache lines, and the widest vectors. */
enum { AUGMENT_ALIGN = 64 };
void *
augment_zeroed(size_t bytes); /* aligned; all zeros, so that no slot reads what is no number */

/* A box of an image on its way to size x size. Its memory is made once, for every box of every
 * image that decode gives and every size up to size_max; crop_open fills it for one view, whose
 * image must then stay. */
struct crop {
    struct crop_taps rows, columns;
    struct crop_rows box; /* from the box's first pixel */
    float *line; /* [3 * DECODE_SIDE_MAX + LINE_SLACK]: a view's row at the box's full width */
    const struct kernels *kernels;
};
int crop_init(struct crop *crop, uint32_t size_max); /* -ENOMEM; done all the same */
void crop_done(struct crop *crop);
void crop_open(struct crop *crop, const struct kernels *kernels, const struct image *image,
               const struct omega *omega, uint32_t size);
/* Row y of the view, flipped where omega says so. */
void crop_row(const struct crop *crop, uint32_t y, float *const row[3]);
void crop_spread_plain(struct crop_taps *columns);
void crop_rows_plain(const struct crop_rows *rows, float *line);
void crop_columns_plain(const struct crop_taps *columns, const float *line, float *const row[3]);

/* The outputs in reverse; before crop_spread. */
void flip_taps(struct crop_taps *columns);

/* What omega does to colours: head, then, where there is a mean to take, tail, whose first step is
 * the contrast that asks for it. */
struct colour_plan {
    struct colour head, tail;
    bool mean;
};
void colour_plan(const struct omega *omega, struct colour_plan *ret);
void colour_mean(struct colour_plan *plan, float mean);
void colour_plain(const struct colour *colour, size_t pitch, const float *const from[3],
                  float *const to[3]);
void luma_plain(size_t pitch, const float *const row[3], double sums[MEAN_LANES]);

void brightness_row(float *const row[3], size_t n, const struct colour_step *step);
void contrast_row(float *const row[3], size_t n, const struct colour_step *step);
void saturation_row(float *const row[3], size_t n, const struct colour_step *step);
void hue_row(float *const row[3], size_t n, const struct colour_step *step);
void solarize_row(float *const row[3], size_t n, const struct colour_step *step);
void grayscale_row(float *const row[3], size_t n, const struct colour_step *step);

/* kernel: odd, at most OMEGA_KERNEL_MAX; sigma in pixels, > 0. */
void blur_taps_fill(struct blur_taps *taps, float sigma, uint32_t kernel);
/* The index that reflecting about the first and last pixel leads to, however often. */
uint32_t blur_reflect(int32_t i, uint32_t size);
void blur_plain(const struct blur_pass *pass);

void pack_plain(size_t pitch, const float *const row[3], uint8_t *out);

/* A view's bytes, [size][size][3], and the quarter turns counter-clockwise, 0..3, that it is still
 * to make: rotate_place puts row y of the unturned view where it belongs. */
struct rotation {
    uint8_t *out;
    uint32_t size, turns;
};
void rotate_place(const struct rotation *rotation, uint32_t y, const uint8_t *row);

#endif
