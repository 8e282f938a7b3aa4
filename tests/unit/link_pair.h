/* SPDX-License-Identifier: Apache-2.0 */
/* link_pair: a ROUTER and a DEALER that know each other, and a raw ZeroMQ socket for peers that do
 * not keep to the rules: what the tests of link and of its messages begin with. */
#ifndef AUGSTREAM_TESTS_LINK_PAIR_H
#define AUGSTREAM_TESTS_LINK_PAIR_H

#include "test.h"

#include "proto/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

enum { PATIENCE_MS = 20000 }; /* then a test has failed */

static char folder[64], path[96], endpoint[128];
static struct link_context *context;
static struct link *router, *dealer;
static struct link_message got; /* large, so not on the stack */

static inline int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_link.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    return link_context_new(&context);
}

static inline int teardown(void **state)
{
    (void)state;
    link_message_done(&got);
    link_close(dealer);
    link_close(router);
    dealer = router = NULL;
    link_context_free(context);
    context = NULL;
    unlink(path);
    return rmdir(folder);
}

static inline void open_pair(const char *where)
{
    char bound[LINK_ENDPOINT_MAX];
    assert_int_equal(link_router_bind(context, where, &router), 0);
    assert_int_equal(link_endpoint(router, bound, sizeof bound), 0);
    assert_int_equal(link_dealer_connect(context, bound, &dealer), 0);
}

static inline void receive(struct link *link, struct link_message *message)
{
    assert_int_equal(link_wait(&link, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(link, message), 0);
}

static inline void say(struct link *link, const struct link_peer *peer, const char *text)
{
    assert_int_equal(link_send(link, peer, text, strlen(text), NULL, 0), 0);
}

static inline void assert_body(const char *text)
{
    assert_int_equal(got.body_len, strlen(text));
    assert_memory_equal(got.body, text, got.body_len);
}

/* Greets the router, so that it knows the dealer's name. */
static inline struct link_peer introduce(void)
{
    say(dealer, NULL, "hello");
    receive(router, &got);
    assert_body("hello");
    assert_int_equal(got.n_frames, 0);
    assert_in_range(got.peer.len, 1, LINK_PEER_MAX);
    return got.peer;
}

static inline void await(enum link_event event, struct link *link)
{
    enum link_event e = LINK_NOTHING;
    for (int waited = 0; e == LINK_NOTHING && waited < PATIENCE_MS; waited += 10) {
        assert_int_equal(link_wait(&link, 1, 10), 0);
        e = link_event(link);
    }
    assert_int_equal(e, event);
}

/* ZeroMQ's thread gives frames back when it likes; closing everything makes it. */
static inline void close_all(void)
{
    link_message_done(&got);
    link_close(dealer);
    link_close(router);
    dealer = router = NULL;
    link_context_free(context);
    context = NULL;
}

/* A peer without our rules. */
static inline void *raw_peer(void **ret_zmq, int type, const char *name)
{
    int linger = 0;
    *ret_zmq = zmq_ctx_new();
    void *raw = zmq_socket(*ret_zmq, type);
    assert_non_null(raw);
    assert_int_equal(zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger), 0);
    if (name)
        assert_int_equal(zmq_setsockopt(raw, ZMQ_ROUTING_ID, name, strlen(name)), 0);
    return raw;
}

#define LINK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
