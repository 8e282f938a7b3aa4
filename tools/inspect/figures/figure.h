/* SPDX-License-Identifier: Apache-2.0 */
/* figure: the numbers of a view that are tallied: those of params[] (feed/param.h) that a law is
 * told of, and the order of the jitter as one; and those of a pair, the numbers of AugSelf's
 * targets. */
#ifndef AUGSTREAM_INSPECT_FIGURE_H
#define AUGSTREAM_INSPECT_FIGURE_H

#include "tools/inspect/feed/param.h"

enum figure {
    FIGURE_AREA,
    FIGURE_RATIO,
    FIGURE_CY,
    FIGURE_CX,
    FIGURE_FLIP,
    FIGURE_JITTER,
    FIGURE_BRIGHTNESS,
    FIGURE_CONTRAST,
    FIGURE_SATURATION,
    FIGURE_HUE,
    FIGURE_ORDER, /* 0..23: the permutation, in the order of the dictionary */
    FIGURE_GRAYSCALE,
    FIGURE_BLUR,
    FIGURE_SIGMA,
    FIGURE_KERNEL,
    FIGURE_SOLARIZE,
    FIGURE_THRESHOLD,
    FIGURE_ROTATION,
    FIGURES,
};

enum { FIGURE_ORDERS = 24, FIGURE_TURNS = 4 };

const char *figure_name(enum figure figure); /* "jitter.brightness" */

/* Where each is in params[]. */
struct figures {
    const struct view_param *param[FIGURES];
};
void figures_init(struct figures *ret);

/* False: the operation that it belongs to was not applied, and it is not there. */
bool figure_read(const struct figures *figures, enum figure figure, const struct omega *omega,
                 double *ret);

/* The numbers of all targets one after another, kind by kind. */
enum { TARGETS = 12 };
const char *target_name(size_t target); /* "target.crop.cy" */
enum augself_kind target_kind(size_t target);
void target_read(const struct omega *a, const struct view_spec *law_a, const struct omega *b,
                 const struct view_spec *law_b, float ret[TARGETS]);

#endif
