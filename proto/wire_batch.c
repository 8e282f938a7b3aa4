/* SPDX-License-Identifier: Apache-2.0 */
/* wire_batch: Batch and Tap, struct <-> protobuf-c's messages, in memory that struct wire brings.
 * Copies what the struct can hold; bounds of values are wire_check's. Never sees a pixel. */
#include "proto/wire_private.h"

#include "common/err.h"

#include <errno.h>
#include <string.h>

/* Omega.flags */
enum {
    FLAG_FLIP = 1,
    FLAG_JITTER = 2,
    FLAG_GRAYSCALE = 4,
    FLAG_BLUR = 8,
    FLAG_SOLARIZE = 16,
    FLAG_ALL = 31,
};

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void fill_omega(Augstream__V1__Omega *to, const struct omega *from)
{
    to->sample = from->sample;
    to->source_w = from->source_w;
    to->source_h = from->source_h;
    to->crop_top = from->crop_top;
    to->crop_left = from->crop_left;
    to->crop_height = from->crop_height;
    to->crop_width = from->crop_width;
    to->flags = (from->flip ? FLAG_FLIP : 0) | (from->jitter.applied ? FLAG_JITTER : 0) |
                (from->grayscale ? FLAG_GRAYSCALE : 0) | (from->blur.applied ? FLAG_BLUR : 0) |
                (from->solarize.applied ? FLAG_SOLARIZE : 0);
    to->brightness = float_bits(from->jitter.brightness);
    to->contrast = float_bits(from->jitter.contrast);
    to->saturation = float_bits(from->jitter.saturation);
    to->hue = float_bits(from->jitter.hue);
    to->jitter_order = 0;
    for (uint32_t i = 0; i < JITTER_OPS; i++)
        to->jitter_order |= (uint32_t)from->jitter.order[i] << 2 * i;
    to->sigma = float_bits(from->blur.sigma);
    to->kernel = from->blur.kernel;
    to->threshold = float_bits(from->solarize.threshold);
    to->rotation = from->rotation;
}

/* Values that would not survive the narrowing into struct omega are refused here. */
static int read_omega(struct omega *to, const Augstream__V1__Omega *from)
{
    if (from->flags > FLAG_ALL)
        return err_set(-EBADMSG, "omega.flags: unknown bits in %#x", from->flags);
    if (from->jitter_order > 0xff)
        return err_set(-EBADMSG, "omega.jitter_order: %u", from->jitter_order);
    if (from->kernel > UINT8_MAX)
        return err_set(-EBADMSG, "omega.kernel: %u", from->kernel);
    if (from->rotation > UINT8_MAX)
        return err_set(-EBADMSG, "omega.rotation: %u", from->rotation);
    *to = (struct omega){
        .sample = from->sample,
        .source_w = from->source_w,
        .source_h = from->source_h,
        .crop_top = from->crop_top,
        .crop_left = from->crop_left,
        .crop_height = from->crop_height,
        .crop_width = from->crop_width,
        .flip = from->flags & FLAG_FLIP,
        .jitter = {.applied = from->flags & FLAG_JITTER,
                   .brightness = bits_float(from->brightness),
                   .contrast = bits_float(from->contrast),
                   .saturation = bits_float(from->saturation),
                   .hue = bits_float(from->hue)},
        .grayscale = from->flags & FLAG_GRAYSCALE,
        .blur = {.applied = from->flags & FLAG_BLUR,
                 .sigma = bits_float(from->sigma),
                 .kernel = (uint8_t)from->kernel},
        .solarize = {.applied = from->flags & FLAG_SOLARIZE,
                     .threshold = bits_float(from->threshold)},
        .rotation = (uint8_t)from->rotation,
    };
    for (uint32_t i = 0; i < JITTER_OPS; i++)
        to->jitter.order[i] = from->jitter_order >> 2 * i & 3;
    return 0;
}

