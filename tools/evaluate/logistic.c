/* SPDX-License-Identifier: Apache-2.0 */
/* logistic: takes rows of features and labels; gives weights and scores. The two products of each
 * evaluation run in fp32 through ops, over blocks of rows that stay in the cache; everything whose
 * small differences matter (soft-max, losses, sums over blocks, the penalty, the weights) is
 * double. Owner: the caller; memory is made once, by logistic_new. */
#include "tools/evaluate/logistic.h"

#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 1024,         /* rows: their logits of 100 classes are 400 KiB */
    FIT_ITERATIONS = 5000 /* the protocol's bound */
};

/* Near enough. The penalty makes the loss strongly convex with modulus 2 w, so that |gradient| = g
 * proves two things: the loss lies at most g^2 / (4 w) above its minimum, and the weights at most
 * g / (2 w) from where it is. Both must be small: where w is large, the loss hardly knows the
 * weights that tell the classes. With a small w the second may be out of reach; then a loss that
 * has all but stopped falling has to do. */
static const double FIT_GAP = 1e-6;        /* of the loss */
static const double FIT_OFF = 1e-4;        /* of the weights' length */
static const double FIT_STANDSTILL = 1e-9; /* of the loss, in an iteration, on the average of */
enum { FIT_PAST = 20 };                    /* so many iterations */

static const double TINY = 1e-30; /* shares below stay out of fp32, where they would be slow */

struct logistic {
    const struct ops *ops;
    size_t n, d, classes; /* d counts the column of ones */
    float *x;             /* [n][d] */
    int32_t *labels;      /* [n] */
    float *weights;       /* [classes][d], fp32 */
    float *dweights;      /* [classes][d], of one block */
    float *logits;        /* [block][classes]; then their gradient */
    double *loss;         /* [block] */
    int64_t *told;        /* [n]: classes */
    size_t *count;        /* [2][classes]: rows, and those that are told right */
};

void logistic_free(struct logistic *l)
{
    if (!l)
        return;
    l->ops->mem_free(l->ops, l->x);
    l->ops->mem_free(l->ops, l->weights);
    l->ops->mem_free(l->ops, l->dweights);
    l->ops->mem_free(l->ops, l->logits);
    free(l->labels);
    free(l->loss);
    free(l->told);
    free(l->count);
    free(l);
}

static int rows_copy(struct logistic *l, const struct logistic_rows *part, size_t first)
{
    size_t d = l->d - 1;
    for (size_t row = 0; row < part->n; row++) {
        const float *from = part->x + row * d;
        float *to = l->x + (first + row) * l->d;
        int64_t label = part->labels[row];
        if (label < 0 || (size_t)label >= l->classes)
            return err_set(-EBADMSG, "row %zu has label %lld: 0 to %zu are classes", first + row,
                           (long long)label, l->classes - 1);
        for (size_t j = 0; j < d; j++)
            if (!isfinite(from[j]))
                return err_set(-EBADMSG, "row %zu, column %zu is not finite", first + row, j);
        memcpy(to, from, d * sizeof *to);
        to[d] = 1;
        l->labels[first + row] = (int32_t)label;
    }
    return 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

int logistic_new(const struct ops *ops, size_t d, size_t classes, const struct logistic_rows *parts,
                 size_t n_parts, struct logistic **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < n_parts; i++)
        n += parts[i].n;
    if (!n || !d || !classes)
        return err_set(-EBADMSG, "%zu rows of %zu features, %zu classes: nothing to fit", n, d,
                       classes);
    if (n > INT32_MAX || d >= INT32_MAX || classes > INT32_MAX)
        return err_set(-EBADMSG, "%zu rows of %zu features, %zu classes: too many", n, d, classes);
    struct logistic *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(-ENOMEM, "out of memory");
    *l = (struct logistic){.ops = ops, .n = n, .d = d + 1, .classes = classes};
    size_t block = least(n, BLOCK), weights = logistic_weights(d, classes) * sizeof(float);
    l->x = ops->mem_new(ops, n * l->d * sizeof(float));
    l->weights = ops->mem_new(ops, weights);
    l->dweights = ops->mem_new(ops, weights);
    l->logits = ops->mem_new(ops, block * classes * sizeof(float));
    l->labels = calloc(n, sizeof *l->labels);
    l->loss = calloc(block, sizeof *l->loss);
    l->told = calloc(n, sizeof *l->told);
    l->count = calloc(2 * classes, sizeof *l->count);
    bool whole = l->x && l->weights && l->dweights && l->logits && l->labels && l->loss &&
                 l->told && l->count;
    int rc = whole ? 0 : err_set(-ENOMEM, "out of memory");
    for (size_t i = 0, first = 0; !rc && i < n_parts; first += parts[i++].n)
        rc = rows_copy(l, &parts[i], first);
    if (rc)
        logistic_free(l);
    else
        *ret = l;
    return rc;
}

static struct tensor matrix(float *data, size_t rows, size_t columns)
{
    return (struct tensor){(int32_t)rows, 1, 1, (int32_t)columns, data, DTYPE_FP32};
}

/* The logits of some rows into l->logits, by l->weights. */
static void logits_of(struct logistic *l, size_t first, size_t rows)
{
    struct tensor x = matrix(l->x + first * l->d, rows, l->d);
    struct tensor y = matrix(l->logits, rows, l->classes);
    l->ops->linear_forward(l->ops, &x, l->weights, NULL, &y);
}

