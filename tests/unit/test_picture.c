/* SPDX-License-Identifier: Apache-2.0 */
/* test_picture: what libpng reads back is what went in, from memory and from a file; a place that
 * cannot be written to is an error that names it. */
#include "test.h"

#include "trainer/watch/picture.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W = 37, H = 11 };

static uint8_t pixels[H][W][3];

static void fill(void)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int c = 0; c < 3; c++)
                pixels[y][x][c] = (uint8_t)(7 * x + 19 * y + 83 * c);
}

static void expect(const void *png, size_t len)
{
    uint8_t back[H][W][3];
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, png, len));
    assert_true(image.width == W && image.height == H);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, pixels, sizeof back);
}

static void test_memory(void **state)
{
    (void)state;
    void *png;
    size_t len;
    fill();
    assert_int_equal(picture_encode(pixels[0][0], W, H, &png, &len), 0);
    expect(png, len);
    free(png);
    assert_int_equal(picture_encode(pixels[0][0], 0, H, &png, &len), -EIO);
}

static void test_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/augstream-test-XXXXXX", path[64];
    uint8_t bytes[8192];
    fill();
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/p.png", folder);
    assert_int_equal(picture_save(path, pixels[0][0], W, H), 0);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    expect(bytes, fread(bytes, 1, sizeof bytes, in));
    fclose(in);
    unlink(path);
    rmdir(folder);
    assert_int_equal(picture_save(path, pixels[0][0], W, H), -ENOENT);
    assert_non_null(strstr(err_text(), path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
