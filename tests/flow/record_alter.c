/* SPDX-License-Identifier: Apache-2.0 */
/* record_alter: copies a record with one thing altered, and tells what, for replay.sh to find.
 *   record_alter IN.omega OUT.omega HOW
 * HOW: sigma, hue, flip: of the first view after the record's first half where that shows; idle:
 * the sigma of a view that is not blurred; checks, spec: leaves them out of every batch; check: one
 * bit of one checksum; size: one source is a pixel wider. Prints step, sample and view. */
#include "common/auto.h"
#include "common/err.h"
#include "proto/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Alters omega within its law; false where it would not show. */
static bool alter_sigma(struct omega *o, const struct view_spec *law)
{
    if (!o->blur.applied || o->blur.sigma < 1)
        return false;
    o->blur.sigma -= 0.25f;
    return o->blur.sigma >= (float)law->blur.sigma[0];
}

static bool alter_hue(struct omega *o, const struct view_spec *law)
{
    const bool shows = o->jitter.applied && !o->grayscale && o->jitter.hue > 0.03f;
    o->jitter.hue = -o->jitter.hue;
    return shows && law->jitter.hue > 0;
}

static bool alter_flip(struct omega *o, const struct view_spec *law)
{
    o->flip = !o->flip;
    return law->flip > 0 && law->flip < 1;
}

static bool alter_idle(struct omega *o, const struct view_spec *law)
{
    if (o->blur.applied || o->blur.sigma < 1)
        return false;
    o->blur.sigma -= 0.25f;
    return o->blur.sigma >= (float)law->blur.sigma[0];
}

static const struct {
    const char *how;
    bool (*omega)(struct omega *o, const struct view_spec *law);
    bool check, no_checks, no_spec, size; /* of one checksum; of all batches; of one source */
} ways[] = {
    {.how = "sigma", .omega = alter_sigma}, {.how = "hue", .omega = alter_hue},
    {.how = "flip", .omega = alter_flip},   {.how = "idle", .omega = alter_idle},
    {.how = "check", .check = true},        {.how = "checks", .no_checks = true},
    {.how = "spec", .no_spec = true},       {.how = "size", .size = true},
};

/* The arrays of the one batch that is altered. */
static struct omega omegas[WIRE_OMEGAS_MAX];
static uint32_t checks[WIRE_OMEGAS_MAX];

static void told(const struct wire_message *tap, uint32_t at)
{
    const struct wire_batch *b = &tap->tap.batch;
    printf("step %" PRIu64 " sample %" PRIu32 " view %" PRIu32 "\n", tap->tap.sequence,
           b->omega[at].sample, at / b->n_samples);
}

/* Alters one view of the batch; false where none will do. */
static bool alter(size_t way, struct wire_message *tap)
{
    struct wire_batch *b = &tap->tap.batch;
    const uint32_t n = b->n_views * b->n_samples;
    memcpy(omegas, b->omega, n * sizeof *omegas);
    if (b->checks)
        memcpy(checks, b->checks, n * sizeof *checks);
    for (uint32_t at = 0; at < n; at++) {
        struct omega changed = omegas[at];
        if (ways[way].omega && !ways[way].omega(&changed, &tap->tap.spec.views[at / b->n_samples]))
            continue;
        omegas[at] = changed;
        for (uint32_t v = 0; ways[way].size && v < b->n_views; v++)
            omegas[v * b->n_samples + at].source_w++;
        checks[at] ^= ways[way].check;
        told(tap, at);
        b->omega = omegas;
        b->checks = b->checks ? checks : NULL;
        return true;
    }
    return false;
}

static int copy(struct record *in, struct record_writer *out, size_t way)
{
    static struct wire_message tap;
    const uint64_t half = record_info(in)->batches / 2;
    const bool all = ways[way].no_checks || ways[way].no_spec;
    bool altered = all;
    int rc = 0;
    for (uint64_t i = 0; !rc && !(rc = record_next(in, &tap)); i++) {
        if (ways[way].no_checks)
            tap.tap.batch.checks = NULL;
        if (ways[way].no_spec) {
            tap.tap.told_spec = false;
            tap.tap.spec = (struct spec){0};
            memset(tap.tap.fingerprint, 0, sizeof tap.tap.fingerprint);
        }
        if (!altered && i >= half)
            altered = alter(way, &tap);
        rc = record_add(out, &tap);
    }
    if (rc == -ENODATA)
        rc = altered ? 0 : err_set(-EINVAL, "there is no view to alter so");
    return rc;
}

int main(int argc, char **argv)
{
    size_t way = 0;
    while (argc == 4 && way < ARRAY_LEN(ways) && strcmp(argv[3], ways[way].how) != 0)
        way++;
    struct record *in = NULL;
    struct record_writer *out = NULL;
    int rc = argc == 4 && way < ARRAY_LEN(ways) ? record_open(argv[1], &in)
                                                : err_set(-EINVAL, "IN, OUT and HOW are needed");
    if (!rc)
        rc = record_create(argv[2], &out);
    if (!rc)
        rc = copy(in, out, way);
    const int closed = out ? record_close(out) : 0;
    record_free(in);
    if (rc || closed)
        fprintf(stderr, "record_alter: %s\n", err_text());
    return rc || closed;
}
