/* SPDX-License-Identifier: Apache-2.0 */
/* run_folder: the folder of one run: its places, and whether a run is in it.
 *   recipe.yaml (resolved)  metrics.jsonl  events.out.tfevents.*  backbone.safetensors
 *   checkpoints/step-NNNNNNNN.safetensors  omega/step-NNNNNNNN.omega (with run.omega)
 * Owner: train. */
#ifndef AUGSTREAM_TRAINER_RUN_FOLDER_H
#define AUGSTREAM_TRAINER_RUN_FOLDER_H

#include "trainer/recipe.h"

#include <stdbool.h>
#include <stdint.h>

enum { RUN_PATH_MAX = 3072 };

struct run_folder {
    char path[RUN_PATH_MAX];
    char recipe[RUN_PATH_MAX + 32], metrics[RUN_PATH_MAX + 32], backbone[RUN_PATH_MAX + 32];
    char checkpoints[RUN_PATH_MAX + 32], omega[RUN_PATH_MAX + 32];
    int lock_fd; /* holds the folder against other runs; -1 = not yet */
    bool alone;  /* ... and it surely does */
};

/* Names the places; touches no file. path NULL: run.dir/run.name. */
int run_folder_init(struct run_folder *folder, const struct recipe *recipe, const char *path);
void run_folder_done(struct run_folder *folder); /* of an init that was fine: lets go of it */

/* Fresh: -EINVAL when a run is in there already. Resuming: *ret_step is its newest checkpoint's
 * step; -ENOENT when there is none; the folder is held from here on, -EINVAL when another run holds
 * it. Writes nothing. */
int run_folder_check(struct run_folder *folder, bool resume, uint64_t *ret_step);

/* Makes the folder, and recipe.yaml in it; removes what a killed run was writing; text is the
 * resolved recipe. Holds the folder: -EINVAL when another run does, or one has come in since the
 * check. */
int run_folder_make(struct run_folder *folder, const char *text);

#endif
