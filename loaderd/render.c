/* SPDX-License-Identifier: Apache-2.0 */
/* render: takes one sample's item and the spec, gives its views and their omega. Omega is drawn
 * between the header and the pixels, so that only what the crops need is decoded. Owns the file's
 * bytes, the decoded picture and the planes, all reused from sample to sample; one thread per
 * struct render. It picks no samples and replaces none: what to do about a fault is the caller's.
 */
#include "loaderd/render.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "loaderd/augment/augment.h"
#include "loaderd/decode/decode.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES_STEP = 1 << 20 /* the file buffer grows in steps of this */ };

struct render {
    struct augment *augment;
    struct decoder *decoder;
    struct image image;
    uint8_t *bytes;
    size_t capacity;
};

static void render_freep(struct render **render)
{
    render_free(*render);
}

int render_new(struct render **ret)
{
    int rc = decode_open();
    if (rc < 0)
        return rc;
    auto_with(render_freep) struct render *render = calloc(1, sizeof *render);
    if (!render)
        return err_set(-ENOMEM, "no memory to render with");
    rc = decoder_new(&render->decoder);
    if (rc < 0)
        return rc;
    /* Planes for the largest view there may be: pages that no view touches cost nothing. */
    rc = augment_new(OMEGA_VIEW_MAX, &render->augment);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&render);
    return 0;
}

void render_free(struct render *render)
{
    if (!render)
        return;
    augment_free(render->augment);
    decoder_free(render->decoder);
    image_done(&render->image);
    free(render->bytes);
    free(render);
}

static int unreadable(const struct item *item, const char *why, enum wire_fault *ret_fault)
{
    *ret_fault = FAULT_UNREADABLE;
    return err_set(-EBADMSG, "%s: %s", item->path, why);
}

/* Files that cannot be opened are their own fault, unless it is this process that is short. */
static int item_open(const struct item *item, enum wire_fault *ret_fault)
{
    /* A FIFO in the folder must not hold the worker up. */
    const int fd = open(item->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        return fd;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        return err_set(-errno, "%s: %s", item->path, strerror(errno));
    return unreadable(item, strerror(errno), ret_fault);
}

/* The bytes of the item that fd holds, or the fault that keeps them. */
static int item_length(const struct item *item, int fd, size_t *ret_len, enum wire_fault *ret_fault)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return unreadable(item, strerror(errno), ret_fault);
    if (!S_ISREG(st.st_mode))
        return unreadable(item, "not a regular file", ret_fault);
    const uint64_t size = (uint64_t)st.st_size;
    if (item->offset > size || item->length > size - item->offset)
        return unreadable(item, "shorter than when it was listed", ret_fault);
    const uint64_t len = item->length ? item->length : size - item->offset;
    if (len > DECODE_FILE_MAX) {
        *ret_fault = FAULT_TOO_LARGE;
        return err_set(-EBADMSG, "%s: %llu bytes: the limit is %d", item->path,
                       (unsigned long long)len, DECODE_FILE_MAX);
    }
    *ret_len = (size_t)len;
    return 0;
}

static int bytes_reserve(struct render *render, size_t len, enum wire_fault *ret_fault)
{
    if (len <= render->capacity)
        return 0;
    const size_t capacity = (len + BYTES_STEP - 1) / BYTES_STEP * BYTES_STEP;
    free(render->bytes); /* what they held is of no use to the next file */
    render->capacity = 0;
    render->bytes = malloc(capacity);
    if (!render->bytes) {
        *ret_fault = FAULT_TOO_LARGE; /* for what a worker may take */
        return err_set(-EBADMSG, "no memory for a file of %zu bytes", len);
    }
    render->capacity = capacity;
    return 0;
}

static int item_read(struct render *render, const struct item *item, size_t *ret_len,
                     enum wire_fault *ret_fault)
{
    auto_close int fd = item_open(item, ret_fault);
    if (fd < 0)
        return fd;
    size_t len = 0;
    int rc = item_length(item, fd, &len, ret_fault);
    if (rc < 0)
        return rc;
    rc = bytes_reserve(render, len, ret_fault);
    if (rc < 0)
        return rc;
    for (size_t at = 0; at < len;) {
        const ssize_t n = pread(fd, render->bytes + at, len - at, (off_t)(item->offset + at));
        if (n == 0)
            return unreadable(item, "shorter than when it was listed", ret_fault);
        if (n < 0 && errno != EINTR)
            return unreadable(item, strerror(errno), ret_fault);
        at += n > 0 ? (size_t)n : 0;
    }
    *ret_len = len;
    return 0;
}

