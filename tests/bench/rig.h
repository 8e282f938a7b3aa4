/* SPDX-License-Identifier: Apache-2.0 */
/* rig: what bench_render measures with: photographs, the two tasks' specs, a renderer, and memory
 * for one batch of views and their records. One thread.
 *
 *   task A  two views: crop, flip, jitter, grayscale, blur (SimSiam's chain)
 *   task B  one view: crop and flip only */
#ifndef AUGSTREAM_TESTS_BENCH_RIG_H
#define AUGSTREAM_TESTS_BENCH_RIG_H

#include "loaderd/batch/slot.h"
#include "loaderd/render.h"
#include "tests/bench/photos.h"

#include <stdbool.h>
#include <stdint.h>

enum { TASK_A, TASK_B, TASKS };
enum { RIG_BATCH = 64 }; /* samples */

struct rig {
    const char *prefix; /* of every figure's name */
    uint32_t passes, cores;
    struct photos photos;
    struct spec specs[TASKS];
    struct slot_layout layout[TASKS];
    struct render *render;
    uint8_t *pixels;                                        /* as layout says */
    struct omega omega[TASKS][OMEGA_VIEWS_MAX * RIG_BATCH]; /* [V][N] */
};

struct rig_config {
    const char *path;   /* folder or tar */
    const char *prefix; /* a loan */
    uint32_t files_most, size, passes, cores;
};
int rig_open(struct rig *rig, const struct rig_config *config);
void rig_close(struct rig *rig); /* fine after a failed rig_open */

/* Renders sample i (photo i modulo their number) into its place in the batch. recorded: its records
 * are there already, and nothing is drawn. */
int rig_render(struct rig *rig, int task, uint32_t i, uint32_t epoch, bool recorded);

/* What omega costs task A (bench_omega.c): passes of `samples`, after every photo was rendered. */
int bench_omega(struct rig *rig, uint32_t samples);

#endif
