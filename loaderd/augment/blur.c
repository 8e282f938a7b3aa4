/* SPDX-License-Identifier: Apache-2.0 */
/* blur: Gaussian blur with an odd kernel and a reflected border, as torchvision's gaussian_blur:
 * its weights, and the plain C that applies them to one channel. Separable; any thread; owns
 * nothing. */
#include "loaderd/augment/parts.h"

#include <assert.h>

/* Taps lighter than this cannot change a float in [0,1] by what an 8-bit result would show; with a
 * small sigma that is most of the kernel. */
static const double WEIGHT_MIN = 0x1p-22;

/* exp(-t) for t >= 0, to about 1e-12 of itself where it is above WEIGHT_MIN: Taylor's polynomial at
 * t / 64, squared six times. The C library's exp may differ from one machine to the next. */
static double exp_minus(double t)
{
    if (t > 32)
        return 0;
    const double x = -t / 64;
    double sum = 1;
    for (int n = 12; n >= 1; n--)
        sum = 1 + x / n * sum;
    for (int i = 0; i < 6; i++)
        sum *= sum;
    return sum;
}

void blur_taps_fill(struct blur_taps *taps, float sigma, uint32_t kernel)
{
    assert(kernel <= OMEGA_KERNEL_MAX && kernel % 2 == 1);
    const uint32_t half = kernel / 2;
    double raw[BLUR_HALF_MAX + 1], sum = 0;
    for (uint32_t k = 0; k <= half; k++) {
        const double z = k / (double)sigma;
        raw[k] = exp_minus(z * z / 2);
        sum += k ? 2 * raw[k] : raw[k];
    }
    taps->half = 0;
    for (uint32_t k = 0; k <= half; k++) {
        const double weight = raw[k] / sum;
        if (weight >= WEIGHT_MIN)
            taps->half = k;
        taps->weight[k] = (float)weight;
    }
}

uint32_t blur_reflect(int32_t i, uint32_t size)
{
    const int32_t last = (int32_t)size - 1;
    if (last == 0)
        return 0;
    while (i < 0 || i > last)
        i = i < 0 ? -i : 2 * last - i;
    return (uint32_t)i;
}

/* to[i] += weight * (a[i] + b[i]) */
static void add_pair(float *restrict to, const float *a, const float *b, float weight, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] += weight * (a[i] + b[i]);
}

void blur_plain(const struct blur_pass *pass)
{
    const uint32_t size = pass->size;
    const size_t pitch = pitch_of(size);
    const int32_t half = (int32_t)pass->taps->half;
    const float *weight = pass->taps->weight;
    float *line = pass->line + half;
    for (int32_t y = 0; y < (int32_t)size; y++) {
        const float *middle = pass->in + (size_t)y * pitch;
        float *out = pass->out + (size_t)y * pitch;
        for (uint32_t i = 0; i < size; i++)
            line[i] = weight[0] * middle[i];
        for (int32_t k = 1; k <= half; k++)
            add_pair(line, pass->in + blur_reflect(y - k, size) * pitch,
                     pass->in + blur_reflect(y + k, size) * pitch, weight[k], size);
        for (int32_t k = 1; k <= half; k++) {
            line[-k] = line[blur_reflect(-k, size)];
            line[(int32_t)size - 1 + k] = line[blur_reflect((int32_t)size - 1 + k, size)];
        }
        for (uint32_t i = 0; i < size; i++)
            out[i] = weight[0] * line[i];
        for (int32_t k = 1; k <= half; k++)
            add_pair(out, line - k, line + k, weight[k], size);
    }
}
