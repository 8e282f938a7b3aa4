/* SPDX-License-Identifier: Apache-2.0 */
/* ref: what the files of the reference back end share. Private to ref*.c.
 * Every layout is the plain one (NHWC, row-major); sums run in double and are rounded to float
 * once, so that a difference from another back end is that back end's rounding, not this one's. */
#ifndef AUGSTREAM_TRAINER_OPS_REF_H
#define AUGSTREAM_TRAINER_OPS_REF_H

#include "trainer/ops/ops.h"

/* Each file puts its slots into the table. */
void ref_conv_fill(struct ops *ops);
void ref_norm_fill(struct ops *ops);
void ref_loss_fill(struct ops *ops);
void ref_contrast_fill(struct ops *ops);

/* 0, or -ENOTSUP: ref is what bf16 is measured against. */
int ref_check_dtype(enum dtype dtype);

/* sum of a[i] * b[i]. Eight partial sums: the compiler may then use vectors, with one fixed order
 * of addition. */
static inline double ref_dot(const float *a, const float *b, size_t n)
{
    double part[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            part[k] += (double)a[i + k] * b[i + k];
    for (; i < n; i++)
        part[0] += (double)a[i] * b[i];
    return ((part[0] + part[4]) + (part[1] + part[5])) +
           ((part[2] + part[6]) + (part[3] + part[7]));
}

/* sum[i] += scale * row[i] */
static inline void ref_add_scaled(double *sum, double scale, const float *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += scale * row[i];
}

#endif
