/* SPDX-License-Identifier: Apache-2.0 */
/* views: takes batches or a features file, gives pixels by row. The caller's thread; owns the
 * memory or the mapping. Does not scale or draw. */
#include "tools/evaluate/views.h"

#include "common/err.h"
#include "trainer/recv.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int views_add(void *hint, const struct recv_batch *batch, size_t first, size_t total)
{
    (void)first; /* batches come in order: append */
    struct views *v = hint;
    v->side = batch->header->sizes[0];
    const size_t image = (size_t)v->side * (size_t)v->side * 3;
    if (total > VIEWS_BYTES_MAX / image)
        return err_set(-E2BIG, "pictures of %zu images: more than %d bytes of pixels", total,
                       VIEWS_BYTES_MAX);
    if (!v->own && !(v->own = malloc(total * image)))
        return err_set(-ENOMEM, "pictures of %zu images: out of memory", total);
    v->pixels = v->own;
    v->n = total;
    for (uint32_t i = 0; i < batch->model.n_runs; i++) {
        size_t bytes = (size_t)batch->model.run[i].rows * image;
        if (bytes > total * image - v->own_bytes)
            return err_set(-EBADMSG, "more images than the dataset has");
        memcpy(v->own + v->own_bytes, batch->model.run[i].pixels, bytes);
        v->own_bytes += bytes;
    }
    return 0;
}

static int views_of(const char *path, const struct safetensors *st, size_t n, struct views *v)
{
    const struct safetensor *t = safetensors_find(st, "views");
    if (!t)
        return err_set(-ENODATA,
                       "%s: holds no pictures; make it by augstream-evaluate features --views",
                       path);
    const int64_t *s = t->shape;
    if (t->dtype != ST_U8 || t->ndim != 5 || s[0] != 1 || s[1] < 0 || (size_t)s[1] != n ||
        s[2] < 1 || s[2] > VIEWS_SIDE_MAX || s[3] != s[2] || s[4] != 3)
        return err_set(-EBADMSG, "%s: views: not U8 [1,%zu,S,S,3] with S from 1 to %d", path, n,
                       VIEWS_SIDE_MAX);
    v->pixels = t->data;
    v->n = n;
    v->side = s[2];
    return 0;
}

int views_read(const char *path, size_t n, struct views *ret)
{
    struct views v = {.n = 0};
    int rc = safetensors_open(path, &v.file);
    if (!rc)
        rc = views_of(path, v.file, n, &v);
    if (rc)
        views_done(&v);
    else
        *ret = v;
    return rc;
}

const uint8_t *views_at(const struct views *v, size_t row)
{
    return v->pixels + row * (size_t)v->side * (size_t)v->side * 3;
}

void views_done(struct views *v)
{
    if (v->file)
        safetensors_close(v->file);
    free(v->own);
    *v = (struct views){.n = 0};
}
