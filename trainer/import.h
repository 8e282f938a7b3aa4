/* SPDX-License-Identifier: Apache-2.0 */
/* import: a backbone that somebody trained, from a safetensors file: torchvision's names, ours, or
 * the state_dict of another trainer (MoCo, SimSiam, solo-learn, lightly, AugSelf), whose own names
 * are told apart by a table (import.c). What is no part of the backbone is passed over: heads,
 * momentum encoders, optimisers, a classifier fc. */
#ifndef AUGSTREAM_TRAINER_IMPORT_H
#define AUGSTREAM_TRAINER_IMPORT_H

#include "trainer/net.h"
#include "trainer/recipe.h"

/* Into the net's "backbone.*"; a momentum encoder begins as the same. -ENOENT without the file;
 * -EBADMSG naming the tensors for a file without a backbone or with several, for tensors that are
 * missing, that the backbone does not have, or of another shape or type than F32. The net is then
 * as it was. num_batches_tracked may be missing, as older PyTorch had none. */
int import_backbone(struct net *net, const char *path);

/* A recipe's model.weights, where it names a file: the same errors, the option's name before them.
 */
int import_weights(struct net *net, const struct recipe *recipe);

#endif
