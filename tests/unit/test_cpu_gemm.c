/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_gemm: one thread's product on every instruction set against plain sums in double, at the
 * edges of tiles, blocks and strips, in every order of rows and columns; how c is cut does not
 * matter. */
#include "test.h"

#include "common/rng.h"
#include "trainer/ops/cpu.h"
#include "trainer/ops/cpu_gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum cpu_isa isa;
    void (*gemm)(const struct gemm *g, float *pack);
} copies[] = {
    {CPU_PLAIN, cpu_gemm_plain},
#ifdef HAVE_CPU_X86
    {CPU_AVX2, cpu_gemm_avx2},
    {CPU_AVX512, cpu_gemm_avx512},
#endif
};

/* Tiles are 12, 6 or 2 high and 32, 16 or 8 wide. */
static const struct size {
    size_t m, n, k;
} sizes[] = {
    {1, 1, 1},
    {1, 33, 2},
    {37, 1, 5},
    {2, 8, 3},
    {5, 15, 7},
    {6, 16, 16},
    {12, 32, GEMM_DEPTH},
    {13, 33, GEMM_DEPTH + 1},
    {11, 31, GEMM_DEPTH - 1},
    {GEMM_BLOCK_I, 17, 2 * GEMM_DEPTH},
    {GEMM_BLOCK_I + 1, 40, 19},
    {2 * GEMM_BLOCK_I - 1, 5, 300},
    {3, GEMM_STRIP_J, 9},
    {14, GEMM_STRIP_J + 1, 11},
    {7, 2 * GEMM_STRIP_J + 31, 2},
};

enum { GAP = 3 }; /* what lies between two lines of a matrix, and is nobody's */
static const float rubbish = 77;

/* A matrix with its lines along rows or along columns. */
struct matrix {
    float *p;
    size_t row, col, values; /* strides; in all */
};

static struct matrix matrix_new(size_t rows, size_t cols, bool along_rows)
{
    size_t lines = along_rows ? rows : cols, length = (along_rows ? cols : rows) + GAP;
    struct matrix m = {
        .row = along_rows ? length : 1, .col = along_rows ? 1 : length, .values = lines * length};
    m.p = malloc(m.values * sizeof(float));
    assert_non_null(m.p);
    for (size_t i = 0; i < m.values; i++)
        m.p[i] = rubbish;
    return m;
}

/* The same numbers whatever the order of memory. */
static void matrix_fill(const struct matrix *m, size_t rows, size_t cols, uint32_t stream)
{
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 1, .sample = stream, .purpose = RNG_TEST});
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            m->p[i * m->row + j * m->col] = (float)rng_range(&rng, -1, 1);
}

static float at(const struct matrix *m, size_t i, size_t j)
{
    return m->p[i * m->row + j * m->col];
}

struct product {
    struct size size;
    struct matrix a, b, c, before; /* before: what c held */
    struct gemm gemm;
};

/* order: a bit each for a, b, c: along columns. */
static void product_new(struct product *p, struct size s, unsigned order, bool accumulate)
{
    p->size = s;
    p->a = matrix_new(s.m, s.k, !(order & 1));
    p->b = matrix_new(s.k, s.n, !(order & 2));
    p->c = matrix_new(s.m, s.n, !(order & 4));
    p->before = matrix_new(s.m, s.n, !(order & 4));
    matrix_fill(&p->a, s.m, s.k, 1);
    matrix_fill(&p->b, s.k, s.n, 2);
    matrix_fill(&p->c, s.m, s.n, 3);
    if (!accumulate) /* then nobody may look at it */
        for (size_t i = 0; i < s.m; i++)
            for (size_t j = 0; j < s.n; j++)
                p->c.p[i * p->c.row + j * p->c.col] = NAN;
    memcpy(p->before.p, p->c.p, p->c.values * sizeof(float));
    p->gemm = (struct gemm){.m = s.m,
                            .n = s.n,
                            .k = s.k,
                            .a = p->a.p,
                            .a_i = p->a.row,
                            .a_k = p->a.col,
                            .b = p->b.p,
                            .b_k = p->b.row,
                            .b_j = p->b.col,
                            .c = p->c.p,
                            .c_i = p->c.row,
                            .c_j = p->c.col,
                            .accumulate = accumulate};
}

static void product_free(struct product *p)
{
    free(p->a.p);
    free(p->b.p);
    free(p->c.p);
    free(p->before.p);
}

