/* SPDX-License-Identifier: Apache-2.0 */
/* resume: takes a run folder and this run's recipe, gives a filled net and its place; or says what
 * parts the two runs. The thread that trains. Does not know how loaders are asked, nor what falls
 * due after a step; that the folder is held by one run alone is run_folder's. */
#include "trainer/resume.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/recipe_difference.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int path_of(const struct resume *r, char *ret, size_t cap)
{
    return ckpt_path(r->folder->checkpoints, r->step, ret, cap);
}

/* What the checkpoint's recipe has otherwise. How many options; 0 as well where it keeps no recipe
 * that can be read: ckpt_load has the words for that. */
static size_t differences(const struct resume *r, bool batches, char *ret, size_t cap)
{
    char path[RUN_PATH_MAX + 96];
    auto_free char *there = NULL;
    if (path_of(r, path, sizeof path) < 0 || ckpt_recipe(path, &there) < 0)
        return 0;
    return recipe_difference(there, r->recipe, batches, ret, cap);
}

int resume_load(const struct resume *r, struct net *net, struct ckpt_place *ret)
{
    char path[RUN_PATH_MAX + 96], difference[ERR_TEXT_MAX / 2];
    struct ckpt_place place;
    if (differences(r, false, difference, sizeof difference))
        return err_set(-EINVAL, "%s: cannot be resumed as another experiment: %s", r->folder->path,
                       difference);
    int rc = path_of(r, path, sizeof path);
    if (rc == 0)
        rc = ckpt_load(net, path, &place);
    if (rc == 0 && place.step != r->step)
        rc = err_set(-EBADMSG, "%s: is of step %" PRIu64 ", says its metadata", path, place.step);
    if (rc == 0)
        *ret = place;
    return rc;
}

int resume_batches(const struct resume *r, const struct ckpt_place *place,
                   const uint8_t session[DIGEST_BYTES])
{
    char difference[ERR_TEXT_MAX / 2];
    if (memcmp(session, place->session, DIGEST_BYTES) == 0)
        return 0;
    bool told = differences(r, true, difference, sizeof difference) > 0;
    return err_set(-EINVAL,
                   "%s: cannot be resumed: its batches were made from another dataset, seed, batch "
                   "size or views%s%s",
                   r->folder->path, told ? ": " : "", told ? difference : "");
}

int resume_place(const struct resume *r, const struct ckpt_place *place,
                 const struct resume_steps *steps)
{
    char path[RUN_PATH_MAX + 96];
    if (place->step <= steps->whole && place->index < steps->batches &&
        place->step * steps->accumulate == place->epoch * steps->batches + place->index)
        return 0;
    int rc = path_of(r, path, sizeof path);
    if (rc < 0)
        return rc;
    return err_set(-EBADMSG,
                   "%s: step %" PRIu64 ", then batch %u of epoch %u: this recipe has %" PRIu64
                   " steps of %" PRIu64 " (optim.accumulate), %" PRIu64 " batches an epoch",
                   path, place->step, place->index, place->epoch, steps->whole, steps->accumulate,
                   steps->batches);
}
