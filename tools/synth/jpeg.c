/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg: takes pixels, writes a file through libjpeg-turbo's TurboJPEG API. Keeps nothing. */
#include "tools/synth/jpeg.h"

#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <turbojpeg.h>

int jpeg_write(const char *path, const uint8_t *rgb, uint32_t w, uint32_t h, int quality)
{
    tjhandle tj = tjInitCompress();
    if (!tj)
        return err_set(-ENOMEM, "%s: no JPEG encoder", path);
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    struct file_write out = {0};
    int rc =
        tjCompress2(tj, rgb, (int)w, 0, (int)h, TJPF_RGB, &bytes, &len, TJSAMP_420, quality, 0);
    if (rc)
        rc = err_set(-EINVAL, "%s: %s", path, tjGetErrorStr2(tj));
    if (!rc)
        rc = file_write_begin(&out, path);
    if (!rc && fwrite(bytes, 1, len, out.out) != len)
        rc = err_set(-EIO, "%s: short write", path);
    if (!rc)
        rc = file_write_commit(&out);
    file_write_abort(&out);
    tjFree(bytes);
    tjDestroy(tj);
    return rc;
}
