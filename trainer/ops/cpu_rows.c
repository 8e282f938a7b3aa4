/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_rows: what walks over plain arrays and rows of features: sums, the optimiser, unit rows, and
 * the cosine loss. (The losses of a few numbers a row stay ref's: they take no time.)
 * No state; threads take runs of elements or rows, and what is summed over rows is summed by one
 * thread in the order of rows. */
#include "trainer/ops/cpu_span.h"

static const double norm_least_unit = 1e-12;  /* torch.nn.functional.normalize */
static const double norm_least_cosine = 1e-8; /* torch.nn.functional.cosine_similarity */

enum { RUN = 4096 }; /* values that a thread takes at a time */

static int fill(const struct ops *o, float *x, size_t count, float value)
{
    const struct cpu *cpu = o->state;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        x[i] = value;
    return 0;
}

static int copy(const struct ops *o, const float *from, float *to, size_t count)
{
    const struct cpu *cpu = o->state;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < count; i += RUN)
        memcpy(to + i, from + i, least(RUN, count - i) * sizeof(float));
    return 0;
}

static int add(const struct ops *o, const float *a, float *sum, size_t count)
{
    const struct cpu *cpu = o->state;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        sum[i] += a[i];
    return 0;
}

/* One walk over three arrays; PyTorch's order of operations, each rounded to float. */
static void sgd_run(const struct sgd *s, float lr, float *restrict w, const float *restrict d,
                    float *restrict m, size_t count)
{
    float momentum = s->momentum, decay = s->weight_decay, scale = s->scale;
    for (size_t i = 0; i < count; i++) {
        float g = scale * d[i] + decay * w[i];
        m[i] = momentum * m[i] + g;
        w[i] -= lr * m[i];
    }
}

static int sgd_step(const struct ops *o, const struct sgd *s, float *w, const float *d, float *m,
                    size_t count)
{
    const struct cpu *cpu = o->state;
    float lr = *s->lr;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < count; i += RUN)
        sgd_run(s, lr, w + i, d + i, m + i, least(RUN, count - i));
    return 0;
}

/* A run's part of |w|^2 and of |g|^2. */
static void lars_squares(const struct sgd *s, const float *w, const float *d, size_t count,
                         double ret[2])
{
    float g[RUN];
    for (size_t i = 0; i < count; i++)
        g[i] = s->scale * d[i] + s->weight_decay * w[i];
    ret[0] = span_dot(w, w, count);
    ret[1] = span_dot(g, g, count);
}

static float lars_adapt(const struct cpu *cpu, const struct sgd *s, float trust, const float *w,
                        const float *d, size_t count)
{
    enum { PARTS = 64 }; /* whose sums lie on the stack */
    double part[PARTS][2], w2 = 0, g2 = 0;
    for (size_t at = 0; at < count; at += (size_t)PARTS * RUN) {
        size_t parts = least(PARTS, (count - at + RUN - 1) / RUN);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
        for (size_t i = 0; i < parts; i++) {
            size_t first = at + i * RUN;
            lars_squares(s, w + first, d + first, least(RUN, count - first), part[i]);
        }
        for (size_t i = 0; i < parts; i++) {
            w2 += part[i][0];
            g2 += part[i][1];
        }
    }
    return w2 > 0 && g2 > 0 ? (float)((double)trust * sqrt(w2 / g2)) : 1;
}

static void lars_run(const struct sgd *s, float lr, float adapt, float *restrict w,
                     const float *restrict d, float *restrict m, size_t count)
{
    float momentum = s->momentum, decay = s->weight_decay, scale = s->scale;
    for (size_t i = 0; i < count; i++) {
        float g = scale * d[i] + decay * w[i];
        m[i] = momentum * m[i] + adapt * g;
        w[i] -= lr * m[i];
    }
}

static int lars_step(const struct ops *o, const struct sgd *s, float trust, float *w,
                     const float *d, float *m, size_t count)
{
    const struct cpu *cpu = o->state;
    float lr = *s->lr, adapt = lars_adapt(cpu, s, trust, w, d, count);
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < count; i += RUN)
        lars_run(s, lr, adapt, w + i, d + i, m + i, least(RUN, count - i));
    return 0;
}

static int ema_step(const struct ops *o, float momentum, const float *w, float *average,
                    size_t count)
{
    const struct cpu *cpu = o->state;
    float rest = 1 - momentum;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < count; i++)
        average[i] = momentum * average[i] + rest * w[i];
    return 0;
}

/* --- rows of features --- */

/* max(norm, least), but a NaN stays seen, which fmax would hide. */
static double at_least(double norm, double least_norm)
{
    return norm < least_norm ? least_norm : norm;
}

static int pair_forward(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)x->n, d = (size_t)x->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < rows; i++) {
        size_t other = (i + rows / 2) % rows;
        memcpy(y->data + i * 2 * d, x->data + i * d, d * sizeof(float));
        memcpy(y->data + i * 2 * d + d, x->data + other * d, d * sizeof(float));
    }
    return 0;
}

