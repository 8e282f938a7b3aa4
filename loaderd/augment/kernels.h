/* SPDX-License-Identifier: Apache-2.0 */
/* kernels: the inner loops of rendering, one slot each, in several copies: plain C, which is the
 * definition and the oracle, and vectors for each instruction set. Every copy computes the same
 * bits (docs/rendering.md has the arithmetic; tests/unit/test_kernels.c compares and times them),
 * so which of them a machine runs is nobody's business but its own.
 *
 * A row is three lines of floats in [0,1], one for each channel, `pitch` floats long: the view's
 * size rounded up to PITCH_STEP. What lies beyond the view's size is finite and means nothing,
 * except that the crop leaves zeros there. Slots own nothing, allocate nothing, never fail. */
#ifndef AUGSTREAM_LOADERD_KERNELS_H
#define AUGSTREAM_LOADERD_KERNELS_H

#include "common/omega.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PITCH_STEP = 32,
    PITCH_MAX = (OMEGA_VIEW_MAX + PITCH_STEP - 1) / PITCH_STEP * PITCH_STEP,
    MEAN_LANES = 16,  /* the sums that a mean is made of */
    SPREAD_STEP = 16, /* outputs, of which crop_spread takes a whole number */
    SPREAD_WIDTH = 4, /* how often a weight may stand in it */
    SPREAD_INDICES = SPREAD_WIDTH * (OMEGA_VIEW_MAX + SPREAD_STEP),
    LINE_SLACK = 32, /* floats that may be read behind a line; any numbers will do */
    BLUR_HALF_MAX = OMEGA_KERNEL_MAX / 2,
    BLUR_LINE = PITCH_MAX + 2 * (BLUR_HALF_MAX + 1), /* floats */
    PACK_SLACK = 2,                                  /* bytes that pack may write too many */
};

/* The luma weights of torchvision's rgb_to_grayscale. */
#define LUMA_R 0.2989f
#define LUMA_G 0.587f
#define LUMA_B 0.114f

static inline size_t pitch_of(uint32_t size)
{
    return ((size_t)size + PITCH_STEP - 1) / PITCH_STEP * PITCH_STEP;
}

/* Columns' weights once more, as a copy of the kernels wants them; nobody else reads this. */
struct crop_spread {
    uint32_t taps; /* of every output: the missing ones weigh 0 */
    bool shuffled;
    uint32_t at[SPREAD_INDICES];
    float *weight; /* [SPREAD_WIDTH * (size + SPREAD_STEP - 1) * stride] */
};

/* The weights with which `touched` source pixels make `size` output pixels, along one axis: output
 * i is the sum over k < count[i] of weight[i * stride + k] * source[first[i] + k]. */
struct crop_taps {
    uint32_t size, touched;
    uint32_t first[OMEGA_VIEW_MAX], count[OMEGA_VIEW_MAX];
    uint32_t stride;
    float *weight; /* [size][stride] */
    struct crop_spread spread;
};

/* Some rows of a picture, to be added up. */
struct crop_rows {
    const uint8_t *rows; /* interleaved; each `pitch` bytes after the one before */
    size_t pitch;
    const float *weight; /* [count] */
    uint32_t count;
    size_t n; /* bytes of each row that count */
};

/* What happens to a pixel's colour, a step after the other; each has the plain C of its operation
 * in a file of its own. */
enum colour_op {
    COLOUR_BRIGHTNESS, /* factor */
    COLOUR_CONTRAST,   /* factor; rest = (1 - factor) mean */
    COLOUR_SATURATION, /* factor; rest = 1 - factor */
    COLOUR_HUE,        /* factor = 6 hue, plus 6 where that is below 1 */
    COLOUR_SOLARIZE,   /* factor = threshold */
    COLOUR_GRAYSCALE,
};

enum { COLOUR_STEPS_MAX = JITTER_OPS + 2 };

struct colour {
    uint32_t n;
    struct colour_step {
        enum colour_op op;
        float factor, rest;
    } step[COLOUR_STEPS_MAX];
};

/* A symmetric kernel: weight[k] for the pixels at distance k, up to half. */
struct blur_taps {
    uint32_t half;
    float weight[BLUR_HALF_MAX + 1];
};

struct blur_pass {
    const struct blur_taps *taps;
    uint32_t size;
    const float *in; /* [size][pitch] */
    float *out;      /* [size][pitch], apart from in */
    float *line;     /* [BLUR_LINE], scratch */
};

struct kernels {
    const char *name;
    /* line[i] = sum over k of weight[k] * row k's byte i, k ascending. */
    void (*crop_rows)(const struct crop_rows *rows, float *line);
    /* Fills spread from the rest; crop_columns needs it. */
    void (*crop_spread)(struct crop_taps *columns);
    /* A row, from a line of interleaved pixels and LINE_SLACK. At most 1; zeros beyond. */
    void (*crop_columns)(const struct crop_taps *columns, const float *line, float *const row[3]);
    /* All steps for each pixel of a row; to may be from. */
    void (*colour)(const struct colour *colour, size_t pitch, const float *const from[3],
                   float *const to[3]);
    /* sums[s] += the luma of columns s, s + 16, ..., itself summed in float; the row is still black
     * beyond the view's size, as the crop and all steps before contrast leave it. */
    void (*luma)(size_t pitch, const float *const row[3], double sums[MEAN_LANES]);
    /* One channel of a view: down the columns, then along the rows. */
    void (*blur)(const struct blur_pass *pass);
    /* Rounds to bytes and interleaves; out: 3 * pitch bytes and PACK_SLACK. */
    void (*pack)(size_t pitch, const float *const row[3], uint8_t *out);
};

/* The best that this machine can run; picked anew at each call, so keep it. */
const struct kernels *kernels_pick(void);

/* Copy i, from plain C (0) to the widest; NULL beyond the last and where the machine lacks it. */
enum { KERNELS_MAX = 4 };
const struct kernels *kernels_at(size_t i);

#endif
