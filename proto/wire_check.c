/* SPDX-License-Identifier: Apache-2.0 */
/* wire_check: the bounds of every message, one set for both ways: wire_pack refuses to send what
 * wire_unpack would refuse to take. Takes a message whose arrays are as long as its counts say.
 * Leaves the law of a spec that is asked for to spec_check, so that a loader can answer a bad one
 * by its request; a spec that is told must have passed it. */
#include "proto/wire_private.h"

#include "common/err.h"

#include <errno.h>
#include <string.h>

/* The end of the year 9999: what can be written as a date of four digits. */
static const uint64_t at_us_max = 253402300799999999;

int wire_check_range(int code, const char *field, uint64_t value, uint64_t low, uint64_t high)
{
    if (value >= low && value <= high)
        return 0;
    return err_set(code, "%s: %llu is outside %llu..%llu", field, (unsigned long long)value,
                   (unsigned long long)low, (unsigned long long)high);
}

/* A text ends inside its array. A name also has no control characters: it goes into log lines and
 * metrics. */
static int check_text(int code, const char *field, const char *text, size_t cap)
{
    if (!memchr(text, 0, cap))
        return err_set(code, "%s: longer than %zu bytes", field, cap - 1);
    return 0;
}

int wire_check_name(int code, const char *field, const char name[WIRE_NAME_MAX])
{
    int rc = check_text(code, field, name, WIRE_NAME_MAX);
    for (const char *c = name; rc == 0 && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            rc = err_set(code, "%s: has a control character", field);
    return rc;
}

static int check_hello(const struct wire_message *m, int code)
{
    return wire_check_name(code, "hello.client", m->hello.client);
}

static int check_welcome(const struct wire_message *m, int code)
{
    int rc = wire_check_name(code, "welcome.server", m->welcome.server);
    if (rc == 0)
        rc =
            wire_check_range(code, "welcome.datasets", m->welcome.n_datasets, 0, WIRE_DATASETS_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "welcome.window", m->welcome.window, 1, UINT32_MAX);
    for (uint32_t i = 0; rc == 0 && i < m->welcome.n_datasets; i++)
        rc = wire_check_name(code, "dataset.name", m->welcome.datasets[i].name);
    return rc;
}

/* What the struct's readers may trust at once; the law itself is spec_check's. */
static int check_spec(const struct spec *spec, int code)
{
    int rc = wire_check_name(code, "spec.dataset", spec->dataset);
    if (rc == 0)
        rc = wire_check_range(code, "spec.views", spec->n_views, 0, OMEGA_VIEWS_MAX);
    for (uint32_t v = 0; rc == 0 && v < spec->n_views; v++)
        rc = wire_check_range(code, "law.crop_mode", spec->views[v].crop, CROP_RANDOM, CROP_CENTER);
    return rc;
}

static int check_open_session(const struct wire_message *m, int code)
{
    return check_spec(&m->open_session.spec, code);
}

static int check_session_opened(const struct wire_message *m, int code)
{
    return m->session_opened.class_names
               ? class_names_check(code, m->session_opened.class_names, m->session_opened.classes)
               : 0;
}

static int check_error(const struct wire_message *m, int code)
{
    int rc = wire_check_range(code, "error.code", m->error.code, WIRE_OK + 1, WIRE_CODES - 1);
    return rc < 0 ? rc : check_text(code, "error.text", m->error.text, sizeof m->error.text);
}

/* Against their laws too where a spec is told. */
static int check_omegas(const struct wire_batch *batch, const struct spec *spec, int code)
{
    for (uint32_t v = 0; v < batch->n_views; v++)
        for (uint32_t n = 0; n < batch->n_samples; n++) {
            const struct omega *omega = &batch->omega[v * batch->n_samples + n];
            if (omega_check(omega, spec ? &spec->views[v] : NULL) < 0)
                return err_set(code, "batch.omega: view %u: %s", v, err_text());
            if (omega->sample != batch->omega[n].sample)
                return err_set(code,
                               "batch.omega: position %u is sample %u in view 0 and %u in "
                               "view %u",
                               n, batch->omega[n].sample, omega->sample, v);
        }
    return 0;
}

static int check_boxes(const struct wire_batch *batch, int code)
{
    int rc = 0;
    for (uint32_t n = 0; rc == 0 && batch->boxes && n < batch->n_samples; n++) {
        const uint32_t *box = batch->boxes + 4 * n;
        for (uint32_t i = 0; rc == 0 && i < 4; i++)
            rc = wire_check_range(code, "batch.boxes", box[i], 0, OMEGA_SIDE_MAX);
        if (rc == 0 && (box[2] == 0) != (box[3] == 0))
            rc = err_set(code, "batch.boxes: position %u has a box of %ux%u", n, box[2], box[3]);
    }
    return rc;
}

static int check_samples(const struct wire_batch *batch, int code)
{
    int rc = 0;
    for (uint32_t n = 0; rc == 0 && n < batch->n_samples; n++)
        if (batch->labels[n] < -1 || batch->labels[n] > INT32_MAX)
            rc = err_set(code, "batch.labels: %lld is outside -1..%d", (long long)batch->labels[n],
                         INT32_MAX);
    if (rc == 0)
        rc = check_boxes(batch, code);
    if (rc == 0)
        rc = wire_check_range(code, "batch.substituted", batch->n_substituted, 0, batch->n_samples);
    for (uint32_t i = 0; rc == 0 && i < batch->n_substituted; i++) {
        const struct wire_substitution *s = batch->substituted + i;
        uint32_t low = i ? s[-1].position + 1 : 0; /* each position at most once, in order */
        rc = wire_check_range(code, "substituted.position", s->position, low, batch->n_samples - 1);
        if (rc == 0)
            rc = wire_check_range(code, "substituted.fault", s->fault, FAULT_NONE + 1,
                                  FAULT_KINDS - 1);
    }
    return rc;
}

/* The frames, one after the other, are the pixels: each holds whole images of one view. */
static int check_frames(const struct wire_batch *batch, int code)
{
    uint32_t view = 0, left = batch->n_samples; /* images of view that no frame has held yet */
    int rc = wire_check_range(code, "batch.frames", batch->n_frames, 1, WIRE_FRAMES_MAX);
    for (uint32_t i = 0; rc == 0 && i < batch->n_frames; i++) {
        if (view == batch->n_views)
            return err_set(code, "batch.frames: %u too many", batch->n_frames - i);
        uint32_t image = batch->sizes[view] * batch->sizes[view] * 3;
        uint32_t images = batch->frames[i].bytes / image;
        rc = wire_check_range(code, "frame.bytes", batch->frames[i].bytes, image, WIRE_FRAME_MAX);
        if (rc == 0 && (batch->frames[i].bytes % image || images > left))
            rc = err_set(code,
                         "frame.bytes: frame %u of %u bytes is not at most %u whole images "
                         "of %u bytes",
                         i, batch->frames[i].bytes, left, image);
        left -= rc == 0 ? images : 0;
        if (left == 0) {
            view++;
            left = batch->n_samples;
        }
    }
    if (rc == 0 && view < batch->n_views)
        rc = err_set(code, "batch.frames: %u images of view %u and all after it are missing", left,
                     view);
    return rc;
}

static int check_header(const struct wire_batch *batch, int code)
{
    int rc = wire_check_range(code, "batch.samples", batch->n_samples, 1, WIRE_BATCH_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "batch.views", batch->n_views, 1, OMEGA_VIEWS_MAX);
    if (rc == 0)
        rc = wire_check_range(code, "batch.omega", (uint64_t)batch->n_samples * batch->n_views, 1,
                              WIRE_OMEGAS_MAX);
    for (uint32_t v = 0; rc == 0 && v < batch->n_views; v++)
        rc = wire_check_range(code, "batch.sizes", batch->sizes[v], 1, OMEGA_VIEW_MAX);
    return rc < 0 ? rc : check_samples(batch, code);
}

static int check_batch(const struct wire_message *m, int code)
{
    int rc = check_header(&m->batch, code);
    if (rc == 0)
        rc = check_omegas(&m->batch, NULL, code);
    return rc < 0 ? rc : check_frames(&m->batch, code);
}

/* The spec is the one that the batch was made from. No loader opens a session for a spec that
 * spec_check refuses, so it may be asked for here. */
static int check_told_spec(const struct wire_message *m, int code)
{
    const struct spec *spec = &m->tap.spec;
    const struct wire_batch *batch = &m->tap.batch;
    int rc = check_spec(spec, code);
    if (rc == 0 && spec_check(spec) < 0)
        rc = err_set(code, "tap.spec: %s", err_text());
    if (rc < 0)
        return rc;
    if (strcmp(spec->dataset, m->tap.dataset) != 0)
        return err_set(code, "tap.spec: of dataset %s in a tap of %s", spec->dataset,
                       m->tap.dataset);
    uint8_t name[DIGEST_BYTES];
    spec_digest(spec, m->tap.fingerprint, name);
    if (memcmp(name, batch->session, DIGEST_BYTES) != 0)
        return err_set(code, "tap.spec: not what names the batch's session");
    if (batch->n_views != spec->n_views)
        return err_set(code, "tap.spec: %u views, the batch has %u", spec->n_views, batch->n_views);
    if (batch->n_samples > spec->batch || (batch->n_samples < spec->batch && !spec->partial))
        return err_set(code, "tap.spec: batches of %u samples, this one has %u", spec->batch,
                       batch->n_samples);
    for (uint32_t v = 0; v < spec->n_views; v++)
        if (batch->sizes[v] != spec->views[v].size)
            return err_set(code, "tap.spec: view %u is of size %u, the batch's of %u", v,
                           spec->views[v].size, batch->sizes[v]);
    return 0;
}

static int check_tap(const struct wire_message *m, int code)
{
    int rc = wire_check_name(code, "tap.dataset", m->tap.dataset);
    if (rc == 0)
        rc = wire_check_range(code, "tap.at_us", m->tap.at_us, 0, at_us_max);
    if (rc == 0)
        rc = wire_check_range(code, "tap.batch.frames", m->tap.batch.n_frames, 0, 0);
    if (rc == 0)
        rc = check_header(&m->tap.batch, code);
    if (rc == 0 && m->tap.told_spec)
        rc = check_told_spec(m, code);
    return rc < 0 ? rc : check_omegas(&m->tap.batch, m->tap.told_spec ? &m->tap.spec : NULL, code);
}

int wire_check(const struct wire_message *m, int code)
{
    static int (*const checks[WIRE_RECORD + 1])(const struct wire_message *, int) = {
        [WIRE_HELLO] = check_hello,
        [WIRE_WELCOME] = check_welcome,
        [WIRE_OPEN_SESSION] = check_open_session,
        [WIRE_SESSION_OPENED] = check_session_opened,
        [WIRE_BATCH] = check_batch,
        [WIRE_ERROR] = check_error,
        [WIRE_TAP] = check_tap,
        [WIRE_RECORD] = wire_check_record,
    }; /* the others are numbers of which none is wrong */
    return checks[m->type] ? checks[m->type](m, code) : 0;
}
