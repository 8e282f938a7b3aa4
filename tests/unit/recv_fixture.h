/* SPDX-License-Identifier: Apache-2.0 */
/* recv_fixture: two scripted loaders, 22 samples in 5 batches of 4 an epoch, and a caller that
 * checks every batch. Include it in one source file of a program. */
#ifndef AUGSTREAM_TESTS_RECV_FIXTURE_H
#define AUGSTREAM_TESTS_RECV_FIXTURE_H

#include "script_peer.h"

#include "trainer/recv.h"

#include <errno.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char endpoint_a[64], endpoint_b[64];
static struct script_peer a, b; /* too large for a stack */

static char told[4][512]; /* what the user is told */
static int n_told;

static inline void on_tell(void *hint, const char *text)
{
    assert_ptr_equal(hint, told);
    if (n_told < 4)
        snprintf(told[n_told], sizeof told[0], "%s", text);
    n_told++;
}

static inline int setup_all(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(endpoint_a, sizeof endpoint_a, "ipc://%s/a", folder);
    snprintf(endpoint_b, sizeof endpoint_b, "ipc://%s/b", folder);
    return 0;
}

static inline int teardown_all(void **state)
{
    (void)state;
    unlink(endpoint_a + 6);
    unlink(endpoint_b + 6);
    return rmdir(folder);
}

static inline int setup(void **state)
{
    (void)state;
    memset(&a, 0, sizeof a);
    a.endpoint = endpoint_a;
    a.samples = 22;
    a.server_epoch = 1000;
    a.fingerprint = 7;
    b = a;
    b.endpoint = endpoint_b;
    b.server_epoch = 2000;
    n_told = 0;
    return 0;
}

struct wanted {
    uint32_t loaders, epoch, index, epochs, window;
    double deadline_s, retry_s;
};

static inline int open_recv(const struct wanted *w, struct recv **ret)
{
    static struct spec spec;
    static struct conf_strs endpoints;
    peer_spec(&spec);
    endpoints.n = w->loaders ? w->loaders : 1;
    snprintf(endpoints.v[0], sizeof endpoints.v[0], "%s", endpoint_a);
    snprintf(endpoints.v[1], sizeof endpoints.v[1], "%s", endpoint_b);
    return recv_open(&(struct recv_config){.spec = &spec,
                                           .endpoints = &endpoints,
                                           .window = w->window ? w->window : 2,
                                           .deadline_s = w->deadline_s > 0 ? w->deadline_s : 20,
                                           .retry_s = w->retry_s > 0 ? w->retry_s : 20,
                                           .epoch = w->epoch,
                                           .index = w->index,
                                           .epochs = w->epochs ? w->epochs : 2,
                                           .tell = on_tell,
                                           .tell_hint = told},
                     ret);
}

static inline void expect_batch(struct recv *recv, uint32_t epoch, uint32_t index)
{
    struct recv_batch batch;
    int rc = recv_next(recv, NULL, &batch);
    if (rc < 0)
        fail_msg("batch %u of epoch %u: %s", index, epoch, err_text());
    assert_int_equal(batch.header->epoch, epoch);
    assert_int_equal(batch.header->index, index);
    size_t at = 0;
    for (uint32_t r = 0; r < batch.model.n_runs; r++)
        for (size_t i = 0; i < (size_t)batch.model.run[r].rows * PEER_IMAGE; i++, at++)
            assert_int_equal(batch.model.run[r].pixels[i], peer_pixel(epoch, index, at));
    assert_int_equal(at, PEER_VIEWS * PEER_BATCH * PEER_IMAGE);
    assert_int_equal(batch.model.labels[3], index * PEER_BATCH + 3);
    assert_int_equal(batch.model.omega[5].sample, index * PEER_BATCH + 1);
    recv_release(recv, &batch);
}

static inline void expect_rest(struct recv *recv, uint32_t epoch, uint32_t index, uint32_t epochs)
{
    for (; epoch < epochs; epoch++, index = 0)
        for (; index < 5; index++)
            expect_batch(recv, epoch, index);
    struct recv_batch batch;
    assert_int_equal(recv_next(recv, NULL, &batch), -ENODATA);
}

static inline void run_all(uint32_t loaders, double deadline_s)
{
    struct recv *recv;
    const struct wanted w = {.loaders = loaders, .deadline_s = deadline_s};
    if (open_recv(&w, &recv) < 0)
        fail_msg("%s", err_text());
    expect_rest(recv, 0, 0, 2);
    recv_close(recv);
}

/* A script that never answers. */
static inline bool ignore_all(struct script_peer *p, const struct wire_message *get)
{
    (void)p;
    (void)get;
    return true;
}

#endif