static void omegas_draw(const struct render_task *task, const struct picture *picture)
{
    const struct spec *spec = task->spec;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const struct omega_key key = {.seed = spec->seed,
                                      .epoch = task->epoch,
                                      .batch = task->batch,
                                      .sample = task->item->sample,
                                      .view = v};
        omega_draw(&spec->views[v], &key, picture->w, picture->h, task->omega[v]);
    }
}

/* Records from outside: what augment takes for granted must hold. */
static int omegas_check(const struct render_task *task, const struct picture *picture)
{
    for (uint32_t v = 0; v < task->spec->n_views; v++) {
        const struct omega *o = task->omega[v];
        if (omega_check(o, &task->spec->views[v]) < 0)
            return err_set(-EINVAL, "view %u: %s", v, err_text());
        if (o->sample != task->item->sample || o->source_w != picture->w ||
            o->source_h != picture->h)
            return err_set(
                -EINVAL, "view %u: a record of sample %u, %ux%u pixels, not of %u, %ux%u", v,
                o->sample, o->source_w, o->source_h, task->item->sample, picture->w, picture->h);
    }
    return 0;
}

/* The most that leaves every crop as many pixels as its view has, in both directions. */
static uint32_t reduce_choose(const struct render_task *task, uint32_t max)
{
    uint32_t reduce = max;
    for (uint32_t v = 0; v < task->spec->n_views; v++) {
        const struct omega *omega = task->omega[v];
        const int32_t less =
            omega->crop_height < omega->crop_width ? omega->crop_height : omega->crop_width;
        while (reduce > 1 && (uint32_t)less < reduce * task->spec->views[v].size)
            reduce /= 2;
    }
    return reduce;
}

/* The least region that holds all crops. */
static struct region crops_region(const struct render_task *task, uint32_t reduce)
{
    uint32_t top = UINT32_MAX, left = UINT32_MAX, bottom = 0, right = 0;
    for (uint32_t v = 0; v < task->spec->n_views; v++) {
        const struct crop_window crop = crop_window(task->omega[v], reduce);
        top = crop.top < top ? crop.top : top;
        left = crop.left < left ? crop.left : left;
        bottom = crop.top + crop.rows > bottom ? crop.top + crop.rows : bottom;
        right = crop.left + crop.cols > right ? crop.left + crop.cols : right;
    }
    return (struct region){.top = top, .left = left, .rows = bottom - top, .cols = right - left};
}

/* An item that is raw pixels says what they are like; files tell it themselves. */
static int header_read(struct render *render, const struct item *item, size_t len,
                       struct picture *ret, enum wire_fault *ret_fault)
{
    const uint32_t allow = item->allow ? item->allow : ENCODINGS_USUAL;
    if (item->coding == ITEM_FILE && decode_allow(render->bytes, len, allow, ret_fault) < 0)
        return -EBADMSG;
    if (item->coding == ITEM_FILE)
        return decode_header(render->decoder, render->bytes, len, ret, ret_fault);
    const struct raw raw = {.w = item->w, .h = item->h, .by_columns = item->coding == ITEM_COLUMNS};
    return decode_raw_header(render->decoder, &raw, render->bytes, len, ret, ret_fault);
}

/* The omegas of a picture of this size, and what it is to be reduced by. */
static int picture_plan(const struct render_task *task, const struct picture *picture,
                        uint32_t *ret_reduce)
{
    if (task->recorded) {
        int rc = omegas_check(task, picture);
        if (rc < 0)
            return rc;
    } else {
        omegas_draw(task, picture);
    }
    *ret_reduce = task->spec->reduce ? reduce_choose(task, picture->reduce_max) : 1;
    return 0;
}

static struct region whole_region(const struct picture *picture, uint32_t reduce)
{
    return (struct region){.rows = (picture->h + reduce - 1) / reduce,
                           .cols = (picture->w + reduce - 1) / reduce};
}

/* The picture as the cache has it, a loan; false when it is not there as it is wanted. */
static bool picture_take(const struct render_task *task, struct image *ret)
{
    struct render_cache *cache = task->cache;
    uint32_t reduce;
    if (!cache || cache->picture.w == 0 || picture_plan(task, &cache->picture, &reduce) < 0)
        return false;
    for (uint32_t i = 0; i < RENDER_REDUCTIONS; i++)
        if (reduce == 1u << i && cache->whole[i]) {
            *ret = (struct image){.w = cache->picture.w,
                                  .h = cache->picture.h,
                                  .reduce = reduce,
                                  .window = whole_region(&cache->picture, reduce),
                                  .rgb = (uint8_t *)cache->whole[i]};
            cache->used = true;
            return true;
        }
    return false;
}

