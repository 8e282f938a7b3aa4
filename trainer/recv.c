/* SPDX-License-Identifier: Apache-2.0 */
/* recv: takes a spec and endpoints, gives batches in order. The caller's thread; owns the sockets
 * and everything that arrives until it is released. Does not look at pixels but to check their CRC.
 *
 * As a batch is a pure function of its name, any answer that names our session and a position of
 * the ring that is still missed is good, whoever was asked and whenever; every other answer is
 * dropped. Messages land in cells, one more than the ring has slots, so that there is always one to
 * receive into; nothing is allocated after open. */
#include "trainer/recv.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "trainer/answer.h"
#include "trainer/embed.h"
#include "trainer/loader.h"
#include "trainer/ring.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_MAX = 64,
    CONTROL_OMEGAS = 64, /* room in a wire for every control message */
    WAIT_MS = 100,       /* at most so long without a look at the clock and the stop flag */
};
static const double AGAIN_S = 0.2;   /* after "try again later"; doubled by each failure */
static const double WAITING_S = 2.0; /* without any loader: then the user is told */
static const double OTHERS_S = 1.0;  /* once one loader is ready, how long the others are awaited */

struct cell {
    struct link_message message;
    struct wire *wire;
    struct wire_message body;
    struct model_batch model; /* once the answer is checked */
};

struct recv {
    struct recv_config config;
    struct spec spec;
    struct conf_strs endpoints;
    struct loader_room room;
    struct loader loader[CONF_LIST_MAX];
    uint32_t n_loaders;
    struct link *links[CONF_LIST_MAX];
    bool opened;  /* info is set */
    bool settled; /* batches are asked for */
    struct recv_info info;
    struct recv_counts counts;
    double alone_since_s;   /* since when no loader is READY; 0 = one is */
    bool told_alone;        /* ... and the user knows */
    double refused_since_s; /* since when requests are put off and no batch comes; 0 = not so */
    struct ring ring;
    struct cell *cells; /* [ring.n_slots + 1] */
    uint32_t *spare;    /* cells that hold nothing */
    uint32_t n_spare;
};

