/* SPDX-License-Identifier: Apache-2.0 */
/* picture: takes pixels, writes a file through libpng's simplified API. Keeps nothing. */
#include "tools/inspect/picture.h"

#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <png.h>

int picture_save(const char *path, const uint8_t *rgb, uint32_t w, uint32_t h)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = w, .height = h, .format = PNG_FORMAT_RGB};
    struct file_write out = {0};
    int rc = file_write_begin(&out, path);
    if (!rc && !png_image_write_to_stdio(&image, out.out, 0, rgb, 0, NULL))
        rc = err_set(-EIO, "%s: %s", path, image.message);
    if (!rc)
        rc = file_write_commit(&out);
    file_write_abort(&out);
    return rc;
}