/* Row i of x was the first half of row i of y and the second half of its partner's row. */
static int pair_backward(const struct ops *o, const struct tensor *dy, struct tensor *dx)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)dx->n, d = (size_t)dx->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t i = 0; i < rows; i++) {
        const float *first = dy->data + i * 2 * d;
        const float *second = dy->data + (i + rows / 2) % rows * 2 * d + d;
        for (size_t k = 0; k < d; k++)
            dx->data[i * d + k] += first[k] + second[k];
    }
    return 0;
}

static int l2_normalize(const struct ops *o, const struct tensor *x, struct tensor *y)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)x->n, d = (size_t)x->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++) {
        const float *row = x->data + n * d;
        float norm = (float)at_least(span_norm(row, d), norm_least_unit);
        for (size_t i = 0; i < d; i++)
            y->data[n * d + i] = row[i] / norm;
    }
    return 0;
}

static int l2_normalize_backward(const struct ops *o, const struct tensor *x,
                                 const struct tensor *y, const struct tensor *dy, struct tensor *dx)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)x->n, d = (size_t)x->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++) {
        const float *unit = y->data + n * d, *g = dy->data + n * d;
        double norm = span_norm(x->data + n * d, d);
        float along = (float)(norm > norm_least_unit ? span_dot(unit, g, d) : 0);
        float scale = (float)(1 / at_least(norm, norm_least_unit));
        for (size_t i = 0; i < d; i++)
            dx->data[n * d + i] = (g[i] - along * unit[i]) * scale;
    }
    return 0;
}

static int row_dot(const struct ops *o, const struct tensor *a, const struct tensor *b,
                   struct tensor *y)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)a->n, d = (size_t)a->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        y->data[n] = (float)span_dot(a->data + n * d, b->data + n * d, d);
    return 0;
}

static int row_add(const struct ops *o, const struct tensor *scale, const struct tensor *a,
                   struct tensor *sum)
{
    const struct cpu *cpu = o->state;
    size_t rows = (size_t)a->n, d = (size_t)a->c;
#pragma omp parallel for num_threads(cpu->threads) schedule(static)
    for (size_t n = 0; n < rows; n++)
        for (size_t i = 0; i < d; i++)
            sum->data[n * d + i] += scale->data[n] * a->data[n * d + i];
    return 0;
}

/* d cos(p,z) / dp = (z/|z| - cos * p/|p|) / |p|. Below the least norm |p| is a constant, so the
 * second term is gone. */
static int loss_cosine(const struct ops *o, const struct tensor *p, const struct tensor *z,
                       float weight, struct tensor *dp, float *loss)
{
    (void)o; /* one thread: it is a fraction of a millisecond */
    size_t rows = (size_t)p->n, d = (size_t)p->c;
    double total = 0;

    for (size_t n = 0; n < rows; n++) {
        const float *a = p->data + n * d, *b = z->data + (n + rows / 2) % rows * d;
        double norm_a = span_norm(a, d);
        double least_a = at_least(norm_a, norm_least_cosine);
        double least_b = at_least(span_norm(b, d), norm_least_cosine);
        double cosine = span_dot(a, b, d) / (least_a * least_b);
        double scale = -(double)weight / (double)rows / least_a;
        float to_b = (float)(scale / least_b);
        float to_a = (float)(norm_a <= norm_least_cosine ? 0 : -scale * cosine / least_a);
        for (size_t i = 0; i < d; i++)
            dp->data[n * d + i] = to_b * b[i] + to_a * a[i];
        total += cosine;
    }
    *loss = (float)(-total / (double)rows);
    return 0;
}

/* Columns go in blocks whose sums fit on the stack. */
static int spread(const struct ops *o, const struct tensor *x, float *ret)
{
    (void)o;
    enum { BLOCK = 2048 };
    size_t rows = (size_t)x->n, d = (size_t)x->c;
    double total = 0;

    for (size_t at = 0; at < d && rows > 1; at += BLOCK) {
        size_t width = least(BLOCK, d - at);
        double sum[BLOCK] = {0}, square[BLOCK] = {0};
        for (size_t n = 0; n < rows; n++) {
            const float *row = x->data + n * d;
            double scale = 1 / at_least(span_norm(row, d), norm_least_unit);
            for (size_t i = 0; i < width; i++) {
                double unit = (double)row[at + i] * scale;
                sum[i] += unit;
                square[i] += unit * unit;
            }
        }
        for (size_t i = 0; i < width; i++) {
            double var = (square[i] - sum[i] * sum[i] / (double)rows) / (double)(rows - 1);
            total += var < 0 ? 0 : sqrt(var); /* rounding may leave it just below 0; NaN stays */
        }
    }
    *ret = (float)(total / (double)d * sqrt((double)d));
    return 0;
}

void SIMD(cpu_rows_fill)(struct ops *ops)
{
    ops->fill = fill;
    ops->copy = copy;
    ops->add = add;
    ops->sgd_step = sgd_step;
    ops->lars_step = lars_step;
    ops->ema_step = ema_step;
    ops->pair_forward = pair_forward;
    ops->pair_backward = pair_backward;
    ops->l2_normalize = l2_normalize;
    ops->l2_normalize_backward = l2_normalize_backward;
    ops->row_dot = row_dot;
    ops->row_add = row_add;
    ops->loss_cosine = loss_cosine;
    ops->spread = spread;
}
