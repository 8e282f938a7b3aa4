/* SPDX-License-Identifier: Apache-2.0 */
/* handwork: a loader's stock without files and workers: one numbered dataset, a pool, a session,
 * and the test itself makes the batches. Include it in one source file of a program. */
#ifndef AUGSTREAM_TESTS_HANDWORK_H
#define AUGSTREAM_TESTS_HANDWORK_H

#include "numbered.h"

#include "common/crc32c.h"
#include "loaderd/serve/serve.h"

#include <errno.h>
#include <string.h>

enum { HAND_SAMPLES = 1000, HAND_BATCH = 4, HAND_SIZE = 8 };

static struct {
    struct dataset dataset;
    struct pool *pool;
    struct sessions *sessions;
    struct dispatch *dispatch;
    struct metrics metrics;
    struct session *session;
} hand;

static inline int hand_begin(uint32_t slots)
{
    memset(&hand, 0, sizeof hand);
    hand.dataset = numbered_dataset("set", HAND_SAMPLES);
    struct session_config session_config = {
        .datasets = &hand.dataset, .n_datasets = 1, .slot_pixels = 1 << 20, .bad_rate_max = 1};
    struct pool_config pool_config = {.slots = slots, .slot_bytes = (1 << 20) + SLOT_EXTRA};
    if (sessions_new(&session_config, &hand.sessions) < 0 || pool_new(&pool_config, &hand.pool) < 0)
        return -1;
    struct dispatch_config config = {
        .pool = hand.pool, .sessions = hand.sessions, .metrics = &hand.metrics};
    struct spec spec = numbered_spec("set", HAND_BATCH, HAND_SIZE);
    enum wire_code code;
    return dispatch_new(&config, &hand.dispatch) ||
           session_open(hand.sessions, &spec, &hand.session, &code);
}

/* After serve_free: nothing may be held any more. */
static inline void hand_end(void)
{
    assert_int_equal(hand.session->refs, 0);
    assert_int_equal(pool_idle(hand.pool), pool_slots(hand.pool));
    dispatch_free(hand.dispatch);
    sessions_free(hand.sessions);
    dataset_done(&hand.dataset);
    pool_free(hand.pool);
}

static inline struct protocol_config hand_protocol(uint32_t window)
{
    return (struct protocol_config){.datasets = &hand.dataset,
                                    .n_datasets = 1,
                                    .sessions = hand.sessions,
                                    .dispatch = hand.dispatch,
                                    .metrics = &hand.metrics,
                                    .window = window,
                                    .window_bytes = UINT64_MAX,
                                    .batch_bytes_max = 1 << 20,
                                    .server_epoch = 77};
}

static inline struct wire_message hand_get(uint64_t request, uint32_t index)
{
    struct wire_message m = {.type = WIRE_GET_BATCH};
    memcpy(m.get_batch.session, hand.session->id, DIGEST_BYTES);
    m.get_batch.index = index;
    m.get_batch.request = request;
    return m;
}

/* The batch of that index, which is being made; one more user, to be released. */
static inline struct batch *hand_batch(uint32_t index)
{
    struct batch *batch;
    uint64_t shared = hand.metrics.shared;
    assert_int_equal(dispatch_ask(hand.dispatch, hand.session, 0, index, &batch), 0);
    assert_int_equal(hand.metrics.shared, shared + 1);
    return batch;
}

static inline void hand_result(const struct batch *batch, uint32_t position, int code)
{
    const struct crew_result r = {.ticket = (uint64_t)batch->number << 32 | position,
                                  .code = code,
                                  .fault = code == -EBADMSG ? FAULT_TRUNCATED : FAULT_NONE,
                                  .text = "spoilt"};
    dispatch_result(hand.dispatch, &r);
}

static inline void hand_render(const struct batch *batch, const struct task_render *task)
{
    unsigned char *slot = pool_data(hand.pool, task->slot);
    struct omega *omegas = (struct omega *)(slot + batch->layout.omega);
    uint32_t *checks = (uint32_t *)(slot + batch->layout.check);
    for (uint32_t v = 0; v < hand.session->spec.n_views; v++) {
        const struct omega_key key = {.sample = task->item.sample, .view = v};
        const uint32_t at = v * task->n_samples + task->position;
        omega_draw(&hand.session->spec.views[v], &key, 40, 30, &omegas[at]);
        checks[at] =
            crc32c(0, slot + batch->layout.view[v] + task->position * batch->layout.image[v],
                   batch->layout.image[v]);
    }
}

/* All of it, well. */
static inline void hand_make(uint32_t index)
{
    struct batch *batch = hand_batch(index);
    struct task_render task;
    while (batch_next(batch, &task) == 0) {
        hand_render(batch, &task);
        hand_result(batch, task.position, 0);
    }
    dispatch_release(hand.dispatch, batch);
}

/* Each of its samples ends so. */
static inline void hand_spoil(uint32_t index, int code)
{
    struct batch *batch = hand_batch(index);
    struct task_render task;
    while (batch->error == 0 && batch_next(batch, &task) == 0)
        hand_result(batch, task.position, code);
    dispatch_release(hand.dispatch, batch);
}

#endif
