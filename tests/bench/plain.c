/* SPDX-License-Identifier: Apache-2.0 */
/* plain: takes a JPEG's bytes, gives its pixels to nobody: only the time counts. One thread. */
#include "tests/bench/plain.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jpeglib.h>

enum { PROCESSES_MAX = 256 };

struct plain {
    struct jpeg_error_mgr errors; /* first: the library hands it back as cinfo->err */
    jmp_buf escape;
    unsigned char *rgb;
    size_t capacity;
};

int plain_new(struct plain **ret)
{
    *ret = calloc(1, sizeof **ret);
    return *ret ? 0 : err_set(-ENOMEM, "no memory to decode with");
}

void plain_free(struct plain *plain)
{
    if (!plain)
        return;
    free(plain->rgb);
    free(plain);
}

static void on_error(j_common_ptr cinfo)
{
    struct plain *plain = (struct plain *)cinfo->err;
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    err_set(-EBADMSG, "%s", text);
    longjmp(plain->escape, 1);
}

static int reserve(struct plain *plain, size_t bytes)
{
    if (bytes <= plain->capacity)
        return 0;
    free(plain->rgb);
    plain->rgb = malloc(bytes);
    plain->capacity = plain->rgb ? bytes : 0;
    return plain->rgb ? 0 : err_set(-ENOMEM, "no memory for %zu bytes of pixels", bytes);
}

/* Everything that may jump. */
static int read_pixels(struct plain *plain, struct jpeg_decompress_struct *cinfo,
                       const struct photo *photo)
{
    jpeg_create_decompress(cinfo);
    jpeg_mem_src(cinfo, (const unsigned char *)photo->bytes, photo->len);
    jpeg_read_header(cinfo, TRUE);
    cinfo->out_color_space = JCS_RGB;
    const size_t pitch = 3 * (size_t)cinfo->image_width;
    const int rc = reserve(plain, pitch * cinfo->image_height);
    if (rc < 0)
        return rc;
    jpeg_start_decompress(cinfo);
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW rows[16];
        JDIMENSION n = 0;
        for (; n < ARRAY_LEN(rows) && cinfo->output_scanline + n < cinfo->output_height; n++)
            rows[n] = plain->rgb + (cinfo->output_scanline + n) * pitch;
        jpeg_read_scanlines(cinfo, rows, n);
    }
    jpeg_finish_decompress(cinfo);
    return 0;
}

int plain_decode(struct plain *plain, const struct photo *photo)
{
    struct jpeg_decompress_struct cinfo = {0};
    cinfo.err = jpeg_std_error(&plain->errors);
    plain->errors.error_exit = on_error;
    const int rc = setjmp(plain->escape) ? -EBADMSG : read_pixels(plain, &cinfo, photo);
    jpeg_destroy_decompress(&cinfo);
    return rc < 0 ? err_set(rc, "%s: %s", photo->path, err_text()) : 0;
}

static int decode_all(struct plain *plain, const struct photos *photos, uint32_t times)
{
    for (uint32_t t = 0; t < times; t++)
        for (uint32_t i = 0; i < photos->n; i++)
            if (plain_decode(plain, &photos->list[i]) < 0)
                return -1;
    return 0;
}

/* One child: warms up, says so, waits for the start, decodes. Its exit status is its verdict. */
static void decode_in_child(const struct photos *photos, uint32_t times, const int *ready,
                            const int *start)
{
    char byte = 0;
    struct plain *plain;
    close(start[1]);
    if (plain_new(&plain) < 0 || decode_all(plain, photos, 1) < 0 || write(ready[1], &byte, 1) != 1)
        exit(EXIT_FAILURE);
    close(ready[1]); /* so that the parent does not wait for one that died before this */
    const int bad = read(start[0], &byte, 1) != 0 || decode_all(plain, photos, times) < 0;
    exit(bad ? EXIT_FAILURE : EXIT_SUCCESS);
}

double plain_decode_together(const struct photos *photos, uint32_t processes, uint32_t times)
{
    int ready[2], start[2];
    if (processes > PROCESSES_MAX)
        return err_set(-EINVAL, "%u processes are too many", processes);
    if (pipe(ready) < 0 || pipe(start) < 0)
        return err_set(-errno, "pipe: %s", strerror(errno));
    fflush(stdout); /* or each child would write it again */
    uint32_t begun = 0, good = 0;
    pid_t pids[PROCESSES_MAX];
    for (; begun < processes; begun++) {
        pids[begun] = fork();
        if (pids[begun] == 0)
            decode_in_child(photos, times, ready, start);
        if (pids[begun] < 0)
            break;
    }
    close(ready[1]);
    for (uint32_t i = 0; i < begun; i++) {
        char byte;
        if (read(ready[0], &byte, 1) != 1)
            break; /* those that live have all said so */
    }
    const double from = stat_now();
    close(start[0]);
    close(start[1]); /* this starts them */
    for (uint32_t i = 0; i < begun; i++) {
        int status;
        good += waitpid(pids[i], &status, 0) == pids[i] && status == 0;
    }
    const double seconds = stat_now() - from;
    close(ready[0]);
    return good == processes ? seconds : err_set(-ECHILD, "a decoding process failed");
}
