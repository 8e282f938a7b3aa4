/* SPDX-License-Identifier: Apache-2.0 */
/* test_colours: cells and shares of pictures whose colours are known. */
#include "test.h"

#include "tools/evaluate/colours.h"

#include <math.h>
#include <string.h>

static void expect_near(float got, double want)
{
    if (!(fabs((double)got - want) < 1e-6))
        fail_msg("%g in place of %g", (double)got, want);
}

static void cells_and_shares(void **state)
{
    (void)state;
    /* With 2 bins 127 is below the border and 128 above. */
    static const uint8_t rgb[] = {127, 0, 0, 128, 0, 0, 255, 127, 128, 200, 1, 129};
    float cell[8];
    colours_measure(rgb, 4, 2, cell);
    static const double want[8] = {[0] = 0.25, [4] = 0.25, [5] = 0.5};
    for (int i = 0; i < 8; i++)
        expect_near(cell[i], sqrt(want[i]));
}

static void every_number_of_bins(void **state)
{
    (void)state;
    static uint8_t rgb[256 * 3];
    static float cell[COLOURS_BINS_MAX * COLOURS_BINS_MAX * COLOURS_BINS_MAX];
    for (int i = 0; i < 256; i++)
        memset(rgb + 3 * i, i, 3);
    for (uint32_t bins = 1; bins <= COLOURS_BINS_MAX; bins++) {
        colours_measure(rgb, 256, bins, cell);
        double sum = 0, diagonal = 0;
        for (size_t i = 0; i < colours_cells(bins); i++)
            sum += (double)cell[i] * (double)cell[i];
        for (uint32_t b = 0; b < bins; b++) {
            double root = (double)cell[(b * bins + b) * bins + b];
            /* grays are spread evenly: each part has 256 / bins of them, rounded either way */
            assert_true(fabs(root * root - 1.0 / bins) < 1.0 / 256 + 1e-6);
            diagonal += root * root;
        }
        expect_near((float)sum, 1);
        expect_near((float)diagonal, 1); /* grays lie nowhere else */
    }
}

static void one_colour(void **state)
{
    (void)state;
    static uint8_t rgb[100 * 3];
    float cell[512];
    memset(rgb, 255, sizeof(rgb));
    colours_measure(rgb, 100, 8, cell);
    for (int i = 0; i < 512; i++)
        expect_near(cell[i], i == 511);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_and_shares),
        cmocka_unit_test(every_number_of_bins),
        cmocka_unit_test(one_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
