/* SPDX-License-Identifier: Apache-2.0 */
/* state: what has come of a tap or a record, as much as a page shows of it: counts, rates, what was
 * odd, the sessions, and of each the last batches and running figures. Bounded: of more sessions
 * than STATE_SESSIONS the one that was quiet for longest is forgotten. One thread. Knows nothing of
 * how it is told. */
#ifndef AUGSTREAM_TOOLS_SERVE_STATE_H
#define AUGSTREAM_TOOLS_SERVE_STATE_H

#include "tools/inspect/figures/tally.h"
#include "tools/inspect/serve/pace.h"
#include "tools/inspect/serve/shown.h"

enum {
    STATE_SESSIONS = 8,
    STATE_RING = 24,   /* the last batches of a session */
    STATE_EVENTS = 16, /* the last odd things */
};

enum state_event_kind { STATE_GAP, STATE_RESTART, STATE_SUBSTITUTED, STATE_EVENTS_KINDS };

struct state_event {
    enum state_event_kind kind;
    double at;
    uint64_t batches;            /* GAP: that were not heard */
    char dataset[WIRE_NAME_MAX]; /* SUBSTITUTED, and what follows */
    uint32_t epoch, index, bad, sample;
    enum wire_fault fault;
};

struct state_session {
    uint8_t name[DIGEST_BYTES];
    bool told_spec;
    struct spec spec; /* as shown.h has it */
    uint32_t sizes[OMEGA_VIEWS_MAX];
    uint32_t epoch, index; /* of its last batch */
    uint64_t batches, views, substituted;
    double last;        /* when it was heard of */
    struct shown *ring; /* [STATE_RING] */
    uint64_t ring_n;    /* that were ever put there: the last at (ring_n - 1) % STATE_RING */
    struct tally *tally;
};

struct state {
    const struct filter *filter; /* a loan, or NULL */
    bool keep;                   /* the last batches, for a page to look at */
    struct pace pace;
    uint64_t batches, views, gaps, gap_batches, restarts, substituted, forgotten;
    uint32_t n_sessions;
    struct state_session *sessions[STATE_SESSIONS]; /* in the order in which they came */
    struct state_event events[STATE_EVENTS];
    uint64_t n_events; /* ever; the last at (n_events - 1) % STATE_EVENTS */
};

/* whole: a record, of which every batch is to be seen; else a tap's, whose last ones are kept. */
int state_new(bool whole, const struct filter *filter, struct state **ret);
void state_free(struct state *state); /* fine with NULL */

/* A batch that came at that time (seconds; 0: nobody knows). Batches of which the filter lets
 * nothing through count for the rates, and for nothing else. -ENOMEM. */
int state_batch(struct state *state, const struct wire_message *tap, double now);
void state_gap(struct state *state, uint64_t batches, double now);
void state_restart(struct state *state, double now);

/* Which batches and sessions somebody asks for. */
struct state_wish {
    const char *session; /* what its name begins with, hexadecimal; "" or NULL: any */
    const char *dataset; /* NULL: any */
    enum state_which { STATE_LAST, STATE_THIS, STATE_AFTER, STATE_BEFORE } which;
    uint64_t number; /* that one; the nearest after it; before it */
};

/* Of the sessions that are wished for the one that was heard of last; NULL: there is none. */
const struct state_session *state_session(const struct state *state, const struct state_wish *wish);

/* Of what is kept, or NULL: it is not there, or no more. */
const struct shown *state_shown(const struct state *state, const struct state_wish *wish);

#endif
