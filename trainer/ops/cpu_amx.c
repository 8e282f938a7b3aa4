/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_amx: see cpu_amx.h. The loops are cpu_gemm.c's: a strip of b and a block of a are packed,
 * here into tiles of 1 KiB, and four tiles of c stay in registers while k runs. A tile of a is 16
 * lines of 32 k; a tile of b is 16 pairs of k, of 16 lines each, as the unit wants it: the one is
 * the other, transposed in numbers of 32 bits. Edges are padded with zeros in the packed copies.
 * Compiled for AMX alone; called only where cpu_amx_has(). Thread: whoever owns the packing memory.
 */
#include "trainer/ops/cpu_amx.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    ASK_STATE = 0x1023,   /* ARCH_REQ_XCOMP_PERM: Linux keeps the tiles only for who asks */
    STATE_TILES = 18,     /* XFEATURE_XTILEDATA */
    TILE = 16,            /* lines of a tile */
    TILE_K = 32,          /* k of a tile */
    TILE_WORDS = 16 * 16, /* of 32 bits: pairs of k */
};

bool cpu_amx_has(void)
{
    unsigned a, b, c, d, leaf = 7, tile = 1u << 24, bf16 = 1u << 22;
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512bf16"))
        return false;
    if (!__get_cpuid_count(leaf, 0, &a, &b, &c, &d) || !(d & tile) || !(d & bf16))
        return false;
    return syscall(SYS_arch_prctl, ASK_STATE, STATE_TILES) == 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t tiles(size_t count, size_t width)
{
    return (count + width - 1) / width;
}

static inline __mmask16 first_lanes(size_t count)
{
    return (__mmask16)(count >= 16 ? 0xffff : (1u << count) - 1);
}

/* 32 numbers of one line, those from `count` on being 0. */
static inline __m512i line_load(const struct amx_side *s, size_t at, size_t count)
{
    if (s->half) {
        __mmask32 lanes = count >= 32 ? 0xffffffffu : (1u << count) - 1;
        return _mm512_maskz_loadu_epi16(lanes, (const uint16_t *)s->data + at);
    }
    const float *p = (const float *)s->data + at;
    __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), p);
    __m512 high = _mm512_maskz_loadu_ps(first_lanes(count > 16 ? count - 16 : 0), p + 16);
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* 16 lines at k (low halves) and k + 1 (high halves), where lie lines side by side. */
static inline __m512i pair_load(const struct amx_side *s, size_t at, size_t lines, bool second)
{
    __mmask16 lanes = first_lanes(lines), other = second ? lanes : 0;
    if (s->half) {
        const uint16_t *p = (const uint16_t *)s->data + at;
        __m512i a = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, p));
        __m512i b = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(other, p + s->k));
        return _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
    }
    const float *p = (const float *)s->data + at;
    __m512 a = _mm512_maskz_loadu_ps(lanes, p), b = _mm512_maskz_loadu_ps(other, p + s->k);
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* 16x16 numbers of 32 bits. */
static inline void transpose(__m512i r[16])
{
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) { /* pairs of rows */
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* fours */
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* eights: r[i], r[4 + i], r[8 + i], r[12 + i] */
        t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
        t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
        t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
        t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
        r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
        r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
        r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
    }
}

/* One tile: lines x depth of a side that begin at element `at`; pairs: as b's. */
static void pack_tile(const struct amx_side *s, size_t at, size_t lines, size_t depth, bool pairs,
                      uint32_t *to)
{
    __m512i row[16];
    bool along = s->k == 1; /* rows are lines; else pairs of k */
    for (size_t i = 0; i < 16; i++) {
        if (along)
            row[i] = i < lines ? line_load(s, at + i * s->line, depth) : _mm512_setzero_si512();
        else
            row[i] = 2 * i < depth ? pair_load(s, at + 2 * i * s->k, lines, 2 * i + 1 < depth)
                                   : _mm512_setzero_si512();
    }
    if (along == pairs)
        transpose(row);
    for (size_t i = 0; i < 16; i++)
        _mm512_store_si512(to + 16 * i, row[i]);
}

/* Lines [first, end), k [k, k + depth): tile after tile along k, an even number of rows of tiles.
 */
static void pack(const struct amx_side *s, size_t first, size_t end, size_t k, size_t depth,
                 bool pairs, uint32_t *to)
{
    size_t rows = (tiles(end - first, TILE) + 1) / 2 * 2, columns = tiles(depth, TILE_K);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++, to += TILE_WORDS) {
            size_t line = first + r * TILE, from = k + c * TILE_K;
            if (line >= end)
                memset(to, 0, TILE_WORDS * sizeof(*to));
            else
                pack_tile(s, line * s->line + from * s->k, least(TILE, end - line),
                          least(TILE_K, k + depth - from), pairs, to);
        }
}

