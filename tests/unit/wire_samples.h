/* SPDX-License-Identifier: Apache-2.0 */
/* wire_samples: one valid message of every type, with arrays to hang into a Batch, for the tests of
 * wire. Fixed values: none is a default, and the floats are ones that lose bits easily. */
#ifndef AUGSTREAM_TESTS_WIRE_SAMPLES_H
#define AUGSTREAM_TESTS_WIRE_SAMPLES_H

#include "common/auto.h"
#include "proto/wire_private.h"

#include <stdio.h>
#include <string.h>

static inline void wire_auto(struct wire **wire)
{
    wire_free(*wire);
}

enum { SAMPLE_BATCH = 5, SAMPLE_VIEWS = 2, SAMPLE_SIZE = 16 };

struct samples {
    struct omega omega[SAMPLE_VIEWS * SAMPLE_BATCH];
    int64_t labels[SAMPLE_BATCH];
    uint32_t boxes[SAMPLE_BATCH][4];
    uint32_t checks[SAMPLE_VIEWS * SAMPLE_BATCH];
    struct wire_substitution substituted[2];
    struct wire_message message;
};

static inline void sample_omega(struct omega *o, uint32_t sample, uint32_t view)
{
    *o = (struct omega){
        .sample = sample,
        .source_w = 500 + sample,
        .source_h = OMEGA_SIDE_MAX,
        .crop_top = 65000,
        .crop_left = (int32_t)view,
        .crop_height = 535,
        .crop_width = 1 + (int32_t)sample,
        .flip = sample & 1,
        .jitter = {.applied = view & 1,
                   .brightness = 0x1.99999ap-1f,
                   .contrast = 0x1p-149f, /* the smallest float */
                   .saturation = 0x1.fffffep-1f,
                   .hue = sample & 1 ? -0.0f : -0x1.99999ap-4f,
                   .order = {3, 1, 0, 2}},
        .grayscale = sample & 2,
        .blur = {.applied = view & 1, .sigma = 0x1.234568p0f, .kernel = 9},
        .solarize = {.applied = sample & 4, .threshold = 0.5f},
        .rotation = (uint8_t)(sample & 3),
    };
}

static inline void sample_batch(struct samples *s, struct wire_batch *b)
{
    for (uint32_t v = 0; v < SAMPLE_VIEWS; v++)
        for (uint32_t n = 0; n < SAMPLE_BATCH; n++)
            sample_omega(&s->omega[v * SAMPLE_BATCH + n], 100 + n, v);
    for (uint32_t n = 0; n < SAMPLE_BATCH; n++)
        s->labels[n] = (int64_t)n - 1;
    s->labels[4] = INT32_MAX;
    for (uint32_t n = 0; n < SAMPLE_BATCH; n++) /* the first has none */
        for (uint32_t k = 0; k < 4; k++)
            s->boxes[n][k] = n ? 300 * n + k : 0;
    s->boxes[4][2] = OMEGA_SIDE_MAX;
    for (uint32_t i = 0; i < SAMPLE_VIEWS * SAMPLE_BATCH; i++) /* none of them a default but 0 */
        s->checks[i] = UINT32_MAX - i * 0x1fffffff;
    s->checks[3] = 0;
    s->substituted[0] = (struct wire_substitution){1, 70, FAULT_TRUNCATED};
    s->substituted[1] = (struct wire_substitution){4, 4000000000u, FAULT_DEADLINE};
    *b = (struct wire_batch){
        .request = UINT64_MAX,
        .server_epoch = 0x8000000000000001u,
        .session = {1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16},
        .epoch = 7,
        .index = UINT32_MAX,
        .n_samples = SAMPLE_BATCH,
        .n_views = SAMPLE_VIEWS,
        .sizes = {SAMPLE_SIZE, SAMPLE_SIZE / 2},
        .omega = s->omega,
        .labels = s->labels,
        .boxes = s->boxes[0],
        .checks = s->checks,
        .n_substituted = 2,
        .substituted = s->substituted,
        .n_frames = 3,
        .frames = {{3 * 16 * 16 * 3, 0xdeadbeef}, {2 * 16 * 16 * 3, 0}, {5 * 8 * 8 * 3, 1}},
    };
}

static inline void sample_spec(struct spec *spec)
{
    *spec = (struct spec){.dataset = "stl10",
                          .seed = 1ull << 63,
                          .batch = 256,
                          .shuffle = true,
                          .partial = true,
                          .reduce = true,
                          .n_views = 2};
    for (uint32_t v = 0; v < 2; v++)
        spec->views[v] = (struct view_spec){
            .size = 96 + v,
            .crop = v ? CROP_CENTER : CROP_RANDOM,
            .crop_resize = 112,
            .scale = {0.2, 1},
            .ratio = {0.75, 1.3333},
            .flip = 0.5,
            .jitter = {0.8, 0.4, 0.41, 0.42, 0.1, v},
            .grayscale = 0.2,
            .blur = {0.51, {0.1, 2}, 9},
            .solarize = {0.25, 0.6},
            .rotation = 0.125,
        };
}

