/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_linear: the three products of a linear layer, each cut among threads along the longer side of
 * its result, so that every thread makes a part of its own and nothing is added up across threads.
 * With bf16 images and matrix units, the factors are rounded to bf16 on the way, as PyTorch's
 * autocast does; sums and results are fp32. Takes and gives row-major matrices. Owner: the packing
 * memory is the back end's. */
#include "trainer/ops/cpu_bf16_conv.h"
#include "trainer/ops/cpu_gemm.h"
#include "trainer/ops/cpu_simd.h"

#include <omp.h>

enum { GRAIN = 48 }; /* cuts fall on multiples of this: whole tiles, whole cache lines */

/* The part of [0, count) that thread `index` of `threads` does. */
static void cut(size_t count, size_t index, size_t threads, size_t *ret_first, size_t *ret_end)
{
    size_t grains = (count + GRAIN - 1) / GRAIN;
    size_t first = grains * index / threads * GRAIN, end = grains * (index + 1) / threads * GRAIN;
    *ret_first = first < count ? first : count;
    *ret_end = end < count ? end : count;
}

/* The same by the matrix units, in bf16. */
static void multiply_matrix(const struct cpu *cpu, const struct gemm *g)
{
    cpu->matrix->multiply(cpu, &(struct amx_product){.m = g->m,
                                                     .n = g->n,
                                                     .k = g->k,
                                                     .a = {g->a, g->a_i, g->a_k, false},
                                                     .b = {g->b, g->b_j, g->b_k, false},
                                                     .c = g->c,
                                                     .c_i = g->c_i,
                                                     .accumulate = g->accumulate});
}

static void multiply(const struct ops *o, const struct gemm *whole)
{
    const struct cpu *cpu = o->state;
    if (o->dtype == DTYPE_BF16 && cpu->matrix) {
        multiply_matrix(cpu, whole);
        return;
    }
#pragma omp parallel num_threads(cpu->threads)
    {
        size_t index = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
        struct gemm part = *whole;
        size_t first, end;
        if (whole->m >= whole->n) {
            cut(whole->m, index, threads, &first, &end);
            part.m = end - first;
            part.a += first * whole->a_i;
            part.c += first * whole->c_i;
        } else {
            cut(whole->n, index, threads, &first, &end);
            part.n = end - first;
            part.b += first * whole->b_j;
            part.c += first * whole->c_j;
        }
        if (part.m && part.n)
            SIMD(cpu_gemm)(&part, cpu->gemm_pack + index * GEMM_PACK_FLOATS);
    }
}

static int linear_forward(const struct ops *o, const struct tensor *x, const float *w,
                          const float *b, struct tensor *y)
{
    size_t rows = (size_t)x->n, in = (size_t)x->c, out = (size_t)y->c;
    for (size_t n = 0; b && n < rows; n++)
        memcpy(y->data + n * out, b, out * sizeof(float));
    multiply(o, &(struct gemm){.m = rows,
                               .n = out,
                               .k = in,
                               .a = x->data,
                               .a_i = in,
                               .a_k = 1,
                               .b = w,
                               .b_k = 1,
                               .b_j = in,
                               .c = y->data,
                               .c_i = out,
                               .c_j = 1,
                               .accumulate = b != NULL});
    return 0;
}

static int linear_backward_data(const struct ops *o, const struct tensor *dy, const float *w,
                                struct tensor *dx, bool accumulate)
{
    size_t rows = (size_t)dy->n, in = (size_t)dx->c, out = (size_t)dy->c;
    multiply(o, &(struct gemm){.m = rows,
                               .n = in,
                               .k = out,
                               .a = dy->data,
                               .a_i = out,
                               .a_k = 1,
                               .b = w,
                               .b_k = in,
                               .b_j = 1,
                               .c = dx->data,
                               .c_i = in,
                               .c_j = 1,
                               .accumulate = accumulate});
    return 0;
}

static int linear_backward_weight(const struct ops *o, const struct tensor *x,
                                  const struct tensor *dy, float *dw, float *db)
{
    size_t rows = (size_t)x->n, in = (size_t)x->c, out = (size_t)dy->c;
    multiply(o, &(struct gemm){.m = out,
                               .n = in,
                               .k = rows,
                               .a = dy->data,
                               .a_i = 1,
                               .a_k = out,
                               .b = x->data,
                               .b_k = in,
                               .b_j = 1,
                               .c = dw,
                               .c_i = in,
                               .c_j = 1});
    if (!db)
        return 0;
    memset(db, 0, out * sizeof(float));
    for (size_t n = 0; n < rows; n++)
        for (size_t j = 0; j < out; j++)
            db[j] += dy->data[n * out + j];
    return 0;
}

void SIMD(cpu_linear_fill)(struct ops *ops)
{
    ops->linear_forward = linear_forward;
    ops->linear_backward_data = linear_backward_data;
    ops->linear_backward_weight = linear_backward_weight;
}
