/* SPDX-License-Identifier: Apache-2.0 */
/* peer: a connection is known by its link and name; a full table gives up the one that waits for
 * nothing and was heard least lately, never one that waits. */
#include "test.h"

#include "loaderd/serve/peer.h"

#include <stdio.h>

static struct link_peer name_of(unsigned number)
{
    struct link_peer name = {.len = 5};
    name.id[1] = (unsigned char)(number >> 8);
    name.id[2] = (unsigned char)number;
    return name;
}

static struct peer *meet(struct peers *peers, unsigned number)
{
    struct link_peer name = name_of(number);
    return peer_meet(peers, 0, &name);
}

static void test_known(void **state)
{
    (void)state;
    static struct peers peers;
    struct link_peer a = name_of(1);
    assert_null(peer_find(&peers, 0, &a));
    struct peer *peer = peer_meet(&peers, 0, &a);
    assert_non_null(peer);
    assert_ptr_equal(peer_meet(&peers, 0, &a), peer);
    assert_ptr_equal(peer_find(&peers, 0, &a), peer);
    assert_null(peer_find(&peers, 1, &a)); /* another socket, another peer */
    assert_int_equal(peers_count(&peers), 1);
    peer_forget(peer);
    assert_null(peer_find(&peers, 0, &a));
    assert_int_equal(peers_count(&peers), 0);
}

static void test_full(void **state)
{
    (void)state;
    static struct peers peers;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        meet(&peers, i)->outstanding = i != 7;
    assert_non_null(meet(&peers, 1000)); /* in the place of the idle one */
    struct link_peer idle = name_of(7), busy = name_of(8);
    assert_null(peer_find(&peers, 0, &idle));
    assert_non_null(peer_find(&peers, 0, &busy));
    meet(&peers, 1000)->outstanding = 1;
    assert_null(meet(&peers, 1001));
    /* One that waits for nothing and still has a batch on its way is not given up either. */
    meet(&peers, 1000)->outstanding = 0;
    meet(&peers, 1000)->holding = 1;
    assert_null(meet(&peers, 1001));
    meet(&peers, 1000)->holding = 0;
    assert_non_null(meet(&peers, 1001));
}

/* Who begins to ask starts level with the peer in work that was served least. */
static void test_wakes(void **state)
{
    (void)state;
    static struct peers all;
    for (uint32_t i = 0; i < 4; i++)
        all.list[i] = (struct peer){
            .used = true, .begun = 100 * (i + 1) + 50 * (i > 0), .served = 100 * (i + 1)};
    struct peer *peer = &all.list[0];
    peer_wakes(&all, peer); /* nobody else is in work */
    assert_int_equal(peer->served, 100);
    all.list[3].outstanding = 1;
    all.list[2].holding = 1;
    peer_wakes(&all, peer);
    assert_int_equal(peer->served, 300);
    all.list[1].used = false;
    peer->begun = 5000; /* what it had is not forgiven */
    peer_wakes(&all, peer);
    assert_int_equal(peer->served, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_wakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
