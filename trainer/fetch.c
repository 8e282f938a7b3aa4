/* SPDX-License-Identifier: Apache-2.0 */
/* fetch: takes a spec, endpoints, messages and the clock, gives batches in order. Sends and hears
 * through its caller's functions; owns everything that arrives until it is released. Does not look
 * at pixels but to check their CRC.
 *
 * As a batch is a pure function of its name, any answer that names our session and a position of
 * the ring that is still missed is good, whoever was asked and whenever; every other answer is
 * dropped. Messages land in cells, one more than the ring has slots, so that there is always one to
 * receive into; nothing is allocated after fetch_new. */
#include "trainer/fetch.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "trainer/answer.h"
#include "trainer/loader.h"
#include "trainer/ring.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTROL_OMEGAS = 64 /* room in a wire for every control message */ };
static const double AGAIN_S = 0.2;   /* after "try again later"; doubled by each failure */
static const double AWAY_S = 0.5;    /* between two turns: the caller was elsewhere, or stopped */
static const double WAITING_S = 2.0; /* without any loader: then the user is told */
static const double OTHERS_S = 1.0;  /* once one loader is ready, how long the others are awaited */

struct cell {
    struct link_message message;
    struct wire *wire;
    struct wire_message body;
    struct model_batch model; /* once the answer is checked */
};

struct fetch {
    struct fetch_config config;
    struct recv_config wanted;
    struct spec spec;
    struct conf_strs endpoints;
    struct loader_room room;
    struct loader loader[CONF_LIST_MAX];
    uint32_t n_loaders;
    bool opened;     /* info is set */
    double opened_s; /* since when */
    bool settled;    /* batches are asked for */
    struct recv_info info;
    void *names; /* [CLASS_NAMES_ROOM], where info's lie */
    struct recv_counts counts;
    double alone_since_s;   /* since when no loader is READY; 0 = one is */
    bool told_alone;        /* ... and the user knows */
    double turned_s;        /* the last turn */
    double refused_since_s; /* since when requests are put off and no batch comes; 0 = not so */
    struct ring ring;
    struct cell *cells; /* [ring.n_slots + 1] */
    uint32_t *spare;    /* cells that hold nothing */
    uint32_t n_spare;
};

