/* SPDX-License-Identifier: Apache-2.0 */
/* condition: each view's own omega, encoded (omega_encode), beside its features: what a conditioned
 * projector reads (method/projector.h). One per model, before net_commit. Owner: the model. */
#ifndef AUGSTREAM_TRAINER_CONDITION_H
#define AUGSTREAM_TRAINER_CONDITION_H

#include "common/omega.h"
#include "trainer/net.h"

struct condition_config {
    int32_t n;                           /* N, images */
    int32_t large_views, small_views;    /* of a batch; all trained but for the last large ones, */
    int32_t trained_views, target_views; /* as struct encoder_config has it */
    const struct view_spec *law;         /* [large_views + small_views]; copied */
};

struct condition;

int condition_new(struct net *net, const struct condition_config *config, struct condition **ret);
void condition_free(struct condition *condition); /* NULL is fine */

/* omega [V][N], of every view of the batch. */
int condition_send(struct condition *condition, const struct omega *omega);

/* [V*N,OMEGA_CODE_LEN] of the trained views, [targets*N,...] of the target's: rows as the encoder's
 * y and t. The latter's data is NULL without a target. */
const struct tensor *condition_y(const struct condition *condition);
const struct tensor *condition_t(const struct condition *condition);

#endif
