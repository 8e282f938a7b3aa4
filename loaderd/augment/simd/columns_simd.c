/* SPDX-License-Identifier: Apache-2.0 */
/* columns_simd: crop.c's pass along the rows with vectors. The line is interleaved, its taps are
 * few and scattered. A vector holds one pixel of four lanes, or two; where vectors are wide, one
 * shuffle fetches the taps of five pixels and a third, as long as those lie near enough. */
#include "loaderd/augment/simd/simd.h"

/* Every output reads spread->taps pixels; near the end they begin earlier instead. */
static void taps_level(struct crop_taps *columns)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < columns->size; i++)
        most = columns->count[i] > most ? columns->count[i] : most;
    columns->spread.taps = most;
}

/* The first of them, for output i. */
static inline uint32_t level_first(const struct crop_taps *columns, uint32_t i)
{
    const uint32_t first = columns->first[i], last = columns->touched - columns->spread.taps;
    return first < last ? first : last;
}

static inline void beyond_clear(const struct crop_taps *columns, uint32_t from, float *const row[3])
{
    const size_t pitch = pitch_of(columns->size);
    for (int c = 0; c < 3 && from < pitch; c++)
        memset(row[c] + from, 0, (pitch - from) * sizeof(float));
}

/* Of one pixel: red, green, blue and one float that means nothing. Blocks of eight outputs, whose
 * weights stand four times each, in the order 0 4 1 5 2 6 3 7: weight[block][tap][8][4], and in
 * at[] the place of each output's first tap in the line. */
enum { BLOCK = 8 };
_Static_assert(SPREAD_STEP % BLOCK == 0 && SPREAD_WIDTH >= 4, "spread holds the blocks");

static void pixels_spread(struct crop_taps *columns)
{
    static const uint8_t place[BLOCK] = {0, 2, 4, 6, 1, 3, 5, 7};
    struct crop_spread *spread = &columns->spread;
    const uint32_t blocks = (columns->size + BLOCK - 1) / BLOCK;
    const size_t tap = 4 * BLOCK, block = tap * spread->taps; /* floats */
    memset(spread->weight, 0, blocks * block * sizeof(float));
    memset(spread->at, 0, (size_t)blocks * BLOCK * sizeof *spread->at);
    for (uint32_t i = 0; i < columns->size; i++) {
        const uint32_t first = level_first(columns, i);
        const float *weight = columns->weight + (size_t)i * columns->stride;
        float *to = spread->weight + i / BLOCK * block + (size_t)place[i % BLOCK] * 4 +
                    (columns->first[i] - first) * tap;
        spread->at[i] = 3 * first;
        for (uint32_t k = 0; k < columns->count[i]; k++)
            for (uint32_t lane = 0; lane < 4; lane++)
                to[k * tap + lane] = weight[k];
    }
}

#if defined(__AVX2__)
enum { PIXELS = 2 };
#define LOW_OF(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define HIGH_OF(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#else
enum { PIXELS = 1 };
#define LOW_OF(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_OF(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 4, 5)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 2, 3, 6, 7)
#endif
#define pixels float __attribute__((vector_size(16 * PIXELS)))

static inline pixels pixels_load(const float *p)
{
    pixels v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The pixel at from[0] and, in a vector of two, the one at from[4]. */
static inline pixels pixels_gather(const float *line, const uint32_t *from)
{
#if defined(__AVX2__)
    const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(line + from[0]));
    return (pixels)_mm256_insertf128_ps(low, _mm_loadu_ps(line + from[4]), 1);
#else
    return pixels_load(line + from[0]);
#endif
}

static inline void store_at_most_1(float *p, pixels v)
{
#if defined(__AVX2__)
    v = (pixels)_mm256_min_ps((__m256)v, _mm256_set1_ps(1.0f));
#else
    v = vec_min(v, vec_set(1.0f));
#endif
    memcpy(p, &v, sizeof v);
}

/* Four outputs, and in vectors of two the four after them. */
static inline __attribute__((always_inline)) void columns_part(const uint32_t *from,
                                                               const float *spread, uint32_t taps,
                                                               const float *line,
                                                               float *const to[3])
{
    pixels sum[4] = {0};
    for (uint32_t k = 0; k < taps; k++, line += 3, spread += 4 * BLOCK)
        for (int j = 0; j < 4; j++)
            sum[j] += pixels_load(spread + 8 * j) * pixels_gather(line, from + j);
    const pixels rg01 = LOW_OF(sum[0], sum[1]), rg23 = LOW_OF(sum[2], sum[3]);
    const pixels b01 = HIGH_OF(sum[0], sum[1]), b23 = HIGH_OF(sum[2], sum[3]);
    store_at_most_1(to[0], LOW_HALVES(rg01, rg23));
    store_at_most_1(to[1], HIGH_HALVES(rg01, rg23));
    store_at_most_1(to[2], LOW_HALVES(b01, b23));
}

/* taps: a constant where this is called, so that the loop over them vanishes. */
static inline __attribute__((always_inline)) void
pixels_row(const struct crop_taps *columns, uint32_t taps, const float *line, float *const row[3])
{
    const float *weight = columns->spread.weight;
    uint32_t i = 0;
    for (; i < columns->size; i += BLOCK, weight += 4 * BLOCK * taps)
        for (uint32_t part = 0; part < 2; part += PIXELS) {
            const uint32_t at = i + 4 * part;
            float *const to[3] = {row[0] + at, row[1] + at, row[2] + at};
            columns_part(columns->spread.at + at, weight + 4 * part, taps, line, to);
        }
    beyond_clear(columns, i, row);
}

