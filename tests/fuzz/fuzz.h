/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: what a fuzz target gives: libFuzzer calls the first, a replay both. */
#ifndef AUGSTREAM_TESTS_FUZZ_H
#define AUGSTREAM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0. Aborts where the target breaks what it promises. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_done(void); /* at the very end: what the target keeps between inputs */

#endif
