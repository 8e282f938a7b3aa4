/* SPDX-License-Identifier: Apache-2.0 */
/* replay: a fuzz target as an ordinary test: replay.c has the main, a file of the target's own the
 * corpus that it begins with.
 *   replay_TARGET                the corpus (an ordinary test)
 *   replay_TARGET FILE...        these files as they are: what a fuzzer found, or real ones
 *   replay_TARGET --write DIR    writes the corpus's files for a fuzzer to begin with */
#ifndef AUGSTREAM_TESTS_REPLAY_H
#define AUGSTREAM_TESTS_REPLAY_H

#include "tests/fuzz/fuzz.h"
#include "tests/unit/test.h"

#include "common/rng.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One input. */
void replay(const uint8_t *bytes, size_t len);

/* It, and it again cut, overwritten, shifted and spliced by fixed draws. */
void replay_mutants(const uint8_t *bytes, size_t len);

/* The corpus's own file gives these: every input by the calls above; at least how many they are. */
void replay_corpus(void);
extern const unsigned long replay_corpus_least;

#endif
