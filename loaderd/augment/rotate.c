/* SPDX-License-Identifier: Apache-2.0 */
/* rotate: quarter turns counter-clockwise (torch.rot90 over height and width), plane by plane, in
 * place. Any thread; owns nothing. */
#include "loaderd/augment/augment.h"

#include <assert.h>
#include <string.h>

/* Where output pixel (row, column) reads: origin + row * down + column * right, in source pixels.
 */
struct walk {
    ptrdiff_t origin, down, right;
};

void rotate_quarter(float *x, uint32_t size, uint32_t turns, float *scratch)
{
    assert(turns < 4);
    const ptrdiff_t n = size;
    const struct walk walks[4] = {
        {.origin = 0, .down = n, .right = 1},
        {.origin = n - 1, .down = -1, .right = n},
        {.origin = n * n - 1, .down = -n, .right = -1},
        {.origin = n * (n - 1), .down = 1, .right = -n},
    };
    const struct walk *walk = &walks[turns];
    for (int c = 0; c < 3; c++, x += n * n) {
        memcpy(scratch, x, (size_t)(n * n) * sizeof *x);
        for (ptrdiff_t i = 0; i < n; i++)
            for (ptrdiff_t j = 0; j < n; j++)
                x[i * n + j] = scratch[walk->origin + i * walk->down + j * walk->right];
    }
}
