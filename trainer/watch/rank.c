/* SPDX-License-Identifier: Apache-2.0 */
/* rank: see rank.h. Takes rows of features, gives one number. The singular values are the square
 * roots of the eigenvalues of the smaller of X X^T and X^T X, which Householder reflections make
 * tridiagonal and Sturm's count then finds, each by halving an interval (Golub and Van Loan, Matrix
 * Computations, 8.3.1 and 8.4.1): slower than an iteration on vectors, with nothing that can fail
 * to converge. In double throughout: a singular value is right to about 1e-8 of the largest, and
 * what is below that has no share. */
#include "trainer/watch/rank.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double share_least = 1e-7; /* RankMe's epsilon */

enum { HALVINGS = 64 }; /* of an interval: more than a double has bits */

struct rank {
    size_t rows, columns, m; /* m: the smaller of both */
    double *a;               /* [m][m], symmetric */
    double *diagonal, *beside, *v, *p;
};

static void free_at(struct rank **rank)
{
    rank_free(*rank);
}

int rank_new(int32_t rows, int32_t columns, struct rank **ret)
{
    auto_with(free_at) struct rank *r = calloc(1, sizeof *r);
    if (r) {
        r->rows = (size_t)rows;
        r->columns = (size_t)columns;
        r->m = r->rows < r->columns ? r->rows : r->columns;
        r->a = malloc(r->m * r->m * sizeof *r->a);
        r->diagonal = malloc(4 * r->m * sizeof *r->diagonal);
    }
    if (!r || !r->a || !r->diagonal)
        return err_set(-ENOMEM, "rank: out of memory");
    r->beside = r->diagonal + r->m;
    r->v = r->beside + r->m;
    r->p = r->v + r->m;
    *ret = take_ptr(&r);
    return 0;
}

void rank_free(struct rank *r)
{
    if (!r)
        return;
    free(r->a);
    free(r->diagonal);
    free(r);
}

static double dot(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* The smaller of X X^T and X^T X. */
static void gram(struct rank *r, const float *x)
{
    size_t m = r->m, columns = r->columns;
    memset(r->a, 0, m * m * sizeof *r->a);
    if (r->rows <= columns) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j <= i; j++) {
                const float *a = x + i * columns, *b = x + j * columns;
                double sum = 0;
                for (size_t k = 0; k < columns; k++)
                    sum += (double)a[k] * (double)b[k];
                r->a[i * m + j] = sum;
            }
    } else {
        for (size_t n = 0; n < r->rows; n++) {
            const float *row = x + n * columns;
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j <= i; j++)
                    r->a[i * m + j] += (double)row[i] * (double)row[j];
        }
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < i; j++)
            r->a[j * m + i] = r->a[i * m + j];
}

/* Reflects column k's part below the diagonal onto its first element: A becomes H A H in the rows
 * and columns behind k, H = 1 - 2 v v^T / (v . v). */
static void reflect(struct rank *r, size_t k)
{
    size_t m = r->m, n = m - k - 1;
    double *v = r->v, *p = r->p, *rest = r->a + (k + 1) * m + k + 1; /* [n][m] */
    for (size_t i = 0; i < n; i++)
        v[i] = r->a[(k + 1 + i) * m + k];
    double norm = sqrt(dot(v, v, n));
    r->beside[k] = v[0] > 0 ? -norm : norm;
    v[0] -= r->beside[k];
    double square = dot(v, v, n);
    if (!(square > 0))
        return; /* it is 0 already, or no number, which the diagonal will tell */
    for (size_t i = 0; i < n; i++)
        p[i] = 2 * dot(rest + i * m, v, n) / square;
    double along = dot(p, v, n) / square;
    for (size_t i = 0; i < n; i++)
        p[i] -= along * v[i];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            rest[i * m + j] -= v[i] * p[j] + p[i] * v[j];
}

static void tridiagonalise(struct rank *r)
{
    size_t m = r->m;
    for (size_t k = 0; k + 2 < m; k++)
        reflect(r, k);
    for (size_t k = 0; k < m; k++)
        r->diagonal[k] = r->a[k * m + k];
    if (m > 1)
        r->beside[m - 2] = r->a[(m - 1) * m + m - 2];
}

/* How many eigenvalues lie below x: as many as pivots of T - x are negative. */
static size_t count_below(const struct rank *r, double x)
{
    size_t count = 0;
    double pivot = 1;
    for (size_t i = 0; i < r->m; i++) {
        double before = i > 0 ? r->beside[i - 1] * r->beside[i - 1] / pivot : 0;
        pivot = r->diagonal[i] - x - before;
        if (pivot == 0)
            pivot = -1e-300;
        count += pivot < 0;
    }
    return count;
}

/* The eigenvalue that `below` others are not above, in [0, most]. */
static double eigenvalue(const struct rank *r, size_t below, double most)
{
    double low = 0, high = most;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = low + (high - low) / 2;
        if (count_below(r, middle) > below)
            high = middle;
        else
            low = middle;
    }
    return high;
}

double rank_effective(struct rank *r, const float *x)
{
    gram(r, x);
    double most = 0; /* their sum, for none is negative: above each of them */
    for (size_t i = 0; i < r->m; i++)
        most += r->a[i * r->m + i];
    if (!isfinite(most))
        return (double)NAN;
    if (!(most > 0))
        return 0;
    tridiagonalise(r);
    double sum = 0;
    for (size_t k = 0; k < r->m; k++) {
        r->p[k] = sqrt(eigenvalue(r, k, 2 * most));
        sum += r->p[k];
    }
    double entropy = 0;
    for (size_t k = 0; k < r->m; k++) {
        double share = r->p[k] / sum + share_least;
        entropy -= share * log(share);
    }
    return exp(entropy);
}
