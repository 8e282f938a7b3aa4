/* SPDX-License-Identifier: Apache-2.0 */
/* blur_simd: views of every size, kernels up to the widest, wider than the view among them, at the
 * very end of their memory: the same floats as plain C's. */
#include "guarded.h"

#include "common/rng.h"
#include "loaderd/augment/parts.h"

#include <string.h>

enum { SIZE_MAX_TESTED = 70, FLOATS = SIZE_MAX_TESTED * 3 * PITCH_STEP };

static void test_every_size(void **state)
{
    (void)state;
    static float expected[FLOATS], line[BLUR_LINE];
    struct guarded ins = guarded_new(sizeof expected), outs = guarded_new(sizeof expected);
    struct guarded line_end = guarded_new(sizeof line);
    static const uint32_t kernels[] = {1, 3, 9, 23, OMEGA_KERNEL_MAX};
    for (uint32_t size = 1; size <= SIZE_MAX_TESTED; size++)
        for (size_t k = 0; k < ARRAY_LEN(kernels); k++) {
            const size_t pitch = pitch_of(size), bytes = size * pitch * sizeof(float);
            float *in = guarded_end(&ins, bytes), *out = guarded_end(&outs, bytes);
            struct rng rng;
            rng_init(&rng, &(struct rng_key){.seed = size, .purpose = RNG_TEST});
            for (size_t i = 0; i < size * pitch; i++)
                in[i] = (float)rng_unit(&rng);
            struct blur_taps taps;
            blur_taps_fill(&taps, 0.3f + (float)kernels[k] / 4, kernels[k]);
            assert_int_equal(taps.half, kernels[k] / 2);
            struct blur_pass pass = {
                .taps = &taps, .size = size, .in = in, .out = expected, .line = line};
            kernels_at(0)->blur(&pass);
            pass.out = out;
            pass.line = guarded_end(&line_end, sizeof line);
            for (size_t copy = 1; copy < KERNELS_MAX && kernels_at(copy); copy++) {
                kernels_at(copy)->blur(&pass);
                for (uint32_t y = 0; y < size; y++)
                    assert_memory_equal(out + y * pitch, expected + y * pitch,
                                        size * sizeof(float));
            }
        }
    guarded_free(&ins);
    guarded_free(&outs);
    guarded_free(&line_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_size)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
