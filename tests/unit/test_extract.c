/* SPDX-License-Identifier: Apache-2.0 */
/* extract: every image of a dataset once, in its order, the last batch short; a row's features do
 * not depend on its batch; a callback that refuses ends the pass. */
#include "test.h"

#include "script_peer.h"
#include "trainer/extract.h"

#include <errno.h>

enum { SAMPLES = 11 }; /* batches of 4, 4 and 3 */

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char endpoint[64], set_loaders[96];
static struct script_peer peer;
static struct recipe recipe;
static struct ops *ops;
static struct model *model;
static struct spec spec;
static struct conf_strs endpoints;

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/a", folder);
    snprintf(set_loaders, sizeof set_loaders, "data.loaders=%s", endpoint);
    const char *const sets[] = {"run.name=t",
                                "data.dataset=d",
                                set_loaders,
                                "data.batch=2",
                                "views.size=8",
                                "model.width=8",
                                "method.projector.dim=8",
                                "method.predictor.dim=8",
                                "augself.hidden=8"};
    if (recipe_load(&recipe, NULL, sets, ARRAY_LEN(sets)) < 0 || ops_open("ref", 1, &ops) < 0 ||
        model_new(&recipe, ops, &model) < 0)
        return -1;
    recipe_eval_spec(&recipe, "flowers", &spec);
    endpoints = recipe.data.loaders;
    static const char *const names[] = {"cat", "dog", "caf\xc3\xa9"};
    peer.endpoint = endpoint;
    peer.class_names = names;
    peer.samples = SAMPLES;
    peer.server_epoch = 5;
    peer_start(&peer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_stop(&peer);
    model_free(model);
    ops_close(ops);
    unlink(endpoint + 6);
    return rmdir(folder);
}

struct seen {
    size_t first[8], n, stop_at;
};

static int on_batch(void *hint, const struct recv_batch *batch, size_t first, size_t total)
{
    struct seen *seen = hint;
    assert_int_equal(total, SAMPLES);
    assert_int_equal(batch->header->n_views, 1);
    seen->first[seen->n++] = first;
    return seen->n == seen->stop_at ? err_set(-ECANCELED, "enough") : 0;
}

static int extract(struct seen *seen, struct features *ret)
{
    const struct features_config config = {.spec = &spec,
                                           .endpoints = &endpoints,
                                           .window = 2,
                                           .deadline_s = 20,
                                           .retry_s = 20,
                                           .on_batch = on_batch,
                                           .hint = seen};
    return features_extract(model, &config, ret);
}

static void test_all_in_order(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct features f = {0};
    assert_int_equal(extract(&seen, &f), 0);
    assert_int_equal(f.n, SAMPLES);
    assert_int_equal(f.d, model_features(model));
    assert_int_equal(f.classes, 3); /* as the peer says */
    assert_string_equal(f.class_names[0], "cat");
    assert_string_equal(f.class_names[2], "caf\xc3\xa9");
    assert_int_equal(f.substituted, 0);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.first[2], 8);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_int_equal(f.samples[i], i);
        assert_int_equal(f.labels[i], i);
    }

    /* the rows of batch 2, by hand */
    unsigned char pixels[3 * PEER_IMAGE];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = peer_pixel(0, 2, i);
    const struct encoder_run run = {pixels, 3};
    auto_free float *again = calloc(3 * f.d, sizeof *again);
    assert_non_null(again);
    assert_int_equal(model_infer(model, &run, 1, again), 0);
    for (size_t i = 0; i < 3 * f.d; i++)
        assert_true(again[i] == f.x[8 * f.d + i]);
    features_done(&f);
    assert_null(f.x);
    assert_null(f.class_names);
}

static void test_refusal_ends_it(void **state)
{
    (void)state;
    struct seen seen = {.stop_at = 2};
    struct features f = {0};
    assert_int_equal(extract(&seen, &f), -ECANCELED);
    assert_int_equal(seen.n, 2);
    assert_null(f.x);
}

/* A loader that has too little for one batch refuses with the code that also ends a good pass. */
static void test_too_small(void **state)
{
    (void)state;
    struct seen seen = {.n = 0};
    struct features f = {0};
    peer.open_code = WIRE_DATASET_TOO_SMALL;
    assert_int_equal(extract(&seen, &f), -ENODATA);
    assert_non_null(strstr(err_text(), "no such thing here"));
    assert_null(f.x);
    peer.open_code = WIRE_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_in_order),
        cmocka_unit_test(test_refusal_ends_it),
        cmocka_unit_test(test_too_small),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
