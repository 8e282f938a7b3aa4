/* SPDX-License-Identifier: Apache-2.0 */
/* reel: takes a record and wishes, gives copies of batches. The owner's thread. Owns the open
 * record. Reads what is asked for only: the figures of a whole record come by the feed. */
#include "tools/inspect/serve/reel.h"

#include "common/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct reel {
    struct record *record;
    const struct filter *filter;
    struct wire_message tap;
    struct shown kept[REEL_KEPT];
    uint64_t n_kept; /* ever; the next one's place at % REEL_KEPT */
};

int reel_open(const char *path, const struct filter *filter, struct reel **ret)
{
    struct reel *reel = calloc(1, sizeof *reel);
    if (!reel)
        return err_set(-ENOMEM, "reel: out of memory");
    reel->filter = filter;
    int rc = record_open(path, &reel->record);
    if (rc) {
        free(reel);
        return rc;
    }
    *ret = reel;
    return 0;
}

void reel_close(struct reel *reel)
{
    if (!reel)
        return;
    record_free(reel->record);
    free(reel);
}

const struct record_info *reel_info(const struct reel *reel)
{
    return record_info(reel->record);
}

/* A record looks once more where it is asked for more than it has. */
void reel_refresh(struct reel *reel)
{
    const struct record_info *info = reel_info(reel);
    int rc = info->batches ? record_seek_step(reel->record, info->last) : 0;
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = record_next(reel->record, &reel->tap);
}

static struct shown *keep(struct reel *reel, uint32_t from)
{
    struct shown *shown = &reel->kept[reel->n_kept++ % REEL_KEPT];
    shown_take(&reel->tap, reel->filter, from, shown);
    return shown;
}

/* A place that holds nothing any more. */
static void unkeep(struct reel *reel)
{
    reel->kept[--reel->n_kept % REEL_KEPT] = (struct shown){0};
}

static int nothing(uint64_t number)
{
    return err_set(-ENOENT, "the record has no batch there (%" PRIu64 ")", number);
}

/* From where the record stands the first one that the filter lets something of by. */
static int forwards(struct reel *reel, uint32_t from, const struct shown **ret)
{
    for (uint32_t i = 0; i < REEL_REACH; i++) {
        int rc = record_next(reel->record, &reel->tap);
        if (rc)
            return rc == -ENODATA ? nothing(reel_info(reel)->last) : rc;
        *ret = keep(reel, from);
        if ((*ret)->matched)
            return 0;
        unkeep(reel);
    }
    return nothing(reel->tap.tap.sequence);
}

static int this_one(struct reel *reel, uint64_t number, uint32_t from, const struct shown **ret)
{
    for (uint32_t i = 0; i < REEL_KEPT; i++)
        if (reel->kept[i].n && reel->kept[i].number == number && reel->kept[i].from == from) {
            *ret = &reel->kept[i];
            return 0;
        }
    int rc = record_seek_step(reel->record, number);
    if (!rc)
        rc = record_next(reel->record, &reel->tap);
    if (rc)
        return rc == -ENODATA ? nothing(number) : rc;
    *ret = keep(reel, from);
    return 0;
}

/* The first one after `number` that is there: the next in the file where that one itself is there,
 * else the nearest above. */
static int after(struct reel *reel, uint64_t number, uint32_t from, const struct shown **ret)
{
    const struct record_info *info = reel_info(reel);
    int rc = -ENOENT;
    if (number < info->first)
        rc = record_rewind(reel->record);
    else if (number < info->last)
        for (uint32_t i = 1; rc == -ENOENT && i <= REEL_REACH && number + i <= info->last; i++)
            rc = record_seek_step(reel->record, number + i);
    return rc ? rc == -ENOENT ? nothing(number) : rc : forwards(reel, from, ret);
}

/* The nearest one before `number`, or before what the filter does not let by. */
static int before(struct reel *reel, uint64_t number, uint32_t from, const struct shown **ret)
{
    const struct record_info *info = reel_info(reel);
    if (number > info->last)
        number = info->last + 1;
    for (uint32_t i = 1; i <= REEL_REACH && number >= info->first + i; i++) {
        int rc = record_seek_step(reel->record, number - i);
        if (!rc)
            rc = record_next(reel->record, &reel->tap);
        if (rc == -ENOENT)
            continue;
        if (rc)
            return rc;
        *ret = keep(reel, from);
        if ((*ret)->matched)
            return 0;
        unkeep(reel);
    }
    return nothing(number);
}

int reel_show(struct reel *reel, const struct state_wish *wish, uint32_t from,
              const struct shown **ret)
{
    if (!reel_info(reel)->batches)
        return nothing(wish->number);
    switch (wish->which) {
    case STATE_THIS:
        return this_one(reel, wish->number, from, ret);
    case STATE_AFTER:
        return after(reel, wish->number, from, ret);
    case STATE_BEFORE:
        return before(reel, wish->number, from, ret);
    default:
        return before(reel, UINT64_MAX, from, ret);
    }
}

int reel_sample(struct reel *reel, uint32_t epoch, uint32_t sample, const struct shown **ret)
{
    int rc = record_seek_sample(reel->record, epoch, sample);
    if (!rc)
        rc = record_next(reel->record, &reel->tap);
    if (rc)
        return rc == -ENODATA ? -ENOENT : rc;
    const struct shown *shown;
    for (uint32_t from = 0;; from += SHOWN_SAMPLES) {
        shown = keep(reel, from);
        for (uint32_t i = 0; i < shown->n; i++)
            if (shown->samples[i].omega[0].sample == sample) {
                *ret = shown;
                return 0;
            }
        if (from + shown->n >= shown->matched)
            break;
        unkeep(reel);
    }
    unkeep(reel);
    return err_set(-ENOENT, "sample %" PRIu32 " of epoch %" PRIu32 " does not pass the filters",
                   sample, epoch);
}
