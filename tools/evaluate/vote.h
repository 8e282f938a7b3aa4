/* SPDX-License-Identifier: Apache-2.0 */
/* vote: what the nearest rows of a labelled bank say of each query. One neighbour tells its own
 * label; more vote with the weight exp(cosine / temperature) (Wu et al., "Unsupervised feature
 * learning via non-parametric instance discrimination", CVPR 2018, section 3.4). */
#ifndef AUGSTREAM_TOOLS_EVALUATE_VOTE_H
#define AUGSTREAM_TOOLS_EVALUATE_VOTE_H

#include "trainer/extract.h"
#include "trainer/ops/ops.h"

enum { VOTE_KS_MAX = 16 };

struct vote_config {
    const struct features *bank, *queries; /* the bank's labels are in [0, classes) */
    size_t k[VOTE_KS_MAX];                 /* neighbours that vote, as neighbours_find's k */
    size_t n_k;                            /* at least 1 */
    double temperature;                    /* above 0 */
    void (*at)(void *hint, size_t done);   /* queries; may be NULL */
    void *hint;
};

/* ret_told [n_k][queries]: the class that has most votes; of equals the lower class. Errors are
 * neighbours_find's. */
int vote_tell(const struct ops *ops, const struct vote_config *config, int64_t *ret_told);

/* The share of n rows whose told class is their label, in [0,1]; per_class: the mean of the
 * classes' own shares, over the classes that have rows. -ENOMEM. */
int vote_accuracy(const int64_t *told, const struct features *f, bool per_class, double *ret);

#endif
