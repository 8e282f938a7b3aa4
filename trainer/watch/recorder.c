/* SPDX-License-Identifier: Apache-2.0 */
/* recorder: takes the headers of batches, gives a record of them. One thread; owns the record's
 * writer. Does not decide what is trained on, and never sees a pixel. */
#include "trainer/watch/recorder.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/stat.h"
#include "proto/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS_MAX = 9999 }; /* from one and the same step */
static const double FLUSH_EVERY_S = 60;

struct recorder {
    struct record_writer *writer;
    struct wire_message tap;
    double flushed_s;
    bool any; /* batch has come */
};

/* The first name that is free. */
static int create(const char *folder, uint64_t step, struct record_writer **ret)
{
    char path[4096], again[16] = "";
    for (int start = 1; start <= STARTS_MAX; start++) {
        if (start > 1)
            snprintf(again, sizeof again, "-%d", start);
        int n = snprintf(path, sizeof path, "%s/step-%08" PRIu64 "%s.omega", folder, step, again);
        if (n < 0 || (size_t)n >= sizeof path)
            return err_set(-ENAMETOOLONG, "%s: the path is too long", folder);
        int rc = record_create(path, ret);
        if (rc != -EEXIST)
            return rc;
    }
    return err_set(-EEXIST, "%s: has %d records from step %" PRIu64, folder, STARTS_MAX, step);
}

int recorder_open(const char *folder, const struct spec *spec,
                  const uint8_t fingerprint[DIGEST_BYTES], uint64_t step, struct recorder **ret)
{
    auto_free struct recorder *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(-ENOMEM, "%s: out of memory", folder);
    r->tap.type = WIRE_TAP;
    snprintf(r->tap.tap.dataset, sizeof r->tap.tap.dataset, "%s", spec->dataset);
    r->tap.tap.told_spec = true;
    r->tap.tap.spec = *spec;
    memcpy(r->tap.tap.fingerprint, fingerprint, DIGEST_BYTES);
    r->flushed_s = stat_now();
    int rc = file_mkdirs(folder);
    if (rc == 0)
        rc = create(folder, step, &r->writer);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&r);
    return 0;
}

int recorder_add(struct recorder *r, uint64_t step, const struct wire_batch *batch)
{
    r->tap.tap.sequence = step;
    r->tap.tap.server_epoch = batch->server_epoch;
    r->tap.tap.at_us = stat_wall_us();
    r->tap.tap.batch = *batch;
    r->tap.tap.batch.n_frames = 0; /* the pixels do not follow */
    r->any = true;
    int rc = record_add(r->writer, &r->tap);
    return rc == 0 && stat_now() - r->flushed_s > FLUSH_EVERY_S ? recorder_flush(r) : rc;
}

int recorder_flush(struct recorder *r)
{
    r->flushed_s = stat_now();
    return record_flush(r->writer);
}

int recorder_close(struct recorder *r)
{
    if (!r)
        return 0;
    int rc = r->any ? record_close(r->writer) : 0;
    if (!r->any)
        record_drop(r->writer);
    free(r);
    return rc;
}