/* A line for the user, by way of our owner. */
static void __attribute__((format(printf, 2, 3)))
tell(const struct fetch *f, const char *format, ...)
{
    char text[2 * ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (f->wanted.tell)
        f->wanted.tell(f->wanted.tell_hint, text);
}

/* --- asking --- */

/* ASKED -> WANTED: the request is no longer awaited. */
static void slot_take_back(struct fetch *f, struct slot *slot)
{
    f->loader[slot->loader].asked--;
    slot->state = SLOT_WANTED;
    slot->not_before_s = 0;
    f->counts.rerequests++;
}

static void take_back_all(struct fetch *f, uint32_t loader)
{
    for (uint32_t i = 0; i < f->ring.n_slots; i++) {
        struct slot *slot = &f->ring.slots[i];
        if (slot->state == SLOT_ASKED && slot->loader == loader)
            slot_take_back(f, slot);
    }
}

static int ask(struct fetch *f, double now_s)
{
    for (uint64_t p = f->ring.next; p < ring_end(&f->ring); p++) {
        struct slot *slot = ring_slot(&f->ring, p);
        if (slot->state != SLOT_WANTED || now_s < slot->not_before_s)
            continue;
        uint32_t i = loader_choose(f->loader, f->n_loaders, slot->avoid);
        if (i == f->n_loaders)
            continue;
        int rc = loader_get(&f->loader[i], &f->room, ring_epoch(&f->ring, p),
                            ring_index(&f->ring, p), &slot->request);
        if (rc == -EAGAIN)
            return 0;
        if (rc < 0)
            return rc;
        slot->state = SLOT_ASKED;
        slot->loader = i;
        slot->asked_s = now_s;
        f->loader[i].asked++;
    }
    return 0;
}

/* Requests that are overdue go elsewhere, and their loader has to show that it is alive. */
static int check_deadlines(struct fetch *f, double now_s)
{
    for (uint64_t p = f->ring.next; p < ring_end(&f->ring); p++) {
        struct slot *slot = ring_slot(&f->ring, p);
        if (slot->state != SLOT_ASKED || now_s < slot_deadline(slot, f->wanted.deadline_s))
            continue;
        struct loader *loader = &f->loader[slot->loader];
        if (++slot->misses == RING_FAILURES_MAX)
            return err_set(-ETIMEDOUT,
                           "%s: batch %u of epoch %u was asked for %d times and never came%s%s",
                           loader->endpoint, ring_index(&f->ring, p), ring_epoch(&f->ring, p),
                           RING_FAILURES_MAX, loader->said[0] ? "; it said: " : "", loader->said);
        slot->avoid |= 1u << slot->loader;
        if (f->n_loaders > 1)
            loader_cancel(loader, &f->room, slot->request);
        slot_take_back(f, slot);
        if (loader->state == LOADER_READY)
            loader_again(loader, &f->room, now_s);
    }
    return 0;
}

/* --- answers --- */

/* A cell's memory back; its frames go back to ZeroMQ. */
static void cell_done(struct fetch *f, uint32_t cell)
{
    f->room.io->release(f->room.io->hint, &f->cells[cell].message);
    f->spare[f->n_spare++] = cell;
}

static int damaged(struct fetch *f, uint32_t loader, uint64_t position, const char *what)
{
    struct slot *slot = ring_slot(&f->ring, position);
    log_debug("%s: batch %u of epoch %u %s; asking again", f->loader[loader].endpoint,
              ring_index(&f->ring, position), ring_epoch(&f->ring, position), what);
    f->counts.crc_errors++;
    slot->avoid |= 1u << loader;
    if (slot->state == SLOT_ASKED && slot->loader == loader)
        slot_take_back(f, slot);
    if (++slot->damaged < RING_FAILURES_MAX)
        return 0;
    return err_set(-EBADMSG, "%s: batch %u of epoch %u %s (%d damaged answers)",
                   f->loader[loader].endpoint, ring_index(&f->ring, position),
                   ring_epoch(&f->ring, position), what, RING_FAILURES_MAX);
}

/* 1: the cell is now held by a slot; 0: it was of no use; -errno. */
static int on_batch(struct fetch *f, uint32_t i, uint32_t c, double now_s)
{
    struct cell *cell = &f->cells[c];
    const struct wire_batch *b = &cell->body.batch;
    uint64_t position;
    if (!f->opened || memcmp(b->session, f->info.session, DIGEST_BYTES) != 0 ||
        b->server_epoch != f->loader[i].server_epoch ||
        !ring_misses(&f->ring, b->epoch, b->index, &position)) {
        f->counts.late++;
        return 0;
    }
    struct slot *slot = ring_slot(&f->ring, position);
    const char *wrong = answer_check(&f->spec, f->info.samples, &cell->message, b, &cell->model);
    if (wrong)
        return damaged(f, i, position, wrong);
    if (slot->state == SLOT_ASKED) {
        struct loader *asked = &f->loader[slot->loader];
        asked->asked--;
        if (slot->loader == i)
            loader_took(asked, now_s - slot->asked_s);
        else
            loader_cancel(asked, &f->room, slot->request);
    }
    slot->state = SLOT_HELD;
    slot->cell = c;
    f->loader[i].said[0] = 0; /* what it said before has passed */
    f->refused_since_s = 0;
    return 1;
}

/* rc and err_text() say why this loader is of no use to the run. At the start that is the user's
 * mistake and ends it; later it may be one machine's, and the others go on without it. */
static int leave_out(struct fetch *f, uint32_t i, int rc)
{
    uint32_t others = 0;
    for (uint32_t k = 0; k < f->n_loaders; k++)
        others += k != i && f->loader[k].state != LOADER_LEFT_OUT;
    if (!f->settled || others == 0)
        return rc;
    char why[ERR_TEXT_MAX];
    snprintf(why, sizeof why, "%s", err_text());
    tell(f, "%s; the run goes on without it until it is started anew", why);
    loader_says(&f->loader[i], why);
    f->loader[i].state = LOADER_LEFT_OUT;
    take_back_all(f, i);
    return 0;
}

/* A batch that is refused for now is asked again, elsewhere where that can be, and its loader is
 * the less worth asking. Neither one that fails at it nor one that is busy may do so for ever. */
static int put_off(struct fetch *f, uint32_t i, struct slot *slot, const struct wire_message *m,
                   double now_s)
{
    struct loader *loader = &f->loader[i];
    uint64_t position = ring_position(&f->ring, slot);
    slot_take_back(f, slot);
    slot->not_before_s = now_s + AGAIN_S * (1u << slot->refused);
    slot->avoid |= 1u << i;
    if (loader->latency_s < AGAIN_S)
        loader_took(loader, AGAIN_S);
    if (m->error.code == WIRE_UNKNOWN_SESSION && loader->state == LOADER_READY)
        loader_again(loader, &f->room, now_s);
    if (m->error.code == WIRE_INTERNAL) {
        if (++slot->refused < RING_FAILURES_MAX)
            return 0;
        return err_set(-EIO, "%s: batch %u of epoch %u was refused %d times: %s", loader->endpoint,
                       ring_index(&f->ring, position), ring_epoch(&f->ring, position),
                       RING_FAILURES_MAX, m->error.text);
    }
    if (f->refused_since_s == 0)
        f->refused_since_s = now_s;
    if (now_s - f->refused_since_s < f->wanted.retry_s)
        return 0;
    return err_set(-ETIMEDOUT, "%s: no batch within %g s: %s", loader->endpoint, f->wanted.retry_s,
                   m->error.text);
}

/* An Error about a batch that is asked of this loader; 0 for every other one. */
static int on_error(struct fetch *f, uint32_t i, const struct wire_message *m, double now_s)
{
    struct slot *slot = ring_asked(&f->ring, i, m->error.request);
    if (!slot)
        return 0;
    if (m->error.code != WIRE_UNKNOWN_SESSION && !m->error.retryable)
        return leave_out(f, i, loader_refusal(&f->loader[i], m->error.code, m->error.text));
    return put_off(f, i, slot, m, now_s);
}

/* A loader became READY: the first one says what the dataset is, all others must agree. */
static int on_ready(struct fetch *f, const struct loader *loader, double now_s)
{
    int rc = loader_read(loader, &f->spec);
    if (rc < 0)
        return rc;
    if (f->opened)
        return loader_agrees(loader, f->spec.dataset, &f->info);
    f->info = loader->info;
    if (f->info.class_names)
        f->info.class_names = class_names_lay(f->names, f->info.class_names, f->info.classes);
    if (f->info.batches == 0 || f->info.batches > UINT32_MAX)
        return err_set(-ENODATA, "%s: %s has no batch of %u", loader->endpoint, f->spec.dataset,
                       f->spec.batch);
    if (f->info.batches != spec_batches(&f->spec, f->info.samples))
        return err_set(-EPROTO, "%s: counts %llu batches an epoch in %llu samples",
                       loader->endpoint, (unsigned long long)f->info.batches,
                       (unsigned long long)f->info.samples);
    ring_start(&f->ring, f->info.batches, f->wanted.epoch, f->wanted.index, f->wanted.epochs);
    f->opened = true;
    f->opened_s = now_s;
    return 0;
}

/* err_text() says what is wrong with a message. It names no request, so it changes nothing. */
static void unreadable(struct fetch *f, uint32_t i)
{
    log_debug("%s: %s", f->loader[i].endpoint, err_text());
    loader_says(&f->loader[i], err_text());
    f->counts.unreadable++;
}

/* One message in cell c. 1: the cell is in use. */
static int on_message(struct fetch *f, uint32_t i, uint32_t c, double now_s)
{
    struct cell *cell = &f->cells[c];
    struct loader *loader = &f->loader[i];
    if (wire_unpack(cell->wire, cell->message.body, cell->message.body_len, &cell->body) < 0) {
        unreadable(f, i);
        return 0;
    }
    if (cell->body.type == WIRE_BATCH)
        return on_batch(f, i, c, now_s);
    if (cell->body.type == WIRE_ERROR)
        loader_says(loader, cell->body.error.text);
    int rc = cell->body.type == WIRE_ERROR ? on_error(f, i, &cell->body, now_s) : 0;
    if (rc < 0)
        return rc;
    bool was_ready = loader->state == LOADER_READY;
    rc = loader_message(loader, &f->room, &cell->body, now_s);
    if (rc > 0)
        take_back_all(f, i);
    if (rc >= 0 && !was_ready && loader->state == LOADER_READY)
        rc = on_ready(f, loader, now_s);
    return rc < 0 ? leave_out(f, i, rc) : 0;
}

static int receive_all(struct fetch *f, uint32_t i, double now_s)
{
    const struct loader_io *io = f->room.io;
    /* bounded, so that one loader that floods us cannot keep the others waiting */
    for (uint32_t n = 0; n < 4 * f->ring.n_slots; n++) {
        uint32_t c = f->spare[--f->n_spare];
        int got = io->receive(io->hint, i, &f->cells[c].message);
        int rc = got == 0 ? on_message(f, i, c, now_s) : 0;
        if (rc != 1)
            cell_done(f, c);
        if (got == -EBADMSG) /* of no shape of ours; it is dropped already */
            unreadable(f, i);
        else if (got < 0)
            return got == -EAGAIN ? 0 : got;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* --- the loop --- */

/* No loader is READY since alone_since_s: that of our own may have died, the user may wonder. */
static int on_alone(struct fetch *f, double now_s)
{
    char names[ERR_TEXT_MAX / 2], words[ERR_TEXT_MAX / 2];
    double alone_s = now_s - f->alone_since_s;
    bool over = alone_s >= f->wanted.retry_s;
    int rc = f->config.check ? f->config.check(f->config.check_hint) : 0;
    if (rc < 0 || (!over && (f->told_alone || alone_s < WAITING_S)))
        return rc;
    loader_names(f->loader, f->n_loaders, names, sizeof names);
    loader_words(f->loader, f->n_loaders, words, sizeof words);
    if (over)
        return err_set(-ETIMEDOUT, "%s: no loader answered within %g s%s", names, f->wanted.retry_s,
                       words);
    tell(f, "waiting for %s%s", names, words);
    f->told_alone = true;
    return 0;
}

/* Until every loader is ready, or one is and the others had their time. Nothing is asked before:
 * the first to answer would get it all, and be alone with it should its answers be of no use. */
static void settle(struct fetch *f, double now_s)
{
    uint32_t ready = 0;
    for (uint32_t i = 0; i < f->n_loaders; i++)
        ready += f->loader[i].state == LOADER_READY;
    f->settled = ready == f->n_loaders || (f->opened && now_s - f->opened_s >= OTHERS_S);
}

/* Time in which the caller was away is not time in which nobody answered. */
static void forgive_absence(struct fetch *f, double now_s)
{
    double away_s = now_s - f->turned_s;
    if (f->turned_s > 0 && away_s > AWAY_S) {
        f->alone_since_s += f->alone_since_s > 0 ? away_s : 0;
        f->refused_since_s += f->refused_since_s > 0 ? away_s : 0;
    }
    f->turned_s = now_s;
}

/* What has come is taken before any deadline is looked at: the caller may have been away for long.
 */
int fetch_turn(struct fetch *f, double now_s)
{
    bool ready = false;
    forgive_absence(f, now_s);
    for (uint32_t i = 0; i < f->n_loaders; i++) {
        if (loader_tick(&f->loader[i], &f->room, now_s)) {
            f->counts.disconnects++;
            take_back_all(f, i);
        }
        int rc = receive_all(f, i, now_s);
        if (rc < 0)
            return rc;
        ready |= f->loader[i].state == LOADER_READY;
    }
    if (ready) {
        f->alone_since_s = 0;
        f->told_alone = false;
    } else if (f->alone_since_s == 0) {
        f->alone_since_s = now_s;
    }
    int rc = ready ? 0 : on_alone(f, now_s);
    if (rc < 0)
        return rc;
    if (!f->settled)
        settle(f, now_s);
    if (!f->settled)
        return 0;
    rc = check_deadlines(f, now_s);
    return rc < 0 ? rc : ask(f, now_s);
}

/* --- the caller's side --- */

bool fetch_settled(const struct fetch *f)
{
    return f->settled;
}

int fetch_resume(struct fetch *f)
{
    if (f->ring.next >= f->ring.end)
        return err_set(-ENODATA, "no batch is left");
    f->refused_since_s = 0;
    return 0;
}

int fetch_lend(struct fetch *f, struct recv_batch *ret)
{
    struct slot *slot = ring_lend(&f->ring);
    if (!slot)
        return -EAGAIN;
    const struct cell *cell = &f->cells[slot->cell];
    ret->header = &cell->body.batch;
    ret->model = cell->model;
    ret->slot = (uint32_t)(slot - f->ring.slots);
    f->counts.batches++;
    f->counts.substituted += ret->header->n_substituted;
    for (uint32_t i = 0; i < ret->header->n_frames; i++)
        f->counts.bytes += ret->header->frames[i].bytes;
    return 0;
}

void fetch_release(struct fetch *f, struct recv_batch *batch)
{
    struct slot *slot = &f->ring.slots[batch->slot];
    cell_done(f, slot->cell);
    slot_free(slot);
    batch->header = NULL;
}

const struct recv_info *fetch_info(const struct fetch *f)
{
    return &f->info;
}

struct recv_counts *fetch_counts(struct fetch *f)
{
    return &f->counts;
}

/* --- the beginning and the end --- */

static int make_memory(struct fetch *f)
{
    uint32_t n = f->wanted.window * f->n_loaders + 1; /* one is with the caller */
    int rc = ring_init(&f->ring, n);
    if (rc < 0)
        return rc;
    f->cells = calloc(n + 1, sizeof *f->cells);
    f->spare = calloc(n + 1, sizeof *f->spare);
    f->names = malloc(CLASS_NAMES_ROOM);
    if (!f->cells || !f->spare || !f->names)
        return err_set(-ENOMEM, "fetch: out of memory");
    uint32_t omegas = f->spec.batch * f->spec.n_views;
    for (uint32_t c = 0; c <= n; c++) {
        rc = wire_new(omegas < CONTROL_OMEGAS ? CONTROL_OMEGAS : omegas, &f->cells[c].wire);
        if (rc < 0)
            return rc;
        f->spare[f->n_spare++] = c;
    }
    return wire_new(CONTROL_OMEGAS, &f->room.wire);
}

static void free_fn(struct fetch **fetch)
{
    fetch_free(*fetch);
}

int fetch_new(const struct fetch_config *config, struct fetch **ret)
{
    const struct recv_config *wanted = config->wanted;
    int rc = spec_check(wanted->spec);
    if (rc < 0)
        return rc;
    if (wanted->window < 1 || wanted->window > FETCH_WINDOW_MAX || wanted->endpoints->n < 1)
        return err_set(-EINVAL, "recv: a window of 1 to %d and an endpoint are needed",
                       FETCH_WINDOW_MAX);
    auto_with(free_fn) struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(-ENOMEM, "fetch: out of memory");
    f->config = *config;
    f->wanted = *wanted;
    f->spec = *wanted->spec;
    f->endpoints = *wanted->endpoints;
    f->n_loaders = (uint32_t)f->endpoints.n;
    f->room = (struct loader_room){
        .io = config->io, .spec = &f->spec, .client = config->client, .window = wanted->window};
    for (uint32_t i = 0; i < f->n_loaders; i++)
        loader_init(&f->loader[i], f->endpoints.v[i], i);
    rc = make_memory(f);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&f);
    return 0;
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    for (uint32_t c = 0; f->cells && c <= f->ring.n_slots; c++) {
        f->room.io->release(f->room.io->hint, &f->cells[c].message);
        wire_free(f->cells[c].wire);
    }
    wire_free(f->room.wire);
    free(f->spare);
    free(f->names);
    free(f->cells);
    ring_done(&f->ring);
    free(f);
}
