/* SPDX-License-Identifier: Apache-2.0 */
/* gold: reads the files that tools/gold writes: a cursor over a whole file in memory. A short or
 * foreign file is our own fault and fails the test at once. */
#ifndef AUGSTREAM_TESTS_GOLD_H
#define AUGSTREAM_TESTS_GOLD_H

#include "common/file.h"
#include "tests/unit/test.h"

#include <string.h>

struct gold {
    char *bytes;
    size_t len, at;
};

static inline const void *gold_take(struct gold *gold, size_t len)
{
    assert_true(len <= gold->len - gold->at);
    const void *p = gold->bytes + gold->at;
    gold->at += len;
    return p;
}

static inline uint32_t gold_u32(struct gold *gold)
{
    const uint8_t *p = gold_take(gold, 4);
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline float gold_f32(struct gold *gold)
{
    const uint32_t bits = gold_u32(gold);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline double gold_f64(struct gold *gold)
{
    const uint64_t low = gold_u32(gold), bits = low | (uint64_t)gold_u32(gold) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The bytes are the caller's to free. */
static inline void gold_open(struct gold *gold, const char *path, const char *magic)
{
    *gold = (struct gold){0};
    assert_int_equal(file_read(path, 64 << 20, &gold->bytes, &gold->len), 0);
    assert_memory_equal(gold_take(gold, strlen(magic)), magic, strlen(magic));
}

#endif
