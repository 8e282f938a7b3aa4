/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg: what was written decodes to nearly the same pixels; a bad place leaves nothing behind. */
#include "test.h"

#include "common/file.h"
#include "tools/synth/flower.h"
#include "tools/synth/jpeg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

enum { W = 40, H = 24 };

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t rgb[W * H * 3], back[W * H * 3];
    char path[] = "/tmp/augstream-jpeg-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    flower_draw(&flower_kinds[0], 1, 1, W, H, rgb);
    assert_int_equal(jpeg_write(path, rgb, W, H, 95), 0);
    auto_free char *bytes = NULL;
    size_t len;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &len), 0);
    tjhandle tj = tjInitDecompress();
    assert_int_equal(tjDecompress2(tj, (unsigned char *)bytes, len, back, W, 0, H, TJPF_RGB, 0), 0);
    tjDestroy(tj);
    double sum = 0;
    for (int i = 0; i < W * H * 3; i++)
        sum += abs(rgb[i] - back[i]);
    assert_true(sum / (W * H * 3) <
                6); /* 4:2:0 at quality 95; a swapped channel gives 30 and more */
    unlink(path);
}

static void test_bad_place(void **state)
{
    (void)state;
    uint8_t rgb[W * H * 3] = {0};
    assert_true(jpeg_write("/nonexistent/folder/x.jpg", rgb, W, H, 95) < 0);
    assert_non_null(strstr(err_text(), "/nonexistent/folder/x.jpg"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_bad_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