static void fill_header(struct wire *w, const struct wire_batch *batch)
{
    struct wire_out *out = &w->out;
    Augstream__V1__Batch *p = &out->batch;
    uint32_t n_omegas = batch->n_views * batch->n_samples;
    augstream__v1__batch__init(p);
    p->request = batch->request;
    p->server_epoch = batch->server_epoch;
    p->session.data = (uint8_t *)batch->session;
    p->session.len = DIGEST_BYTES;
    p->epoch = batch->epoch;
    p->index = batch->index;
    p->schema = OMEGA_SCHEMA;
    p->samples = batch->n_samples;
    p->views = batch->n_views;
    p->n_sizes = batch->n_views;
    p->sizes = (uint32_t *)batch->sizes;
    p->n_omega = n_omegas;
    p->omega = out->omega_list;
    for (uint32_t i = 0; i < n_omegas; i++)
        fill_omega(&out->omegas[i], &batch->omega[i]);
    p->n_labels = batch->n_samples;
    p->labels = (int64_t *)batch->labels;
    p->n_boxes = batch->boxes ? 4 * (size_t)batch->n_samples : 0;
    p->boxes = (uint32_t *)batch->boxes;
    p->n_checks = batch->checks ? n_omegas : 0;
    p->checks = (uint32_t *)batch->checks;
    p->n_substituted = batch->n_substituted;
    p->substituted = out->substitution_list;
    for (uint32_t i = 0; i < batch->n_substituted; i++) {
        out->substituted[i].position = batch->substituted[i].position;
        out->substituted[i].sample = batch->substituted[i].sample;
        out->substituted[i].fault = batch->substituted[i].fault;
    }
    p->n_frames = batch->n_frames;
    p->frames = out->frame_list;
    for (uint32_t i = 0; i < batch->n_frames; i++) {
        out->frames[i].bytes = batch->frames[i].bytes;
        out->frames[i].crc32c = batch->frames[i].crc32c;
    }
}

/* How many there are of each; after this every loop below stays inside its array. */
static int read_counts(const struct wire *w, const Augstream__V1__Batch *p)
{
    if (p->schema != OMEGA_SCHEMA)
        return err_set(-EBADMSG, "batch.schema: %u instead of %d", p->schema, OMEGA_SCHEMA);
    if (p->views < 1 || p->views > OMEGA_VIEWS_MAX)
        return err_set(-EBADMSG, "batch.views: %u is outside 1..%d", p->views, OMEGA_VIEWS_MAX);
    if (p->samples < 1 || p->samples > WIRE_BATCH_MAX)
        return err_set(-EBADMSG, "batch.samples: %u is outside 1..%d", p->samples, WIRE_BATCH_MAX);
    if (p->views * p->samples > w->omegas)
        return err_set(-EBADMSG, "batch: %u views of %u samples are more than the %u expected here",
                       p->views, p->samples, w->omegas);
    if (p->n_sizes != p->views)
        return err_set(-EBADMSG, "batch.sizes: %zu for %u views", p->n_sizes, p->views);
    if (p->n_omega != p->views * p->samples)
        return err_set(-EBADMSG, "batch.omega: %zu for %u views of %u samples", p->n_omega,
                       p->views, p->samples);
    if (p->n_labels != p->samples)
        return err_set(-EBADMSG, "batch.labels: %zu for %u samples", p->n_labels, p->samples);
    if (p->n_boxes != 0 && p->n_boxes != 4 * (size_t)p->samples)
        return err_set(-EBADMSG, "batch.boxes: %zu numbers for %u samples", p->n_boxes, p->samples);
    if (p->n_checks != 0 && p->n_checks != p->n_omega)
        return err_set(-EBADMSG, "batch.checks: %zu for %zu views", p->n_checks, p->n_omega);
    if (p->n_substituted > p->samples)
        return err_set(-EBADMSG, "batch.substituted: %zu of %u samples", p->n_substituted,
                       p->samples);
    if (p->n_frames > WIRE_FRAMES_MAX)
        return err_set(-EBADMSG, "batch.frames: %zu, at most %d", p->n_frames, WIRE_FRAMES_MAX);
    return 0;
}