/* 2^-24 for each addition: of partial sums above 1 more is rounded off, but not always one way. */
static void product_check(const struct product *p)
{
    const struct size *s = &p->size;
    size_t foreign = 0;
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n; j++) {
            double want = p->gemm.accumulate ? at(&p->before, i, j) : 0;
            for (size_t k = 0; k < s->k; k++)
                want += (double)at(&p->a, i, k) * (double)at(&p->b, k, j);
            double off = fabs(at(&p->c, i, j) - want), allowed = 0x1p-24 * (double)(s->k + 2);
            if (!(off <= allowed))
                fail_msg("[%zu,%zu,%zu] element %zu, %zu is off by %g", s->m, s->n, s->k, i, j,
                         off);
        }
    for (size_t i = 0; i < p->c.values; i++)
        foreign += p->c.p[i] == rubbish;
    size_t lines = p->c.row == 1 ? s->n : s->m;
    assert_int_equal(foreign, lines * GAP); /* the gaps are as they were */
}

/* Rubbish that would show in every sum, and a guard behind. */
static float *pack_new(void)
{
    float *pack = malloc((GEMM_PACK_FLOATS + 1) * sizeof(float));
    assert_non_null(pack);
    for (size_t i = 0; i < GEMM_PACK_FLOATS; i++)
        pack[i] = NAN;
    pack[GEMM_PACK_FLOATS] = rubbish;
    return pack;
}

static void pack_free(float *pack)
{
    assert_true(pack[GEMM_PACK_FLOATS] == rubbish);
    free(pack);
}

static void assert_same(const struct product *p, const struct product *q)
{
    for (size_t i = 0; i < p->size.m; i++)
        for (size_t j = 0; j < p->size.n; j++)
            assert_true(at(&p->c, i, j) == at(&q->c, i, j));
}

static void test_products(void **state)
{
    (void)state;
    for (size_t copy = 0; copy < ARRAY_LEN(copies); copy++)
        for (size_t i = 0; cpu_isa_has(copies[copy].isa) && i < ARRAY_LEN(sizes); i++)
            for (int accumulate = 0; accumulate < 2; accumulate++) {
                struct product first, p;
                for (unsigned order = 0; order < 8; order++) {
                    float *pack = pack_new();
                    product_new(order ? &p : &first, sizes[i], order, accumulate);
                    copies[copy].gemm(order ? &p.gemm : &first.gemm, pack);
                    pack_free(pack);
                    product_check(order ? &p : &first);
                    if (!order)
                        continue;
                    assert_same(&first, &p); /* the order of memory costs no bit */
                    product_free(&p);
                }
                product_free(&first);
            }
}

/* c in four pieces, cut anywhere, has the bits of the whole: what threads do with it. */
static void test_cuts(void **state)
{
    (void)state;
    static const struct size size = {101, 83, 270}, cuts[] = {{1, 1, 0}, {48, 48, 0}, {55, 30, 0}};
    for (size_t copy = 0; copy < ARRAY_LEN(copies); copy++)
        for (size_t i = 0; cpu_isa_has(copies[copy].isa) && i < ARRAY_LEN(cuts); i++) {
            struct product whole, cut;
            float *pack = pack_new();
            product_new(&whole, size, 0, true);
            product_new(&cut, size, 0, true);
            copies[copy].gemm(&whole.gemm, pack);
            for (int piece = 0; piece < 4; piece++) {
                struct gemm g = cut.gemm;
                size_t row = piece & 1 ? cuts[i].m : 0, col = piece & 2 ? cuts[i].n : 0;
                g.m = piece & 1 ? size.m - row : cuts[i].m;
                g.n = piece & 2 ? size.n - col : cuts[i].n;
                g.a += row * g.a_i;
                g.b += col * g.b_j;
                g.c += row * g.c_i + col * g.c_j;
                copies[copy].gemm(&g, pack);
            }
            assert_same(&whole, &cut);
            product_free(&whole);
            product_free(&cut);
            pack_free(pack);
        }
}

/* What is no number is not lost, and goes where it belongs only. */
static void test_nan(void **state)
{
    (void)state;
    for (size_t copy = 0; copy < ARRAY_LEN(copies); copy++) {
        if (!cpu_isa_has(copies[copy].isa))
            continue;
        struct product p;
        float *pack = pack_new();
        product_new(&p, (struct size){14, 35, 20}, 0, false);
        p.a.p[3 * p.a.row + 19 * p.a.col] = NAN;
        copies[copy].gemm(&p.gemm, pack);
        for (size_t i = 0; i < 14; i++)
            for (size_t j = 0; j < 35; j++)
                assert_int_equal(isnan(at(&p.c, i, j)) != 0, i == 3);
        product_free(&p);
        pack_free(pack);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