/* Decodes the whole picture and puts it into the cache, if there is room; 0 when there is none, 1
 * when it is done. A picture that is damaged where no crop of this task lies is not for the cache.
 */
static int picture_put(struct render *render, const struct render_task *task,
                       const struct picture *picture, uint32_t reduce)
{
    struct render_cache *cache = task->cache;
    const struct region whole = whole_region(picture, reduce);
    const size_t bytes = 3 * (size_t)whole.rows * whole.cols;
    enum wire_fault fault;
    if (!cache || !cache->fill)
        return 0;
    if (bytes > cache->fill_bytes) {
        cache->wanted = bytes;
        return 0;
    }
    int rc = decode_pixels(render->decoder, &whole, reduce, &render->image, &fault);
    if (rc < 0)
        return rc;
    assert(render->image.window.rows == whole.rows && render->image.window.cols == whole.cols);
    memcpy(cache->fill, render->image.rgb, bytes);
    cache->filled = bytes;
    cache->filled_picture = *picture;
    cache->filled_reduce = reduce;
    return 1;
}

/* From the file's bytes to pixels that hold every view's crop. */
static int picture_read(struct render *render, const struct render_task *task, size_t len,
                        enum wire_fault *ret_fault)
{
    struct picture picture;
    uint32_t reduce;
    int rc = header_read(render, task->item, len, &picture, ret_fault);
    if (rc == 0)
        rc = picture_plan(task, &picture, &reduce);
    if (rc < 0)
        return rc;
    rc = picture_put(render, task, &picture, reduce);
    if (rc > 0)
        return 0;
    if (rc < 0) { /* the part may be good where the whole is not */
        rc = header_read(render, task->item, len, &picture, ret_fault);
        if (rc < 0)
            return rc;
    }
    const struct region region = crops_region(task, reduce);
    return decode_pixels(render->decoder, &region, reduce, &render->image, ret_fault);
}

static int picture_find(struct render *render, const struct render_task *task,
                        enum wire_fault *ret_fault)
{
    size_t len = 0;
    int rc = item_read(render, task->item, &len, ret_fault);
    if (rc < 0)
        return rc;
    rc = picture_read(render, task, len, ret_fault);
    if (rc < 0) /* decode knows what is wrong, this file knows where */
        return err_set(rc, "%s: %s", task->item->path, err_text());
    return 0;
}

int render_sample(struct render *render, const struct render_task *task, enum wire_fault *ret_fault)
{
    struct image loan;
    const struct image *image = &loan;
    if (!picture_take(task, &loan)) {
        int rc = picture_find(render, task, ret_fault);
        if (rc < 0)
            return rc;
        image = &render->image;
    }
    for (uint32_t v = 0; v < task->spec->n_views; v++) {
        const struct view_spec *law = &task->spec->views[v];
        augment_view(render->augment, image, law, task->omega[v], task->out[v]);
        if (task->check[v]) /* while the pixels are in the cache of who wrote them */
            *task->check[v] = crc32c(0, task->out[v], (size_t)law->size * law->size * 3);
    }
    return 0;
}

static int whole_read(struct render *render, const struct item *item, uint32_t side,
                      struct picture *ret, enum wire_fault *ret_fault)
{
    size_t len = 0;
    int rc = item_read(render, item, &len, ret_fault);
    if (rc < 0)
        return rc;
    rc = header_read(render, item, len, ret, ret_fault);
    if (rc == 0 && side > 0) {
        const uint32_t longer = ret->w > ret->h ? ret->w : ret->h;
        uint32_t reduce = ret->reduce_max;
        while (reduce > 1 && longer / reduce < side)
            reduce /= 2;
        const struct region whole = whole_region(ret, reduce);
        rc = decode_pixels(render->decoder, &whole, reduce, &render->image, ret_fault);
    }
    if (rc < 0)
        return err_set(rc, "%s: %s", item->path, err_text());
    return 0;
}

int render_picture(struct render *render, const struct item *item, uint32_t side,
                   struct picture *ret_picture, const struct image **ret_image,
                   enum wire_fault *ret_fault)
{
    int rc = whole_read(render, item, side, ret_picture, ret_fault);
    if (rc == 0 && side > 0)
        *ret_image = &render->image;
    return rc;
}