static int read_header(struct wire *w, const Augstream__V1__Batch *p, struct wire_batch *ret)
{
    struct wire_in *in = &w->in;
    int rc = read_counts(w, p);
    if (rc < 0)
        return rc;
    ret->request = p->request;
    ret->server_epoch = p->server_epoch;
    ret->epoch = p->epoch;
    ret->index = p->index;
    ret->n_samples = p->samples;
    ret->n_views = p->views;
    memcpy(ret->sizes, p->sizes, p->n_sizes * sizeof p->sizes[0]);
    for (size_t i = 0; i < p->n_omega; i++)
        if ((rc = read_omega(&in->omegas[i], p->omega[i])) < 0)
            return rc;
    ret->omega = in->omegas;
    memcpy(in->labels, p->labels, p->n_labels * sizeof p->labels[0]);
    ret->labels = in->labels;
    if (p->n_boxes)
        memcpy(in->boxes, p->boxes, p->n_boxes * sizeof p->boxes[0]);
    ret->boxes = p->n_boxes ? in->boxes : NULL;
    if (p->n_checks)
        memcpy(in->checks, p->checks, p->n_checks * sizeof p->checks[0]);
    ret->checks = p->n_checks ? in->checks : NULL;
    ret->n_substituted = (uint32_t)p->n_substituted;
    for (size_t i = 0; i < p->n_substituted; i++) {
        in->substituted[i].position = p->substituted[i]->position;
        in->substituted[i].sample = p->substituted[i]->sample;
        in->substituted[i].fault = (enum wire_fault)p->substituted[i]->fault;
    }
    ret->substituted = in->substituted;
    ret->n_frames = (uint32_t)p->n_frames;
    for (size_t i = 0; i < p->n_frames; i++) {
        ret->frames[i].bytes = p->frames[i]->bytes;
        ret->frames[i].crc32c = p->frames[i]->crc32c;
    }
    return wire_read_digest(ret->session, &p->session, "batch.session");
}

static void fill_batch(struct wire *w, const struct wire_message *m)
{
    fill_header(w, &m->batch);
    w->out.envelope.batch = &w->out.batch;
}

static int read_batch(struct wire *w, const Augstream__V1__Envelope *e)
{
    return read_header(w, e->batch, &w->in.message.batch);
}

static void fill_tap(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Tap *p = &w->out.body.tap;
    augstream__v1__tap__init(p);
    p->sequence = m->tap.sequence;
    p->server_epoch = m->tap.server_epoch;
    p->dataset = (char *)m->tap.dataset;
    p->at_us = m->tap.at_us;
    if (m->tap.told_spec) {
        p->spec = wire_fill_spec(w, &m->tap.spec);
        p->fingerprint.data = (uint8_t *)m->tap.fingerprint;
        p->fingerprint.len = DIGEST_BYTES;
    }
    fill_header(w, &m->tap.batch);
    p->batch = &w->out.batch;
    w->out.envelope.tap = p;
}

/* An older loader tells neither. */
static int read_tap_spec(struct wire_message *m, const Augstream__V1__Tap *p)
{
    m->tap.told_spec = p->spec != NULL;
    if (!p->spec)
        return p->fingerprint.len == 0 ? 0 : err_set(-EBADMSG, "tap.spec: missing");
    int rc = wire_read_spec(p->spec, &m->tap.spec);
    return rc < 0 ? rc : wire_read_digest(m->tap.fingerprint, &p->fingerprint, "tap.fingerprint");
}

static int read_tap(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    const Augstream__V1__Tap *p = e->tap;
    if (!p->batch)
        return err_set(-EBADMSG, "tap.batch: missing");
    m->tap.sequence = p->sequence;
    m->tap.server_epoch = p->server_epoch;
    m->tap.at_us = p->at_us;
    int rc = wire_read_text(m->tap.dataset, sizeof m->tap.dataset, p->dataset, "tap.dataset");
    if (rc == 0)
        rc = read_tap_spec(m, p);
    return rc < 0 ? rc : read_header(w, p->batch, &m->tap.batch);
}

const struct wire_row wire_batch_row = {"Batch", WIRE_HEADER_MAX, fill_batch, read_batch};
const struct wire_row wire_tap_row = {"Tap", WIRE_HEADER_MAX, fill_tap, read_tap};