#if defined(__AVX512F__)
/* Sixteen outputs are three vectors of interleaved colours. For each, at[] holds where in the line
 * it begins to read and then, lane by lane, how far from there each lane's first tap is; a shuffle
 * reaches over two vectors. weight[sixteen outputs][tap][48]. */
enum { WIDE = 3 * LANES, WIDE_AT = 3 + WIDE };
_Static_assert((int)SPREAD_STEP == (int)LANES && (int)SPREAD_WIDTH * SPREAD_STEP >= (int)WIDE_AT,
               "spread holds the vectors");
_Static_assert((int)LINE_SLACK >= 2 * LANES, "a shuffle may read behind the line");

/* False where the outputs of some vector lie too far apart. */
static bool shuffle_spread(struct crop_taps *columns)
{
    struct crop_spread *spread = &columns->spread;
    const uint32_t blocks = (columns->size + LANES - 1) / LANES, taps = spread->taps;
    memset(spread->weight, 0, (size_t)blocks * taps * WIDE * sizeof(float));
    memset(spread->at, 0, (size_t)blocks * WIDE_AT * sizeof *spread->at);
    for (uint32_t block = 0; block < blocks; block++) {
        uint32_t *base = spread->at + (size_t)block * WIDE_AT, *apart = base + 3;
        float *to = spread->weight + (size_t)block * taps * WIDE;
        for (uint32_t lane = 0; lane < WIDE; lane++) {
            const uint32_t i = block * LANES + lane / 3;
            if (i >= columns->size) {
                apart[lane] = base[lane / LANES];
                continue;
            }
            const uint32_t first = level_first(columns, i);
            const float *weight = columns->weight + (size_t)i * columns->stride;
            apart[lane] = 3 * first + lane % 3;
            uint32_t *least = &base[lane / LANES];
            *least = lane % LANES == 0 || apart[lane] < *least ? apart[lane] : *least;
            for (uint32_t k = 0; k < columns->count[i]; k++)
                to[(k + columns->first[i] - first) * WIDE + lane] = weight[k];
        }
        for (uint32_t lane = 0; lane < WIDE; lane++) {
            apart[lane] -= base[lane / LANES];
            if (apart[lane] >= 2 * LANES)
                return false;
        }
    }
    return true;
}

static inline __m512 from_line(const float *line, __m512i apart)
{
    return _mm512_permutex2var_ps(_mm512_loadu_ps(line), apart, _mm512_loadu_ps(line + LANES));
}

/* Every third lane of three vectors, from the first-th on; which: of the first two, then of those
 * and the third. */
static inline __m512 channel_of(const __m512 x[3], const int32_t which[2][LANES])
{
    const __m512 two = _mm512_permutex2var_ps(x[0], _mm512_loadu_si512(which[0]), x[1]);
    return _mm512_permutex2var_ps(two, _mm512_loadu_si512(which[1]), x[2]);
}

static void shuffle_row(const struct crop_taps *columns, const float *line, float *const row[3])
{
    static const int32_t which[3][2][LANES] = {
        {{0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0},
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29}},
        {{1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0},
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30}},
        {{2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0},
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31}},
    };
    const uint32_t taps = columns->spread.taps;
    const uint32_t *at = columns->spread.at;
    const float *weight = columns->spread.weight;
    uint32_t i = 0;
    for (; i < columns->size; i += LANES, at += WIDE_AT) {
        __m512 sum[3];
        __m512i apart[3];
        const float *from[3];
        for (int v = 0; v < 3; v++) {
            sum[v] = _mm512_setzero_ps();
            apart[v] = _mm512_loadu_si512(at + 3 + v * LANES);
            from[v] = line + at[v];
        }
        for (uint32_t k = 0; k < 3 * taps; k += 3, weight += WIDE)
            for (int v = 0; v < 3; v++)
                sum[v] = _mm512_add_ps(sum[v], _mm512_mul_ps(_mm512_loadu_ps(weight + v * LANES),
                                                             from_line(from[v] + k, apart[v])));
        for (int v = 0; v < 3; v++)
            sum[v] = _mm512_min_ps(sum[v], _mm512_set1_ps(1.0f));
        for (int c = 0; c < 3; c++)
            _mm512_storeu_ps(row[c] + i, channel_of(sum, which[c]));
    }
    beyond_clear(columns, i, row);
}
#else
static bool shuffle_spread(struct crop_taps *columns)
{
    (void)columns;
    return false;
}

static void shuffle_row(const struct crop_taps *columns, const float *line, float *const row[3])
{
    (void)columns;
    (void)line;
    (void)row;
}
#endif

void SIMD(crop_spread)(struct crop_taps *columns)
{
    taps_level(columns);
    columns->spread.shuffled = shuffle_spread(columns);
    if (!columns->spread.shuffled)
        pixels_spread(columns);
}

void SIMD(crop_columns)(const struct crop_taps *columns, const float *line, float *const row[3])
{
    if (columns->spread.shuffled) {
        shuffle_row(columns, line, row);
        return;
    }
    switch (columns->spread.taps) {
    case 2: /* any enlargement */
        pixels_row(columns, 2, line, row);
        break;
    case 3:
        pixels_row(columns, 3, line, row);
        break;
    case 4: /* a reduction to half */
        pixels_row(columns, 4, line, row);
        break;
    default:
        pixels_row(columns, columns->spread.taps, line, row);
    }
}
