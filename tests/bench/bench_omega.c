/* SPDX-License-Identifier: Apache-2.0 */
/* bench_omega: what omega costs task A, in two figures.
 *
 * omega_cost, recording it, with and without: a batch's header with every record, packed, sent and
 * received over loopback TCP, less the same for the header of a batch of one view, over the time to
 * render the batch. omega_draw_cost, drawing it, which any loader must do, over the same.
 *
 * Rendering and recording are measured in processor time of the whole process, ZeroMQ's own thread
 * and the receiver included. All samples are rendered, so the records are those of real draws. */
#include "tests/bench/figure.h"
#include "tests/bench/rig.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "proto/link.h"

#include <errno.h>
#include <time.h>

enum { TURNS = 4 /* headers of each kind for one batch */, PATIENCE_MS = 10000 };

struct clocks {
    double render_s, draw_s, with_s, without_s; /* seconds in all */
    uint32_t samples, headers;
};

/* A loader's end and a trainer's. */
struct channel {
    struct link_context *context;
    struct link *loader, *trainer;
    struct link_peer peer; /* the trainer, as the loader sees it */
    struct wire *wire;
    struct link_message message;
};

static double processor_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void channel_close(struct channel *channel)
{
    link_message_done(&channel->message);
    link_close(channel->trainer);
    link_close(channel->loader);
    link_context_free(channel->context);
    wire_free(channel->wire);
}

static int receive(struct channel *channel, struct link *link)
{
    int rc;
    while ((rc = link_receive(link, &channel->message)) == -EAGAIN) {
        rc = link_wait(&link, 1, PATIENCE_MS);
        if (rc == 0)
            return err_set(-ETIMEDOUT, "a header did not arrive");
        if (rc < 0 && rc != -EINTR)
            return rc;
    }
    return rc;
}

static int channel_open(struct channel *channel)
{
    char endpoint[LINK_ENDPOINT_MAX];
    int rc = wire_new(RIG_BATCH * OMEGA_VIEWS_MAX, &channel->wire);
    rc = rc < 0 ? rc : link_context_new(&channel->context);
    rc = rc < 0 ? rc : link_router_bind(channel->context, "tcp://127.0.0.1:*", &channel->loader);
    rc = rc < 0 ? rc : link_endpoint(channel->loader, endpoint, sizeof endpoint);
    rc = rc < 0 ? rc : link_dealer_connect(channel->context, endpoint, &channel->trainer);
    rc = rc < 0 ? rc : link_send(channel->trainer, NULL, "hello", 5, NULL, 0);
    rc = rc < 0 ? rc : receive(channel, channel->loader);
    channel->peer = channel->message.peer;
    return rc;
}

/* The header of the first n_samples and n_views of the batch in the rig: from the loader to the
 * trainer. */
static int header_pass(const struct rig *rig, struct channel *channel, uint32_t n_samples,
                       uint32_t n_views)
{
    static const int64_t labels[RIG_BATCH];
    static struct wire_message message;
    message = (struct wire_message){.type = WIRE_BATCH};
    message.batch = (struct wire_batch){
        .n_samples = n_samples, .n_views = n_views, .omega = rig->omega[TASK_A], .labels = labels};
    for (uint32_t v = 0; v < n_views; v++) {
        const size_t image = rig->layout[TASK_A].image[v];
        const uint32_t images = slot_frame_images(image);
        message.batch.sizes[v] = rig->specs[TASK_A].views[v].size;
        for (uint32_t i = 0; i < n_samples; i += images)
            message.batch.frames[message.batch.n_frames++].bytes =
                (uint32_t)((n_samples - i < images ? n_samples - i : images) * image);
    }
    const void *bytes;
    size_t len;
    int rc = wire_pack(channel->wire, &message, &bytes, &len);
    rc = rc < 0 ? rc : link_send(channel->loader, &channel->peer, bytes, len, NULL, 0);
    return rc < 0 ? rc : receive(channel, channel->trainer);
}

/* Both kinds in turn. */
static int headers_pass(const struct rig *rig, struct channel *channel, struct clocks *clocks)
{
    int rc = 0;
    for (int i = 0; i < TURNS && rc == 0; i++) {
        const double from = processor_s();
        rc = header_pass(rig, channel, RIG_BATCH, rig->specs[TASK_A].n_views);
        const double between = processor_s();
        rc = rc < 0 ? rc : header_pass(rig, channel, 1, 1);
        clocks->without_s += processor_s() - between;
        clocks->with_s += between - from;
        clocks->headers++;
    }
    return rc;
}

/* Draws sample i's omegas once more. */
static void draw(const struct rig *rig, uint32_t i, uint32_t epoch, struct omega *ret)
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

static int run_pass(struct rig *rig, struct channel *channel, uint32_t first, uint32_t samples,
                    struct clocks *clocks)
{
    *clocks = (struct clocks){0};
    for (uint32_t i = first; i < first + samples; i++) {
        const uint32_t epoch = i / rig->photos.n;
        struct omega drawn[OMEGA_VIEWS_MAX];
        const double from = stat_now();
        draw(rig, i, epoch, drawn);
        clocks->draw_s += stat_now() - from;
        const double between = processor_s();
        int rc = rig_render(rig, TASK_A, i, epoch, false);
        clocks->render_s += processor_s() - between;
        clocks->samples++;
        if (rc == 0 && !is_same(&rig->omega[TASK_A][i % RIG_BATCH], &drawn[0]))
            rc = err_set(-EIO, "the omega on record is not the one that is drawn");
        if (rc == 0 && i % RIG_BATCH == RIG_BATCH - 1)
            rc = headers_pass(rig, channel, clocks);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int bench_omega(struct rig *rig, uint32_t samples)
{
    struct figure draw_us = {0}, record_us = {0}, draw_cost = {0}, cost = {0};
    auto_with(channel_close) struct channel channel = {0};
    int rc = channel_open(&channel);
    samples = (samples + RIG_BATCH - 1) / RIG_BATCH * RIG_BATCH; /* whole batches are packed */
    const uint32_t views = rig->specs[TASK_A].n_views;
    for (uint32_t pass = 0; rc == 0 && pass < rig->passes; pass++) {
        struct clocks c;
        rc = run_pass(rig, &channel, pass * samples, samples, &c);
        const double render_s = c.render_s / c.samples, draw_s = c.draw_s / c.samples;
        const double record_s = (c.with_s - c.without_s) / c.headers / RIG_BATCH;
        figure_add(&draw_us, 1e6 * draw_s / views);
        figure_add(&record_us, 1e6 * record_s / views);
        figure_add(&draw_cost, draw_s / render_s);
        figure_add(&cost, record_s / render_s);
    }
    if (rc < 0)
        return rc;
    figure_print(&draw_us, rig->prefix, "omega_draw_us", "us/view");
    figure_print(&record_us, rig->prefix, "omega_record_us", "us/view");
    figure_print(&draw_cost, rig->prefix, "omega_draw_cost", "fraction");
    figure_print(&cost, rig->prefix, "omega_cost", "fraction");
    return 0;
}
