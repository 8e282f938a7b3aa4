/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_gemm: see cpu_gemm.h. After Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication" (2008): a strip of b is packed into panels that stay in L2, a block of a into
 * panels of which one stays in L1, and a tile of c lives in registers while k runs. Edges are
 * padded with zeros in the packed copies. Thread: whoever owns the packing memory.
 *
 * This file alone is compiled with contraction of a * b + c, which is where its speed is: copies
 * for different instruction sets differ in the last bits. */
#include "trainer/ops/cpu_gemm.h"

#include "trainer/ops/cpu_simd.h"

#if defined(__AVX512F__)
enum { TILE_I = 12, TILE_VECS = 2 }; /* 24 of 32 registers are sums */
#elif defined(__AVX2__)
enum { TILE_I = 6, TILE_VECS = 2 }; /* 12 of 16 */
#else
enum { TILE_I = 2, TILE_VECS = 1 };
#endif

enum { TILE_J = TILE_VECS * LANES };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Panels of `width` lines: panel after panel, [depth][width]. line: the stride between lines, step:
 * the stride along k. */
static inline __attribute__((always_inline)) void pack_panels(const float *from, size_t line,
                                                              size_t step, size_t lines,
                                                              size_t depth, size_t width, float *to)
{
    for (size_t at = 0; at < lines; at += width, to += width * depth) {
        const float *panel = from + at * line;
        size_t n = least(width, lines - at);
        if (n < width)
            memset(to, 0, width * depth * sizeof(float));
        if (n == width && line == 1) {
            for (size_t k = 0; k < depth; k++)
                memcpy(to + k * width, panel + k * step, width * sizeof(float));
            continue;
        }
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < depth; k++)
                to[k * width + i] = panel[i * line + k * step];
    }
}

struct tile {
    float *c;
    size_t c_i, c_j;
    size_t rows, cols; /* of the tile that exist */
    bool accumulate;
};

static void tile_store_part(const struct tile *t, const float *sums)
{
    for (size_t j = 0; j < t->cols; j++)
        for (size_t i = 0; i < t->rows; i++) {
            float *c = t->c + i * t->c_i + j * t->c_j;
            *c = (t->accumulate ? *c : 0) + sums[i * TILE_J + j];
        }
}

static void tile_multiply(const float *a, const float *b, size_t depth, const struct tile *t)
{
    vec sum[TILE_I][TILE_VECS] = {{{0}}};
    for (size_t k = 0; k < depth; k++, a += TILE_I, b += TILE_J) {
        vec bk[TILE_VECS];
#pragma GCC unroll 4
        for (size_t j = 0; j < TILE_VECS; j++)
            bk[j] = vec_load(b + j * LANES);
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_I; i++)
#pragma GCC unroll 4
            for (size_t j = 0; j < TILE_VECS; j++)
                sum[i][j] += a[i] * bk[j];
    }
    if (t->rows < TILE_I || t->cols < TILE_J || t->c_j != 1) {
        float sums[TILE_I * TILE_J];
#pragma GCC unroll 16
        for (size_t i = 0; i < TILE_I; i++)
#pragma GCC unroll 4
            for (size_t j = 0; j < TILE_VECS; j++)
                vec_store(sums + i * TILE_J + j * LANES, sum[i][j]);
        tile_store_part(t, sums);
        return;
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < TILE_I; i++)
#pragma GCC unroll 4
        for (size_t j = 0; j < TILE_VECS; j++) {
            float *c = t->c + i * t->c_i + j * LANES;
            vec_store(c, t->accumulate ? vec_load(c) + sum[i][j] : sum[i][j]);
        }
}

/* A packed block of a times a packed strip of b; i, j: where they begin in c. */
static void block_multiply(const struct gemm *g, const float *a, const float *b, size_t depth,
                           size_t i_first, size_t i_end, size_t j_first, size_t j_end,
                           bool accumulate)
{
    for (size_t j = j_first; j < j_end; j += TILE_J)
        for (size_t i = i_first; i < i_end; i += TILE_I) {
            struct tile t = {.c = g->c + i * g->c_i + j * g->c_j,
                             .c_i = g->c_i,
                             .c_j = g->c_j,
                             .rows = least(TILE_I, i_end - i),
                             .cols = least(TILE_J, j_end - j),
                             .accumulate = accumulate};
            tile_multiply(a + (i - i_first) * depth, b + (j - j_first) * depth, depth, &t);
        }
}

void SIMD(cpu_gemm)(const struct gemm *g, float *pack)
{
    float *pack_a = pack, *pack_b = pack + GEMM_DEPTH * GEMM_BLOCK_I;
    for (size_t j = 0; j < g->n; j += GEMM_STRIP_J) {
        size_t j_end = least(j + GEMM_STRIP_J, g->n);
        for (size_t k = 0; k < g->k; k += GEMM_DEPTH) {
            size_t depth = least(GEMM_DEPTH, g->k - k);
            pack_panels(g->b + j * g->b_j + k * g->b_k, g->b_j, g->b_k, j_end - j, depth, TILE_J,
                        pack_b);
            for (size_t i = 0; i < g->m; i += GEMM_BLOCK_I) {
                size_t i_end = least(i + GEMM_BLOCK_I, g->m);
                pack_panels(g->a + i * g->a_i + k * g->a_k, g->a_i, g->a_k, i_end - i, depth,
                            TILE_I, pack_a);
                block_multiply(g, pack_a, pack_b, depth, i, i_end, j, j_end,
                               g->accumulate || k > 0);
            }
        }
    }
}
