/* SPDX-License-Identifier: Apache-2.0 */
/* fetch: which batches are asked of which loader, and what has come of it: the trainer's side of
 * the conversation. Decides everything that recv.h promises and waits for nothing: the clock is an
 * argument, messages come and go through struct loader_io, so that a simulator can drive it. One
 * thread. */
#ifndef AUGSTREAM_TRAINER_FETCH_H
#define AUGSTREAM_TRAINER_FETCH_H

#include "trainer/loader.h"
#include "trainer/recv.h"

#include <stdbool.h>

enum { FETCH_WINDOW_MAX = 64 };

struct fetch_config {
    const struct recv_config *wanted; /* copied, with its spec and endpoints; not stop, not embed */
    const struct loader_io *io;       /* a loan, as hint is */
    const char *client;               /* whom a Hello names; a loan */
    int (*check)(void *hint); /* asked while no loader is ready; an error ends it; or NULL */
    void *check_hint;
};

struct fetch;
/* All memory is made here. */
int fetch_new(const struct fetch_config *config, struct fetch **ret);
void fetch_free(struct fetch *fetch); /* releases every message; NULL is fine */

/* Everything that can be done now: hears what happened and what came, then asks. Errors as those of
 * recv_open and recv_next. Due whenever something has come, and a few times a second. */
int fetch_turn(struct fetch *fetch, double now_s);

/* Whether every loader is ready, or one is and the others had their time: nothing is asked before.
 */
bool fetch_settled(const struct fetch *fetch);

/* The caller begins to wait for a batch: the time it spent elsewhere is nobody's fault. -ENODATA
 * when the last one was lent. */
int fetch_resume(struct fetch *fetch);

/* The next batch in order, a loan until fetch_release. -EAGAIN: not here yet. */
int fetch_lend(struct fetch *fetch, struct recv_batch *ret);
void fetch_release(struct fetch *fetch, struct recv_batch *batch);

const struct recv_info *fetch_info(const struct fetch *fetch);
struct recv_counts *fetch_counts(struct fetch *fetch); /* wait_s is the caller's to keep */

#endif
