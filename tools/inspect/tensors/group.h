/* SPDX-License-Identifier: Apache-2.0 */
/* group: what belongs together among the tensors of a file, by their names. No state. */
#ifndef AUGSTREAM_TOOLS_INSPECT_GROUP_H
#define AUGSTREAM_TOOLS_INSPECT_GROUP_H

#include "trainer/safetensors.h"

#include <stdbool.h>

/* Bytes of the name that are its group: "backbone", "augself.crop", "optim.momentum.projector"; of
 * a name without a dot 0. What follows the next dot is the tensor's own name in it. */
size_t group_length(const char *name);

/* Whether the file keeps momenta. */
bool group_momenta(const struct safetensors *st);

/* Whether the tensor's numbers are what training moves. In a file with momenta: those that have
 * one. In any other, by name and type: not PyTorch's running statistics and counters. */
bool group_trained(const struct safetensors *st, bool momenta, const struct safetensor *tensor);

#endif
