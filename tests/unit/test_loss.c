/* SPDX-License-Identifier: Apache-2.0 */
/* test_loss: the total, what is only watched, scores over one batch and several, a full list. */
#include "test.h"

#include "trainer/loss.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static struct ops *ops;
static struct net *net;
static struct loss loss;

static int setup(void **state)
{
    (void)state;
    return ops_open("ref", 1, &ops) || net_new(ops, &net) || loss_init(&loss, net);
}

static int teardown(void **state)
{
    (void)state;
    net_free(net);
    ops_close(ops);
    return 0;
}

static void total(void **state)
{
    (void)state;
    assert_int_equal(loss_add(&loss, "simsiam", 1), 0);
    assert_int_equal(loss_add(&loss, "spread", 0), 1);
    assert_int_equal(loss_add(&loss, "augself.crop", 0.5F), 2);
    assert_int_equal(net_commit(net), 0);
    /* a watched value must not reach the total, not even as 0 * nan */
    const float values[] = {-0.75F, NAN, 3};
    assert_int_equal(ops->upload(ops, loss.device, values, sizeof(values)), 0);
    float sum;
    assert_int_equal(loss_fetch(&loss, &sum), 0);
    assert_true(sum == 0.75F);
    assert_string_equal(loss.item[2].name, "augself.crop");
    assert_true(loss.item[2].value == 3);
    assert_true(isnan(loss.item[1].value));
}

static void batch(float error, float share, double variance)
{
    const float values[] = {error, 7, share}; /* nobody writes an R2's place, and nobody reads it */
    assert_int_equal(ops->upload(ops, loss.device, values, sizeof(values)), 0);
    loss_set_variance(&loss, 1, variance);
}

static void scores(void **state)
{
    (void)state;
    int head = loss_add(&loss, "augself.rotation", 2);
    assert_int_equal(loss_add_r2(&loss, head), 1);
    assert_int_equal(loss_add_score(&loss, "augself.rotation", "accuracy"), 2);
    assert_string_equal(loss.item[1].name, "augself.rotation.r2");
    assert_string_equal(loss.item[2].name, "augself.rotation.accuracy");
    assert_int_equal(net_commit(net), 0);
    float sum;
    batch(1, 0.5F, 4);
    assert_int_equal(loss_fetch(&loss, &sum), 0);
    assert_true(sum == 2 && loss.item[1].value == 0.75F && loss.item[2].value == 0.5F);
    batch(1, 0.25F, 4); /* two batches: 1 - mean(1, 2) / mean(4, 8) */
    assert_int_equal(loss_add_up(&loss), 0);
    batch(2, 0.75F, 8);
    assert_int_equal(loss_fetch(&loss, &sum), 0);
    assert_true(sum == 3 && loss.item[1].value == 0.75F && loss.item[2].value == 0.5F);
    batch(1, 0, 0); /* one batch again, with nothing in it to explain */
    assert_int_equal(loss_fetch(&loss, &sum), 0);
    assert_true(sum == 2 && isnan(loss.item[1].value));
}

static void full(void **state)
{
    (void)state;
    for (int i = 0; i < LOSS_MAX; i++)
        assert_int_equal(loss_add(&loss, "one", 1), i);
    assert_int_equal(loss_add(&loss, "more", 1), -ENOSPC);
    assert_int_equal(loss_add_score(&loss, "more", "accuracy"), -ENOSPC);
    assert_int_equal(loss_add_r2(&loss, 0), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(total, setup, teardown),
        cmocka_unit_test_setup_teardown(scores, setup, teardown),
        cmocka_unit_test_setup_teardown(full, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
