/* SPDX-License-Identifier: Apache-2.0 */
/* element: the numbers of a tensor of a safetensors file, whatever type they are kept in, as
 * doubles. Any thread; no state. */
#ifndef AUGSTREAM_TOOLS_INSPECT_ELEMENT_H
#define AUGSTREAM_TOOLS_INSPECT_ELEMENT_H

#include "trainer/safetensors.h"

/* How many numbers the tensor has: 1 where it has no dimension. */
size_t element_count(const struct safetensor *tensor);

/* Numbers at ... at + n - 1, in the file's order. Exact, but for I64 and U64 beyond 2^53. BOOL: 0
 * or 1; any other byte of it is told as it is. */
void element_read(const struct safetensor *tensor, size_t at, size_t n, double *ret);

#endif
