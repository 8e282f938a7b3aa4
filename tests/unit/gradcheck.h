/* SPDX-License-Identifier: Apache-2.0 */
/* gradcheck: a gradient against the slope of its loss, measured by central differences. For the
 * reference back end, whose memory is the host's. */
#ifndef AUGSTREAM_TESTS_GRADCHECK_H
#define AUGSTREAM_TESTS_GRADCHECK_H

#include "common/rng.h"
#include "trainer/net.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double (*gradcheck_fn)(void *arg); /* forward only */

/* Walks w by a step of length eps to both sides along its gradient g, where the slope must be |g|:
 * a gradient that lacks a term, or has one too many, has another slope along itself. Returns
 * |slope - |g|| / |g|; w is left as it was. g must be a copy that the loss does not overwrite.
 * Some gradients are 0 by design (a shift in front of a batch norm) and only rounding is left of
 * them: |g| below 1e-2 is divided by as 1e-2. */
static inline double gradcheck_along(float *w, const float *g, size_t count, double eps,
                                     gradcheck_fn loss, void *arg)
{
    double norm2 = 0;
    for (size_t i = 0; i < count; i++)
        norm2 += (double)g[i] * (double)g[i];
    double norm = sqrt(norm2);
    float *keep = malloc(count * sizeof(float));
    assert(keep);
    memcpy(keep, w, count * sizeof(float));
    double side[2];
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < count; i++)
            w[i] = (float)((double)keep[i] + (s ? -eps : eps) * (double)g[i] / fmax(norm, 1e-12));
        side[s] = loss(arg);
    }
    memcpy(w, keep, count * sizeof(float));
    free(keep);
    return fabs((side[0] - side[1]) / (2 * eps) - norm) / fmax(norm, 1e-2);
}

/* The same for every parameter of a net; the gradients must be there. Returns the worst. */
static inline double gradcheck_net(struct net *net, double eps, gradcheck_fn loss, void *arg)
{
    double worst = 0;
    for (size_t i = 0; i < net->n_params; i++) {
        struct param *p = &net->param[i];
        float *g = malloc(p->count * sizeof(float));
        assert(g);
        memcpy(g, p->d, p->count * sizeof(float));
        double error = gradcheck_along(p->w, g, p->count, eps, loss, arg);
        if (error > worst)
            worst = error;
        free(g);
    }
    return worst;
}

/* Uniform in [low, high), a stream of its own for each `stream`. */
static inline void random_fill(float *x, size_t count, double low, double high, uint32_t stream)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 7, .sample = stream, .purpose = RNG_TEST});
    for (size_t i = 0; i < count; i++)
        x[i] = (float)rng_range(&rng, low, high);
}

static inline double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

#endif
