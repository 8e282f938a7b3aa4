/* SPDX-License-Identifier: Apache-2.0 */
/* answer: is a Batch what was asked for, and whole? */
#ifndef AUGSTREAM_TRAINER_ANSWER_H
#define AUGSTREAM_TRAINER_ANSWER_H

#include "proto/link.h"
#include "trainer/model.h"

/* header has passed wire_unpack, and its index lies in the epoch of a dataset of `samples`. Checks
 * counts, sizes, frame lengths and each frame's CRC. NULL when all is well, and *ret then points
 * into the message; else what is wrong ("has a wrong CRC"). */
const char *answer_check(const struct spec *spec, uint64_t samples,
                         const struct link_message *message, const struct wire_batch *header,
                         struct model_batch *ret);

#endif
