/* SPDX-License-Identifier: Apache-2.0 */
/* ridge: see ridge.h. Takes rows, gives weights. The sum of products and the Cholesky factor are
 * one inner loop, lower_add: each number is a sum in the order of its terms, whoever computes it.
 */
#include "tools/evaluate/ridge.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* TILE x TILE sums stay in registers; DEPTH terms of a tile stay in the nearest cache. */
enum { TILE = 4, DEPTH = 128 };

static size_t tiles_of(size_t n)
{
    return (n + TILE - 1) / TILE;
}

/* at [TILE][stride] += sign * a^T b, a and b [depth][TILE]; rows and columns beyond the edge, and
 * those above the diagonal, are computed and dropped. */
struct tile {
    double *at;
    size_t stride, rows, columns;
};
static void tile_add(const struct tile *to, const double *a, const double *b, size_t depth,
                     double sign)
{
    double sum[TILE][TILE] = {{0}};
    for (size_t p = 0; p < depth; p++, a += TILE, b += TILE)
        for (size_t i = 0; i < TILE; i++)
            for (size_t j = 0; j < TILE; j++)
                sum[i][j] += a[i] * b[j];
    for (size_t i = 0; i < to->rows; i++)
        for (size_t j = 0; j < to->columns; j++)
            to->at[i * to->stride + j] += sign * sum[i][j];
}

/* The lower triangle of c [n][stride] += sign * P^T P, P as tiles [tiles][depth][TILE], zeros
 * beyond column n. Entries above the diagonal within a tile of it change as well. */
static void lower_add(double *c, size_t n, size_t stride, const double *tiles, size_t depth,
                      double sign)
{
    const size_t n_tiles = tiles_of(n);
#pragma omp parallel for schedule(dynamic, 4)
    for (size_t k = 0; k < n_tiles; k++) {
        const size_t i = n_tiles - 1 - k, row = i * TILE; /* the longest first */
        for (size_t j = 0; j <= i; j++) {
            const size_t column = j * TILE;
            const struct tile to = {c + row * stride + column, stride,
                                    n - row < TILE ? n - row : TILE,
                                    n - column < TILE ? n - column : TILE};
            tile_add(&to, tiles + i * depth * TILE, tiles + j * depth * TILE, depth, sign);
        }
    }
}

static int moments_new(size_t d, size_t t, struct moments *ret)
{
    if (!d || d > RIDGE_D_MAX || !t || t > RIDGE_T_MAX)
        return err_set(-EINVAL, "ridge regression of %zu targets on %zu features: at most %d on %d",
                       t, d, RIDGE_T_MAX, RIDGE_D_MAX);
    struct moments m = {
        .d = d,
        .t = t,
        .mean = calloc(d + t, sizeof *m.mean),
        .square = calloc(d * d, sizeof *m.square),
        .cross = calloc(t * d, sizeof *m.cross),
    };
    if (!m.mean || !m.square || !m.cross) {
        moments_done(&m);
        return err_set(-ENOMEM, "out of memory: ridge regression on %zu features", d);
    }
    *ret = m;
    return 0;
}

void moments_done(struct moments *m)
{
    free(m->mean);
    free(m->square);
    free(m->cross);
    *m = (struct moments){0};
}

static void means_of(const struct ridge_rows *r, double *mean)
{
    for (size_t i = 0; i < r->n; i++) {
        const float *x = r->x + (size_t)r->rows[i] * r->d;
        const double *y = r->y + (size_t)r->rows[i] * r->t;
        for (size_t j = 0; j < r->d; j++)
            mean[j] += (double)x[j];
        for (size_t j = 0; j < r->t; j++)
            mean[r->d + j] += y[j];
    }
    for (size_t j = 0; j < r->d + r->t; j++)
        mean[j] /= (double)r->n;
}

/* `depth` rows from the first on, their means taken off, as tiles [tiles][depth][TILE], and their
 * products with the targets into cross. */
