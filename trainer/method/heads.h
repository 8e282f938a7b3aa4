/* SPDX-License-Identifier: Apache-2.0 */
/* heads: the MLPs that methods share, built as the recipe's method.projector, method.condition and
 * method.predictor say. Each view has its own batch statistics. The caller frees; mlp_new's errors.
 */
#ifndef AUGSTREAM_TRAINER_METHOD_HEADS_H
#define AUGSTREAM_TRAINER_METHOD_HEADS_H

#include "trainer/method/method.h"
#include "trainer/method/projector.h"

/* "projector" (and "condition"), [V*N,D] -> [V*N,projector.dim]. last_norm: as struct mlp_config.
 */
int heads_projector(const struct method_config *config, bool last_norm, struct projector **ret);

/* "momentum.projector" follows a projector without last_norm, which must be there already:
 * [targets*N,D] -> [targets*N,projector.dim], forward only. */
int heads_momentum_projector(const struct method_config *config, struct projector **ret);

/* "predictor", [V*N,projector.dim] -> the same, through predictor.dim; two layers. */
int heads_predictor(const struct method_config *config, enum param_group group, struct mlp **ret);

#endif
