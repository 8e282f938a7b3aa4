/* SPDX-License-Identifier: Apache-2.0 */
/* flip: a flipped crop is the crop with every row mirrored, to the bit; odd and even sizes, reduced
 * and enlarged. */
#include "picture.h"
#include "planes.h"

static void test_mirrors(void **state)
{
    (void)state;
    enum { W = 41, H = 33 };
    static uint8_t rgb[3 * W * H];
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)(i * i >> 3);
    const struct image image = picture_whole(W, H, rgb);
    struct omega omega = {.crop_top = 2, .crop_left = 3, .crop_height = 29, .crop_width = 35};
    static struct planes straight, flipped;
    for (uint32_t size = 1; size <= PLANES_SIZE_MAX; size++) {
        omega.flip = false;
        planes_crop(&straight, &image, &omega, size);
        omega.flip = true;
        planes_crop(&flipped, &image, &omega, size);
        for (uint32_t i = 0; i < 3 * size; i++)
            for (uint32_t j = 0; j < size; j++)
                assert_true(planes_at(&flipped, i / size, i % size)[j] ==
                            planes_at(&straight, i / size, i % size)[size - 1 - j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mirrors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
