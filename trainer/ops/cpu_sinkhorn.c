/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_sinkhorn: SwAV's balanced assignment of rows to prototypes. No state. Threads take rows for
 * what goes along rows and blocks of columns for what goes down them: each sum is one thread's, in
 * the order of its terms, so that any number of threads gives the same bits. */
#include "trainer/ops/cpu_span.h"

enum {
    COLUMNS = 64, /* of a block: a few cache lines of each row */
    ROWS = 16,    /* summed in float before the sum goes to double */
};

static float matrix_most(const struct cpu *cpu, const float *x, size_t rows, size_t count)
{
    enum { PART = 256 }; /* rows whose largest numbers lie on the stack */
    float part[PART], most = -INFINITY;
    for (size_t at = 0; at < rows; at += PART) {
        size_t n = least(PART, rows - at);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
        for (size_t i = 0; i < n; i++)
            part[i] = span_most(x + (at + i) * count, count);
        float here = span_most(part, n);
        most = here > most ? here : most;
    }
    return most;
}

/* Divides up to COLUMNS columns, the first of which begins at q, by their sums. */
static void block_balance(float *q, size_t rows, size_t count, size_t width)
{
    double sum[COLUMNS] = {0};
    float by[COLUMNS];
    for (size_t at = 0; at < rows; at += ROWS) {
        float part[COLUMNS] = {0};
        for (size_t n = at; n < least(at + ROWS, rows); n++)
            for (size_t i = 0; i < width; i++)
                part[i] += q[n * count + i];
        for (size_t i = 0; i < width; i++)
            sum[i] += (double)part[i];
    }
    for (size_t i = 0; i < width; i++)
        by[i] = (float)(1 / sum[i]);
    for (size_t n = 0; n < rows; n++)
        for (size_t i = 0; i < width; i++)
            q[n * count + i] *= by[i];
}

/* The factor 1/P that belongs to the columns goes away with the rows. */
static void balance(const struct cpu *cpu, float *q, size_t rows, size_t count)
{
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t at = 0; at < count; at += COLUMNS)
        block_balance(q + at, rows, count, least(COLUMNS, count - at));
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        span_scale(q + n * count, (float)(1 / span_sum(q + n * count, count)), count);
}

static int sinkhorn(const struct ops *o, const struct tensor *scores, float epsilon,
                    int32_t iterations, struct tensor *q)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)scores->n, count = (size_t)scores->c;
    float most = matrix_most(cpu, scores->data, rows, count), per_epsilon = 1 / epsilon;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        span_exp(scores->data + n * count, most, per_epsilon, count, q->data + n * count);
    for (int32_t i = 0; i < iterations; i++)
        balance(cpu, q->data, rows, count);
    return 0;
}

void SIMD(cpu_sinkhorn_fill)(struct ops *ops)
{
    ops->sinkhorn = sinkhorn;
}
