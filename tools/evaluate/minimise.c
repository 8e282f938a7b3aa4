/* SPDX-License-Identifier: Apache-2.0 */
/* minimise: takes a function and a place, gives its minimum. Where a line search fails, which in
 * the end rounding makes it do, the search begins again from the same place without its memory,
 * that is along the gradient; where that fails as well, this is the minimum that can be had. Owner:
 * liblbfgs's vectors live for one call. */
#include "tools/evaluate/minimise.h"

#include "common/err.h"

#include <errno.h>
#include <lbfgs.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    /* Pairs that stand for the curvature. 45 fits of 1 020 rows, 512 features, 102 classes took
     * 6 643, 6 103, 6 500, 6 556 evaluations with 6, 10, 20, 40 pairs, each of which costs time. */
    MEMORY = 10,
    /* Of one line search. What has not been found by then is lost in rounding: liblbfgs's own 40
     * cost 3 915 evaluations where these cost 2 852, and led to the same losses (33 fits as above,
     * those with the larger penalties). */
    TRIES = 16,
};

struct search {
    const struct minimise_problem *problem;
    size_t before;     /* iterations of earlier searches */
    size_t iterations; /* of this one */
    size_t evaluations;
    int said; /* by step */
    bool not_finite;
};

static lbfgsfloatval_t evaluate(void *hint, const lbfgsfloatval_t *x, lbfgsfloatval_t *gradient,
                                int n, lbfgsfloatval_t step)
{
    (void)n, (void)step;
    struct search *s = hint;
    s->evaluations++;
    double value = s->problem->value(s->problem->hint, x, gradient);
    s->not_finite = !isfinite(value);
    return value;
}

static int progress(void *hint, const lbfgsfloatval_t *x, const lbfgsfloatval_t *gradient,
                    lbfgsfloatval_t value, lbfgsfloatval_t x_norm, lbfgsfloatval_t gradient_norm,
                    lbfgsfloatval_t step, int n, int iteration, int tries)
{
    (void)x, (void)gradient, (void)step, (void)n, (void)tries;
    struct search *s = hint;
    s->iterations = (size_t)iteration;
    if (s->not_finite)
        return s->said = err_set(-EDOM, "the loss is not finite after %zu iterations",
                                 s->before + s->iterations);
    const struct minimise_step at = {s->before + s->iterations, value, x_norm, gradient_norm};
    return s->said = s->problem->step(s->problem->hint, &at);
}

/* One search from x. 0 with how it ended; -errno. */
static int search(struct search *s, lbfgsfloatval_t *x, enum minimise_end *ret)
{
    lbfgs_parameter_t parameter;
    lbfgs_parameter_init(&parameter);
    parameter.m = MEMORY;
    parameter.max_linesearch = TRIES;
    parameter.epsilon = 0; /* step tells when it is enough */
    parameter.max_iterations = (int)(s->problem->max_iterations - s->before);
    s->said = 0;
    s->iterations = 0;
    int rc = lbfgs((int)s->problem->n, x, NULL, evaluate, progress, s, &parameter);
    if (s->said < 0)
        return s->said;
    if (s->not_finite)
        return err_set(-EDOM, "the loss is not finite");
    if (s->said) { /* lbfgs() gives back what progress gave it */
        *ret = MINIMISE_ENOUGH;
        return 0;
    }
    switch (rc) {
    case LBFGS_SUCCESS:
    case LBFGS_ALREADY_MINIMIZED:
        *ret = MINIMISE_ENOUGH;
        return 0;
    case LBFGSERR_MAXIMUMITERATION:
        *ret = MINIMISE_ITERATIONS;
        return 0;
    case LBFGSERR_OUTOFMEMORY:
        return err_set(-ENOMEM, "out of memory");
    case LBFGSERR_OUTOFINTERVAL:
    case LBFGSERR_INCORRECT_TMINMAX:
    case LBFGSERR_ROUNDING_ERROR:
    case LBFGSERR_MINIMUMSTEP:
    case LBFGSERR_MAXIMUMSTEP:
    case LBFGSERR_MAXIMUMLINESEARCH:
    case LBFGSERR_WIDTHTOOSMALL:
    case LBFGSERR_INCREASEGRADIENT:
        *ret = MINIMISE_STALLED;
        return 0;
    default: /* what is left are parameters out of range: ours */
        return err_set(-EINVAL, "liblbfgs refuses with %d", rc);
    }
}

int minimise(const struct minimise_problem *problem, double *x, struct minimised *ret)
{
    if (!problem->n || problem->n > INT_MAX - 64)
        return err_set(-EINVAL, "%zu variables: 1 to %d can be had", problem->n, INT_MAX - 64);
    size_t bytes = problem->n * sizeof *x;
    lbfgsfloatval_t *at = lbfgs_malloc((int)problem->n); /* aligned and rounded up as it wants */
    lbfgsfloatval_t *gradient = lbfgs_malloc((int)problem->n);
    int rc = at && gradient ? 0 : err_set(-ENOMEM, "out of memory");
    struct search s = {.problem = problem};
    struct minimised m = {.end = MINIMISE_STALLED};
    if (!rc)
        memcpy(at, x, bytes);
    while (!rc) {
        rc = search(&s, at, &m.end);
        s.before += s.iterations;
        /* a search that failed at its first step began without memory */
        if (m.end != MINIMISE_STALLED || !s.iterations)
            break;
        if (s.before >= problem->max_iterations) {
            m.end = MINIMISE_ITERATIONS;
            break;
        }
    }
    if (at)
        memcpy(x, at, bytes);
    if (!rc) {
        /* after a failed line search liblbfgs's own value is that of its last try */
        m.value = problem->value(problem->hint, at, gradient);
        m.iterations = s.before;
        m.evaluations = s.evaluations + 1;
        *ret = m;
    }
    lbfgs_free(at);
    lbfgs_free(gradient);
    return rc;
}
