/* SPDX-License-Identifier: Apache-2.0 */
/* pack_simd: the floats around every value that rounding turns on: the same bytes as plain C's, and
 * no more behind them than the slack. */
#include "guarded.h"

#include "loaderd/augment/kernels.h"

#include <math.h>

enum { NEAR = 9, N = (255 * NEAR + PITCH_STEP - 1) / PITCH_STEP * PITCH_STEP };

static void test_around_every_half(void **state)
{
    (void)state;
    static float red[N], green[N], blue[N];
    static uint8_t expected[3 * N + PACK_SLACK];
    for (int i = 0; i < 255 * NEAR; i++) {
        float x = ((float)(i / NEAR) + 0.5f) / 255.0f;
        for (int step = 0; step < i % NEAR; step++)
            x = nextafterf(x, i % 2 ? 2.0f : -1.0f);
        red[i] = x;
        green[N - 1 - i] = x;
        blue[(i * 7) % (255 * NEAR)] = x;
    }
    const float *const row[3] = {red, green, blue};
    struct guarded bytes = guarded_new(sizeof expected);
    for (size_t pitch = PITCH_STEP; pitch <= N; pitch += PITCH_STEP) {
        uint8_t *out = guarded_end(&bytes, 3 * pitch + PACK_SLACK);
        kernels_at(0)->pack(pitch, row, expected);
        for (size_t copy = 1; copy < KERNELS_MAX && kernels_at(copy); copy++) {
            kernels_at(copy)->pack(pitch, row, out);
            assert_memory_equal(out, expected, 3 * pitch);
        }
    }
    guarded_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_around_every_half)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
