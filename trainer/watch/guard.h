/* SPDX-License-Identifier: Apache-2.0 */
/* guard: watches a run for what makes going on pointless, and says which it is: losses that are no
 * numbers; features that collapse to one point (their spread) or into few directions (their
 * effective rank); weights that are no numbers, before they get into a checkpoint. Whether that is
 * a warning or the end is the recipe's (guard.*). Owner: train. One thread. */
#ifndef AUGSTREAM_TRAINER_WATCH_GUARD_H
#define AUGSTREAM_TRAINER_WATCH_GUARD_H

#include "trainer/model.h"

#include <stdbool.h>

enum { GUARD_TEXT_MAX = 400 };

struct guard;

/* recipe and model are loans. */
int guard_new(const struct recipe *recipe, struct model *model, struct guard **ret);
void guard_free(struct guard *guard); /* NULL is fine */

/* Behind a step; saved: that of the last checkpoint, for the message. 0; or -EDOM: the run must
 * end. Once for each thing that befalls a run guard_warning is set meanwhile. Allocates nothing. */
int guard_step(struct guard *guard, uint64_t step, uint64_t saved,
               const struct model_losses *losses);
/* What the last guard_step has to say without ending the run, or NULL. */
const char *guard_warning(const struct guard *guard);

/* The features' effective rank (rank.h), of view 1 of the batch just taken. False where it was not
 * due in this step: it is every guard.every steps. */
bool guard_rank(const struct guard *guard, double *ret);

/* As last measured; below 0: never. */
double guard_rank_last(const struct guard *guard);

/* -EDOM, naming the first parameter or average that holds what is no number. For now and then:
 * allocates, and reads everything. */
int guard_net(struct net *net, uint64_t step, uint64_t saved);

#endif
