/* SPDX-License-Identifier: Apache-2.0 */
/* renderer: takes records, gives views and pictures, through the loader's own reading, decoding and
 * augmenting in this process: a file on which a decoder dies takes the tool with it, as it would a
 * worker. Owns the source (twins lend it) and the memory for rendering. */
#include "tools/inspect/replay/renderer.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/render.h"
#include "tools/inspect/replay/origin.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct renderer {
    struct source *own;          /* NULL: a twin, or of one image */
    const struct source *source; /* NULL: of one image */
    struct item image;           /* where it is */
    struct render *render;
};

/* libvips has one buffer of error messages a process, so what goes through it takes turns. JPEG and
 * raw pixels, which nearly everything is, do not. */
static pthread_mutex_t turns = PTHREAD_MUTEX_INITIALIZER;

static bool needs_turn(const struct item *item)
{
    unsigned char head[2] = {0};
    if (item->coding != ITEM_FILE)
        return false;
    auto_close int fd = open(item->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool read = fd >= 0 && pread(fd, head, 2, (off_t)item->offset) == 2;
    return !read || head[0] != 0xff || head[1] != 0xd8;
}

static bool turn_begin(const struct item *item)
{
    const bool needed = needs_turn(item);
    if (needed)
        pthread_mutex_lock(&turns);
    return needed;
}

static void turn_end(bool held)
{
    if (held)
        pthread_mutex_unlock(&turns);
}

/* --- */

static void renderer_closep(struct renderer **renderer)
{
    renderer_close(*renderer);
}

/* take_source: ours, even when this fails. */
static int renderer_new(struct source *take_source, struct renderer **ret)
{
    auto_with(renderer_closep) struct renderer *r = calloc(1, sizeof *r);
    if (!r) {
        source_free(take_source);
        return err_set(-ENOMEM, "out of memory");
    }
    r->own = take_source;
    r->source = take_source;
    int rc = render_new(&r->render);
    if (rc)
        return rc;
    *ret = take_ptr(&r);
    return 0;
}

int renderer_open(const struct source_options *o, const char *dataset, const uint8_t *fingerprint,
                  struct renderer **ret)
{
    struct source *source;
    int rc = origin_open(o, dataset, fingerprint, &source);
    return rc ? rc : renderer_new(source, ret);
}

int renderer_image(const char *path, struct renderer **ret)
{
    struct renderer *r = NULL;
    int rc = renderer_new(NULL, &r);
    if (rc)
        return rc;
    r->image = (struct item){.label = -1, .coding = ITEM_FILE};
    if (snprintf(r->image.path, sizeof r->image.path, "%s", path) >= (int)sizeof r->image.path) {
        renderer_close(r);
        return err_set(-ENAMETOOLONG, "%.64s...: a path of at most %zu bytes, please", path,
                       sizeof r->image.path - 1);
    }
    *ret = r;
    return 0;
}

int renderer_twin(const struct renderer *of, struct renderer **ret)
{
    int rc = renderer_new(NULL, ret);
    if (rc)
        return rc;
    (*ret)->source = of->source;
    (*ret)->image = of->image;
    return 0;
}

void renderer_close(struct renderer *r)
{
    if (!r)
        return;
    render_free(r->render);
    source_free(r->own);
    free(r);
}

uint64_t renderer_samples(const struct renderer *r)
{
    return r->source ? r->source->samples : 1;
}

const uint8_t *renderer_fingerprint(const struct renderer *r)
{
    return r->source ? r->source->fingerprint : NULL;
}

static int item_find(const struct renderer *r, uint32_t sample, struct item *ret)
{
    if (r->source && sample >= r->source->samples)
        return err_set(-EINVAL, "sample %u: the dataset has %llu", sample,
                       (unsigned long long)r->source->samples);
    if (r->source)
        r->source->item(r->source, sample, ret);
    else
        *ret = r->image;
    ret->sample = sample;
    return 0;
}

void renderer_name(const struct renderer *r, uint32_t sample, char *ret, size_t cap)
{
    struct item item;
    ret[0] = 0;
    if (item_find(r, sample, &item) < 0)
        return;
    const char *name = r->source && r->source->name ? r->source->name(r->source, sample) : NULL;
    snprintf(ret, cap, "%s", name && name[0] ? name : item.path);
}

const char *renderer_class(const struct renderer *r, int64_t label)
{
    if (!r->source || !r->source->class_name || label < 0 || label >= r->source->classes)
        return NULL;
    return r->source->class_name(r->source, (uint32_t)label);
}

int renderer_views(struct renderer *r, const struct spec *spec, const struct omega *const *omega,
                   uint8_t *const *out, enum wire_fault *ret_fault)
{
    struct item item;
    struct omega held[OMEGA_VIEWS_MAX];
    *ret_fault = FAULT_NONE;
    int rc = spec_check(spec); /* a record's, which nobody has checked so far */
    if (!rc)
        rc = item_find(r, omega[0]->sample, &item);
    if (rc)
        return rc;
    struct render_task task = {.item = &item, .spec = spec, .recorded = true};
    for (uint32_t v = 0; v < spec->n_views; v++) {
        held[v] = *omega[v];
        task.omega[v] = &held[v];
        task.out[v] = out[v];
    }
    const bool turn = turn_begin(&item);
    rc = render_sample(r->render, &task, ret_fault);
    turn_end(turn);
    return rc;
}

int renderer_size(struct renderer *r, uint32_t sample, uint32_t *ret_w, uint32_t *ret_h)
{
    struct item item;
    struct picture picture;
    const struct image *image;
    enum wire_fault fault;
    int rc = item_find(r, sample, &item);
    if (rc)
        return rc;
    const bool turn = turn_begin(&item);
    rc = render_picture(r->render, &item, 0, &picture, &image, &fault);
    turn_end(turn);
    if (rc)
        return rc;
    *ret_w = picture.w;
    *ret_h = picture.h;
    return 0;
}

/* --- pictures of at most a side --- */

/* Which pixels of a line of `from` one pixel of a line of `to` covers, the outer ones in part. */
struct span {
    uint32_t first, last;
    double begin, end;
};

static struct span span_of(uint32_t i, uint32_t from, uint32_t to)
{
    return (struct span){.first = (uint32_t)((uint64_t)i * from / to),
                         .last = (uint32_t)(((uint64_t)(i + 1) * from + to - 1) / to - 1),
                         .begin = (double)i * from / to,
                         .end = (double)(i + 1) * from / to};
}

static double covered(const struct span *s, uint32_t i)
{
    const double begin = i > s->begin ? i : s->begin, end = i + 1 < s->end ? i + 1 : s->end;
    return end - begin;
}

static void pixel_mean(const struct canvas_source *from, const struct span *x, const struct span *y,
                       uint8_t *ret)
{
    double sums[3] = {0}, area = 0;
    for (uint32_t i = y->first; i <= y->last; i++)
        for (uint32_t j = x->first; j <= x->last; j++) {
            const double weight = covered(y, i) * covered(x, j);
            const uint8_t *pixel = from->rgb + 3 * ((size_t)i * from->w + j);
            for (int c = 0; c < 3; c++)
                sums[c] += weight * pixel[c];
            area += weight;
        }
    for (int c = 0; c < 3; c++)
        ret[c] = (uint8_t)(sums[c] / area + 0.5);
}

static void shrink(const struct canvas_source *from, struct canvas *to)
{
    uint8_t *pixel = to->rgb;
    for (uint32_t i = 0; i < to->h; i++) {
        const struct span y = span_of(i, from->h, to->h);
        for (uint32_t j = 0; j < to->w; j++, pixel += 3) {
            const struct span x = span_of(j, from->w, to->w);
            pixel_mean(from, &x, &y, pixel);
        }
    }
}

/* The other side of a picture whose longer one becomes `longer`; at least a pixel. */
static uint32_t scaled(uint32_t side, uint32_t longest, uint32_t longer)
{
    const uint32_t n = (uint32_t)(((uint64_t)side * longer + longest / 2) / longest);
    return n ? n : 1;
}

int renderer_source(struct renderer *r, uint32_t sample, uint32_t side_max, struct canvas *ret,
                    uint32_t *ret_w, uint32_t *ret_h)
{
    struct item item;
    struct picture picture;
    const struct image *image = NULL;
    enum wire_fault fault;
    assert(side_max >= 1);
    int rc = item_find(r, sample, &item);
    if (rc)
        return rc;
    const bool turn = turn_begin(&item);
    rc = render_picture(r->render, &item, side_max, &picture, &image, &fault);
    turn_end(turn);
    if (rc)
        return rc;
    const uint32_t longest = picture.w > picture.h ? picture.w : picture.h;
    const uint32_t longer = longest < side_max ? longest : side_max;
    rc =
        canvas_init(ret, scaled(picture.w, longest, longer), scaled(picture.h, longest, longer), 0);
    if (rc)
        return rc;
    const struct canvas_source from = {image->rgb, image->window.cols, image->window.rows};
    shrink(&from, ret);
    *ret_w = picture.w;
    *ret_h = picture.h;
    return 0;
}
