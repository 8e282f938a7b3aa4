/* SPDX-License-Identifier: Apache-2.0 */
/* bench_omega: what omega costs task A. Two answers of one loop:
 *   omega_cost          the time to draw the records and to pack them into batch headers, over the
 *                       time to render without doing either
 *   omega_with_without  rendering with drawing and packing against rendering the recorded omegas
 *                       again and packing nothing: the difference of two large numbers, so the
 *                       check of the other and not the figure itself; noise may make it negative
 * Each sample is rendered both ways, in alternating order; omegas, and so pixels, are the same. */
#include "tests/bench/figure.h"
#include "tests/bench/rig.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"

#include <errno.h>

struct clocks {
    double with_s, without_s, draw_s, pack_s; /* seconds in all */
    uint32_t samples, packed;
};

static void wire_freep(struct wire **wire)
{
    wire_free(*wire);
}

/* Draws sample i's omegas once more, or ahead of its rendering. */
static void draw(struct rig *rig, uint32_t i, uint32_t epoch, struct omega *ret)
{
    const struct spec *spec = &rig->specs[TASK_A];
    const uint32_t sample = i % rig->photos.n;
    const struct photo *photo = &rig->photos.list[sample];
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const struct omega_key key = {
            .seed = spec->seed, .epoch = epoch, .sample = sample, .view = v};
        omega_draw(&spec->views[v], &key, photo->w, photo->h, &ret[v]);
    }
}

static bool is_same(const struct omega *a, const struct omega *b)
{
    return a->crop_left == b->crop_left && a->crop_top == b->crop_top &&
           a->jitter.hue == b->jitter.hue && a->blur.sigma == b->blur.sigma;
}

static int timed_render(struct rig *rig, uint32_t i, uint32_t epoch, bool recorded, double *seconds)
{
    const double from = stat_now();
    const int rc = rig_render(rig, TASK_A, i, epoch, recorded);
    *seconds += stat_now() - from;
    return rc;
}

static int both_ways(struct rig *rig, uint32_t i, uint32_t epoch, struct clocks *clocks)
{
    struct omega drawn[OMEGA_VIEWS_MAX];
    const double from = stat_now();
    draw(rig, i, epoch, drawn);
    clocks->draw_s += stat_now() - from;
    struct omega *record = &rig->omega[TASK_A][i % RIG_BATCH];
    for (uint32_t v = 0; v < rig->specs[TASK_A].n_views; v++)
        record[v * RIG_BATCH] = drawn[v];
    const bool with_first = i % 2 == 0;
    int rc = 0;
    if (with_first)
        rc = timed_render(rig, i, epoch, false, &clocks->with_s);
    rc = rc < 0 ? rc : timed_render(rig, i, epoch, true, &clocks->without_s);
    if (rc == 0 && !with_first)
        rc = timed_render(rig, i, epoch, false, &clocks->with_s);
    clocks->samples++;
    if (rc == 0 && !is_same(&record[0], &drawn[0]))
        return err_set(-EIO, "the omega on record is not the one that is drawn");
    return rc;
}

/* Packs a whole batch's header, the omegas of task A in it, as the daemon sends it. */
static int pack(const struct rig *rig, struct wire *wire)
{
    static const int64_t labels[RIG_BATCH];
    static struct wire_message message;
    const struct spec *spec = &rig->specs[TASK_A];
    message = (struct wire_message){.type = WIRE_BATCH};
    message.batch = (struct wire_batch){.n_samples = RIG_BATCH,
                                        .n_views = spec->n_views,
                                        .omega = rig->omega[TASK_A],
                                        .labels = labels};
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const size_t image = rig->layout[TASK_A].image[v];
        const uint32_t images = slot_frame_images(image);
        message.batch.sizes[v] = spec->views[v].size;
        for (uint32_t i = 0; i < RIG_BATCH; i += images)
            message.batch.frames[message.batch.n_frames++].bytes =
                (uint32_t)((RIG_BATCH - i < images ? RIG_BATCH - i : images) * image);
    }
    const void *bytes;
    size_t len;
    return wire_pack(wire, &message, &bytes, &len);
}

static int run_pass(struct rig *rig, struct wire *wire, uint32_t first, uint32_t samples,
                    struct clocks *clocks)
{
    *clocks = (struct clocks){0};
    for (uint32_t i = first; i < first + samples; i++) {
        int rc = both_ways(rig, i, i / rig->photos.n, clocks);
        if (rc < 0)
            return rc;
        if (i % RIG_BATCH != RIG_BATCH - 1)
            continue;
        const double from = stat_now();
        rc = pack(rig, wire);
        if (rc < 0)
            return rc;
        clocks->pack_s += stat_now() - from;
        clocks->packed += RIG_BATCH;
    }
    return 0;
}

int bench_omega(struct rig *rig, uint32_t samples)
{
    struct figure draw_us = {0}, pack_us = {0}, cost = {0}, with_without = {0};
    auto_with(wire_freep) struct wire *wire = NULL;
    int rc = wire_new(RIG_BATCH * OMEGA_VIEWS_MAX, &wire);
    samples = (samples + RIG_BATCH - 1) / RIG_BATCH * RIG_BATCH; /* whole batches are packed */
    for (uint32_t pass = 0; rc == 0 && pass < rig->passes; pass++) {
        struct clocks c;
        rc = run_pass(rig, wire, pass * samples, samples, &c);
        const double draw_s = c.draw_s / c.samples, pack_s = c.pack_s / c.packed;
        const double with_s = c.with_s / c.samples, without_s = c.without_s / c.samples;
        const double views = rig->specs[TASK_A].n_views;
        figure_add(&draw_us, 1e6 * draw_s / views);
        figure_add(&pack_us, 1e6 * pack_s / views);
        figure_add(&cost, (draw_s + pack_s) / without_s);
        figure_add(&with_without, (with_s + pack_s) / without_s - 1);
    }
    if (rc < 0)
        return rc;
    figure_print(&draw_us, rig->prefix, "omega_draw_us", "us/view");
    figure_print(&pack_us, rig->prefix, "omega_pack_us", "us/view");
    figure_print(&cost, rig->prefix, "omega_cost", "fraction");
    figure_print_value(figure_median(&with_without), rig->prefix, "omega_with_without", "fraction");
    return 0;
}
