/* SPDX-License-Identifier: Apache-2.0 */
/* rng: counter-based random numbers, Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As
 * Easy as 1, 2, 3", SC 2011). A stream is named by where it is used, not by what came before, so
 * any process draws the same numbers in any order. */
#ifndef AUGSTREAM_COMMON_RNG_H
#define AUGSTREAM_COMMON_RNG_H

#include <stdint.h>

/* What a stream is for: streams of different purposes never share numbers. */
enum rng_purpose {
    RNG_OMEGA = 1,       /* a view's augmentation parameters */
    RNG_BATCH_ORDER = 2, /* jitter order shared by a batch (jitter.order: batch) */
    RNG_SHUFFLE = 3,     /* epoch permutation */
    RNG_SUBSTITUTE = 4,  /* the sample that replaces a bad one */
    RNG_INIT = 5,        /* weight initialisation */
    RNG_TEST = 6,
    RNG_EPISODE = 7, /* a few-shot task's classes and rows */
    RNG_HOLD_OUT = 8, /* which rows of a set are held out of learning */
    RNG_SPLIT = 9, /* which rows of a class go to a drawn split of a dataset */
    RNG_QUERIES = 10, /* which rows of a set are shown with their neighbours */
};

/* Names a stream. Philox's key is seed, its counter {block, epoch, sample, purpose<<16|view}. */
struct rng_key {
    uint64_t seed;
    uint32_t epoch;
    uint32_t sample;
    uint16_t view;
    uint16_t purpose; /* enum rng_purpose */
};

struct rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t out[4];
    uint32_t used; /* words of out already given, 4 = none left */
};

/* The bare function: ret = Philox4x32-10(counter, key). */
void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4]);

void rng_init(struct rng *rng, const struct rng_key *key);
uint32_t rng_u32(struct rng *rng);

/* Uniform in [0,1): 53 bits from two words (first word high). */
double rng_unit(struct rng *rng);

/* Uniform in [low, high); low when they are equal. */
double rng_range(struct rng *rng, double low, double high);

/* Uniform integer in [0, n), n >= 1, unbiased (Lemire's multiply with rejection). */
uint32_t rng_below(struct rng *rng, uint32_t n);

#endif
