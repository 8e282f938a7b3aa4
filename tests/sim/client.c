/* SPDX-License-Identifier: Apache-2.0 */
/* client: takes what the cable brings, gives it what fetch says. The witness reads every message
 * that passes, with a wire of its own. */
#include "tests/sim/client.h"

#include "common/err.h"
#include "tests/sim/dice.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double LOOK_S = .1; /* recv's WAIT_MS */

static void __attribute__((format(printf, 2, 3))) broken(struct client *c, const char *format, ...)
{
    va_list args;
    if (c->broken[0])
        return;
    va_start(args, format);
    vsnprintf(c->broken, sizeof c->broken, format, args);
    va_end(args);
}

/* --- the witness --- */

static void forget(struct client *c, uint32_t i)
{
    c->asked[i] = c->asked[--c->n_asked];
}

/* Its answer has come, or it was taken back, or is asked again elsewhere. */
static void forget_request(struct client *c, uint32_t loader, uint64_t request)
{
    for (uint32_t i = c->n_asked; i-- > 0;)
        if (c->asked[i].loader == loader && c->asked[i].request == request)
            forget(c, i);
}

static void forget_batch(struct client *c, uint32_t epoch, uint32_t index)
{
    for (uint32_t i = c->n_asked; i-- > 0;)
        if (c->asked[i].epoch == epoch && c->asked[i].index == index)
            forget(c, i);
}

static void forget_loader(struct client *c, uint32_t loader)
{
    for (uint32_t i = c->n_asked; i-- > 0;)
        if (c->asked[i].loader == loader)
            forget(c, i);
}

static void saw_get(struct client *c, uint32_t loader)
{
    const struct wire_message *m = c->seen;
    double now_s = c->cable->now_s + c->clock_ahead_s;
    /* What is overdue is no longer waited for, though an only loader is not told so. */
    for (uint32_t i = c->n_asked; i-- > 0;)
        if (now_s - c->asked[i].at_s >= c->deadline_s)
            forget(c, i);
    forget_batch(c, m->get_batch.epoch, m->get_batch.index);
    assert(c->n_asked < CLIENT_ASKED_MAX);
    c->asked[c->n_asked++] = (struct client_asked){.request = m->get_batch.request,
                                                   .loader = loader,
                                                   .epoch = m->get_batch.epoch,
                                                   .index = m->get_batch.index,
                                                   .at_s = now_s};
    uint32_t out = 0,
             window = c->window < c->loader_window[loader] ? c->window : c->loader_window[loader];
    for (uint32_t i = 0; i < c->n_asked; i++)
        out += c->asked[i].loader == loader;
    if (out > window)
        broken(c, "%u batches are asked of a loader, the window is %u", out, window);
    if (!c->flavour)
        return;
    uint64_t batches = spec_batches(&c->spec, c->flavour->samples);
    uint64_t ahead = (m->get_batch.epoch - c->epoch) * batches + m->get_batch.index - c->index;
    if (ahead > (uint64_t)c->window * c->endpoints.n)
        broken(c, "a batch %lld ahead of the next one is asked for", (long long)ahead);
}

/* --- fetch's surroundings --- */

static int on_send(void *hint, uint32_t loader, const void *body, size_t len)
{
    struct client *c = hint;
    int r = cable_trainer_send(c->cable, cable_conn(c->cable, c->number, loader), body, len);
    if (r < 0)
        return r;
    if (wire_unpack(c->wire, body, len, c->seen) < 0)
        broken(c, "it sends what nobody can read: %s", err_text());
    else if (c->seen->type == WIRE_GET_BATCH)
        saw_get(c, loader);
    else if (c->seen->type == WIRE_CANCEL)
        forget_request(c, loader, c->seen->cancel.request);
    return 0;
}

static int on_receive(void *hint, uint32_t loader, struct link_message *message)
{
    struct client *c = hint;
    int r = cable_trainer_receive(c->cable, cable_conn(c->cable, c->number, loader), message);
    if (r < 0)
        return r;
    c->lent++;
    if (wire_unpack(c->wire, message->body, message->body_len, c->seen) < 0)
        return 0;
    switch (c->seen->type) {
    case WIRE_BATCH:
        forget_request(c, loader, c->seen->batch.request);
        forget_batch(c, c->seen->batch.epoch, c->seen->batch.index);
        break;
    case WIRE_ERROR:
        forget_request(c, loader, c->seen->error.request);
        break;
    case WIRE_WELCOME:
        if (c->loader_epoch[loader] != c->seen->welcome.server_epoch)
            forget_loader(c, loader); /* another daemon, and no event has said so yet */
        c->loader_epoch[loader] = c->seen->welcome.server_epoch;
        c->loader_window[loader] = c->seen->welcome.window;
        break;
    case WIRE_DRAINING:
        forget_loader(c, loader);
        break;
    default:
        break;
    }
    return 0;
}

