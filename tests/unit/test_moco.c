/* SPDX-License-Identifier: Apache-2.0 */
/* test_moco: gradients, and the queue: a ring of unit rows that takes the keys, or the queries,
 * after each step, oldest out first. */
#include "method_bed.h"

#include <string.h>

enum { DIM = 4, QUEUE = 3 * BED_N };

static struct method_bed bed;
static struct recipe recipe = {.method = {.projector = {2, 8, DIM},
                                          .temperature = 0.5,
                                          .momentum = 0.9,
                                          .queue = {QUEUE, QUEUE_KEY}}};

static void gradients(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_moco, &recipe, 0);
    method_bed_check_gradients(&bed);
    assert_string_equal(bed.loss.item[0].name, "moco");
    assert_string_equal(bed.loss.item[1].name, "spread");
    const struct param *own = net_find_param(bed.net, "projector.3.weight");
    const struct param *momentum = net_find_param(bed.net, "momentum.projector.3.weight");
    assert_ptr_equal(momentum->online, own);
    assert_memory_equal(momentum->w, own->w, own->count * sizeof(float));
    method_bed_done(&bed);
}

static void queue_of_keys(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_moco, &recipe, 0);
    const struct buffer *keys = net_find_buffer(bed.net, "queue.keys");
    const struct buffer *position = net_find_buffer(bed.net, "queue.position");
    assert_int_equal(keys->ndim, 2);
    assert_int_equal(keys->shape[0], QUEUE);
    for (size_t i = 0; i < QUEUE; i++) /* at the start too */
        assert_true(fabs(dot(keys->data + i * DIM, keys->data + i * DIM, DIM) - 1) < 1e-6);
    float before[QUEUE * DIM];
    for (int step = 0; step < 4; step++) {
        size_t at = (size_t)(step % 3) * BED_N * DIM, bytes = BED_N * DIM * sizeof(float);
        memcpy(before, keys->data, sizeof(before));
        random_fill(bed.t.data, tensor_count(&bed.t), -1, 1, 10 + (uint32_t)step);
        method_bed_loss(&bed);
        assert_int_equal(method_moco.backward(bed.state, &bed.in, &bed.dy), 0);
        assert_memory_equal(before, keys->data, sizeof(before)); /* the gradient is of the old */
        assert_int_equal(method_moco.after_batch(bed.state), 0);
        assert_int_equal(position->counter, (step + 1) * BED_N % QUEUE);
        assert_memory_not_equal((char *)before + at * sizeof(float), keys->data + at, bytes);
        memcpy(before + at, keys->data + at, bytes);
        assert_memory_equal(before, keys->data, sizeof(before)); /* the rest stays */
        for (size_t i = 0; i < BED_N; i++)
            assert_true(fabs(dot(before + at + i * DIM, before + at + i * DIM, DIM) - 1) < 1e-6);
    }
    method_bed_done(&bed);
}

/* The first two steps put the same queries into two places. */
static void queue_of_queries(void **state)
{
    (void)state;
    recipe.method.queue.source = QUEUE_QUERY;
    method_bed_make(&bed, &method_moco, &recipe, 0);
    const struct buffer *keys = net_find_buffer(bed.net, "queue.keys");
    for (int step = 0; step < 2; step++) {
        random_fill(bed.t.data, tensor_count(&bed.t), -1, 1, 10 + (uint32_t)step);
        method_bed_loss(&bed);
        assert_int_equal(method_moco.after_batch(bed.state), 0);
    }
    assert_memory_equal(keys->data, keys->data + BED_N * DIM, BED_N * DIM * sizeof(float));
    method_bed_done(&bed);
    recipe.method.queue.source = QUEUE_KEY;
}

/* The same with a projector that reads omega: every parameter of its encoding has its gradient, and
 * another omega gives another loss. */
static void conditioned(void **state)
{
    (void)state;
    struct recipe reads = recipe;
    reads.method.condition.dim = 5;
    reads.method.condition.layers = 2;
    method_bed_make(&bed, &method_moco, &reads, 0);
    assert_non_null(net_find_param(bed.net, "condition.0.weight")->d);
    method_bed_check_gradients(&bed);
    double loss = method_bed_loss(&bed);
    const struct param *momentum = net_find_param(bed.net, "momentum.condition.0.weight");
    assert_ptr_equal(momentum->online, net_find_param(bed.net, "condition.0.weight"));
    random_fill(bed.code_t.data, tensor_count(&bed.code_t), 0, 1, 8);
    assert_true(fabs(method_bed_loss(&bed) - loss) > 1e-4);
    loss = method_bed_loss(&bed);
    random_fill(bed.code_y.data, tensor_count(&bed.code_y), 0, 1, 9);
    assert_true(fabs(method_bed_loss(&bed) - loss) > 1e-4);
    method_bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(conditioned),
        cmocka_unit_test(queue_of_keys),
        cmocka_unit_test(queue_of_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
