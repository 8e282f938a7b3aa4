/* SPDX-License-Identifier: Apache-2.0 */
/* test_encoder: which view's features stand in which rows, for one trained view and a target, two
 * trained views and a target of both, and small views; gradients of all of them; runs that are no
 * batch. */
#include "test.h"

#include "gradcheck.h"
#include "trainer/encoder.h"

#include <errno.h>
#include <string.h>

enum { N = 4, SIZE = 16, SMALL = 8, VIEWS_MAX = 4, IMAGE = SIZE * SIZE * 3, WIDTH = 4 };
enum { SMALL_IMAGE = SMALL * SMALL * 3, D = 8 * WIDTH };

static struct fixture {
    struct ops *ops;
    struct net *net;
    struct encoder *encoder;
    uint8_t large[2 * N * IMAGE], small[2 * N * SMALL_IMAGE];
    struct encoder_run runs[4];
    uint32_t n_runs;
} f;

static const struct encoder_config base = {
    .backbone = {.arch = &resnet_archs[0], .width = WIDTH, .cifar_stem = true},
    .n = N,
    .size = SIZE,
    .small_size = SMALL,
    .large_views = 2,
    .trained_views = 2,
    .std = {1, 1, 1},
};

static void make(const struct encoder_config *config)
{
    memset(&f, 0, sizeof(f));
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(net_new(f.ops, &f.net), 0);
    assert_int_equal(encoder_new(f.net, config, &f.encoder), 0);
    assert_int_equal(net_commit(f.net), 0);
    assert_int_equal(net_init(f.net, 5), 0);
    for (size_t i = 0; i < sizeof(f.large); i++)
        f.large[i] = (uint8_t)(i * i * 7 + i / 5);
    for (size_t i = 0; i < sizeof(f.small); i++)
        f.small[i] = (uint8_t)(i * i * 3 + i / 7);
    /* cut otherwise than by views: a run is a frame */
    f.runs[0] = (struct encoder_run){f.large, N - 1};
    f.runs[1] = (struct encoder_run){f.large + (N - 1) * IMAGE, 1};
    f.runs[2] = (struct encoder_run){f.large + N * IMAGE, N};
    f.runs[3] = (struct encoder_run){f.small, config->small_views * N};
    f.n_runs = config->small_views ? 4 : 3;
}

static void unmake(void)
{
    encoder_free(f.encoder);
    net_free(f.net);
    ops_close(f.ops);
}

static void forward(void)
{
    assert_int_equal(encoder_forward(f.encoder, f.runs, f.n_runs), 0);
}

static void same_rows(const struct tensor *a, int32_t at_a, const struct tensor *b, int32_t at_b)
{
    assert_memory_equal(a->data + at_a * D, b->data + at_b * D, N * D * sizeof(float));
}

/* At first a target is the trained backbone, so its features are those of the views it sees. */
static void targets(void **state)
{
    (void)state;
    struct encoder_config config = base;
    make(&config);
    forward();
    assert_int_equal(encoder_views(f.encoder), 2);
    assert_ptr_equal(encoder_t(f.encoder)->data, NULL);
    float two[2 * N * D];
    memcpy(two, encoder_y(f.encoder)->data, sizeof(two));
    struct tensor both = {2 * N, 1, 1, D, two};
    same_rows(encoder_pair(f.encoder), 0, &both, 0);
    same_rows(encoder_pair(f.encoder), N, &both, N);
    assert_memory_not_equal(two, two + N * D, N * D * sizeof(float));
    unmake();

    config.target_views = 2;
    make(&config);
    forward();
    same_rows(encoder_t(f.encoder), 0, &both, 0);
    same_rows(encoder_t(f.encoder), N, &both, N);
    unmake();

    config.trained_views = config.target_views = 1;
    make(&config);
    forward();
    assert_int_equal(encoder_y(f.encoder)->n, N);
    assert_int_equal(encoder_rows(f.encoder), N);
    same_rows(encoder_y(f.encoder), 0, &both, 0);
    same_rows(encoder_t(f.encoder), 0, &both, N);
    same_rows(encoder_pair(f.encoder), 0, &both, 0);
    same_rows(encoder_pair(f.encoder), N, &both, N);
    for (int i = 0; i < N * D; i++) /* nobody's gradient starts from 0 in every step */
        assert_true(encoder_dpair(f.encoder)->data[N * D + i] == 0);
    unmake();
}

static double objective(void *arg)
{
    forward();
    const struct tensor *y = encoder_y(f.encoder);
    return dot(y->data, arg, tensor_count(y));
}

static void gradients(void **state)
{
    (void)state;
    struct encoder_config config = base;
    static float weight[VIEWS_MAX * N * D];
    random_fill(weight, VIEWS_MAX * N * D, -1, 1, 9);
    for (int32_t small = 0; small <= 2; small += 2) {
        config.small_views = small;
        make(&config);
        assert_int_equal(encoder_views(f.encoder), 2 + small);
        objective(weight);
        struct tensor *dy = encoder_dy(f.encoder);
        assert_int_equal(dy->n, (2 + small) * N);
        memcpy(dy->data, weight, tensor_count(dy) * sizeof(float));
        assert_int_equal(encoder_backward(f.encoder), 0);
        assert_true(gradcheck_net(f.net, 1e-4, objective, weight) < 0.03);
        unmake();
    }
}

static void bad_runs(void **state)
{
    (void)state;
    struct encoder_config config = base;
    config.small_views = 2;
    make(&config);
    forward();
    assert_int_equal(encoder_forward(f.encoder, f.runs, 3), -EINVAL); /* small views missing */
    assert_non_null(strstr(err_text(), "8 images where 16 belong"));
    f.runs[3].rows++;
    assert_int_equal(encoder_forward(f.encoder, f.runs, 4), -EINVAL);
    assert_non_null(strstr(err_text(), "more than 16 images"));
    f.runs[3].rows--;
    f.runs[1].rows = N + 2; /* a run that goes on into the small views */
    assert_int_equal(encoder_forward(f.encoder, f.runs, 4), -EINVAL);
    f.runs[1].rows = -1;
    assert_int_equal(encoder_forward(f.encoder, f.runs, 4), -EINVAL);
    float features[2 * N * D];
    f.runs[1].rows = 1;
    assert_int_equal(encoder_infer(f.encoder, f.runs, 3, features), 0);
    assert_int_equal(encoder_infer(f.encoder, f.runs, 4, features), -EINVAL);
    unmake();

    struct net *net;
    struct ops *ops;
    struct encoder *encoder = NULL;
    static const int32_t bad[][3] = {{3, 2, 0}, {2, 0, 2}, {2, 1, 0}, {2, 1, 2}, {2, 3, 0}};
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(net_new(ops, &net), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        config = base;
        config.large_views = bad[i][0];
        config.trained_views = bad[i][1];
        config.target_views = bad[i][2];
        assert_int_equal(encoder_new(net, &config, &encoder), -EINVAL);
        assert_null(encoder);
    }
    net_free(net);
    ops_close(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(gradients),
        cmocka_unit_test(bad_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