static void on_release(void *hint, struct link_message *message)
{
    struct client *c = hint;
    c->lent -= message->body != NULL;
    cable_message_done(c->cable, message);
}

static enum link_event on_event(void *hint, uint32_t loader)
{
    struct client *c = hint;
    enum link_event event = cable_trainer_event(c->cable, cable_conn(c->cable, c->number, loader));
    if (event != LINK_NOTHING)
        forget_loader(c, loader);
    return event;
}

/* --- its life --- */

void client_start(struct client *c)
{
    c->io = (struct loader_io){.send = on_send,
                               .receive = on_receive,
                               .release = on_release,
                               .event = on_event,
                               .hint = c};
    const struct recv_config wanted = {.spec = &c->spec,
                                       .endpoints = &c->endpoints,
                                       .window = c->window,
                                       .deadline_s = c->deadline_s,
                                       .retry_s = c->retry_s,
                                       .epoch = c->epoch,
                                       .index = c->index,
                                       .epochs = c->epochs};
    const struct fetch_config config = {.wanted = &wanted, .io = &c->io, .client = "sim"};
    int r = fetch_new(&config, &c->fetch);
    assert(r == 0);
    c->n_asked = 0;
    c->lives++;
    c->state = CLIENT_OPENING;
    for (uint32_t l = 0; l < c->cable->n_loaders; l++)
        c->loader_window[l] = 1;
}

static void leave(struct client *c)
{
    const struct recv_counts *counts = fetch_counts(c->fetch);
    c->counts.batches += counts->batches;
    c->counts.rerequests += counts->rerequests;
    c->counts.crc_errors += counts->crc_errors;
    c->counts.disconnects += counts->disconnects;
    c->counts.substituted += counts->substituted;
    c->counts.late += counts->late;
    c->counts.unreadable += counts->unreadable;
    fetch_free(c->fetch);
    c->fetch = NULL;
    if (c->lent != 0)
        broken(c, "%u messages were never released", c->lent);
}

void client_kill(struct client *c)
{
    leave(c);
    c->state = CLIENT_OFF;
}

static void finish(struct client *c, int end)
{
    c->end = end;
    bool clear = end == -EBADMSG && c->may_be_refused && strstr(err_text(), "loader-") &&
                 strstr(err_text(), "is not the one of this run");
    if (end < 0 && !clear)
        broken(c, "batch %u of epoch %u: it gave up: %d: %s", c->index, c->epoch, end, err_text());
    leave(c);
    c->state = CLIENT_DONE;
    cable_trainer_lost(c->cable, c->number, INFINITY);
}

/* Whose data the run has got: its fingerprint says. */
static void know_flavour(struct client *c)
{
    uint8_t fingerprint[DIGEST_BYTES];
    c->flavour = NULL;
    for (uint32_t i = 0; i < CLIENT_FLAVOURS; i++) {
        truth_fingerprint(&c->flavours[i], fingerprint);
        if (memcmp(fingerprint, fetch_info(c->fetch)->fingerprint, DIGEST_BYTES) == 0)
            c->flavour = &c->flavours[i];
    }
    if (!c->flavour)
        broken(c, "the run's dataset is nobody's");
}

static void got(struct client *c, double now_s)
{
    const char *wrong = truth_check(c->flavour, &c->spec, c->epoch, c->index, &c->batch);
    if (wrong)
        broken(c, "batch %u of epoch %u: %s", c->index, c->epoch, wrong);
    uint64_t batches = spec_batches(&c->spec, c->flavour->samples);
    if (++c->index == batches) {
        c->index = 0;
        c->epoch++;
    }
    c->busy_until = now_s + dice_real(c->dice, 0, c->step_s);
    c->state = CLIENT_WORKING;
}

double client_turn(struct client *c, double now_s)
{
    if (c->state == CLIENT_OFF || c->state == CLIENT_DONE || c->broken[0])
        return INFINITY;
    if (now_s < c->paused_until)
        return c->paused_until;
    if (c->state == CLIENT_WORKING) {
        if (now_s < c->busy_until)
            return c->busy_until;
        fetch_release(c->fetch, &c->batch);
        c->state = CLIENT_WAITING;
        if (fetch_resume(c->fetch) < 0) {
            if (c->epoch != c->epochs || c->index != 0)
                broken(c, "it ends at batch %u of epoch %u", c->index, c->epoch);
            finish(c, 0);
            return INFINITY;
        }
    }
    int r = fetch_turn(c->fetch, now_s + c->clock_ahead_s);
    if (r < 0) {
        finish(c, r);
        return INFINITY;
    }
    if (c->state == CLIENT_OPENING && fetch_settled(c->fetch)) {
        know_flavour(c);
        fetch_resume(c->fetch);
        c->state = CLIENT_WAITING;
    }
    if (c->state == CLIENT_WAITING && !c->broken[0] && fetch_lend(c->fetch, &c->batch) == 0) {
        got(c, now_s);
        return c->busy_until;
    }
    return now_s + LOOK_S;
}
