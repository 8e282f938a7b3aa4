/* SPDX-License-Identifier: Apache-2.0 */
/* order: which sample stands at which position of an epoch. A keyed permutation computed per index:
 * a balanced Feistel network with Philox round functions on the next even power of two, walked
 * until it falls inside (cycle walking; Black and Rogaway, CT-RSA 2002). No list is ever made. */
#ifndef AUGSTREAM_LOADERD_ORDER_H
#define AUGSTREAM_LOADERD_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order {
    uint64_t samples; /* 1..2^32 */
    uint64_t seed;
    uint32_t epoch;
    bool shuffle;
    uint32_t half_bits;
};

void order_init(struct order *order, uint64_t samples, uint64_t seed, uint32_t epoch, bool shuffle);

/* position < samples. A bijection on [0, samples); the identity without shuffle. */
uint32_t order_sample(const struct order *order, uint64_t position);

/* The sample that stands in for a bad one at its attempt-th try (attempt >= 1): uniform, a pure
 * function of (seed, epoch, sample, attempt); never `sample` itself unless it is the only one.
 * attempt <= 65535. */
uint32_t order_substitute(const struct order *order, uint32_t sample, uint32_t attempt);

#endif
