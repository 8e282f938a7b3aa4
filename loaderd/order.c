/* SPDX-License-Identifier: Apache-2.0 */
/* order: takes (samples, seed, epoch) and a position, gives the sample that stands there. Pure; any
 * thread; owns nothing. It does not know what a sample is, nor which ones are bad. */
#include "loaderd/order.h"

#include "common/rng.h"

#include <assert.h>

/* Four rounds make a Feistel network a strong permutation of large domains (Luby and Rackoff,
 * 1988); small domains need more to look random, and here domains can be four samples small. */
enum { ROUNDS = 8 };

void order_init(struct order *order, uint64_t samples, uint64_t seed, uint32_t epoch, bool shuffle)
{
    assert(samples >= 1 && samples <= UINT64_C(1) << 32);
    uint32_t half_bits = 1;
    while (UINT64_C(1) << 2 * half_bits < samples)
        half_bits++;
    *order = (struct order){.samples = samples,
                            .seed = seed,
                            .epoch = epoch,
                            .shuffle = shuffle,
                            .half_bits = half_bits};
}

static uint64_t feistel(const struct order *order, uint64_t value)
{
    const uint32_t mask = (uint32_t)((UINT64_C(1) << order->half_bits) - 1);
    const uint32_t key[2] = {(uint32_t)order->seed, (uint32_t)(order->seed >> 32)};
    uint32_t left = (uint32_t)(value >> order->half_bits) & mask;
    uint32_t right = (uint32_t)value & mask;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t counter[4] = {right, order->epoch, round, (uint32_t)RNG_SHUFFLE << 16};
        uint32_t out[4];
        philox4x32_10(counter, key, out);
        uint32_t swapped = left ^ (out[0] & mask);
        left = right;
        right = swapped;
    }
    return (uint64_t)left << order->half_bits | right;
}

uint32_t order_sample(const struct order *order, uint64_t position)
{
    assert(position < order->samples);
    if (!order->shuffle)
        return (uint32_t)position;
    /* The network permutes a domain less than four times too large. Following it from a position
     * inside must come back inside (at the latest to where it began), and no two positions meet. */
    uint64_t value = position;
    do {
        value = feistel(order, value);
    } while (value >= order->samples);
    return (uint32_t)value;
}

uint32_t order_substitute(const struct order *order, uint32_t sample, uint32_t attempt)
{
    assert(sample < order->samples && attempt >= 1 && attempt <= UINT16_MAX);
    if (order->samples == 1)
        return sample;
    const struct rng_key key = {.seed = order->seed,
                                .epoch = order->epoch,
                                .sample = sample,
                                .view = (uint16_t)attempt,
                                .purpose = RNG_SUBSTITUTE};
    struct rng rng;
    rng_init(&rng, &key);
    uint32_t other = rng_below(&rng, (uint32_t)(order->samples - 1));
    return other < sample ? other : other + 1; /* step over sample itself */
}
