/* SPDX-License-Identifier: Apache-2.0 */
/* knn: takes two sets of features, gives one number. Exact search, no index; the caller's thread.
 */
#include "trainer/knn.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { LANES = 16 }; /* sums side by side, which the compiler keeps in vector registers */

static float dot(const float *a, const float *b, size_t d)
{
    float sum[LANES] = {0}, total = 0.0f;
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            sum[l] += a[i + l] * b[i + l];
    for (; i < d; i++)
        total += a[i] * b[i];
    for (size_t l = 0; l < LANES; l++)
        total += sum[l];
    return total;
}

static int side_check(const char *name, const struct features *f)
{
    if (!f->n || !f->d)
        return err_set(-EINVAL, "nearest neighbours: the %s set is empty", name);
    for (size_t i = 0; i < f->n; i++)
        if (f->labels[i] < 0)
            return err_set(-EINVAL, "nearest neighbours: sample %lld of the %s set has no label",
                           (long long)f->samples[i], name);
    return 0;
}

int knn_accuracy(const struct features *bank, const struct features *query, double *ret)
{
    int rc = side_check("bank", bank);
    if (!rc)
        rc = side_check("query", query);
    if (!rc && bank->d != query->d)
        rc = err_set(-EINVAL, "nearest neighbours: %zu features against %zu", query->d, bank->d);
    if (!rc && bank->classes != query->classes)
        rc = err_set(-EINVAL,
                     "nearest neighbours: the bank has %u classes, the queries %u; give both the "
                     "same class folders, empty ones where a class is missing",
                     bank->classes, query->classes);
    if (rc)
        return rc;
    /* Only the bank's lengths change the order of a query's cosines. */
    auto_free float *inverse = malloc(bank->n * sizeof *inverse);
    if (!inverse)
        return err_set(-ENOMEM, "out of memory");
    for (size_t b = 0; b < bank->n; b++) {
        const float *row = bank->x + b * bank->d;
        inverse[b] = 1.0f / fmaxf(sqrtf(dot(row, row, bank->d)), 1e-12f);
    }
    size_t hits = 0;
    for (size_t q = 0; q < query->n; q++) {
        size_t nearest = 0;
        float best = -INFINITY;
        for (size_t b = 0; b < bank->n; b++) {
            float cosine = dot(query->x + q * bank->d, bank->x + b * bank->d, bank->d) * inverse[b];
            if (cosine > best) {
                best = cosine;
                nearest = b;
            }
        }
        hits += bank->labels[nearest] == query->labels[q];
    }
    *ret = (double)hits / (double)query->n;
    return 0;
}
