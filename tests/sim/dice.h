/* SPDX-License-Identifier: Apache-2.0 */
/* dice: one stream of pseudo-random numbers (splitmix64; Steele, Lea, Flood 2014), from which a
 * simulated world draws everything: the same seed gives the same world. */
#ifndef AUGSTREAM_TESTS_SIM_DICE_H
#define AUGSTREAM_TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t dice_mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t dice_next(uint64_t *dice)
{
    *dice += 0x9e3779b97f4a7c15u;
    return dice_mix(*dice);
}

/* low..high, both included. */
static inline uint32_t dice_int(uint64_t *dice, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(dice_next(dice) % ((uint64_t)high - low + 1));
}

static inline double dice_real(uint64_t *dice, double low, double high)
{
    return low + (high - low) * (double)(dice_next(dice) >> 11) * 0x1p-53;
}

static inline bool dice_chance(uint64_t *dice, double p)
{
    return dice_real(dice, 0, 1) < p;
}

#endif
