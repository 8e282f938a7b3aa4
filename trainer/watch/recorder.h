/* SPDX-License-Identifier: Apache-2.0 */
/* recorder: the omega of every batch that a run trains on, in its folder: one record (proto/record)
 * a start of the process. What it holds is what a loader's tap tells, but that a sequence is a step
 * (1 = the first), which has several batches where gradients are accumulated. Owner: train. One
 * thread. */
#ifndef AUGSTREAM_TRAINER_WATCH_RECORDER_H
#define AUGSTREAM_TRAINER_WATCH_RECORDER_H

#include "proto/wire.h"

struct recorder;

/* Makes folder where it is not there, and in it step-NNNNNNNN.omega, NNNNNNNN = step: those done so
 * far. Where an earlier start from the same step has left one, step-NNNNNNNN-2.omega and so on.
 * spec and fingerprint: of the session. */
int recorder_open(const char *folder, const struct spec *spec,
                  const uint8_t fingerprint[DIGEST_BYTES], uint64_t step, struct recorder **ret);

/* Allocates nothing. What has been added a minute ago is on the disk. A disk that is full is an
 * error, as it is of every other file of a run: none of the labels goes missing unheard. */
int recorder_add(struct recorder *recorder, uint64_t step, const struct wire_batch *batch);

int recorder_flush(struct recorder *recorder); /* all of it is on the disk */

/* Flushes and frees, also on failure; NULL is fine. Where no batch came it leaves no file. */
int recorder_close(struct recorder *recorder);

#endif
