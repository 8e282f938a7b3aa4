/* SPDX-License-Identifier: Apache-2.0 */
/* digest: takes bytes and numbers, gives 128 bits of BLAKE2b over them. The struct belongs to one
 * thread. Numbers go in as little endian, so every machine names the same thing alike. Does not
 * hash passwords and keys nothing. */
#include "common/digest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(struct digest) >= sizeof(crypto_generichash_state), "state too small");
static_assert(_Alignof(struct digest) >= _Alignof(crypto_generichash_state), "state misaligned");
static_assert(DIGEST_BYTES >= crypto_generichash_BYTES_MIN, "digest too short for BLAKE2b");

static crypto_generichash_state *state_of(struct digest *d)
{
    return (crypto_generichash_state *)(void *)d->state;
}

void digest_init(struct digest *d)
{
    /* Picks the CPU's implementation once; a failure leaves the portable one in place. */
    (void)!sodium_init();
    int rc = crypto_generichash_init(state_of(d), NULL, 0, DIGEST_BYTES);
    assert(rc == 0); /* fails for bad lengths only */
    (void)rc;
}

void digest_add(struct digest *d, const void *bytes, size_t len)
{
    crypto_generichash_update(state_of(d), bytes, len);
}

void digest_add_u64(struct digest *d, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    digest_add(d, bytes, sizeof bytes);
}

void digest_add_f64(struct digest *d, double value)
{
    if (value == 0)
        value = 0; /* -0 and 0 mean the same to every reader of a law */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    digest_add_u64(d, bits);
}

void digest_add_str(struct digest *d, const char *s)
{
    size_t len = strlen(s);
    digest_add_u64(d, len);
    digest_add(d, s, len);
}

void digest_end(struct digest *d, uint8_t ret[DIGEST_BYTES])
{
    crypto_generichash_final(state_of(d), ret, DIGEST_BYTES);
}

void digest_hex(const uint8_t digest[DIGEST_BYTES], char ret[2 * DIGEST_BYTES + 1])
{
    sodium_bin2hex(ret, 2 * DIGEST_BYTES + 1, digest, DIGEST_BYTES);
}
