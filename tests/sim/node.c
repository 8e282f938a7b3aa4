/* SPDX-License-Identifier: Apache-2.0 */
/* node: takes what the cable brings, gives it what serve says; owns the loader's memory from start
 * to stop. */
#include "tests/sim/node.h"

#include "common/crc32c.h"
#include "common/err.h"
#include "tests/sim/dice.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_PIXELS = 16 << 10 };
static const double RETRY_S = .01, CHECK_S = .2;

static int on_send(void *hint, const struct serve_out *out)
{
    struct node *node = hint;
    return cable_loader_send(node->cable, out);
}

static void on_wake(void *hint)
{
    struct node *node = hint;
    node->awake = true;
}

void node_start(struct node *node, uint64_t server_epoch)
{
    assert(!node->on);
    memset(&node->metrics, 0, sizeof node->metrics);
    memset(node->tasks, 0, sizeof node->tasks);
    memset(node->free_s, 0, sizeof node->free_s);
    node->jam = (struct jam){0};
    node->draining = false;
    node->retry_s = INFINITY;
    node->died = calloc(node->flavour->samples, sizeof *node->died);
    assert(node->died);
    truth_dataset(node->flavour, &node->dataset);
    const struct pool_config pool = {.slots = node->slots, .slot_bytes = SLOT_PIXELS + SLOT_EXTRA};
    const struct session_config sessions = {
        .datasets = &node->dataset, .n_datasets = 1, .slot_pixels = SLOT_PIXELS, .bad_rate_max = 1};
    if (pool_new(&pool, &node->pool) < 0 || sessions_new(&sessions, &node->sessions) < 0)
        assert(!"memory");
    const struct dispatch_config dispatch = {.pool = node->pool,
                                             .sessions = node->sessions,
                                             .metrics = &node->metrics,
                                             .keep = node->keep};
    int r = dispatch_new(&dispatch, &node->dispatch);
    const struct serve_config serve = {
        .protocol = {.datasets = &node->dataset,
                     .n_datasets = 1,
                     .sessions = node->sessions,
                     .dispatch = node->dispatch,
                     .metrics = &node->metrics,
                     .window = node->window,
                     .window_bytes = node->window_bytes,
                     .batch_bytes_max = SLOT_PIXELS,
                     .server_epoch = server_epoch},
        .pool = node->pool,
        .send = on_send,
        .send_hint = node,
        .wake = on_wake,
        .wake_hint = node,
    };
    if (r == 0)
        r = serve_new(&serve, &node->serve);
    assert(r == 0);
    node->on = true;
    node->counts.starts++;
}

void node_stop(struct node *node)
{
    node->counts.batches += node->metrics.batches;
    node->counts.shared += node->metrics.shared;
    node->counts.refused += node->metrics.refused;
    node->counts.bad_messages += node->metrics.bad_messages;
    node->counts.delayed += node->metrics.sends_delayed;
    serve_free(node->serve);
    dispatch_free(node->dispatch);
    sessions_free(node->sessions);
    pool_free(node->pool);
    dataset_done(&node->dataset);
    free(node->died);
    node->serve = NULL;
    node->on = false;
}

void node_drain(struct node *node)
{
    node->draining = true;
    node->counts.drains++;
    serve_drain(node->serve);
    node->awake = true;
}

/* --- workers --- */

static int submit(void *hint, const struct session *session, const struct task_render *task)
{
    struct node *node = hint;
    uint32_t flying[NODE_WORKERS_MAX] = {0}, worker = 0;
    struct node_task *place = NULL;
    for (uint32_t i = 0; i < NODE_TASKS_MAX; i++) {
        if (node->tasks[i].used)
            flying[node->tasks[i].worker]++;
        else
            place = &node->tasks[i];
    }
    for (uint32_t w = 1; w < node->workers; w++)
        if (flying[w] < flying[worker])
            worker = w;
    if (flying[worker] == 3 || !place)
        return -EAGAIN;
    double begin_s = fmax(node->cable->now_s, node->free_s[worker]);
    node->free_s[worker] = begin_s + dice_real(node->dice, 0, node->work_s);
    *place = (struct node_task){.used = true,
                                .worker = worker,
                                .done_s = node->free_s[worker],
                                .task = *task,
                                .session = session};
    return 0;
}

