/* SPDX-License-Identifier: Apache-2.0 */
/* ckpt: the whole state of a run in one safetensors file, and the backbone alone for others.
 *   backbone.* projector.* predictor.* augself.<name>.*   parameters and running statistics, in
 *       PyTorch's names and layout (F32; num_batches_tracked I64 [])
 *   optim.momentum.<parameter>                            SGD's momentum, F32
 *   metadata: format "augstream-checkpoint", version, step, epoch, index, seed, session, recipe,
 * and crc32c of the data (safetensors_seal), without which a file is read as well.
 * Owner: train. One thread. Files are written whole or not at all. */
#ifndef AUGSTREAM_TRAINER_CKPT_H
#define AUGSTREAM_TRAINER_CKPT_H

#include "common/digest.h"
#include "trainer/net.h"

#include <stddef.h>
#include <stdint.h>

enum { CKPT_VERSION = 1 };

/* Where a run stands. */
struct ckpt_place {
    uint64_t step;         /* steps done */
    uint32_t epoch, index; /* the batch that comes next */
    uint64_t seed;
    uint8_t session[DIGEST_BYTES]; /* what the batches were a function of: spec and dataset */
};

/* folder/step-NNNNNNNN.safetensors. -ENAMETOOLONG. */
int ckpt_path(const char *folder, uint64_t step, char *ret, size_t cap);

/* recipe: the resolved YAML text, kept for the reader. */
int ckpt_save(struct net *net, const struct ckpt_place *place, const char *recipe,
              const char *path);

/* Reads everything into a net of the same shapes. -EBADMSG or -ENOENT naming file and tensor for a
 * foreign, damaged or differently shaped file; the net is then as it was. */
int ckpt_load(struct net *net, const char *path, struct ckpt_place *ret);

/* The recipe that a checkpoint keeps: malloc'd, the caller's. -ENOENT when it keeps none, and
 * safetensors_open's errors. */
int ckpt_recipe(const char *path, char **ret);

/* The highest step in folder; -ENOENT when there is no checkpoint. */
int ckpt_latest(const char *folder, uint64_t *ret_step);

/* Removes all but the `keep` newest; step 0 always stays. */
int ckpt_prune(const char *folder, uint64_t keep);

/* "backbone.*" without the prefix: torchvision's state_dict, but for its classifier fc. Back:
 * import.
 */
int ckpt_save_backbone(struct net *net, const char *path);

#endif
