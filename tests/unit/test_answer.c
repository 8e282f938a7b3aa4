/* SPDX-License-Identifier: Apache-2.0 */
/* answer: a whole batch gives its runs; anything else says what is wrong with it. */
#include "test.h"

#include "common/crc32c.h"
#include "trainer/answer.h"

#include <string.h>

enum { N = 4, V = 2, SIDE = 8, IMAGE = SIDE * SIDE * 3 };

static struct spec spec;
static struct link_message message; /* too large for a stack */
static struct wire_batch header;
static struct model_batch model;
static unsigned char pixels[V * N * IMAGE]; /* views may be smaller */
static struct omega omegas[V * N];
static const int64_t labels[N] = {1, 2, 3, -1};

/* View 0 in frames of 3 and 1 images, view 1 in one frame. */
static void fill(uint32_t side_0, uint32_t side_1)
{
    static const uint32_t images[] = {3, 1, 4};
    spec = (struct spec){.batch = N, .n_views = V};
    header = (struct wire_batch){.n_samples = N, .n_views = V, .omega = omegas, .labels = labels};
    memset(&message, 0, sizeof message);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * 7 + i / 251);
    spec.views[0].size = header.sizes[0] = side_0;
    spec.views[1].size = header.sizes[1] = side_1;
    const unsigned char *at = pixels;
    for (uint32_t f = 0; f < ARRAY_LEN(images); f++) {
        uint32_t side = f < 2 ? side_0 : side_1, bytes = images[f] * side * side * 3;
        message.frames[f].data = at;
        message.frames[f].len = bytes;
        header.frames[f].bytes = bytes;
        header.frames[f].crc32c = crc32c(0, at, bytes);
        at += bytes;
    }
    message.n_frames = header.n_frames = ARRAY_LEN(images);
}

static int setup(void **state)
{
    (void)state;
    fill(SIDE, SIDE);
    return 0;
}

static void expect(uint64_t samples, const char *says)
{
    const char *what = answer_check(&spec, samples, &message, &header, &model);
    if (!what != !says || (says && !strstr(what, says)))
        fail_msg("'%s' instead of '%s'", what ? what : "all is well", says ? says : "all is well");
}

static void test_whole(void **state)
{
    (void)state;
    expect(100, NULL);
    assert_int_equal(model.n_runs, 3);
    assert_int_equal(model.run[0].rows, 3);
    assert_int_equal(model.run[1].rows, 1);
    assert_int_equal(model.run[2].rows, 4);
    assert_ptr_equal(model.run[2].pixels, pixels + 4 * IMAGE);
    assert_ptr_equal(model.omega, omegas);
    assert_ptr_equal(model.labels, labels);
}

/* Large and small views of one batch: each run has the rows of its own view's size. */
static void test_sizes(void **state)
{
    (void)state;
    fill(SIDE, SIDE / 2);
    expect(100, NULL);
    assert_int_equal(model.n_runs, 3);
    assert_int_equal(model.run[1].rows, 1);
    assert_int_equal(model.run[2].rows, 4);
    assert_ptr_equal(model.run[2].pixels, pixels + 4 * IMAGE);
    spec.views[1].size = SIDE; /* asked for large */
    expect(100, "views of another size");
    fill(SIDE / 2, SIDE);
    expect(100, NULL);
    assert_int_equal(model.run[0].rows, 3);
    assert_int_equal(model.run[2].rows, 4);
    assert_ptr_equal(model.run[2].pixels, pixels + 4 * IMAGE / 4);
}

/* The last batch of a dataset that does not divide. */
static void test_partial(void **state)
{
    (void)state;
    header.index = 24;
    expect(100, NULL); /* 96..99: just full */
    expect(99, "number of samples");
    spec.batch = 5; /* 5 * 24 = 120 */
    expect(124, NULL);
    expect(125, "number of samples");
}

static void test_shapes(void **state)
{
    (void)state;
    spec.n_views = 1;
    expect(100, "number of samples or views");
    spec.n_views = V;
    spec.views[1].size = SIDE + 1;
    expect(100, "views of another size");
    spec.views[1].size = SIDE;
    message.n_frames = 2;
    expect(100, "misses frames");
    message.n_frames = 3;
    message.frames[1].len--;
    expect(100, "another length");
}

static void test_every_frame_is_checked(void **state)
{
    (void)state;
    static const size_t places[] = {0, 3 * IMAGE - 1, 3 * IMAGE, V * N * IMAGE - 1};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        pixels[places[i]] ^= 1;
        expect(100, "wrong CRC");
        pixels[places[i]] ^= 1;
    }
    expect(100, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole, setup),
        cmocka_unit_test_setup(test_sizes, setup),
        cmocka_unit_test_setup(test_partial, setup),
        cmocka_unit_test_setup(test_shapes, setup),
        cmocka_unit_test_setup(test_every_frame_is_checked, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
