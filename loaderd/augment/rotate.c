/* SPDX-License-Identifier: Apache-2.0 */
/* rotate: puts the finished rows of a view where quarter turns counter-clockwise (torch.rot90 over
 * height and width) lead them. Any thread; owns nothing. */
#include "loaderd/augment/parts.h"

#include <assert.h>
#include <string.h>

void rotate_place(const struct rotation *rotation, uint32_t y, const uint8_t *row)
{
    assert(rotation->turns < 4 && y < rotation->size);
    const ptrdiff_t n = rotation->size, last = n - 1, at = y;
    /* Where the row's first pixel goes, and how far it is from one to the next; in pixels. */
    const struct {
        ptrdiff_t first, step;
    } walks[4] = {
        {.first = at * n, .step = 1},
        {.first = last * n + at, .step = -n},
        {.first = (last - at) * n + last, .step = -1},
        {.first = last - at, .step = n},
    };
    const ptrdiff_t step = 3 * walks[rotation->turns].step;
    uint8_t *to = rotation->out + 3 * walks[rotation->turns].first;
    if (step == 3) {
        memcpy(to, row, 3 * (size_t)n);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++, row += 3)
        memcpy(to + i * step, row, 3);
}
