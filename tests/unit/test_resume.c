/* SPDX-License-Identifier: Apache-2.0 */
/* resume: another experiment is refused before the net is touched, and by its options; a place that
 * no step leads to is refused; batches of another session are, and why, where the recipes tell. */
#include "test.h"

#include "trainer/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char scratch[] = "/tmp/augstream-test-XXXXXX";
static struct run_folder folder;
static struct ops *ops;
static struct net *net;

static const struct ckpt_place place = {.step = 7, .epoch = 1, .index = 2, .session = {1, 2, 3}};
static const char recipe[] = "run:\n    seed: 1\nviews:\n    flip: 0.5\noptim:\n    base_lr: 0.1\n"
                             "device:\n    threads: 1\n";

static void fill(float value)
{
    const float host[] = {value, value, value};
    assert_int_equal(net_load(net, &net->param[0], net->param[0].w, host), 0);
}

static float filled(void)
{
    float host[3];
    assert_int_equal(net_store(net, &net->param[0], net->param[0].w, host), 0);
    return host[2];
}

static void checkpoint_path(char path[256])
{
    assert_int_equal(ckpt_path(folder.checkpoints, 7, path, 256), 0);
}

/* A checkpoint of 5s, and a net of 0s. */
static int setup(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/augstream-test-XXXXXX");
    const int64_t shape[] = {3};
    char path[256];
    if (!mkdtemp(scratch) || ops_open("ref", 1, &ops) < 0 || net_new(ops, &net) < 0)
        return -1;
    snprintf(folder.path, sizeof folder.path, "%s", scratch);
    snprintf(folder.checkpoints, sizeof folder.checkpoints, "%s", scratch);
    assert_non_null(net_param(net, "backbone", "bn1.weight", 1, shape, PARAM_SCHEDULED));
    assert_int_equal(net_commit(net), 0);
    fill(5);
    checkpoint_path(path);
    assert_int_equal(ckpt_save(net, &place, recipe, path), 0);
    fill(0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char path[256];
    checkpoint_path(path);
    net_free(net);
    ops_close(ops);
    unlink(path);
    return rmdir(scratch);
}

/* The recipe with `from` in it as `to`. */
static const char *with(const char *from, const char *to)
{
    static char text[256];
    const char *at = strstr(recipe, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - recipe), recipe, to, at + strlen(from));
    return text;
}

static void test_load(void **state)
{
    (void)state;
    struct ckpt_place back = {.step = 99};
    struct resume r = {&folder, with("base_lr: 0.1", "base_lr: 0.2"), 7};
    char says[256];
    assert_int_equal(resume_load(&r, net, &back), -EINVAL);
    snprintf(says, sizeof says,
             "%s: cannot be resumed as another experiment: optim.base_lr is 0.1 there, 0.2 here",
             scratch);
    assert_string_equal(err_text(), says);
    assert_true(filled() == 0 && back.step == 99);
    r.recipe = with("threads: 1", "threads: 2");
    assert_int_equal(resume_load(&r, net, &back), 0);
    assert_true(filled() == 5 && back.step == 7 && back.index == 2);
}

/* What is in the file decides, not what it is called; and one that keeps no recipe is a file for
 * ckpt_load to judge. */
static void test_other_files(void **state)
{
    (void)state;
    struct ckpt_place back = {.step = 99}, wrong = place;
    struct resume r = {&folder, recipe, 7};
    char path[256];
    checkpoint_path(path);
    wrong.step = 8;
    assert_int_equal(ckpt_save(net, &wrong, recipe, path), 0);
    assert_int_equal(resume_load(&r, net, &back), -EBADMSG);
    assert_non_null(strstr(err_text(), "is of step 8, says its metadata"));
    assert_int_equal(ckpt_save_backbone(net, path), 0);
    assert_int_equal(resume_load(&r, net, &back), -EBADMSG);
    assert_non_null(strstr(err_text(), "is not a checkpoint of augstream-trainer"));
    r.step = 9;
    assert_int_equal(resume_load(&r, net, &back), -ENOENT);
    assert_int_equal(back.step, 99);
}

static void test_batches(void **state)
{
    (void)state;
    struct resume r = {&folder, with("flip: 0.5", "flip: 0.25"), 7};
    const uint8_t other[DIGEST_BYTES] = {1, 2, 4};
    assert_int_equal(resume_batches(&r, &place, place.session), 0);
    assert_int_equal(resume_batches(&r, &place, other), -EINVAL);
    assert_non_null(strstr(err_text(), "or views: views.flip is 0.5 there, 0.25 here"));
    r.recipe = recipe; /* the dataset itself is another */
    assert_int_equal(resume_batches(&r, &place, other), -EINVAL);
    assert_string_equal(strstr(err_text(), "another dataset"),
                        "another dataset, seed, batch size or views");
}

static void test_place(void **state)
{
    (void)state;
    const struct resume r = {&folder, recipe, 7};
    static const struct {
        struct ckpt_place place;
        struct resume_steps steps;
        int rc;
    } rows[] = {
        {{.step = 7, .epoch = 1, .index = 2}, {10, 1, 5}, 0},
        {{.step = 10, .epoch = 2, .index = 0}, {10, 1, 5}, 0},
        {{.step = 7, .epoch = 2, .index = 4}, {10, 2, 5}, 0},
        {{.step = 7, .epoch = 1, .index = 3}, {10, 1, 5}, -EBADMSG},
        {{.step = 7, .epoch = 0, .index = 7}, {10, 1, 5}, -EBADMSG}, /* there is no batch 7 */
        {{.step = 7, .epoch = 1, .index = 2}, {6, 1, 5}, -EBADMSG},  /* the run ends before */
        {{.step = 7, .epoch = 1, .index = 2}, {10, 2, 5}, -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(resume_place(&r, &rows[i].place, &rows[i].steps), rows[i].rc);
    assert_non_null(strstr(err_text(), "step 7, then batch 2 of epoch 1: this recipe has 10 steps "
                                       "of 2 (optim.accumulate), 5 batches an epoch"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
