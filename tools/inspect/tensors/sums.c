/* SPDX-License-Identifier: Apache-2.0 */
/* sums: takes tensors, gives figures. Goes over the numbers once, a block in cache at a time. Sums
 * are long double, so that the squares of large F64 do not run over. */
#include "tools/inspect/tensors/sums.h"

#include "tools/inspect/tensors/element.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 1024 };

/* Moves the finite ones of n numbers to the front and counts the others; how many are finite. */
static size_t sift(double *x, size_t n, struct sums *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(x[i]))
            x[kept++] = x[i];
        else if (isnan(x[i]))
            s->nan++;
        else
            s->infinite++;
    }
    return kept;
}

/* A running mean and the sum of squares about it. Blocks are put together as in Chan, Golub and
 * LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (1979). */
struct moments {
    size_t n;
    long double mean, about, squares;
};

static void moments_add(struct moments *m, const double *x, size_t n)
{
    long double sum = 0, about = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    const long double mean = sum / (long double)n;
    for (size_t i = 0; i < n; i++) {
        about += (x[i] - mean) * (x[i] - mean);
        squares += (long double)x[i] * x[i];
    }
    const long double all = (long double)(m->n + n), step = mean - m->mean;
    m->about += about + step * step * (long double)m->n * (long double)n / all;
    m->mean += step * (long double)n / all;
    m->squares += squares;
    m->n += n;
}

void sums_of(const struct safetensor *tensor, struct sums *ret)
{
    double x[BLOCK];
    struct moments m = {0};
    *ret = (struct sums){.n = element_count(tensor), .min = INFINITY, .max = -INFINITY};
    for (size_t at = 0; at < ret->n; at += BLOCK) {
        size_t n = ret->n - at < BLOCK ? ret->n - at : BLOCK;
        element_read(tensor, at, n, x);
        n = sift(x, n, ret);
        for (size_t i = 0; i < n; i++) {
            ret->zeros += x[i] == 0;
            ret->min = x[i] < ret->min ? x[i] : ret->min;
            ret->max = x[i] > ret->max ? x[i] : ret->max;
        }
        if (n > 0)
            moments_add(&m, x, n);
    }
    ret->norm = (double)sqrtl(m.squares);
    ret->mean = m.n ? (double)m.mean : (double)NAN;
    ret->deviation = m.n ? (double)sqrtl(m.about / (long double)m.n) : (double)NAN;
    if (m.n == 0)
        ret->min = ret->max = NAN;
}

bool sums_shape_same(const struct safetensor *a, const struct safetensor *b)
{
    bool same = a->ndim == b->ndim;
    for (int i = 0; same && i < a->ndim; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

void sums_apart(const struct safetensor *a, const struct safetensor *b, struct apart *ret)
{
    double x[BLOCK], y[BLOCK];
    const size_t all = element_count(a);
    long double aa = 0, bb = 0, ab = 0, squares = 0;
    *ret = (struct apart){.same = a->dtype == b->dtype &&
                                  (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0)};
    for (size_t at = 0; at < all; at += BLOCK) {
        const size_t n = all - at < BLOCK ? all - at : BLOCK;
        element_read(a, at, n, x);
        element_read(b, at, n, y);
        for (size_t i = 0; i < n; i++) {
            if (!isfinite(x[i]) || !isfinite(y[i])) {
                ret->skipped++;
                continue;
            }
            const long double d = (long double)x[i] - y[i];
            ret->max = fabsl(d) > ret->max ? (double)fabsl(d) : ret->max;
            squares += d * d;
            aa += (long double)x[i] * x[i];
            bb += (long double)y[i] * y[i];
            ab += (long double)x[i] * y[i];
        }
    }
    ret->relative = squares == 0 ? 0 : (double)sqrtl(squares / aa);
    ret->cosine = aa > 0 && bb > 0 ? (double)(ab / (sqrtl(aa) * sqrtl(bb))) : (double)NAN;
}
