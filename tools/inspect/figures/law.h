/* SPDX-License-Identifier: Apache-2.0 */
/* law: what a view's law says of each figure: closed where it is closed, else draws by a plain
 * restatement of it that shares nothing with omega_draw, not even the generator. */
#ifndef AUGSTREAM_INSPECT_LAW_H
#define AUGSTREAM_INSPECT_LAW_H

#include "tools/inspect/figures/figure.h"

enum law_kind {
    LAW_NONE,     /* nothing is told */
    LAW_UNIFORM,  /* in low .. high */
    LAW_CONSTANT, /* low */
    LAW_BIT,      /* share[1] of 1, else 0 */
    LAW_CLASSES,  /* whole numbers from 0, each with its share */
    LAW_DRAWN,    /* known by law_draw: low .. high is where nearly all of it is */
};

struct law {
    enum law_kind kind;
    double low, high; /* the range for a histogram as well, told or not */
    size_t classes;   /* LAW_CLASSES, LAW_BIT: 2 */
    double share[FIGURE_ORDERS];
};

/* of: the view's law, NULL: not told, then the kind is LAW_NONE and the range a usual one; but what
 * is counted in classes has them. */
void law_of(enum figure figure, const struct view_spec *of, struct law *ret);

/* Of the pair (a, b) of views; both laws or NULL. */
void law_of_target(size_t target, const struct view_spec *a, const struct view_spec *b,
                   struct law *ret);

/* In words: "uniform 0.6 .. 1.4", "p 0.8". of: as above, or NULL: a target's. */
void law_words(const struct law *law, enum figure figure, const struct view_spec *of, char *ret,
               size_t cap);

/* P(X <= x): LAW_UNIFORM. */
double law_cdf(const struct law *law, double x);

/* A generator of its own: Steele, Lea and Flood's SplitMix64 (OOPSLA 2014). */
struct law_dice {
    uint64_t state; /* any number: the seed */
};
uint64_t law_dice_word(struct law_dice *dice);
double law_dice_unit(struct law_dice *dice); /* uniform in [0,1) */

/* A view of a source of w x h pixels; sample stays 0. The crop is torchvision's
 * RandomResizedCrop.get_params, or Resize and CenterCrop. */
void law_draw(const struct view_spec *of, struct law_dice *dice, uint32_t w, uint32_t h,
              struct omega *ret);

#endif