/* Cross-entropy of one row of logits, which become its gradient. The right class's own gradient is
 * minus the others' sum, which is exact where it is nearly 0. */
static double row_loss(float *logits, size_t classes, size_t label)
{
    float most = logits[0];
    for (size_t j = 1; j < classes; j++)
        most = logits[j] > most ? logits[j] : most;
    double above = (double)logits[label] - (double)most, own = exp(above), others = 0;
    for (size_t j = 0; j < classes; j++) {
        double share = exp((double)logits[j] - (double)most);
        others += j == label ? 0 : share;
        logits[j] = share > TINY ? (float)share : 0;
    }
    double sum = own + others;
    for (size_t j = 0; j < classes; j++)
        logits[j] = (float)((double)logits[j] / sum);
    logits[label] = (float)(-others / sum);
    /* own may be 0, where it is far below the others */
    return own >= others ? log1p(others / own) : log(sum) - above;
}

double logistic_loss(struct logistic *l, double w, const double *weights, double *ret_gradient)
{
    size_t count = l->classes * l->d;
    double loss = 0, norm2 = 0;
    for (size_t i = 0; i < count; i++) {
        l->weights[i] = (float)weights[i];
        ret_gradient[i] = 2 * w * weights[i];
        norm2 += weights[i] * weights[i];
    }
    for (size_t first = 0; first < l->n; first += BLOCK) {
        size_t rows = least(BLOCK, l->n - first);
        logits_of(l, first, rows);
#ifdef _OPENMP
#pragma omp parallel for num_threads(l->ops->threads)
#endif
        for (size_t i = 0; i < rows; i++)
            l->loss[i] =
                row_loss(l->logits + i * l->classes, l->classes, (size_t)l->labels[first + i]);
        for (size_t i = 0; i < rows; i++)
            loss += l->loss[i];
        struct tensor x = matrix(l->x + first * l->d, rows, l->d);
        struct tensor dy = matrix(l->logits, rows, l->classes);
        l->ops->linear_backward_weight(l->ops, &x, &dy, l->dweights, NULL);
        for (size_t i = 0; i < count; i++)
            ret_gradient[i] += (double)l->dweights[i];
    }
    return loss + w * norm2;
}

struct watch {
    struct logistic *l;
    const struct logistic_fit *fit;
    double past[FIT_PAST]; /* losses, by iteration modulo their number */
};

static double watch_value(void *hint, const double *x, double *gradient)
{
    struct watch *watch = hint;
    return logistic_loss(watch->l, watch->fit->w, x, gradient);
}

static int watch_step(void *hint, const struct minimise_step *at)
{
    struct watch *watch = hint;
    int rc = watch->fit->step ? watch->fit->step(watch->fit->hint, at) : 0;
    if (rc)
        return rc;
    double *past = &watch->past[at->iteration % FIT_PAST];
    double fallen = *past - at->value; /* since so many iterations */
    bool still = at->iteration > FIT_PAST && fallen <= FIT_PAST * FIT_STANDSTILL * at->value;
    *past = at->value;
    double off = at->gradient_norm / (2 * watch->fit->w), gap = off * off * watch->fit->w;
    return still || (gap <= FIT_GAP * at->value && off <= FIT_OFF * at->x_norm);
}

static bool one_class(const struct logistic *l)
{
    for (size_t i = 1; i < l->n; i++)
        if (l->labels[i] != l->labels[0])
            return false;
    return true;
}

int logistic_fit(struct logistic *l, const struct logistic_fit *fit, double *weights,
                 struct minimised *ret)
{
    if (one_class(l))
        return err_set(-EBADMSG, "all %zu rows are of class %d: there is nothing to tell apart",
                       l->n, (int)l->labels[0]);
    struct watch watch = {.l = l, .fit = fit};
    const struct minimise_problem problem = {.n = l->classes * l->d,
                                             .max_iterations = FIT_ITERATIONS,
                                             .value = watch_value,
                                             .step = watch_step,
                                             .hint = &watch};
    return minimise(&problem, weights, ret);
}

void logistic_classify(struct logistic *l, const double *weights, int64_t *ret)
{
    for (size_t i = 0; i < l->classes * l->d; i++)
        l->weights[i] = (float)weights[i];
    for (size_t first = 0; first < l->n; first += BLOCK) {
        size_t rows = least(BLOCK, l->n - first);
        logits_of(l, first, rows);
        for (size_t i = 0; i < rows; i++) {
            const float *logits = l->logits + i * l->classes;
            size_t best = 0;
            for (size_t j = 1; j < l->classes; j++)
                best = logits[j] > logits[best] ? j : best;
            ret[first + i] = (int64_t)best;
        }
    }
}

double logistic_score(struct logistic *l, enum logistic_metric metric, const double *weights)
{
    size_t *rows = l->count, *right = l->count + l->classes, all = 0, seen = 0;
    double shares = 0;
    memset(l->count, 0, 2 * l->classes * sizeof *l->count);
    logistic_classify(l, weights, l->told);
    for (size_t i = 0; i < l->n; i++) {
        rows[l->labels[i]]++;
        right[l->labels[i]] += l->told[i] == l->labels[i];
    }
    for (size_t j = 0; j < l->classes; j++) {
        all += right[j];
        seen += rows[j] > 0;
        shares += rows[j] ? (double)right[j] / (double)rows[j] : 0;
    }
    return metric == LOGISTIC_TOP1 ? (double)all / (double)l->n : shares / (double)seen;
}
