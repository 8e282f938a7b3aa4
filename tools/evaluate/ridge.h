/* SPDX-License-Identifier: Apache-2.0 */
/* ridge: linear regression of a few targets on features, with an intercept and an L2 penalty on
 * the weights alone (Hoerl and Kennard, Technometrics 12, 1970): the minimum of
 * |Y - X W - b|^2 + ridge |W|^2, which is scikit-learn's Ridge(alpha). By the normal equations in
 * double: what a set tells is gathered once (moments), and every ridge is solved from that. */
#ifndef AUGSTREAM_TOOLS_RIDGE_H
#define AUGSTREAM_TOOLS_RIDGE_H

#include <stddef.h>
#include <stdint.h>

enum { RIDGE_D_MAX = 1 << 14, RIDGE_T_MAX = 64 }; /* features, targets */

/* A set's means, and the products of what is left when they are taken off. */
struct moments {
    size_t n, d, t;
    double *mean;   /* [d + t] */
    double *square; /* [d][d], the lower triangle */
    double *cross;  /* [t][d] */
};

/* Some rows of x [..][d] and of y [..][t]. All loans. */
struct ridge_rows {
    const float *x;
    const double *y;
    const uint32_t *rows; /* [n] */
    size_t n, d, t;
};

/* Over all cores; the same bits for any number of threads. -ENODATA: no row; -EINVAL: a size. */
int moments_of(const struct ridge_rows *rows, struct moments *ret);
/* into gets the moments of both sets (Chan, Golub and LeVeque, 1979). Same d and t. */
void moments_merge(struct moments *into, const struct moments *from);
void moments_done(struct moments *m); /* fine on a zeroed one */

struct ridge {
    size_t d, t;
    double *w; /* [t][d] */
    double *b; /* [t] */
};

/* ridge >= 0. -EDOM: the equations have no one answer at this ridge (features that depend on each
 * other, and a ridge too small to part them). */
int ridge_fit(const struct moments *m, double ridge, struct ridge *ret);
void ridge_done(struct ridge *r);                                    /* fine on a zeroed one */
void ridge_tell(const struct ridge *r, const float *x, double *ret); /* x [d], ret [t] */

/* The mean over rows and targets of the squared error. */
double ridge_error(const struct ridge *r, const struct ridge_rows *rows);

/* Which of the ridges has the smallest error on val when it is fitted on m: its place in the list.
 * Those that are too small (ridge_fit) are passed over; -EDOM where all are. at(hint, done) after
 * each; may be NULL. */
struct ridge_choice {
    const double *list;
    size_t n;
    void (*at)(void *hint, size_t done);
    void *hint;
};
int ridge_choose(const struct moments *m, const struct ridge_rows *val,
                 const struct ridge_choice *choice, size_t *ret_which);

#endif
