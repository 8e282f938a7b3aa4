/* SPDX-License-Identifier: Apache-2.0 */
/* picture: takes pixels, gives a PNG in a file or in memory, through libpng's simplified API. Keeps
 * nothing. Any thread. */
#include "trainer/watch/picture.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>

static png_image image_of(uint32_t w, uint32_t h)
{
    return (png_image){
        .version = PNG_IMAGE_VERSION, .width = w, .height = h, .format = PNG_FORMAT_RGB};
}

int picture_save(const char *path, const uint8_t *rgb, uint32_t w, uint32_t h)
{
    png_image image = image_of(w, h);
    struct file_write out = {0};
    int rc = file_write_begin(&out, path);
    if (!rc && !png_image_write_to_stdio(&image, out.out, 0, rgb, 0, NULL))
        rc = err_set(-EIO, "%s: %s", path, image.message);
    if (!rc)
        rc = file_write_commit(&out);
    file_write_abort(&out);
    return rc;
}

int picture_encode(const uint8_t *rgb, uint32_t w, uint32_t h, void **ret, size_t *ret_len)
{
    png_image image = image_of(w, h);
    png_alloc_size_t len = PNG_IMAGE_PNG_SIZE_MAX(image); /* what it can need at most */
    auto_free void *bytes = malloc(len);
    if (!bytes)
        return err_set(-ENOMEM, "picture: out of memory");
    if (!png_image_write_to_memory(&image, bytes, &len, 0, rgb, 0, NULL))
        return err_set(-EIO, "picture: %s", image.message);
    *ret = take_ptr(&bytes);
    *ret_len = len;
    return 0;
}
