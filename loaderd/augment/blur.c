/* SPDX-License-Identifier: Apache-2.0 */
/* blur: Gaussian blur with an odd kernel and a reflected border, as torchvision's gaussian_blur;
 * separable, plane by plane, in place. Any thread; owns nothing. */
#include "loaderd/augment/augment.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Taps lighter than this cannot change a float in [0,1] by what an 8-bit result could ever show;
 * with a small sigma that is most of the kernel. */
static const float WEIGHT_MIN = 0x1p-27f;

/* Normalised weights; *ret_half: the taps on either side that are worth their while. */
static void kernel_fill(const struct blur *blur, float *weight, uint32_t *ret_half)
{
    const uint32_t half = blur->kernel / 2;
    double raw[OMEGA_KERNEL_MAX], sum = 0;
    for (uint32_t k = 0; k < blur->kernel; k++) {
        const double z = ((double)k - half) / (double)blur->sigma;
        raw[k] = exp(-0.5 * z * z);
        sum += raw[k];
    }
    uint32_t skip = 0;
    while (skip < half && raw[skip] / sum < (double)WEIGHT_MIN)
        skip++;
    for (uint32_t k = skip; k < blur->kernel - skip; k++)
        weight[k - skip] = (float)(raw[k] / sum);
    *ret_half = half - skip;
}

/* The index that a reflection about the first and last pixel leads to; -size < i < 2 * size is not
 * assumed, since a kernel may be wider than a small view. */
static uint32_t reflect(int32_t i, uint32_t size)
{
    if (size == 1)
        return 0;
    const int32_t period = 2 * ((int32_t)size - 1);
    int32_t phase = i % period;
    if (phase < 0)
        phase += period;
    return (uint32_t)(phase < (int32_t)size ? phase : period - phase);
}

static void add_scaled(float *restrict to, const float *restrict from, float scale, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] += scale * from[i];
}

static void blur_rows(const float *x, uint32_t size, const float *weight, uint32_t half, float *out)
{
    float line[OMEGA_VIEW_MAX + OMEGA_KERNEL_MAX];
    for (uint32_t y = 0; y < size; y++, x += size, out += size) {
        memcpy(line + half, x, size * sizeof *x);
        for (uint32_t k = 1; k <= half; k++) {
            line[half - k] = x[reflect(-(int32_t)k, size)];
            line[half + size - 1 + k] = x[reflect((int32_t)(size - 1 + k), size)];
        }
        memset(out, 0, size * sizeof *out);
        for (uint32_t k = 0; k <= 2 * half; k++)
            add_scaled(out, line + k, weight[k], size);
    }
}

static void blur_columns(const float *x, uint32_t size, const float *weight, uint32_t half,
                         float *out)
{
    for (uint32_t y = 0; y < size; y++, out += size) {
        memset(out, 0, size * sizeof *out);
        for (uint32_t k = 0; k <= 2 * half; k++) {
            const uint32_t row = reflect((int32_t)y + (int32_t)k - (int32_t)half, size);
            add_scaled(out, x + (size_t)row * size, weight[k], size);
        }
    }
}

void blur_apply(float *x, uint32_t size, const struct blur *blur, float *scratch)
{
    assert(size <= OMEGA_VIEW_MAX && blur->kernel <= OMEGA_KERNEL_MAX && blur->kernel % 2 == 1);
    float weight[OMEGA_KERNEL_MAX];
    uint32_t half;
    kernel_fill(blur, weight, &half);
    for (int c = 0; c < 3; c++, x += (size_t)size * size) {
        blur_rows(x, size, weight, half, scratch);
        blur_columns(scratch, size, weight, half, x);
    }
}
