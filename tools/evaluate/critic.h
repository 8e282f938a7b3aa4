/* SPDX-License-Identifier: Apache-2.0 */
/* critic: how much two sides of the same rows tell of each other, as a lower bound. Side C and side
 * Z go each through a three-layer MLP; the score of row i of C with row j of Z is the cosine of
 * what comes out. InfoNCE (van den Oord et al., 2018, arXiv 1807.03748, section 2.3 and appendix
 * A.1): in a batch of N rows,
 *     I(C;Z) >= log N - L_NCE,  L_NCE = mean over i of -log soft-max_j(score_ij / temperature)[i]
 * and the same with C and Z in each other's place; the mean of both is told, a lower bound too.
 * L_NCE >= 0: no bound is above log N, however much there is to know.
 *
 * It is a bound only on rows that the critic was not made from. So there are three sets of rows:
 * one to train on, one to choose by (after how many steps, at which temperature; among them the
 * infinite one, whose scores are all the same and whose bound is 0), one to tell the bound of.
 * There each row is scored by itself (batch norm's running averages): a critic that looks at its
 * whole batch would be no bound.
 *
 * Everything is the trainer's: mlp, loss, optim and the ops below them. One thread calls. */
#ifndef AUGSTREAM_TOOLS_CRITIC_H
#define AUGSTREAM_TOOLS_CRITIC_H

#include "trainer/ops/ops.h"

enum critic_side { CRITIC_C, CRITIC_Z, CRITIC_SIDES };

/* Which rows of two tables belong together: row[i] of both. Loans. */
struct critic_rows {
    const float *table[CRITIC_SIDES]; /* [.][dims[side]] */
    const uint32_t *row;              /* [n] */
    size_t n;
};

struct critic_config {
    int32_t dims[CRITIC_SIDES]; /* of a row */
    int32_t batch;              /* N, 2 or more */
    int32_t hidden, out;        /* of both MLPs */
    uint32_t steps;
    double lr; /* at the start; a cosine brings it to 0 */
    double weight_decay;
    double temperature;                       /* in training */
    uint64_t seed;                            /* of weights and of which rows meet in a batch */
    void (*tell)(void *hint, uint32_t steps); /* done so far; may be NULL */
    void *hint;
};

/* 0 to n - 1 in an order by (seed, stream, pass). Streams below 16 are the critic's own. */
void critic_order(uint64_t seed, uint32_t stream, uint32_t pass, uint32_t *ret, size_t n);

struct critic;
int critic_new(struct ops *ops, const struct critic_config *config, struct critic **ret);
void critic_free(struct critic *critic);

/* Once. Columns are centred and scaled by what they are in `train`. -EINVAL where a set has fewer
 * rows than a batch; -ERANGE where the loss is no number any more. */
int critic_train(struct critic *critic, const struct critic_rows *train,
                 const struct critic_rows *choose);

/* Nats. The mean over batches of rows that meet by the seed. -EINVAL: fewer rows than a batch. */
int critic_bound(struct critic *critic, const struct critic_rows *rows, double *ret);

#endif
