/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_span: what is done with one run of numbers (a row, as a rule) by one thread: products, sums,
 * exponentials. Included by the cpu_*.c files that are compiled once per instruction set. Sums add
 * WIDTH numbers at a time in float whatever the instruction set, so that all have the same bits,
 * and runs of STEPS such sums in double, so that length costs no precision. */
#ifndef AUGSTREAM_TRAINER_OPS_CPU_SPAN_H
#define AUGSTREAM_TRAINER_OPS_CPU_SPAN_H

#include "trainer/ops/cpu_simd.h"

#include <math.h>

enum { SPAN_WIDTH = 16, SPAN_VECS = SPAN_WIDTH / LANES, SPAN_STEPS = 16 };

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline double span_close(const vec sum[SPAN_VECS])
{
    double total = 0;
    for (size_t k = 0; k < SPAN_WIDTH; k++)
        total += (double)sum[k / LANES][k % LANES];
    return total;
}

static inline double span_dot(const float *a, const float *b, size_t d)
{
    double total = 0;
    size_t i = 0;
    while (i + SPAN_WIDTH <= d) {
        vec sum[SPAN_VECS] = {{0}};
        for (size_t step = 0; step < SPAN_STEPS && i + SPAN_WIDTH <= d; step++, i += SPAN_WIDTH)
            for (size_t k = 0; k < SPAN_VECS; k++)
                sum[k] += vec_load(a + i + k * LANES) * vec_load(b + i + k * LANES);
        total += span_close(sum);
    }
    for (; i < d; i++)
        total += (double)a[i] * (double)b[i];
    return total;
}

static inline double span_norm(const float *row, size_t d)
{
    return sqrt(span_dot(row, row, d));
}

static inline double span_sum(const float *row, size_t d)
{
    double total = 0;
    size_t i = 0;
    while (i + SPAN_WIDTH <= d) {
        vec sum[SPAN_VECS] = {{0}};
        for (size_t step = 0; step < SPAN_STEPS && i + SPAN_WIDTH <= d; step++, i += SPAN_WIDTH)
            for (size_t k = 0; k < SPAN_VECS; k++)
                sum[k] += vec_load(row + i + k * LANES);
        total += span_close(sum);
    }
    for (; i < d; i++)
        total += (double)row[i];
    return total;
}

/* The sum of weight times what each number lies below `most`. */
static inline double span_gap(const float *row, float most, const float *weight, size_t d)
{
    vec top = vec_set(most);
    double total = 0;
    size_t i = 0;
    while (i + SPAN_WIDTH <= d) {
        vec sum[SPAN_VECS] = {{0}};
        for (size_t step = 0; step < SPAN_STEPS && i + SPAN_WIDTH <= d; step++, i += SPAN_WIDTH)
            for (size_t k = 0; k < SPAN_VECS; k++)
                sum[k] += vec_load(weight + i + k * LANES) * (top - vec_load(row + i + k * LANES));
        total += span_close(sum);
    }
    for (; i < d; i++)
        total += (double)weight[i] * (double)(most - row[i]);
    return total;
}

/* The largest number, or -inf; what is no number is passed over. */
static inline float span_most(const float *row, size_t d)
{
    enum { CHAINS = 4 }; /* that do not wait for each other */
    vec most[CHAINS];
    float all = -INFINITY;
    size_t i = 0;
    for (size_t k = 0; k < CHAINS; k++)
        most[k] = vec_set(-INFINITY);
    for (; i + CHAINS * LANES <= d; i += CHAINS * LANES)
        for (size_t k = 0; k < CHAINS; k++)
            most[k] = vec_max(vec_load(row + i + k * LANES), most[k]);
    for (size_t k = 1; k < CHAINS; k++)
        most[0] = vec_max(most[k], most[0]);
    for (size_t k = 0; k < LANES; k++)
        all = most[0][k] > all ? most[0][k] : all;
    for (; i < d; i++)
        all = row[i] > all ? row[i] : all;
    return all;
}

static inline void span_scale(float *row, float by, size_t d)
{
    for (size_t i = 0; i < d; i++)
        row[i] *= by;
}

/* e^x for x <= 0 to two units in the last place: x = n log 2 + r, |r| <= log(2) / 2, e^r by its
 * series, whose next term is below 6e-9. Below e^-87 it is 0, as no sum with a 1 in it can tell; a
 * NaN stays one. */
static inline vec vec_exp(vec x)
{
    static const float least_x = -87, per_log2 = 1.44269504f, to_integer = 0x1.8p23f;
    static const float log2_high = 0x1.62e4p-1f, log2_low = 0x1.7f7d1cp-20f; /* n * high is exact */
    vec shifted = x * vec_set(per_log2) + vec_set(to_integer), n = shifted - vec_set(to_integer);
    vec r = x - n * vec_set(log2_high) - n * vec_set(log2_low);
    vec p = vec_set(1.0f / 5040);
    p = p * r + vec_set(1.0f / 720);
    p = p * r + vec_set(1.0f / 120);
    p = p * r + vec_set(1.0f / 24);
    p = p * r + vec_set(1.0f / 6);
    p = p * r + vec_set(1.0f / 2);
    p = p * r + vec_set(1);
    p = p * r + vec_set(1);
    uvec bits = (uvec)p + (((uvec)shifted - (uvec)vec_set(to_integer)) << 23);
    return (vec)(bits & ~(uvec)(x < vec_set(least_x)));
}

/* to[i] = e^((from[i] - most) / temperature), where most is the largest; returns their sum. to may
 * be from. */
static inline double span_exp(const float *from, float most, float per_temperature, size_t d,
                              float *to)
{
    vec origin = vec_set(most), slope = vec_set(per_temperature);
    double total = 0;
    size_t i = 0;
    while (i + SPAN_WIDTH <= d) {
        vec sum[SPAN_VECS] = {{0}};
        for (size_t step = 0; step < SPAN_STEPS && i + SPAN_WIDTH <= d; step++, i += SPAN_WIDTH)
            for (size_t k = 0; k < SPAN_VECS; k++) {
                vec e = vec_exp((vec_load(from + i + k * LANES) - origin) * slope);
                vec_store(to + i + k * LANES, e);
                sum[k] += e;
            }
        total += span_close(sum);
    }
    if (i == d)
        return total;
    float rest[SPAN_WIDTH] = {0};
    memcpy(rest, from + i, (d - i) * sizeof(float));
    for (size_t k = 0; k < SPAN_WIDTH; k += LANES)
        vec_store(rest + k, vec_exp((vec_load(rest + k) - origin) * slope));
    memcpy(to + i, rest, (d - i) * sizeof(float));
    for (size_t k = 0; i + k < d; k++)
        total += (double)rest[k];
    return total;
}

#endif
