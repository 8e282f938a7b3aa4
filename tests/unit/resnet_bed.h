/* SPDX-License-Identifier: Apache-2.0 */
/* resnet_bed: one residual network by itself on the reference back end, with random images. */
#ifndef AUGSTREAM_TESTS_RESNET_BED_H
#define AUGSTREAM_TESTS_RESNET_BED_H

#include "test.h"

#include "gradcheck.h"
#include "trainer/resnet.h"

enum { ROWS = 6 };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct resnet *resnet;
    struct tensor x, dy;
} f;

static inline void make(const struct resnet_config *config)
{
    memset(&f, 0, sizeof(f));
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(
        arena_add_tensor(&f.net->acts, &f.x, config->rows, config->size, config->size, 3), 0);
    assert_int_equal(resnet_new(f.net, config, &f.resnet), 0);
    const struct tensor *y = resnet_output(f.resnet);
    assert_int_equal(y->n, config->rows);
    assert_int_equal(y->c, (config->arch->bottleneck ? 32 : 8) * config->width);
    assert_int_equal(arena_add_tensor(&f.net->acts, &f.dy, y->n, 1, 1, y->c), 0);
}

static inline void commit(void)
{
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 5), 0);
    random_fill(f.x.data, tensor_count(&f.x), -1, 1, 1);
    random_fill(f.dy.data, tensor_count(&f.dy), -1, 1, 2);
}

static inline void unmake(void)
{
    resnet_free(f.resnet);
    net_free(f.net);
    ops_close(f.ops);
}

static inline double loss(void *arg)
{
    (void)arg;
    assert_int_equal(resnet_forward(f.resnet, &f.x, false), 0);
    return dot(resnet_output(f.resnet)->data, f.dy.data, tensor_count(&f.dy));
}

#endif