/* Where four tiles of c go: those that are whole straight into place, others through a copy. */
struct corner {
    float *c;
    size_t c_i;
    size_t rows, cols; /* of 32 x 32 that exist */
    bool accumulate;
    float *copy; /* [32][32] */
};

static void corner_load(const struct corner *k)
{
    for (size_t i = 0; i < 2 * TILE; i++)
        for (size_t j = 0; j < 2 * TILE; j++)
            k->copy[i * 2 * TILE + j] = i < k->rows && j < k->cols ? k->c[i * k->c_i + j] : 0;
}

static void corner_store(const struct corner *k)
{
    for (size_t i = 0; i < k->rows; i++)
        memcpy(k->c + i * k->c_i, k->copy + i * 2 * TILE, k->cols * sizeof(float));
}

/* a, b: two rows of `columns` tiles each. */
static void multiply_corner(const uint32_t *a, const uint32_t *b, size_t columns,
                            const struct corner *k)
{
    bool whole = k->rows == 2 * TILE && k->cols == 2 * TILE;
    float *c = whole ? k->c : k->copy;
    size_t line = whole ? k->c_i : 2 * TILE, stride = line * sizeof(float);
    if (k->accumulate) {
        if (!whole)
            corner_load(k);
        _tile_loadd(0, c, stride);
        _tile_loadd(1, c + TILE, stride);
        _tile_loadd(2, c + TILE * line, stride);
        _tile_loadd(3, c + TILE * line + TILE, stride);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    const uint32_t *a1 = a + columns * TILE_WORDS, *b1 = b + columns * TILE_WORDS;
    for (size_t i = 0; i < columns * TILE_WORDS; i += TILE_WORDS) {
        _tile_loadd(4, a + i, 64);
        _tile_loadd(6, b + i, 64);
        _tile_loadd(7, b1 + i, 64);
        _tile_loadd(5, a1 + i, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, c, stride);
    _tile_stored(1, c + TILE, stride);
    _tile_stored(2, c + TILE * line, stride);
    _tile_stored(3, c + TILE * line + TILE, stride);
    if (!whole)
        corner_store(k);
}

/* A packed block of a times a packed strip of b. */
static void multiply_block(const struct amx_product *p, const uint32_t *a, const uint32_t *b,
                           size_t columns, size_t i_first, size_t i_end, size_t j_first,
                           size_t j_end, bool accumulate)
{
    _Alignas(64) float copy[4 * TILE * TILE];
    for (size_t j = j_first; j < j_end; j += 2 * TILE)
        for (size_t i = i_first; i < i_end; i += 2 * TILE) {
            struct corner k = {.c = p->c + i * p->c_i + j,
                               .c_i = p->c_i,
                               .rows = least(2 * TILE, i_end - i),
                               .cols = least(2 * TILE, j_end - j),
                               .accumulate = accumulate,
                               .copy = copy};
            multiply_corner(a + (i - i_first) / TILE * columns * TILE_WORDS,
                            b + (j - j_first) / TILE * columns * TILE_WORDS, columns, &k);
        }
}

/* All eight tiles: 16 rows of 64 bytes. */
static void tiles_configure(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t columns[16]; /* bytes */
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.columns[i] = 64;
        config.rows[i] = 16;
    }
    _tile_loadconfig(&config);
}

void cpu_amx_multiply(const struct amx_product *p, void *pack_memory)
{
    uint32_t *pack_a = pack_memory, *pack_b = pack_a + AMX_DEPTH * AMX_BLOCK_I / 2;
    tiles_configure();
    for (size_t j = 0; j < p->n; j += AMX_STRIP_J) {
        size_t j_end = least(j + AMX_STRIP_J, p->n);
        for (size_t k = 0; k < p->k; k += AMX_DEPTH) {
            size_t depth = least(AMX_DEPTH, p->k - k), columns = tiles(depth, TILE_K);
            pack(&p->b, j, j_end, k, depth, true, pack_b);
            for (size_t i = 0; i < p->m; i += AMX_BLOCK_I) {
                size_t i_end = least(i + AMX_BLOCK_I, p->m);
                pack(&p->a, i, i_end, k, depth, false, pack_a);
                multiply_block(p, pack_a, pack_b, columns, i, i_end, j, j_end,
                               p->accumulate || k > 0);
            }
        }
    }
    _tile_release();
}
