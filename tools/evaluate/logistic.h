/* SPDX-License-Identifier: Apache-2.0 */
/* logistic: multinomial logistic regression on rows of features:
 *   loss(W) = sum over rows of cross-entropy(W (x, 1), label) + w |W|^2,
 * W [classes][d + 1], the last column the bias, which is penalised as the weights are (the linear
 * protocol of AugSelf, Lee et al. 2021, and of Kornblith et al. 2019). Takes plain arrays; knows
 * nothing of files. One caller at a time; threads are ops'. */
#ifndef AUGSTREAM_TOOLS_LOGISTIC_H
#define AUGSTREAM_TOOLS_LOGISTIC_H

#include "tools/evaluate/minimise.h"
#include "trainer/ops/ops.h"

#include <stdint.h>

struct logistic; /* rows with their labels, and the memory to compute with them */

/* Some rows: x [n][d], finite; labels [n] in [0, classes). A loan for the call. */
struct logistic_rows {
    const float *x;
    const int64_t *labels;
    size_t n;
};

/* A copy of all parts' rows, in their order. ops is a loan for as long as it lives; it computes in
 * the host's memory (ref, onednn). -EBADMSG for no rows, a label out of range, a value that is not
 * finite (the row, counted over all parts, and the column are named); -ENOMEM. */
int logistic_new(const struct ops *ops, size_t d, size_t classes, const struct logistic_rows *parts,
                 size_t n_parts, struct logistic **ret);
void logistic_free(struct logistic *l); /* NULL is fine */

static inline size_t logistic_weights(size_t d, size_t classes)
{
    return classes * (d + 1);
}

/* The loss at weights [classes][d + 1], and its gradient, of the same shape. */
double logistic_loss(struct logistic *l, double w, const double *weights, double *ret_gradient);

struct logistic_fit {
    double w;                                                /* > 0 */
    int (*step)(void *hint, const struct minimise_step *at); /* to watch; as minimise's; or NULL */
    void *hint;
};

/* The minimum, from `weights` on and into them; see FIT_* in logistic.c for how near. -EBADMSG
 * where all rows are of one class; minimise's errors. */
int logistic_fit(struct logistic *l, const struct logistic_fit *fit, double *weights,
                 struct minimised *ret);

/* The likeliest class of each row, into ret [rows]; of equal ones the first. */
void logistic_classify(struct logistic *l, const double *weights, int64_t *ret);

/* The share of rows, or the mean over the classes that have rows of the share of theirs, whose
 * told class is their label; in [0,1]. */
enum logistic_metric { LOGISTIC_TOP1, LOGISTIC_MEAN_PER_CLASS };
double logistic_score(struct logistic *l, enum logistic_metric metric, const double *weights);

#endif