static void gather(const struct ridge_rows *r, size_t first, size_t depth, struct moments *m,
                   double *tiles)
{
    for (size_t p = 0; p < depth; p++) {
        const float *x = r->x + (size_t)r->rows[first + p] * r->d;
        const double *y = r->y + (size_t)r->rows[first + p] * r->t;
        for (size_t j = 0; j < r->d; j++)
            tiles[(j / TILE * depth + p) * TILE + j % TILE] = (double)x[j] - m->mean[j];
        for (size_t k = 0; k < r->t; k++) {
            const double off = y[k] - m->mean[r->d + k];
            for (size_t j = 0; j < r->d; j++)
                m->cross[k * r->d + j] += off * ((double)x[j] - m->mean[j]);
        }
    }
}

int moments_of(const struct ridge_rows *r, struct moments *ret)
{
    struct moments m = {0};
    if (!r->n)
        return err_set(-ENODATA, "ridge regression: no row to learn from");
    int rc = moments_new(r->d, r->t, &m);
    if (rc)
        return rc;
    auto_free double *tiles = calloc(tiles_of(r->d) * TILE * DEPTH, sizeof *tiles);
    if (!tiles) {
        moments_done(&m);
        return err_set(-ENOMEM, "out of memory");
    }
    m.n = r->n;
    means_of(r, m.mean);
    for (size_t first = 0; first < r->n; first += DEPTH) {
        const size_t depth = r->n - first < DEPTH ? r->n - first : DEPTH;
        if (depth < DEPTH) /* the columns beyond d lie elsewhere now */
            memset(tiles, 0, tiles_of(r->d) * TILE * DEPTH * sizeof *tiles);
        gather(r, first, depth, &m, tiles);
        lower_add(m.square, r->d, r->d, tiles, depth, 1.0);
    }
    *ret = m;
    return 0;
}

void moments_merge(struct moments *into, const struct moments *from)
{
    const size_t d = into->d, t = into->t;
    const double n = (double)into->n + (double)from->n;
    const double share = (double)into->n * (double)from->n / n, weight = (double)from->n / n;
    for (size_t i = 0; i < d; i++) {
        const double off = from->mean[i] - into->mean[i];
        for (size_t j = 0; j <= i; j++)
            into->square[i * d + j] +=
                from->square[i * d + j] + share * off * (from->mean[j] - into->mean[j]);
        for (size_t k = 0; k < t; k++)
            into->cross[k * d + i] +=
                from->cross[k * d + i] + share * off * (from->mean[d + k] - into->mean[d + k]);
    }
    for (size_t j = 0; j < d + t; j++)
        into->mean[j] += weight * (from->mean[j] - into->mean[j]);
    into->n += from->n;
}

/* a [n][stride], n at most DEPTH, becomes its own Cholesky factor; false: it has none whose squared
 * diagonal is above floor. */
static bool corner_factor(double *a, size_t n, size_t stride, double floor)
{
    for (size_t j = 0; j < n; j++) {
        double *row = a + j * stride, left = row[j];
        for (size_t p = 0; p < j; p++)
            left -= row[p] * row[p];
        if (!(left > floor) || !isfinite(left))
            return false;
        row[j] = sqrt(left);
        for (size_t i = j + 1; i < n; i++) {
            double *below = a + i * stride, sum = below[j];
            for (size_t p = 0; p < j; p++)
                sum -= below[p] * row[p];
            below[j] = sum / row[j];
        }
    }
    return true;
}

/* Rows [from, d) of the panel of columns [at, at + depth) by the factor of the corner above it, and
 * as tiles [tiles][depth][TILE] for what they take off the rest. */
static void panel_factor(double *a, size_t d, size_t at, size_t depth, double *tiles)
{
    const size_t from = at + depth;
#pragma omp parallel for schedule(static)
    for (size_t i = from; i < d; i++) {
        double *row = a + i * d + at;
        const size_t place = i - from;
        for (size_t j = 0; j < depth; j++) {
            const double *corner = a + (at + j) * d + at;
            double sum = row[j];
            for (size_t p = 0; p < j; p++)
                sum -= row[p] * corner[p];
            row[j] = sum / corner[j];
            tiles[(place / TILE * depth + j) * TILE + place % TILE] = row[j];
        }
    }
}

