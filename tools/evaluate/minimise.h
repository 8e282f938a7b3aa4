/* SPDX-License-Identifier: Apache-2.0 */
/* minimise: the minimum of a smooth function of many variables by L-BFGS (Liu and Nocedal 1989)
 * with Moré and Thuente's line search, whose steps hold the strong Wolfe conditions. The only door
 * to liblbfgs. One thread; nothing is kept between calls. */
#ifndef AUGSTREAM_TOOLS_MINIMISE_H
#define AUGSTREAM_TOOLS_MINIMISE_H

#include <stddef.h>

struct minimise_step {
    size_t iteration; /* from 1 */
    double value;
    double x_norm, gradient_norm; /* Euclidean */
};

struct minimise_problem {
    size_t n;              /* variables, 1 .. INT_MAX - 64 */
    size_t max_iterations; /* >= 1 */
    /* Gives the value at x [n] and writes the gradient [n]. */
    double (*value)(void *hint, const double *x, double *gradient);
    /* After each iteration: 0 to go on, > 0 where this is near enough, -errno (err_set) to give up.
     */
    int (*step)(void *hint, const struct minimise_step *at);
    void *hint;
};

enum minimise_end {
    MINIMISE_ENOUGH,     /* step said so */
    MINIMISE_STALLED,    /* no step along the gradient itself goes down: rounding is all there is */
    MINIMISE_ITERATIONS, /* max_iterations are spent */
};

struct minimised {
    double value;
    size_t iterations, evaluations;
    enum minimise_end end;
};

/* x: in, where to begin; out, the best that was found (with -errno: as far as it came). -EINVAL
 * where n is out of range, -EDOM where the value is not finite, -ENOMEM, step's own. */
int minimise(const struct minimise_problem *problem, double *x, struct minimised *ret);

#endif
