/* SPDX-License-Identifier: Apache-2.0 */
/* again: takes a batch, gives what became of each view. Threads take sample after sample by a
 * counter and write to places of their own, so nothing depends on who was first. The caller's
 * thread waits; everything but the counter is guarded by the lock, or one side's alone while a
 * batch is in work. Owns threads, their renderers and the memory of the result. */
#include "tools/inspect/replay/again.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "tools/inspect/replay/drawn.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct hand {
    struct again *again;
    struct renderer *renderer;
    uint8_t *scratch; /* views that nobody keeps */
    size_t scratch_bytes;
    pthread_t thread;
};

struct again {
    struct hand hands[AGAIN_THREADS_MAX];
    unsigned n_hands; /* that have a thread */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    uint64_t round; /* batches begun */
    unsigned busy;  /* hands that are not done with this one */
    bool stop;
    const struct again_task *task;
    atomic_uint next; /* sample */
    uint8_t flags[WIRE_OMEGAS_MAX];
    char *why[WIRE_BATCH_MAX];
};

static size_t view_bytes(const struct spec *spec, uint32_t view)
{
    return (size_t)spec->views[view].size * spec->views[view].size * 3;
}

/* Where the views of sample i go. */
static void places(const struct hand *hand, uint32_t i, uint8_t *out[OMEGA_VIEWS_MAX])
{
    const struct again_task *task = hand->again->task;
    const struct spec *spec = &task->tap->tap.spec;
    uint8_t *scratch = hand->scratch;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        out[v] = task->pixels ? task->pixels[v] + i * view_bytes(spec, v) : scratch;
        scratch += view_bytes(spec, v);
    }
}

/* Which of the views are not as drawn: their flags; returns whether any is. */
static bool drawn_find(struct again *again, uint32_t i, struct omega *drawn)
{
    const struct wire_message *tap = again->task->tap;
    const struct wire_batch *b = &tap->tap.batch;
    bool any = false;
    for (uint32_t v = 0; v < b->n_views; v++) {
        int n;
        const size_t at = (size_t)v * b->n_samples + i;
        drawn_omega(tap, v, i, &drawn[v]);
        if (drawn_differs(&b->omega[at], &drawn[v], &n))
            again->flags[at] |= AGAIN_OTHERWISE;
        any |= again->flags[at] & AGAIN_OTHERWISE;
    }
    return any;
}

/* Views that differ, rendered as their law draws them: are those the record's? Says nothing where
 * they cannot be rendered. */
static void drawn_try(struct hand *hand, uint32_t i, const struct omega *drawn)
{
    struct again *again = hand->again;
    const struct wire_message *tap = again->task->tap;
    const struct wire_batch *b = &tap->tap.batch;
    const struct omega *omega[OMEGA_VIEWS_MAX];
    uint8_t *out[OMEGA_VIEWS_MAX], *scratch = hand->scratch;
    enum wire_fault fault;
    for (uint32_t v = 0; v < b->n_views; v++) {
        omega[v] = &drawn[v];
        out[v] = scratch;
        scratch += view_bytes(&tap->tap.spec, v);
    }
    if (renderer_views(hand->renderer, &tap->tap.spec, omega, out, &fault))
        return;
    for (uint32_t v = 0; v < b->n_views; v++) {
        const size_t at = (size_t)v * b->n_samples + i;
        if (again->flags[at] & AGAIN_DIFFERS &&
            crc32c(0, out[v], view_bytes(&tap->tap.spec, v)) == b->checks[at])
            again->flags[at] |= AGAIN_AS_DRAWN;
    }
}

/* Holds the views against their checksums; returns whether any differs. */
static bool checks_hold(struct again *again, uint32_t i, uint8_t *const *out)
{
    const struct wire_message *tap = again->task->tap;
    const struct wire_batch *b = &tap->tap.batch;
    bool any = false;
    for (uint32_t v = 0; v < b->n_views; v++) {
        const size_t at = (size_t)v * b->n_samples + i;
        if (!b->checks) {
            again->flags[at] |= AGAIN_UNTOLD;
        } else if (crc32c(0, out[v], view_bytes(&tap->tap.spec, v)) != b->checks[at]) {
            again->flags[at] |= AGAIN_DIFFERS;
            any = true;
        }
    }
    return any;
}

static void sample_again(struct hand *hand, uint32_t i)
{
    struct again *again = hand->again;
    const struct wire_message *tap = again->task->tap;
    const struct wire_batch *b = &tap->tap.batch;
    const struct omega *omega[OMEGA_VIEWS_MAX];
    struct omega drawn[OMEGA_VIEWS_MAX];
    uint8_t *out[OMEGA_VIEWS_MAX];
    enum wire_fault fault;
    const bool wanted = !again->task->wanted || again->task->wanted[i];
    for (uint32_t v = 0; v < b->n_views; v++) {
        omega[v] = &b->omega[(size_t)v * b->n_samples + i];
        again->flags[(size_t)v * b->n_samples + i] = wanted ? 0 : AGAIN_LEFT;
    }
    if (!wanted)
        return;
    const bool otherwise = drawn_find(again, i, drawn);
    places(hand, i, out);
    if (renderer_views(hand->renderer, &tap->tap.spec, omega, out, &fault)) {
        again->why[i] = strdup(err_text());
        for (uint32_t v = 0; v < b->n_views; v++)
            again->flags[(size_t)v * b->n_samples + i] |= AGAIN_FAILED;
    } else if (checks_hold(again, i, out) && otherwise) {
        drawn_try(hand, i, drawn);
    }
}