/* A tap of such a batch, made from a spec whose laws can draw its omegas. */
static inline void sample_tap(struct samples *s)
{
    struct wire_message *m = &s->message;
    sample_batch(s, &m->tap.batch);
    m->tap.batch.n_frames = 0;
    memset(m->tap.batch.frames, 0, sizeof m->tap.batch.frames);
    m->tap.sequence = 12;
    m->tap.server_epoch = 13;
    m->tap.at_us = 1764081000123456;
    snprintf(m->tap.dataset, sizeof m->tap.dataset, "flowers");
    m->tap.told_spec = true;
    sample_spec(&m->tap.spec);
    memcpy(m->tap.spec.dataset, m->tap.dataset, sizeof m->tap.dataset);
    m->tap.spec.batch = SAMPLE_BATCH + 1; /* the epoch's last batch */
    for (uint32_t v = 0; v < SAMPLE_VIEWS; v++) {
        struct view_spec *law = &m->tap.spec.views[v];
        law->size = m->tap.batch.sizes[v];
        law->crop = CROP_RANDOM;
        law->jitter.contrast = 1;
        law->solarize.threshold = 0.5;
    }
    memset(m->tap.fingerprint, 0xfe, DIGEST_BYTES);
    spec_digest(&m->tap.spec, m->tap.fingerprint, m->tap.batch.session);
}

/* ... as an older loader tells it. */
static inline void sample_tap_old(struct samples *s)
{
    struct wire_message *m = &s->message;
    m->tap.at_us = 0;
    m->tap.told_spec = false;
    memset(&m->tap.spec, 0, sizeof m->tap.spec);
    memset(m->tap.fingerprint, 0, sizeof m->tap.fingerprint);
    m->tap.batch.checks = NULL;
}

/* A block's head: its lists are as they would be of samples 3, 5 and 5, 6 of two epochs. */
static inline void sample_record(struct wire_message *m)
{
    static const uint32_t epochs[] = {7, 9}, counts[] = {2, 2}, deltas[] = {3, 2, 5, 1};
    m->record = (struct wire_record){
        .part = WIRE_PART_BLOCK,
        .block = {.first = 300,
                  .last = 1ull << 40,
                  .batches = 2,
                  .views = 10,
                  .raw_bytes = WIRE_RAW_MAX,
                  .stored_bytes = 1000,
                  .crc32c = 0xdeadbeef,
                  .n_epochs = 2,
                  .n_samples = 4,
                  .epochs = epochs,
                  .counts = counts,
                  .deltas = deltas},
    };
}

static inline void sample_welcome(struct wire_message *m)
{
    m->welcome.server_epoch = 12345678901234567890u;
    snprintf(m->welcome.server, sizeof m->welcome.server, "node-1 (loaderd 0.1.0)");
    m->welcome.n_datasets = WIRE_DATASETS_MAX;
    m->welcome.window = 32;
    m->welcome.versions = (struct wire_versions){1, 2};
    m->welcome.batch_bytes_max = 1ull << 28;
    for (uint32_t i = 0; i < WIRE_DATASETS_MAX; i++) {
        struct wire_dataset *d = &m->welcome.datasets[i];
        snprintf(d->name, sizeof d->name, "%0*u", WIRE_NAME_MAX - 1, i); /* the longest name */
        memset(d->fingerprint, (int)i, sizeof d->fingerprint);
        d->samples = UINT64_MAX - i;
        d->classes = 1000 + i;
    }
}

static const char *const sample_class_names[] = {"cat", "caf\xc3\xa9 <b>&\"", "9",
                                                 "\xf0\x9f\x8c\xb8"};

/* A valid message of a type; arrays lie in s. */
static inline struct wire_message *sample_message(struct samples *s, enum wire_type type)
{
    static const uint8_t digest[DIGEST_BYTES] = "0123456789abcde";
    struct wire_message *m = &s->message;
    memset(s, 0, sizeof *s);
    m->type = type;
    switch (type) {
    case WIRE_HELLO:
        snprintf(m->hello.client, sizeof m->hello.client, "trainer caf\xc3\xa9");
        m->hello.versions = (struct wire_versions){1, 70000};
        break;
    case WIRE_WELCOME:
        sample_welcome(m);
        break;
    case WIRE_OPEN_SESSION:
        m->open_session.request = 3;
        sample_spec(&m->open_session.spec);
        break;
    case WIRE_SESSION_OPENED:
        m->session_opened.request = 4;
        memcpy(m->session_opened.session, digest, sizeof digest);
        memset(m->session_opened.fingerprint, 0xff, DIGEST_BYTES);
        m->session_opened.samples = 105000;
        m->session_opened.batches = 411;
        m->session_opened.classes = ARRAY_LEN(sample_class_names);
        m->session_opened.class_names = sample_class_names;
        break;
    case WIRE_GET_BATCH:
        memcpy(m->get_batch.session, digest, sizeof digest);
        m->get_batch.epoch = 199;
        m->get_batch.index = 410;
        m->get_batch.request = 5;
        break;
    case WIRE_CANCEL:
        m->cancel.request = 6;
        break;
    case WIRE_PING:
        m->ping.nonce = 7;
        break;
    case WIRE_PONG:
        m->ping.nonce = 8;
        m->ping.server_epoch = 9;
        break;
    case WIRE_BATCH:
        sample_batch(s, &m->batch);
        break;
    case WIRE_ERROR:
        m->error.request = 10;
        m->error.code = WIRE_TOO_MANY_BAD;
        memset(m->error.text, 'x', WIRE_TEXT_MAX - 1);
        m->error.retryable = true;
        break;
    case WIRE_DRAINING:
        m->draining.server_epoch = 11;
        break;
    case WIRE_TAP:
        sample_tap(s);
        break;
    case WIRE_RECORD:
        sample_record(m);
        break;
    }
    return m;
}

/* Bytes of a message, also of one that wire_pack would refuse. Returns the length. */
static inline size_t sample_bytes(struct wire *w, const struct wire_message *m,
                                  const struct wire_row *row, uint8_t *ret)
{
    augstream__v1__envelope__init(&w->out.envelope);
    w->out.envelope.version = WIRE_VERSION;
    w->out.envelope.body_case = (Augstream__V1__Envelope__BodyCase)m->type;
    row->fill(w, m);
    return augstream__v1__envelope__pack(&w->out.envelope, ret);
}

#endif
