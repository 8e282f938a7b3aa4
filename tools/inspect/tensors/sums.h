/* SPDX-License-Identifier: Apache-2.0 */
/* sums: what one tensor's numbers come to, and how far two tensors are apart. In double and wider,
 * whatever the tensors are kept in. Any thread; no state. */
#ifndef AUGSTREAM_TOOLS_INSPECT_SUMS_H
#define AUGSTREAM_TOOLS_INSPECT_SUMS_H

#include "trainer/safetensors.h"

#include <stdbool.h>

/* All but n and the two counts are of the finite numbers; without any they are NaN, the norm 0. */
struct sums {
    size_t n, zeros;
    size_t nan, infinite;
    double min, max, mean;
    double deviation; /* of these numbers: divided by how many they are */
    double norm;      /* root of the sum of squares */
};

void sums_of(const struct safetensor *tensor, struct sums *ret);

struct apart {
    bool same;       /* type and bytes */
    double max;      /* of |a - b| */
    double relative; /* norm of a - b over the norm of a: 0 for 0 over 0, else infinite */
    double cosine;   /* of the angle between them; NaN where one of them is zero */
    size_t skipped;  /* pairs of which one is not finite: in none of these */
};

/* Both of one shape. Their types may differ; then they are not the same. */
void sums_apart(const struct safetensor *a, const struct safetensor *b, struct apart *ret);

bool sums_shape_same(const struct safetensor *a, const struct safetensor *b);

#endif