static void *hand_run(void *arg)
{
    struct hand *hand = arg;
    struct again *again = hand->again;
    uint64_t round = 0;
    pthread_mutex_lock(&again->lock);
    for (;;) {
        while (!again->stop && again->round == round)
            pthread_cond_wait(&again->work, &again->lock);
        if (again->stop)
            break;
        round = again->round;
        pthread_mutex_unlock(&again->lock);
        const uint32_t n = again->task->tap->tap.batch.n_samples;
        for (uint32_t i; (i = atomic_fetch_add(&again->next, 1)) < n;)
            sample_again(hand, i);
        pthread_mutex_lock(&again->lock);
        if (--again->busy == 0)
            pthread_cond_signal(&again->done);
    }
    pthread_mutex_unlock(&again->lock);
    return NULL;
}

static int hand_start(struct again *again, const struct renderer *renderer)
{
    struct hand *hand = &again->hands[again->n_hands];
    hand->again = again;
    int rc = renderer_twin(renderer, &hand->renderer);
    if (rc)
        return rc;
    rc = pthread_create(&hand->thread, NULL, hand_run, hand);
    if (rc) {
        renderer_close(hand->renderer);
        return err_set(-rc, "no thread to render with: %s", strerror(rc));
    }
    again->n_hands++;
    return 0;
}

int again_new(const struct renderer *renderer, unsigned threads, struct again **ret)
{
    assert(threads >= 1 && threads <= AGAIN_THREADS_MAX);
    struct again *again = calloc(1, sizeof *again);
    if (!again)
        return err_set(-ENOMEM, "out of memory");
    pthread_mutex_init(&again->lock, NULL);
    pthread_cond_init(&again->work, NULL);
    pthread_cond_init(&again->done, NULL);
    int rc = 0;
    while (!rc && again->n_hands < threads)
        rc = hand_start(again, renderer);
    if (rc)
        again_free(again);
    else
        *ret = again;
    return rc;
}

static void result_clear(struct again *again)
{
    for (size_t i = 0; i < WIRE_BATCH_MAX; i++) {
        free(again->why[i]);
        again->why[i] = NULL;
    }
}

void again_free(struct again *again)
{
    if (!again)
        return;
    pthread_mutex_lock(&again->lock);
    again->stop = true;
    pthread_cond_broadcast(&again->work);
    pthread_mutex_unlock(&again->lock);
    for (unsigned i = 0; i < again->n_hands; i++) {
        pthread_join(again->hands[i].thread, NULL);
        renderer_close(again->hands[i].renderer);
        free(again->hands[i].scratch);
    }
    result_clear(again);
    pthread_cond_destroy(&again->done);
    pthread_cond_destroy(&again->work);
    pthread_mutex_destroy(&again->lock);
    free(again);
}

/* Room for one sample's views, for each hand. */
static int scratch_reserve(struct again *again, const struct spec *spec)
{
    size_t bytes = 0;
    for (uint32_t v = 0; v < spec->n_views; v++)
        bytes += view_bytes(spec, v);
    for (unsigned i = 0; i < again->n_hands; i++) {
        struct hand *hand = &again->hands[i];
        if (hand->scratch_bytes >= bytes)
            continue;
        free(hand->scratch);
        hand->scratch_bytes = 0;
        hand->scratch = malloc(bytes);
        if (!hand->scratch)
            return err_set(-ENOMEM, "out of memory: %zu bytes of pixels", bytes);
        hand->scratch_bytes = bytes;
    }
    return 0;
}

int again_batch(struct again *again, const struct again_task *task, struct again_result *ret)
{
    assert(task->tap->tap.told_spec);
    int rc = spec_check(&task->tap->tap.spec); /* sizes are multiplied from here on */
    if (!rc)
        rc = scratch_reserve(again, &task->tap->tap.spec);
    if (rc)
        return rc;
    result_clear(again);
    atomic_store(&again->next, 0);
    pthread_mutex_lock(&again->lock);
    again->task = task;
    again->busy = again->n_hands;
    again->round++;
    pthread_cond_broadcast(&again->work);
    while (again->busy)
        pthread_cond_wait(&again->done, &again->lock);
    pthread_mutex_unlock(&again->lock);
    *ret = (struct again_result){again->flags, (const char *const *)again->why};
    return 0;
}
