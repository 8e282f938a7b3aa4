/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_amx: products of all kinds of sides, at sizes around tiles, blocks and strips, against sums
 * in double; nothing is written beside c; a cut changes no bits. Exit 77 without matrix units. */
#include "test.h"

#include "common/rng.h"
#include "trainer/ops/cpu.h"
#include "trainer/ops/cpu_amx.h"
#include "trainer/ops/cpu_bf16_half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct rng rng;
static void *packs;

struct matrix {
    float *f;
    uint16_t *h; /* the same numbers */
};

/* Numbers that bf16 has: then there is no rounding but that of fp32 sums. */
static struct matrix matrix_new(size_t count)
{
    struct matrix m = {malloc(count * sizeof(float)), malloc(count * sizeof(uint16_t))};
    assert_true(m.f && m.h);
    for (size_t i = 0; i < count; i++) {
        m.h[i] = bf16_round((float)rng_range(&rng, -1, 1));
        m.f[i] = bf16_widen(m.h[i]);
    }
    return m;
}

static void matrix_free(struct matrix *m)
{
    free(m->f);
    free(m->h);
}

static struct amx_side side_of(const struct matrix *m, size_t lines, size_t k, bool half,
                               bool across)
{
    return (struct amx_side){half ? (void *)m->h : (void *)m->f, across ? 1 : k, across ? lines : 1,
                             half};
}

enum { BESIDE = 3 }; /* columns of c's memory that are not c's */

static void check(size_t m, size_t n, size_t k, unsigned kind)
{
    struct matrix a = matrix_new(m * k), b = matrix_new(n * k);
    size_t c_i = n + BESIDE;
    float *c = malloc(m * c_i * sizeof(*c));
    assert_non_null(c);
    for (size_t i = 0; i < m * c_i; i++)
        c[i] = 5;
    const struct amx_product p = {.m = m,
                                  .n = n,
                                  .k = k,
                                  .a = side_of(&a, m, k, kind & 1, kind & 2),
                                  .b = side_of(&b, n, k, kind & 4, kind & 8),
                                  .c = c,
                                  .c_i = c_i,
                                  .accumulate = kind & 16};
    cpu_amx_multiply(&p, packs);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = p.accumulate ? 5 : 0, terms = 6;
            for (size_t q = 0; q < k; q++) {
                double term =
                    (double)a.f[i * p.a.line + q * p.a.k] * (double)b.f[j * p.b.line + q * p.b.k];
                sum += term;
                terms += fabs(term);
            }
            /* fp32 sums of k terms, and whatever order the unit adds pairs in */
            if (!(fabs((double)c[i * c_i + j] - sum) <= 1e-6 * terms))
                fail_msg("%zux%zux%zu, kind %u: [%zu,%zu] is %g, not %g", m, n, k, kind, i, j,
                         (double)c[i * c_i + j], sum);
        }
    for (size_t i = 0; i < m; i++)
        for (size_t j = n; j < c_i; j++)
            assert_true(c[i * c_i + j] == 5);
    free(c);
    matrix_free(&a);
    matrix_free(&b);
}

static void products(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {{1, 1, 1},    {16, 16, 32},  {17, 15, 33}, {32, 64, 64},
                                      {33, 47, 65}, {5, 100, 513}, {130, 7, 31}, {3, 1040, 40}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (unsigned kind = 0; kind < 32; kind++)
            check(sizes[i][0], sizes[i][1], sizes[i][2], kind);
}

/* fp32 is rounded to nearest even on the way, not cut off. */
static void rounding(void **state)
{
    (void)state;
    float a[] = {1 + 1.0f / 256, 1 + 3.0f / 256, -1 - 3.0f / 1024}, one[] = {1}, c[3];
    cpu_amx_multiply(&(struct amx_product){.m = 3,
                                           .n = 1,
                                           .k = 1,
                                           .a = {a, 1, 1, false},
                                           .b = {one, 1, 1, false},
                                           .c = c,
                                           .c_i = 1},
                     packs);
    assert_true(c[0] == 1 && c[1] == 1 + 4.0f / 256 && c[2] == -1);
}

static void cuts(void **state)
{
    (void)state;
    enum { M = 64, N = 96, K = 600, AT = 32 };
    struct matrix a = matrix_new(M * K), b = matrix_new(N * K);
    float whole[M * N], part[M * N];
    struct amx_product p = {.m = M,
                            .n = N,
                            .k = K,
                            .a = side_of(&a, M, K, false, false),
                            .b = side_of(&b, N, K, false, false),
                            .c = whole,
                            .c_i = N};
    cpu_amx_multiply(&p, packs);
    p.c = part;
    p.n = AT;
    cpu_amx_multiply(&p, packs);
    p.n = N - AT;
    p.b.data = b.f + AT * K;
    p.c = part + AT;
    cpu_amx_multiply(&p, packs);
    assert_memory_equal(whole, part, sizeof(whole));
    matrix_free(&a);
    matrix_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(rounding),
        cmocka_unit_test(cuts),
    };
    if (!cpu_amx_has()) {
        printf("skipped: no AMX with bf16 here\n");
        return 77;
    }
    rng_init(&rng, &(struct rng_key){.seed = 1, .purpose = RNG_TEST});
    packs = cpu_alloc(AMX_PACK_BYTES);
    assert_non_null(packs);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cpu_free(packs);
    return failed;
}
