/* SPDX-License-Identifier: Apache-2.0 */
/* ovr: one-vs-rest logistic regression, L2-regularised, by liblinear's solver 0 (L2R_LR: trust
 * region Newton on the primal; Lin, Weng and Keerthi, JMLR 9, 2008), which draws no random
 * numbers. Each class's loss: 1/2 |w|^2 + C sum log(1 + exp(-y w.x)), where w holds the bias of a
 * constant feature 1, regularised with the rest: scikit-learn's LogisticRegression(
 * solver='liblinear', intercept_scaling=1). Its default tolerance of 1e-4 stops so early that a
 * few queries in 10^5 hang on the path of the solver's version; at 1e-8 only the problem counts.
 * The door to liblinear. */
#ifndef AUGSTREAM_TOOLS_OVR_H
#define AUGSTREAM_TOOLS_OVR_H

#include <stddef.h>
#include <stdint.h>

struct ovr;

/* Rows of x [..][d] by class. Loans for the call. */
struct ovr_rows {
    const float *x;
    size_t d;
    const uint32_t *rows;        /* [classes][per_class] */
    uint32_t classes, per_class; /* 2 and more, 1 and more */
};

/* Any thread, several at a time. -ENOMEM, -EINVAL. */
int ovr_fit(const struct ovr_rows *rows, double c, struct ovr **ret);
void ovr_free(struct ovr *ovr);

/* The class of highest margin; x [d]. Of two classes there is one margin, and 0 counts as the
 * first. Any thread. */
uint32_t ovr_tell(const struct ovr *ovr, const float *x);

/* A class's weights [d] and, last, its bias; of two classes both have one, of opposite sign. */
const double *ovr_weights(const struct ovr *ovr, uint32_t which);

#endif
