/* SPDX-License-Identifier: Apache-2.0 */
/* resume: the checkpoint that a run goes on from, and whether this recipe goes on with that run or
 * would make another one of it. Owner: train, once for a start. One thread. */
#ifndef AUGSTREAM_TRAINER_RESUME_H
#define AUGSTREAM_TRAINER_RESUME_H

#include "trainer/ckpt.h"
#include "trainer/run_folder.h"

#include <stdint.h>

/* All borrowed. */
struct resume {
    const struct run_folder *folder;
    const char *recipe; /* this run's: conf_dump's text */
    uint64_t step;      /* of the newest checkpoint */
};

/* The newest checkpoint into a net of this recipe, and its place. -EINVAL naming the options whose
 * change would make another experiment, with both values; ckpt_load's errors. On failure the net is
 * as it was. */
int resume_load(const struct resume *r, struct net *net, struct ckpt_place *ret);

/* Whether the loaders' session is the one that the checkpoint's batches came from. -EINVAL naming
 * the options that tell why not, where the recipes do. */
int resume_batches(const struct resume *r, const struct ckpt_place *place,
                   const uint8_t session[DIGEST_BYTES]);

/* What a run's steps are made of. */
struct resume_steps {
    uint64_t whole;      /* steps of the recipe */
    uint64_t accumulate; /* batches a step */
    uint64_t batches;    /* an epoch */
};

/* Whether the next batch is the one that so many steps lead to, and this run has such a step.
 * -EBADMSG. */
int resume_place(const struct resume *r, const struct ckpt_place *place,
                 const struct resume_steps *steps);

#endif