/* A line for the user, by way of our owner. */
static void __attribute__((format(printf, 2, 3)))
tell(const struct recv *r, const char *format, ...)
{
    char text[2 * ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (r->config.tell)
        r->config.tell(r->config.tell_hint, text);
}

/* --- asking --- */

/* ASKED -> WANTED: the request is no longer awaited. */
static void slot_take_back(struct recv *r, struct slot *slot)
{
    r->loader[slot->loader].asked--;
    slot->state = SLOT_WANTED;
    slot->not_before_s = 0;
    r->counts.rerequests++;
}

static void take_back_all(struct recv *r, uint32_t loader)
{
    for (uint32_t i = 0; i < r->ring.n_slots; i++) {
        struct slot *slot = &r->ring.slots[i];
        if (slot->state == SLOT_ASKED && slot->loader == loader)
            slot_take_back(r, slot);
    }
}

static int ask(struct recv *r, double now_s)
{
    for (uint64_t p = r->ring.next; p < ring_end(&r->ring); p++) {
        struct slot *slot = ring_slot(&r->ring, p);
        if (slot->state != SLOT_WANTED || now_s < slot->not_before_s)
            continue;
        uint32_t i = loader_choose(r->loader, r->n_loaders, slot->avoid);
        if (i == r->n_loaders)
            continue;
        int rc = loader_get(&r->loader[i], &r->room, ring_epoch(&r->ring, p),
                            ring_index(&r->ring, p), &slot->request);
        if (rc == -EAGAIN)
            return 0;
        if (rc < 0)
            return rc;
        slot->state = SLOT_ASKED;
        slot->loader = i;
        slot->asked_s = now_s;
        r->loader[i].asked++;
    }
    return 0;
}

/* Requests that are overdue go elsewhere, and their loader has to show that it is alive. */
static int check_deadlines(struct recv *r, double now_s)
{
    for (uint64_t p = r->ring.next; p < ring_end(&r->ring); p++) {
        struct slot *slot = ring_slot(&r->ring, p);
        if (slot->state != SLOT_ASKED || now_s < slot_deadline(slot, r->config.deadline_s))
            continue;
        struct loader *loader = &r->loader[slot->loader];
        if (++slot->misses == RING_FAILURES_MAX)
            return err_set(-ETIMEDOUT,
                           "%s: batch %u of epoch %u was asked for %d times and never came%s%s",
                           loader->endpoint, ring_index(&r->ring, p), ring_epoch(&r->ring, p),
                           RING_FAILURES_MAX, loader->said[0] ? "; it said: " : "", loader->said);
        slot->avoid |= 1u << slot->loader;
        if (r->n_loaders > 1)
            loader_cancel(loader, &r->room, slot->request);
        slot_take_back(r, slot);
        if (loader->state == LOADER_READY)
            loader_again(loader, &r->room, now_s);
    }
    return 0;
}

/* --- answers --- */

/* A cell's memory back; its frames go back to ZeroMQ. */
static void cell_done(struct recv *r, uint32_t cell)
{
    link_message_done(&r->cells[cell].message);
    r->spare[r->n_spare++] = cell;
}

static int damaged(struct recv *r, uint32_t loader, uint64_t position, const char *what)
{
    struct slot *slot = ring_slot(&r->ring, position);
    log_debug("%s: batch %u of epoch %u %s; asking again", r->loader[loader].endpoint,
              ring_index(&r->ring, position), ring_epoch(&r->ring, position), what);
    r->counts.crc_errors++;
    slot->avoid |= 1u << loader;
    if (slot->state == SLOT_ASKED && slot->loader == loader)
        slot_take_back(r, slot);
    if (++slot->damaged < RING_FAILURES_MAX)
        return 0;
    return err_set(-EBADMSG, "%s: batch %u of epoch %u %s (%d damaged answers)",
                   r->loader[loader].endpoint, ring_index(&r->ring, position),
                   ring_epoch(&r->ring, position), what, RING_FAILURES_MAX);
}

/* 1: the cell is now held by a slot; 0: it was of no use; -errno. */
static int on_batch(struct recv *r, uint32_t i, uint32_t c, double now_s)
{
    struct cell *cell = &r->cells[c];
    const struct wire_batch *b = &cell->body.batch;
    uint64_t position;
    if (!r->opened || memcmp(b->session, r->info.session, DIGEST_BYTES) != 0 ||
        b->server_epoch != r->loader[i].server_epoch ||
        !ring_misses(&r->ring, b->epoch, b->index, &position)) {
        r->counts.late++;
        return 0;
    }
    struct slot *slot = ring_slot(&r->ring, position);
    const char *wrong = answer_check(&r->spec, r->info.samples, &cell->message, b, &cell->model);
    if (wrong)
        return damaged(r, i, position, wrong);
    if (slot->state == SLOT_ASKED) {
        struct loader *asked = &r->loader[slot->loader];
        asked->asked--;
        if (slot->loader == i)
            loader_took(asked, now_s - slot->asked_s);
        else
            loader_cancel(asked, &r->room, slot->request);
    }
    slot->state = SLOT_HELD;
    slot->cell = c;
    r->loader[i].said[0] = 0; /* what it said before has passed */
    r->refused_since_s = 0;
    return 1;
}

/* rc and err_text() say why this loader is of no use to the run. At the start that is the user's
 * mistake and ends it; later it may be one machine's, and the others go on without it. */
static int leave_out(struct recv *r, uint32_t i, int rc)
{
    uint32_t others = 0;
    for (uint32_t k = 0; k < r->n_loaders; k++)
        others += k != i && r->loader[k].state != LOADER_LEFT_OUT;
    if (!r->settled || others == 0)
        return rc;
    char why[ERR_TEXT_MAX];
    snprintf(why, sizeof why, "%s", err_text());
    tell(r, "%s; the run goes on without it until it is started anew", why);
    loader_says(&r->loader[i], why);
    r->loader[i].state = LOADER_LEFT_OUT;
    take_back_all(r, i);
    return 0;
}

/* A batch that is refused for now is asked again, elsewhere where that can be, and its loader is
 * the less worth asking. Neither one that fails at it nor one that is busy may do so for ever. */
static int put_off(struct recv *r, uint32_t i, struct slot *slot, const struct wire_message *m,
                   double now_s)
{
    struct loader *loader = &r->loader[i];
    uint64_t position = ring_position(&r->ring, slot);
    slot_take_back(r, slot);
    slot->not_before_s = now_s + AGAIN_S * (1u << slot->refused);
    slot->avoid |= 1u << i;
    if (loader->latency_s < AGAIN_S)
        loader_took(loader, AGAIN_S);
    if (m->error.code == WIRE_UNKNOWN_SESSION && loader->state == LOADER_READY)
        loader_again(loader, &r->room, now_s);
    if (m->error.code == WIRE_INTERNAL) {
        if (++slot->refused < RING_FAILURES_MAX)
            return 0;
        return err_set(-EIO, "%s: batch %u of epoch %u was refused %d times: %s", loader->endpoint,
                       ring_index(&r->ring, position), ring_epoch(&r->ring, position),
                       RING_FAILURES_MAX, m->error.text);
    }
    if (r->refused_since_s == 0)
        r->refused_since_s = now_s;
    if (now_s - r->refused_since_s < r->config.retry_s)
        return 0;
    return err_set(-ETIMEDOUT, "%s: no batch within %g s: %s", loader->endpoint, r->config.retry_s,
                   m->error.text);
}

/* An Error about a batch that is asked of this loader; 0 for every other one. */
static int on_error(struct recv *r, uint32_t i, const struct wire_message *m, double now_s)
{
    struct slot *slot = ring_asked(&r->ring, i, m->error.request);
    if (!slot)
        return 0;
    if (m->error.code != WIRE_UNKNOWN_SESSION && !m->error.retryable)
        return leave_out(r, i, loader_refusal(&r->loader[i], m->error.code, m->error.text));
    return put_off(r, i, slot, m, now_s);
}

/* A loader became READY: the first one says what the dataset is, all others must agree. */
static int on_ready(struct recv *r, const struct loader *loader)
{
    if (r->opened)
        return loader_agrees(loader, r->spec.dataset, &r->info);
    r->info = loader->info;
    if (r->info.batches == 0 || r->info.batches > UINT32_MAX)
        return err_set(-ENODATA, "%s: %s has no batch of %u", loader->endpoint, r->spec.dataset,
                       r->spec.batch);
    if (r->info.batches != spec_batches(&r->spec, r->info.samples))
        return err_set(-EPROTO, "%s: counts %llu batches an epoch in %llu samples",
                       loader->endpoint, (unsigned long long)r->info.batches,
                       (unsigned long long)r->info.samples);
    ring_start(&r->ring, r->info.batches, r->config.epoch, r->config.index, r->config.epochs);
    r->opened = true;
    return 0;
}

/* err_text() says what is wrong with a message. It names no request, so it changes nothing. */
static void unreadable(struct recv *r, uint32_t i)
{
    log_debug("%s: %s", r->loader[i].endpoint, err_text());
    loader_says(&r->loader[i], err_text());
    r->counts.unreadable++;
}

/* One message in cell c. 1: the cell is in use. */
static int on_message(struct recv *r, uint32_t i, uint32_t c, double now_s)
{
    struct cell *cell = &r->cells[c];
    struct loader *loader = &r->loader[i];
    if (wire_unpack(cell->wire, cell->message.body, cell->message.body_len, &cell->body) < 0) {
        unreadable(r, i);
        return 0;
    }
    if (cell->body.type == WIRE_BATCH)
        return on_batch(r, i, c, now_s);
    if (cell->body.type == WIRE_ERROR)
        loader_says(loader, cell->body.error.text);
    int rc = cell->body.type == WIRE_ERROR ? on_error(r, i, &cell->body, now_s) : 0;
    if (rc < 0)
        return rc;
    bool was_ready = loader->state == LOADER_READY;
    rc = loader_message(loader, &r->room, &cell->body, now_s);
    if (rc > 0)
        take_back_all(r, i);
    if (rc >= 0 && !was_ready && loader->state == LOADER_READY)
        rc = on_ready(r, loader);
    return rc < 0 ? leave_out(r, i, rc) : 0;
}

static int receive_all(struct recv *r, uint32_t i, double now_s)
{
    /* bounded, so that one loader that floods us cannot keep the others waiting */
    for (uint32_t n = 0; n < 4 * r->ring.n_slots; n++) {
        uint32_t c = r->spare[--r->n_spare];
        int got = link_receive(r->loader[i].link, &r->cells[c].message);
        int rc = got == 0 ? on_message(r, i, c, now_s) : 0;
        if (rc != 1)
            cell_done(r, c);
        if (got == -EBADMSG) /* of no shape of ours; link dropped it */
            unreadable(r, i);
        else if (got < 0)
            return got == -EAGAIN ? 0 : got;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* --- the loop --- */

/* No loader is READY since alone_since_s: that of our own may have died, the user may wonder. */
static int on_alone(struct recv *r, double now_s)
{
    char names[ERR_TEXT_MAX / 2], words[ERR_TEXT_MAX / 2];
    double alone_s = now_s - r->alone_since_s;
    bool over = alone_s >= r->config.retry_s;
    int rc = r->config.embed ? embed_check(r->config.embed) : 0;
    if (rc < 0 || (!over && (r->told_alone || alone_s < WAITING_S)))
        return rc;
    loader_names(r->loader, r->n_loaders, names, sizeof names);
    loader_words(r->loader, r->n_loaders, words, sizeof words);
    if (over)
        return err_set(-ETIMEDOUT, "%s: no loader answered within %g s%s", names, r->config.retry_s,
                       words);
    tell(r, "waiting for %s%s", names, words);
    r->told_alone = true;
    return 0;
}

/* Everything that can be done without waiting. What has come is taken before any deadline is looked
 * at: the caller may have been away for long. */
static int pump(struct recv *r, double now_s)
{
    bool ready = false;
    for (uint32_t i = 0; i < r->n_loaders; i++) {
        if (loader_tick(&r->loader[i], &r->room, now_s)) {
            r->counts.disconnects++;
            take_back_all(r, i);
        }
        int rc = receive_all(r, i, now_s);
        if (rc < 0)
            return rc;
        ready |= r->loader[i].state == LOADER_READY;
    }
    if (ready) {
        r->alone_since_s = 0;
        r->told_alone = false;
    } else if (r->alone_since_s == 0) {
        r->alone_since_s = now_s;
    }
    int rc = ready ? 0 : on_alone(r, now_s);
    if (rc < 0 || !r->settled)
        return rc;
    rc = check_deadlines(r, now_s);
    return rc < 0 ? rc : ask(r, now_s);
}

/* Waits for something to come, but looks up now and then. */
static int wait_some(struct recv *r, const volatile int *stop)
{
    if (stop && *stop)
        return err_set(-EINTR, "stopped by a signal");
    int rc = link_wait(r->links, r->n_loaders, WAIT_MS);
    return rc < 0 && rc != -EINTR ? rc : 0;
}

int recv_next(struct recv *r, const volatile int *stop, struct recv_batch *ret)
{
    double begin_s = stat_now();
    struct slot *slot;
    r->refused_since_s = 0; /* the caller's own time is nobody's refusal */
    for (double now_s = begin_s;; now_s = stat_now()) {
        if (r->ring.next >= r->ring.end)
            return err_set(-ENODATA, "no batch is left");
        int rc = pump(r, now_s);
        if (rc == 0 && (slot = ring_lend(&r->ring)))
            break;
        if (rc == 0)
            rc = wait_some(r, stop);
        if (rc < 0)
            return rc;
    }
    r->counts.wait_s += stat_now() - begin_s;
    const struct cell *cell = &r->cells[slot->cell];
    ret->header = &cell->body.batch;
    ret->model = cell->model;
    ret->slot = (uint32_t)(slot - r->ring.slots);
    r->counts.batches++;
    r->counts.substituted += ret->header->n_substituted;
    for (uint32_t i = 0; i < ret->header->n_frames; i++)
        r->counts.bytes += ret->header->frames[i].bytes;
    return 0;
}

void recv_release(struct recv *r, struct recv_batch *batch)
{
    struct slot *slot = &r->ring.slots[batch->slot];
    cell_done(r, slot->cell);
    slot_free(slot);
    batch->header = NULL;
}

const struct recv_info *recv_info(const struct recv *r)
{
    return &r->info;
}

const struct recv_counts *recv_counts(const struct recv *r)
{
    return &r->counts;
}

/* --- the beginning and the end --- */

static int make_memory(struct recv *r)
{
    uint32_t n = r->config.window * r->n_loaders + 1; /* one is with the caller */
    int rc = ring_init(&r->ring, n);
    if (rc < 0)
        return rc;
    r->cells = calloc(n + 1, sizeof *r->cells);
    r->spare = calloc(n + 1, sizeof *r->spare);
    if (!r->cells || !r->spare)
        return err_set(-ENOMEM, "recv: out of memory");
    uint32_t omegas = r->spec.batch * r->spec.n_views;
    for (uint32_t c = 0; c <= n; c++) {
        rc = wire_new(omegas < CONTROL_OMEGAS ? CONTROL_OMEGAS : omegas, &r->cells[c].wire);
        if (rc < 0)
            return rc;
        r->spare[r->n_spare++] = c;
    }
    r->room = (struct loader_room){.spec = &r->spec, .window = r->config.window};
    rc = wire_new(CONTROL_OMEGAS, &r->room.wire);
    return rc < 0 ? rc : link_context_new(&r->room.context);
}

/* Until every loader is ready, or one is and the others had their time. Nothing is asked before:
 * the first to answer would get it all, and be alone with it should its answers be of no use. */
static int wait_ready(struct recv *r)
{
    double opened_s = 0;
    for (;;) {
        double now_s = stat_now();
        int rc = pump(r, now_s);
        if (rc < 0)
            return rc;
        uint32_t ready = 0;
        for (uint32_t i = 0; i < r->n_loaders; i++)
            ready += r->loader[i].state == LOADER_READY;
        if (r->opened && opened_s == 0)
            opened_s = now_s;
        r->settled = ready == r->n_loaders || (r->opened && now_s - opened_s >= OTHERS_S);
        if (r->settled)
            return ask(r, now_s);
        rc = wait_some(r, r->config.stop);
        if (rc < 0)
            return rc;
    }
}

static void close_fn(struct recv **recv)
{
    recv_close(*recv);
}

int recv_open(const struct recv_config *config, struct recv **ret)
{
    int rc = spec_check(config->spec);
    if (rc < 0)
        return rc;
    if (config->window < 1 || config->window > WINDOW_MAX || config->endpoints->n < 1)
        return err_set(-EINVAL, "recv: a window of 1 to %d and an endpoint are needed", WINDOW_MAX);
    auto_with(close_fn) struct recv *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(-ENOMEM, "recv: out of memory");
    r->config = *config;
    r->spec = *config->spec;
    r->endpoints = *config->endpoints;
    r->n_loaders = (uint32_t)config->endpoints->n;
    rc = make_memory(r);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < r->n_loaders; i++) {
        rc = loader_open(&r->loader[i], &r->room, r->endpoints.v[i]);
        if (rc < 0)
            return rc;
        r->links[i] = r->loader[i].link;
    }
    rc = wait_ready(r);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&r);
    return 0;
}

void recv_close(struct recv *r)
{
    if (!r)
        return;
    for (uint32_t c = 0; r->cells && c <= r->ring.n_slots; c++) {
        link_message_done(&r->cells[c].message);
        wire_free(r->cells[c].wire);
    }
    for (uint32_t i = 0; i < r->n_loaders; i++)
        loader_close(&r->loader[i]);
    link_context_free(r->room.context);
    wire_free(r->room.wire);
    free(r->spare);
    free(r->cells);
    ring_done(&r->ring);
    free(r);
}
