/* SPDX-License-Identifier: Apache-2.0 */
/* rng: takes a stream's name, gives its numbers. The struct belongs to one thread; two structs with
 * the same key give the same numbers on every machine. Does not make keys, passwords or nonces. */
#include "common/rng.h"

#include <assert.h>
#include <math.h>

enum { PHILOX_ROUNDS = 10 };

void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t a = (uint64_t)0xd2511f53u * c0;
        uint64_t b = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += 0x9e3779b9u; /* the golden ratio */
        k1 += 0xbb67ae85u; /* the square root of 3, less 1 */
    }
    ret[0] = c0;
    ret[1] = c1;
    ret[2] = c2;
    ret[3] = c3;
}

void rng_init(struct rng *rng, const struct rng_key *key)
{
    *rng = (struct rng){
        .key = {(uint32_t)key->seed, (uint32_t)(key->seed >> 32)},
        .counter = {0, key->epoch, key->sample, (uint32_t)key->purpose << 16 | key->view},
        .used = 4,
    };
}

uint32_t rng_u32(struct rng *rng)
{
    if (rng->used == 4) {
        philox4x32_10(rng->counter, rng->key, rng->out);
        rng->counter[0]++;
        rng->used = 0;
    }
    return rng->out[rng->used++];
}

double rng_unit(struct rng *rng)
{
    uint64_t high = rng_u32(rng);
    uint64_t bits = (high << 32 | rng_u32(rng)) >> 11;
    return (double)bits * 0x1p-53;
}

double rng_range(struct rng *rng, double low, double high)
{
    double value = low + rng_unit(rng) * (high - low);
    /* The sum may round up to high. */
    return low < high && value >= high ? nextafter(high, low) : value;
}

uint32_t rng_below(struct rng *rng, uint32_t n)
{
    assert(n > 0);
    uint64_t product = (uint64_t)rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t short_by = -n % n; /* 2^32 mod n: this many low parts come once too often */
        while ((uint32_t)product < short_by)
            product = (uint64_t)rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}
