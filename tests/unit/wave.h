/* SPDX-License-Identifier: Apache-2.0 */
/* wave: inputs that a line of Python can make as well, and the comparison with what PyTorch made of
 * them. The wanted numbers in test_ref*.c are PyTorch 1.13's in float64, printed to nine digits:
 *     wave = lambda n, step, mod, base, scale:
 *         torch.tensor([((i * step) % mod - base) / scale for i in range(n)]) */
#ifndef AUGSTREAM_TESTS_WAVE_H
#define AUGSTREAM_TESTS_WAVE_H

#include "test.h"

#include <math.h>

#include "trainer/ops/ops.h"

struct wave {
    int step, mod, base, scale;
};
static const struct wave wave_a = {7, 11, 5, 4}, wave_b = {5, 13, 6, 8}, wave_c = {3, 7, 3, 2};

static inline void wave_fill(float *x, size_t n, struct wave w)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int)i * w.step % w.mod - w.base) / (float)w.scale;
}

/* Ref rounds to float once: 2^-24 of the number, and the printed digits are good for 1e-8. */
static inline void assert_near(const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= 2e-7 * fabs(want[i]) + 2e-8))
            fail_msg("element %zu of %zu is %.9g, not %.9g", i, n, (double)got[i], (double)want[i]);
}

static inline int open_ref(void **state)
{
    return ops_open("ref", 1, (struct ops **)state);
}

static inline int close_ref(void **state)
{
    ops_close(*state);
    return 0;
}

#endif
