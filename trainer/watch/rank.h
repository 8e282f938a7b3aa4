/* SPDX-License-Identifier: Apache-2.0 */
/* rank: in how many directions rows of features really spread: RankMe (Garrido et al., ICML 2023,
 * arXiv 2210.02885, equations 1 and 2), of the matrix as it is, its mean not taken out:
 *     p_k = sigma_k / (sum of all sigma) + 1e-7,  rank = exp(-sum of p_k log p_k)
 * with sigma the singular values of the [N,D] matrix of features. 1 where all rows point one way,
 * at most min(N, D). Owner: guard. One thread. */
#ifndef AUGSTREAM_TRAINER_WATCH_RANK_H
#define AUGSTREAM_TRAINER_WATCH_RANK_H

#include <stdint.h>

struct rank;

int rank_new(int32_t rows, int32_t columns, struct rank **ret);
void rank_free(struct rank *rank); /* NULL is fine */

/* x [rows][columns]. 0 where everything is 0; NaN where something is no number. Allocates nothing.
 */
double rank_effective(struct rank *rank, const float *x);

#endif
