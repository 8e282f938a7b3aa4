/* SPDX-License-Identifier: Apache-2.0 */
/* state: takes a tap's messages, gives what a page asks for. The owner's thread. Owns the copies
 * and the figures. */
#include "tools/inspect/serve/state.h"

#include "common/auto.h"
#include "common/digest.h"
#include "common/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of a session's running figures: a page wants them every few seconds, of several sessions. */
enum { TALLY_SAMPLES = 8192 };

int state_new(bool whole, const struct filter *filter, struct state **ret)
{
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        return err_set(-ENOMEM, "state: out of memory");
    pace_init(&state->pace, whole);
    state->keep = !whole;
    state->filter = filter;
    *ret = state;
    return 0;
}

static void session_free(struct state_session *session)
{
    if (!session)
        return;
    tally_free(session->tally);
    free(session->ring);
    free(session);
}

void state_free(struct state *state)
{
    if (!state)
        return;
    for (uint32_t i = 0; i < state->n_sessions; i++)
        session_free(state->sessions[i]);
    free(state);
}

static struct state_event *event_new(struct state *state, enum state_event_kind kind, double now)
{
    struct state_event *event = &state->events[state->n_events++ % STATE_EVENTS];
    *event = (struct state_event){.kind = kind, .at = now};
    return event;
}

void state_gap(struct state *state, uint64_t batches, double now)
{
    state->gaps++;
    state->gap_batches += batches;
    event_new(state, STATE_GAP, now)->batches = batches;
}

void state_restart(struct state *state, double now)
{
    state->restarts++;
    event_new(state, STATE_RESTART, now);
}

static void substitutions_add(struct state *state, const struct wire_message *tap, double now)
{
    const struct wire_batch *b = &tap->tap.batch;
    state->substituted += b->n_substituted;
    for (uint32_t i = 0; i < b->n_substituted && i < STATE_EVENTS; i++) {
        struct state_event *event = event_new(state, STATE_SUBSTITUTED, now);
        memcpy(event->dataset, tap->tap.dataset, sizeof event->dataset);
        event->epoch = b->epoch;
        event->index = b->index;
        event->bad = b->substituted[i].sample;
        event->sample = b->omega[b->substituted[i].position].sample;
        event->fault = b->substituted[i].fault;
    }
}

static int session_new(const struct state *state, const struct wire_message *tap,
                       struct state_session **ret)
{
    struct state_session *session = calloc(1, sizeof *session);
    if (session && state->keep)
        session->ring = calloc(STATE_RING, sizeof *session->ring);
    int rc =
        session && (session->ring || !state->keep) ? 0 : err_set(-ENOMEM, "state: out of memory");
    const struct tally_config config = {
        .n_views = tap->tap.batch.n_views,
        .laws = tap->tap.told_spec ? tap->tap.spec.views : NULL,
        .kept = TALLY_SAMPLES,
        .seed = 1,
    };
    if (!rc)
        rc = tally_new(&config, &session->tally);
    if (rc) {
        session_free(session);
        return rc;
    }
    memcpy(session->name, tap->tap.batch.session, sizeof session->name);
    *ret = session;
    return 0;
}

/* The place of the session that was quiet for longest; those behind it move up. */
static void forget(struct state *state)
{
    uint32_t quiet = 0;
    for (uint32_t i = 1; i < state->n_sessions; i++)
        if (state->sessions[i]->last < state->sessions[quiet]->last)
            quiet = i;
    session_free(state->sessions[quiet]);
    memmove(&state->sessions[quiet], &state->sessions[quiet + 1],
            (state->n_sessions - quiet - 1) * sizeof state->sessions[0]);
    state->n_sessions--;
    state->forgotten++;
}

static struct state_session *session_known(const struct state *state, const uint8_t *name)
{
    for (uint32_t i = 0; i < state->n_sessions; i++)
        if (!memcmp(state->sessions[i]->name, name, DIGEST_BYTES))
            return state->sessions[i];
    return NULL;
}

static void session_add(struct state_session *session, const struct shown *shown, double now)
{
    session->told_spec = shown->told_spec;
    session->spec = shown->spec;
    memcpy(session->sizes, shown->sizes, sizeof session->sizes);
    session->epoch = shown->epoch;
    session->index = shown->index;
    session->batches++;
    session->views += (uint64_t)shown->of * shown->spec.n_views;
    session->last = now;
    if (session->ring)
        session->ring[session->ring_n++ % STATE_RING] = *shown;
}

int state_batch(struct state *state, const struct wire_message *tap, double now)
{
    const struct wire_batch *b = &tap->tap.batch;
    const uint64_t views = (uint64_t)b->n_samples * b->n_views;
    state->batches++;
    state->views += views;
    if (now > 0)
        pace_add(&state->pace, now, views);

    struct shown shown;
    shown_take(tap, state->filter, 0, &shown);
    if (state->keep)
        shown.number = state->batches;
    struct state_session *session = session_known(state, b->session);
    if (!session && shown.n) {
        int rc = session_new(state, tap, &session);
        if (rc)
            return rc;
        if (state->n_sessions == STATE_SESSIONS)
            forget(state);
        state->sessions[state->n_sessions++] = session;
    }
    if (!session)
        return 0;
    if (shown.n) {
        session->substituted += b->n_substituted;
        substitutions_add(state, tap, now);
        session_add(session, &shown, now);
    }
    /* the figures are of all of the session: what --where picks out is of no law */
    int rc = tally_add(session->tally, b, NULL);
    return rc < 0 ? rc : 0;
}

static bool wished(const struct state_session *session, const struct state_wish *wish)
{
    char name[2 * DIGEST_BYTES + 1];
    const char *digits = wish->session ? wish->session : "";
    digest_hex(session->name, name);
    return strlen(digits) < sizeof name && !strncasecmp(name, digits, strlen(digits)) &&
           (!wish->dataset || !strcmp(wish->dataset, session->spec.dataset));
}

const struct state_session *state_session(const struct state *state, const struct state_wish *wish)
{
    const struct state_session *found = NULL;
    for (uint32_t i = 0; i < state->n_sessions; i++)
        if (wished(state->sessions[i], wish) && (!found || state->sessions[i]->last >= found->last))
            found = state->sessions[i];
    return found;
}

/* Whether a batch answers the wish better than what has been found so far. */
static bool better(const struct state_wish *wish, const struct shown *s, const struct shown *found)
{
    switch (wish->which) {
    case STATE_THIS:
        return s->number == wish->number;
    case STATE_AFTER:
        return s->number > wish->number && (!found || s->number < found->number);
    case STATE_BEFORE:
        return s->number < wish->number && (!found || s->number > found->number);
    default:
        return !found || s->number > found->number;
    }
}

const struct shown *state_shown(const struct state *state, const struct state_wish *wish)
{
    const struct shown *found = NULL;
    for (uint32_t i = 0; i < state->n_sessions; i++) {
        const struct state_session *session = state->sessions[i];
        if (!session->ring || !wished(session, wish))
            continue;
        for (uint64_t k = 0; k < session->ring_n && k < STATE_RING; k++)
            if (better(wish, &session->ring[k], found))
                found = &session->ring[k];
    }
    return found;
}