/* The lower triangle of a [d][d] becomes its Cholesky factor; false: it has none. */
static bool cholesky(double *a, size_t d, double *tiles)
{
    /* What rounding alone can leave of a feature that others tell: it is no evidence. */
    double floor = 0.0;
    for (size_t i = 0; i < d; i++)
        floor = fmax(floor, (double)d * DBL_EPSILON * a[i * d + i]);
    for (size_t at = 0; at < d; at += DEPTH) {
        const size_t depth = d - at < DEPTH ? d - at : DEPTH, from = at + depth;
        if (!corner_factor(a + at * d + at, depth, d, floor))
            return false;
        if (from == d)
            break;
        memset(tiles, 0, tiles_of(d - from) * TILE * depth * sizeof *tiles);
        panel_factor(a, d, at, depth, tiles);
        lower_add(a + from * d + from, d - from, d, tiles, depth, -1.0);
    }
    return true;
}

/* b [d] := (L L^T)^-1 b. */
static void solve(const double *l, size_t d, double *b)
{
    for (size_t i = 0; i < d; i++) {
        for (size_t p = 0; p < i; p++)
            b[i] -= l[i * d + p] * b[p];
        b[i] /= l[i * d + i];
    }
    for (size_t i = d; i-- > 0;) {
        b[i] /= l[i * d + i];
        for (size_t p = 0; p < i; p++)
            b[p] -= l[i * d + p] * b[i];
    }
}

int ridge_fit(const struct moments *m, double ridge, struct ridge *ret)
{
    const size_t d = m->d, t = m->t;
    auto_free double *a = malloc(d * d * sizeof *a);
    auto_free double *tiles = malloc(tiles_of(d) * TILE * DEPTH * sizeof *tiles);
    auto_free double *w = malloc(t * d * sizeof *w);
    auto_free double *b = malloc(t * sizeof *b);
    if (!a || !tiles || !w || !b)
        return err_set(-ENOMEM, "out of memory: ridge regression on %zu features", d);
    memcpy(a, m->square, d * d * sizeof *a);
    for (size_t i = 0; i < d; i++)
        a[i * d + i] += ridge;
    if (!cholesky(a, d, tiles))
        return err_set(-EDOM, "a ridge of %g is too small: these features depend on each other",
                       ridge);
    memcpy(w, m->cross, t * d * sizeof *w);
    for (size_t k = 0; k < t; k++) {
        solve(a, d, w + k * d);
        b[k] = m->mean[d + k];
        for (size_t j = 0; j < d; j++)
            b[k] -= w[k * d + j] * m->mean[j];
    }
    *ret = (struct ridge){d, t, take_ptr(&w), take_ptr(&b)};
    return 0;
}

void ridge_done(struct ridge *r)
{
    free(r->w);
    free(r->b);
    *r = (struct ridge){0};
}

void ridge_tell(const struct ridge *r, const float *x, double *ret)
{
    for (size_t k = 0; k < r->t; k++) {
        ret[k] = r->b[k];
        for (size_t j = 0; j < r->d; j++)
            ret[k] += r->w[k * r->d + j] * (double)x[j];
    }
}

double ridge_error(const struct ridge *r, const struct ridge_rows *rows)
{
    double told[RIDGE_T_MAX], sum = 0.0;
    for (size_t i = 0; i < rows->n; i++) {
        ridge_tell(r, rows->x + (size_t)rows->rows[i] * rows->d, told);
        for (size_t k = 0; k < r->t; k++) {
            const double off = told[k] - rows->y[(size_t)rows->rows[i] * r->t + k];
            sum += off * off;
        }
    }
    return sum / ((double)rows->n * (double)r->t);
}

int ridge_choose(const struct moments *m, const struct ridge_rows *val,
                 const struct ridge_choice *choice, size_t *ret_which)
{
    double best = INFINITY;
    size_t which = choice->n;
    for (size_t i = 0; i < choice->n; i++) {
        struct ridge r = {.d = 0};
        int rc = ridge_fit(m, choice->list[i], &r);
        if (rc && rc != -EDOM)
            return rc;
        const double error = rc ? INFINITY : ridge_error(&r, val);
        ridge_done(&r);
        if (error < best) {
            best = error;
            which = i;
        }
        if (choice->at)
            choice->at(choice->hint, i + 1);
    }
    if (which == choice->n)
        return err_set(-EDOM, "every ridge is too small: these features depend on each other");
    *ret_which = which;
    return 0;
}
