/* SPDX-License-Identifier: Apache-2.0 */
/* rows_simd: rows of every length, at the very end of their memory: the same floats as plain C's,
 * nothing read behind the picture and nothing written behind the line. */
#include "guarded.h"

#include "common/rng.h"
#include "loaderd/augment/kernels.h"

enum { N_MAX = 400, ROWS = 5 };

static void test_every_length(void **state)
{
    (void)state;
    static const float weight[ROWS] = {0.07f, 0.31f, 0.4f, 0.12f, 0.1f};
    static float expected[N_MAX];
    struct guarded picture = guarded_new(ROWS * N_MAX), lines = guarded_new(sizeof expected);
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 4, .purpose = RNG_TEST});
    for (size_t n = 3; n <= N_MAX; n++)
        for (uint32_t count = 1; count <= ROWS; count++) {
            uint8_t *rows = guarded_end(&picture, count * n);
            float *line = guarded_end(&lines, n * sizeof *line);
            for (size_t i = 0; i < count * n; i++)
                rows[i] = (uint8_t)rng_u32(&rng);
            const struct crop_rows some = {
                .rows = rows, .pitch = n, .weight = weight, .count = count, .n = n};
            kernels_at(0)->crop_rows(&some, expected);
            for (size_t copy = 1; copy < KERNELS_MAX && kernels_at(copy); copy++) {
                kernels_at(copy)->crop_rows(&some, line);
                assert_memory_equal(line, expected, n * sizeof *line);
            }
        }
    guarded_free(&picture);
    guarded_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_length)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
