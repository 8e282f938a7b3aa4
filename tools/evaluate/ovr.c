/* SPDX-License-Identifier: Apache-2.0 */
/* ovr: see ovr.h. Takes rows, gives weights. Any thread: liblinear keeps no state but where it
 * prints, and here it prints nowhere. */
#include "tools/evaluate/ovr.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <limits.h>
#include <linear.h>
#include <stdlib.h>

static const double TOLERANCE = 1e-8, BIAS = 1.0;

struct ovr {
    size_t d;
    uint32_t classes;
    double w[]; /* [classes][d + 1] */
};

static void print_nothing(const char *text)
{
    (void)text;
}

/* Before main: train() may run on many threads, and each would otherwise set it. */
__attribute__((constructor)) static void silence(void)
{
    set_print_string_function(print_nothing);
}

/* One row as liblinear wants it: (index from 1, value), the bias, an end of index -1. Zeros are
 * left out: features after a ReLU have many. */
static struct feature_node *put_row(const float *x, size_t d, struct feature_node *at)
{
    for (size_t j = 0; j < d; j++)
        if (x[j] != 0.0f)
            *at++ = (struct feature_node){(int)j + 1, x[j]};
    *at++ = (struct feature_node){(int)d + 1, BIAS};
    *at++ = (struct feature_node){-1, 0.0};
    return at;
}

/* liblinear has the weights feature by feature, classes in the order of their first rows: ours. Of
 * two classes it has one weight, which speaks for the first. */
static void take_weights(const struct model *model, struct ovr *ovr)
{
    const size_t stride = ovr->d + 1;
    for (uint32_t k = 0; k < ovr->classes; k++)
        for (size_t j = 0; j < stride; j++)
            ovr->w[k * stride + j] = ovr->classes > 2 ? model->w[j * ovr->classes + k]
                                     : k == 0         ? model->w[j]
                                                      : -model->w[j];
}

int ovr_fit(const struct ovr_rows *r, double c, struct ovr **ret)
{
    const size_t n = (size_t)r->classes * r->per_class, stride = r->d + 1;
    if (r->classes < 2 || n > INT_MAX || !r->d || r->d > INT_MAX - 2)
        return err_set(-EINVAL, "one-vs-rest of %u classes, %zu rows, %zu features", r->classes, n,
                       r->d);
    auto_free double *y = malloc(n * sizeof *y);
    auto_free struct feature_node **rows = malloc(n * sizeof *rows);
    auto_free struct feature_node *nodes = malloc(n * (r->d + 2) * sizeof *nodes);
    auto_free struct ovr *ovr = malloc(sizeof *ovr + r->classes * stride * sizeof(double));
    if (!y || !rows || !nodes || !ovr)
        return err_set(-ENOMEM, "out of memory");
    struct feature_node *at = nodes;
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)(i / r->per_class);
        rows[i] = at;
        at = put_row(r->x + (size_t)r->rows[i] * r->d, r->d, at);
    }
    ovr->d = r->d;
    ovr->classes = r->classes;
    const struct problem problem = {.l = (int)n, .n = (int)stride, .y = y, .x = rows, .bias = BIAS};
    const struct parameter parameter = {.solver_type = L2R_LR, .eps = TOLERANCE, .C = c};
    const char *wrong = check_parameter(&problem, &parameter);
    if (wrong)
        return err_set(-EINVAL, "liblinear: %s", wrong);
    struct model *model = train(&problem, &parameter);
    take_weights(model, ovr);
    free_and_destroy_model(&model);
    *ret = take_ptr(&ovr);
    return 0;
}

void ovr_free(struct ovr *ovr)
{
    free(ovr);
}

const double *ovr_weights(const struct ovr *ovr, uint32_t which)
{
    return ovr->w + which * (ovr->d + 1);
}

/* Four sums side by side: a single one would wait for itself. */
static double margin(const double *w, const float *x, size_t d)
{
    double sum[4] = {0};
    size_t j = 0;
    for (; j + 4 <= d; j += 4)
        for (size_t l = 0; l < 4; l++)
            sum[l] += w[j + l] * (double)x[j + l];
    for (; j < d; j++)
        sum[0] += w[j] * (double)x[j];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]) + w[d] * BIAS;
}

uint32_t ovr_tell(const struct ovr *ovr, const float *x)
{
    uint32_t best = 0;
    double highest = margin(ovr->w, x, ovr->d);
    for (uint32_t k = 1; k < ovr->classes; k++) {
        const double m = margin(ovr_weights(ovr, k), x, ovr->d);
        if (m > highest) {
            highest = m;
            best = k;
        }
    }
    return best;
}
