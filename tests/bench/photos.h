/* SPDX-License-Identifier: Apache-2.0 */
/* photos: the JPEG files that a benchmark reads: those of a folder, or of a tar unpacked into a
 * scratch folder that photos_close removes. Their bytes are read once, so they are in the page
 * cache from then on. */
#ifndef AUGSTREAM_TESTS_BENCH_PHOTOS_H
#define AUGSTREAM_TESTS_BENCH_PHOTOS_H

#include <stddef.h>
#include <stdint.h>

struct photo {
    char *path;
    char *bytes;
    size_t len;
    uint32_t w, h; /* pixels; 0 until its first rendering */
};

struct photos {
    struct photo *list;
    uint32_t n;
    char scratch[64]; /* "" where there is none */
};

/* The files named *.jpg, *.jpeg, in any case, sorted by path; of more than `most` every k-th.
 * -errno with the message set; *ret is to be closed in any case. */
int photos_open(const char *path, uint32_t most, struct photos *ret);
void photos_close(struct photos *photos);

#endif
