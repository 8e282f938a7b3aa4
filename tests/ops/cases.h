/* SPDX-License-Identifier: Apache-2.0 */
/* cases: one function per kind of operation that feeds a bed's back end, runs every slot of that
 * kind once and keeps all that came out. Knows nothing of what is right: the caller compares two
 * beds. */
#ifndef AUGSTREAM_TESTS_OPS_CASES_H
#define AUGSTREAM_TESTS_OPS_CASES_H

#include "bed.h"

/* The shape of a case; each function reads what it needs. */
struct op_case {
    const char *name;
    void (*run)(struct bed *bed, const struct op_case *s);
    int32_t n, h, w, c;
    int32_t out, kernel, stride, pad; /* conv, pool; linear: out */
    int32_t groups;                   /* batch norm */
    int32_t levels;                   /* max pool: so many distinct values (ties); 0 = any */
    bool add, relu, plain;            /* batch norm; plain: no affine. linear: no bias */
    bool first;                       /* conv: no gradient to x */
    float scale;                      /* losses: predictions in +-scale */
};

void case_memory(struct bed *bed, const struct op_case *s);
void case_input(struct bed *bed, const struct op_case *s);
void case_conv(struct bed *bed, const struct op_case *s);
void case_bn(struct bed *bed, const struct op_case *s);
void case_maxpool(struct bed *bed, const struct op_case *s);
void case_avgpool(struct bed *bed, const struct op_case *s);
void case_linear(struct bed *bed, const struct op_case *s);
void case_pair(struct bed *bed, const struct op_case *s);
void case_vector(struct bed *bed, const struct op_case *s); /* fill, add, l2_normalize, spread */
void case_loss_cosine(struct bed *bed, const struct op_case *s);
void case_loss_mse_tanh(struct bed *bed, const struct op_case *s);
void case_loss_bce(struct bed *bed, const struct op_case *s);
void case_loss_softmax(struct bed *bed, const struct op_case *s);
void case_sgd(struct bed *bed, const struct op_case *s);
/* copy, row_dot, row_add, l2_normalize_backward */
void case_units(struct bed *bed, const struct op_case *s);
void case_info_nce(struct bed *bed, const struct op_case *s); /* c: keys in the queue */
void case_nt_xent(struct bed *bed, const struct op_case *s);  /* n: rows and columns */
void case_soft_targets(struct bed *bed, const struct op_case *s);
void case_sinkhorn(struct bed *bed, const struct op_case *s);
void case_chain(struct bed *bed, const struct op_case *s); /* a small network, there and back */

#endif
