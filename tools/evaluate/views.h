/* SPDX-License-Identifier: Apache-2.0 */
/* views: the pixels that a backbone saw of each image of a set: collected from batches while
 * features are extracted, or out of a features file that was written with --views. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_VIEWS_H
#define AUGSTREAM_TOOLS_EVALUATE_VIEWS_H

#include "trainer/extract.h"

enum { VIEWS_BYTES_MAX = 1 << 30, VIEWS_SIDE_MAX = 4096 };

struct safetensors;

/* Zero-initialise; views_done frees. */
struct views {
    const uint8_t *pixels; /* [n][side][side][3], in the set's order; NULL: none yet */
    size_t n;
    int64_t side;
    uint8_t *own;             /* where they were collected, so far up to own_bytes */
    size_t own_bytes;         /* both: views_add's */
    struct safetensors *file; /* where they lie in one */
};

/* A features_batch_fn whose hint is a struct views. -E2BIG above VIEWS_BYTES_MAX. */
int views_add(void *hint, const struct recv_batch *batch, size_t first, size_t total);

/* The file stays mapped: pixels that nobody looks at are not read. n: the rows that it should have.
 * -ENODATA where the file has features without views; -EBADMSG. */
int views_read(const char *path, size_t n, struct views *ret);

const uint8_t *views_at(const struct views *v, size_t row); /* [side][side][3] */
void views_done(struct views *v);

#endif
