/* SPDX-License-Identifier: Apache-2.0 */
/* record_bed: taps that a loader could have told, and a file of them, for the tests of records. A
 * batch is drawn by its spec's laws: sequence, epoch and samples are the test's to choose. */
#ifndef AUGSTREAM_TESTS_RECORD_BED_H
#define AUGSTREAM_TESTS_RECORD_BED_H

#include "common/file.h"
#include "proto/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_BED_BATCH = 256, RECORD_BED_VIEWS = 2 };

struct record_bed {
    struct omega omega[RECORD_BED_VIEWS * RECORD_BED_BATCH];
    uint32_t checks[RECORD_BED_VIEWS * RECORD_BED_BATCH];
    int64_t labels[RECORD_BED_BATCH];
    struct wire_message tap;
};

/* The recipe of deploy/recipes/stl10-simsiam: 256 x 2 views of 96 pixels. */
static inline void record_bed_init(struct record_bed *bed, uint32_t batch)
{
    memset(bed, 0, sizeof *bed);
    bed->tap.type = WIRE_TAP;
    snprintf(bed->tap.tap.dataset, sizeof bed->tap.tap.dataset, "stl10");
    bed->tap.tap.server_epoch = 77;
    bed->tap.tap.at_us = 1764081000123456;
    bed->tap.tap.told_spec = true;
    struct spec *spec = &bed->tap.tap.spec;
    *spec = (struct spec){.dataset = "stl10",
                          .seed = 1,
                          .batch = batch,
                          .shuffle = true,
                          .n_views = RECORD_BED_VIEWS};
    for (uint32_t v = 0; v < RECORD_BED_VIEWS; v++)
        spec->views[v] = (struct view_spec){
            .size = 96,
            .crop = CROP_RANDOM,
            .scale = {0.2, 1},
            .ratio = {0.75, 1.3333},
            .flip = 0.5,
            .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
            .grayscale = 0.2,
            .blur = {0.5, {0.1, 2}, 9},
        };
    memset(bed->tap.tap.fingerprint, 5, DIGEST_BYTES);
    struct wire_batch *b = &bed->tap.tap.batch;
    spec_digest(spec, bed->tap.tap.fingerprint, b->session);
    b->server_epoch = 77;
    b->n_samples = batch;
    b->n_views = RECORD_BED_VIEWS;
    b->sizes[0] = b->sizes[1] = 96;
    b->omega = bed->omega;
    b->checks = bed->checks;
    b->labels = bed->labels;
}

/* The tap of the batch that has these samples in these places. */
static inline const struct wire_message *record_bed_tap(struct record_bed *bed, uint64_t sequence,
                                                        uint32_t epoch, const uint32_t *samples)
{
    struct wire_batch *b = &bed->tap.tap.batch;
    const struct spec *spec = &bed->tap.tap.spec;
    bed->tap.tap.sequence = sequence;
    b->epoch = epoch;
    b->index = (uint32_t)sequence;
    for (uint32_t n = 0; n < b->n_samples; n++) {
        bed->labels[n] = samples[n] % 10;
        for (uint32_t v = 0; v < b->n_views; v++) {
            const struct omega_key key = {spec->seed, epoch, b->index, samples[n], v};
            omega_draw(&spec->views[v], &key, 96, 96, &bed->omega[v * b->n_samples + n]);
            bed->omega[v * b->n_samples + n].sample = samples[n];
            bed->checks[v * b->n_samples + n] = (samples[n] + v) * 2654435761u + epoch;
        }
    }
    return &bed->tap;
}

/* ... samples as an epoch of `all` samples would have them, each once. */
static inline const struct wire_message *record_bed_step(struct record_bed *bed, uint64_t step,
                                                         uint32_t all)
{
    uint32_t samples[RECORD_BED_BATCH];
    const uint32_t batch = bed->tap.tap.batch.n_samples, batches = all / batch;
    const uint32_t index = (uint32_t)((step - 1) % batches);
    for (uint32_t n = 0; n < batch; n++) /* 7919 is a prime: a permutation of all that it leaves */
        samples[n] = (uint32_t)((uint64_t)(index * batch + n) * 7919 % all);
    return record_bed_tap(bed, step, (uint32_t)((step - 1) / batches), samples);
}

/* A path of a file that is not there, in a folder of its own. */
struct record_place {
    char folder[64], path[96];
};
static inline void record_place_make(struct record_place *place)
{
    snprintf(place->folder, sizeof place->folder, "/tmp/augstream-record-XXXXXX");
    if (!mkdtemp(place->folder))
        abort();
    snprintf(place->path, sizeof place->path, "%s/run.omega", place->folder);
}
static inline void record_place_clear(struct record_place *place)
{
    unlink(place->path);
    rmdir(place->folder);
}

#endif
