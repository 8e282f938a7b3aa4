/* SPDX-License-Identifier: Apache-2.0 */
/* reel: a record as a page walks through it: this batch, the one after it, the one with a sample.
 * The last ones that were looked at are kept. One thread. */
#ifndef AUGSTREAM_TOOLS_SERVE_REEL_H
#define AUGSTREAM_TOOLS_SERVE_REEL_H

#include "proto/record.h"
#include "tools/inspect/serve/state.h"

enum {
    REEL_KEPT = 24,
    REEL_REACH = 4096, /* batches that are passed over in search of one that the filter lets by */
};

struct reel;

/* filter: a loan, or NULL. Errors of record_open. */
int reel_open(const char *path, const struct filter *filter, struct reel **ret);
void reel_close(struct reel *reel); /* fine with NULL */

/* The batch that is wished for (session and dataset are not looked at), its samples from `from` on;
 * LAST is the record's last one, AFTER 0 its first. A loan that the next REEL_KEPT - 1 calls leave
 * alone. -ENOENT: there is none; -EBADMSG: there the record is damaged. */
int reel_show(struct reel *reel, const struct state_wish *wish, uint32_t from,
              const struct shown **ret);

/* The first batch that has the sample in that epoch, with it among its samples. -ENOENT. */
int reel_sample(struct reel *reel, uint32_t epoch, uint32_t sample, const struct shown **ret);

/* Looks whether a writer has added something since: reel_info then has it. */
void reel_refresh(struct reel *reel);

const struct record_info *reel_info(const struct reel *reel);

#endif
