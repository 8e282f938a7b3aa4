/* SPDX-License-Identifier: Apache-2.0 */
/* kernels: the table of copies, and which of them this machine runs best. Any thread; owns nothing.
 */
#include "loaderd/augment/kernels.h"

#include "loaderd/augment/parts.h"

static bool has_plain(void)
{
    return true;
}

#ifdef HAVE_SIMD_X86
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

#define DECLARE(isa)                                                                               \
    void crop_rows_##isa(const struct crop_rows *rows, float *line);                               \
    void crop_spread_##isa(struct crop_taps *columns);                                             \
    void crop_columns_##isa(const struct crop_taps *columns, const float *line,                    \
                            float *const row[3]);                                                  \
    void colour_##isa(const struct colour *colour, size_t pitch, const float *const from[3],       \
                      float *const to[3]);                                                         \
    void luma_##isa(size_t pitch, const float *const row[3], double sums[MEAN_LANES]);             \
    void blur_##isa(const struct blur_pass *pass);                                                 \
    void pack_##isa(size_t pitch, const float *const row[3], uint8_t *out)

#define ROW(isa)                                                                                   \
    {                                                                                              \
        has_##isa,                                                                                 \
        {                                                                                          \
#isa, crop_rows_##isa, crop_spread_##isa, crop_columns_##isa, colour_##isa,            \
                luma_##isa, blur_##isa, pack_##isa                                                 \
        }                                                                                          \
    }

#define has_baseline has_plain
DECLARE(baseline);
#ifdef HAVE_SIMD_X86
DECLARE(avx2);
DECLARE(avx512);
#endif

static const struct {
    bool (*has)(void);
    struct kernels kernels;
} copies[] = {
    ROW(plain),
    ROW(baseline),
#ifdef HAVE_SIMD_X86
    ROW(avx2),
    ROW(avx512),
#endif
};
_Static_assert(sizeof copies / sizeof *copies <= KERNELS_MAX, "kernels_at counts no further");

const struct kernels *kernels_at(size_t i)
{
    if (i >= sizeof copies / sizeof *copies || !copies[i].has())
        return NULL;
    return &copies[i].kernels;
}

const struct kernels *kernels_pick(void)
{
    const struct kernels *best = kernels_at(0);
    for (size_t i = 1; i < KERNELS_MAX; i++)
        best = kernels_at(i) ? kernels_at(i) : best;
    return best;
}
