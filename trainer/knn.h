/* SPDX-License-Identifier: Apache-2.0 */
/* knn: nearest-neighbour accuracy of frozen features, the paper's measure during training. */
#ifndef AUGSTREAM_TRAINER_KNN_H
#define AUGSTREAM_TRAINER_KNN_H

#include "trainer/extract.h"

/* The share of queries whose nearest bank row by cosine (ties: the lower row) has their label, in
 * [0,1]. -EINVAL when a side is empty, unlabelled, of another width or of another number of
 * classes: a label is a class's place in its own set. */
int knn_accuracy(const struct features *bank, const struct features *query, double *ret);

#endif
