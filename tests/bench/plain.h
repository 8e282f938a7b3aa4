/* SPDX-License-Identifier: Apache-2.0 */
/* plain: the yardstick: one plain, full decode of a JPEG in memory to RGB, by libjpeg-turbo as it
 * is installed and with its defaults (accurate DCT, smooth chroma), as its manual does it. */
#ifndef AUGSTREAM_TESTS_BENCH_PLAIN_H
#define AUGSTREAM_TESTS_BENCH_PLAIN_H

#include "tests/bench/photos.h"

#include <stdint.h>

struct plain; /* the pixels' memory, reused */
int plain_new(struct plain **ret);
void plain_free(struct plain *plain);

/* -EBADMSG with the message set for what the library does not decode. */
int plain_decode(struct plain *plain, const struct photo *photo);

/* `processes` processes that begin together and decode all photos `times` times each. Returns the
 * seconds until the last ends, or -errno. */
double plain_decode_together(const struct photos *photos, uint32_t processes, uint32_t times);

#endif