static void paint(const struct node *node, const struct node_task *t)
{
    const struct spec *spec = &t->session->spec;
    struct slot_layout layout;
    slot_layout(spec, t->task.n_samples, &layout);
    unsigned char *slot = pool_data(node->pool, t->task.slot);
    struct omega *omegas = (struct omega *)(slot + layout.omega);
    uint32_t *checks = (uint32_t *)(slot + layout.check);
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const struct truth_view view = {node->flavour, spec, t->task.epoch, t->task.item.sample, v};
        const uint32_t at = v * t->task.n_samples + t->task.position;
        unsigned char *pixels = slot + layout.view[v] + t->task.position * layout.image[v];
        truth_paint(&view, pixels);
        truth_omega(&view, &omegas[at]);
        checks[at] = crc32c(0, pixels, layout.image[v]);
    }
}

static void tell(struct node *node, const struct node_task *t, int code, enum wire_fault fault)
{
    const struct crew_result result = {
        .ticket = t->task.ticket, .code = code, .fault = fault, .text = "simulated"};
    dispatch_result(node->dispatch, &result);
}

/* A worker dies at what it had begun; what it had not looked at comes back as it was. */
static void die(struct node *node, struct node_task *dying)
{
    node->counts.deaths++;
    node->died[dying->task.item.sample] = true;
    uint32_t worker = dying->worker;
    dying->used = false;
    tell(node, dying, -EBADMSG, FAULT_CRASH);
    for (uint32_t i = 0; i < NODE_TASKS_MAX; i++)
        if (node->tasks[i].used && node->tasks[i].worker == worker) {
            node->tasks[i].used = false;
            tell(node, &node->tasks[i], -ECANCELED, FAULT_NONE);
        }
    node->free_s[worker] = node->cable->now_s + .1; /* until its successor is up */
}

static void finish(struct node *node, struct node_task *t)
{
    uint32_t sample = t->task.item.sample;
    enum wire_fault fault = truth_fault(node->flavour, sample);
    if (!node->died[sample] && dice_chance(node->dice, node->death_chance)) {
        die(node, t);
        return;
    }
    t->used = false;
    if (*node->troubles_left > 0 && dice_chance(node->dice, node->death_chance)) {
        --*node->troubles_left;
        node->died[sample] = true; /* two failures in a row, and the sample would be blamed */
        node->counts.troubles++;
        tell(node, t, -EIO, FAULT_NONE);
    } else if (fault != FAULT_NONE) {
        tell(node, t, -EBADMSG, fault);
    } else {
        paint(node, t);
        tell(node, t, 0, FAULT_NONE);
    }
}

/* The earliest end of a task. */
static struct node_task *first_task(struct node *node)
{
    struct node_task *first = NULL;
    for (uint32_t i = 0; i < NODE_TASKS_MAX; i++)
        if (node->tasks[i].used && (!first || node->tasks[i].done_s < first->done_s))
            first = &node->tasks[i];
    return first;
}

/* --- the loop --- */

static void check_jam(struct node *node, double now_s)
{
    if (!jam_turn(&node->jam, serve_jammed(node->serve), serve_arrived(node->serve),
                  (uint64_t)(now_s * 1000)))
        return;
    node->counts.jams++;
    for (uint32_t t = 0; t < node->cable->n_trainers; t++) {
        struct cable_conn *conn = cable_conn(node->cable, t, node->number);
        if (conn->up)
            cable_break(node->cable, conn, .1);
    }
    serve_link_cut(node->serve, 0);
}

double node_turn(struct node *node, double now_s)
{
    if (!node->on)
        return INFINITY;
    if (now_s < node->paused_until)
        return node->paused_until;
    static struct link_message message; /* too large for a stack */
    node->awake = false;
    for (struct node_task *t; (t = first_task(node)) && t->done_s <= now_s;)
        finish(node, t);
    for (struct packet *p; (p = cable_loader_receive(node->cable, node->number, &message));) {
        serve_message(node->serve, 0, &message);
        cable_packet_free(node->cable, p);
    }
    serve_turn(node->serve);
    dispatch_feed(node->dispatch, submit, node);
    check_jam(node, now_s);
    const struct node_task *t = first_task(node);
    double next = t ? t->done_s : INFINITY;
    if (serve_stalled(node->serve))
        next = fmin(next, now_s + RETRY_S);
    if (node->jam.stands)
        next = fmin(next, now_s + CHECK_S);
    return node->awake ? now_s : next;
}

const char *node_leftover(const struct node *node)
{
    if (serve_outstanding(node->serve) > 0)
        return "requests are left";
    if (dispatch_busy(node->dispatch))
        return "batches are left";
    uint32_t free = pool_idle(node->pool) + dispatch_kept(node->dispatch);
    return free < node->slots ? "slots are left" : NULL;
}
