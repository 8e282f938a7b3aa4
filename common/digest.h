/* SPDX-License-Identifier: Apache-2.0 */
/* digest: 128-bit BLAKE2b, names a session (spec + dataset) and a dataset's content listing.
 * The only door to libsodium outside proto/link. */
#ifndef AUGSTREAM_COMMON_DIGEST_H
#define AUGSTREAM_COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 16 };

struct digest {
    _Alignas(64) unsigned char state[384]; /* crypto_generichash_state */
};

void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t len);
void digest_add_u64(struct digest *d, uint64_t value); /* little endian */
void digest_add_f64(struct digest *d, double value);   /* IEEE bits, little endian; -0 as 0 */
void digest_add_str(struct digest *d, const char *s);  /* length, then bytes */
void digest_end(struct digest *d, uint8_t ret[DIGEST_BYTES]);

/* Lower-case hexadecimal, NUL-terminated. */
void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[2 * DIGEST_BYTES + 1]);

#endif
