/* SPDX-License-Identifier: Apache-2.0 */
/* train: what a run leaves behind when it ends well, is stopped, goes wrong, or never began. The
 * batches come from a scripted loader; whole runs on the real one are in tests/flow. */
#include "test.h"

#include "common/file.h"
#include "common/log.h"
#include "proto/record.h"
#include "script_peer.h"
#include "trainer/ckpt.h"
#include "trainer/model.h"
#include "trainer/train.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char endpoint[64], run_dir[64], set_loaders[96], clean[96];
static struct script_peer peer;
static struct recipe recipe;
static volatile int stop;

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 7);
    if (!mkdtemp(folder))
        return -1;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/a", folder);
    snprintf(run_dir, sizeof run_dir, "%s/run", folder);
    snprintf(clean, sizeof clean, "rm -r %s", folder);
    snprintf(set_loaders, sizeof set_loaders, "data.loaders=%s", endpoint);
    memset(&peer, 0, sizeof peer);
    peer.endpoint = endpoint;
    peer.samples = 22; /* 5 batches of 4 */
    peer.server_epoch = 5;
    stop = 0;
    peer_start(&peer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_stop(&peer);
    return system(clean);
}

static int run_with(const char *set, const char *set_too, bool resume)
{
    const char *const sets[] = {"run.name=t",
                                "data.dataset=d",
                                set_loaders,
                                "data.batch=4",
                                "data.retry=20",
                                "views.size=8",
                                "model.width=8",
                                "method.projector.dim=8",
                                "method.predictor.dim=8",
                                "augself.hidden=8",
                                "optim.epochs=2",
                                "optim.base_lr=1",
                                "checkpoint.every=3",
                                "device.ops=ref",
                                "device.threads=1",
                                set,
                                set_too};
    assert_int_equal(recipe_load(&recipe, NULL, sets, ARRAY_LEN(sets)), 0);
    return train_run(&(struct train_config){
        .recipe = &recipe, .run_dir = run_dir, .resume = resume, .stop = &stop});
}

static int run(const char *set, bool resume)
{
    return run_with(set ? set : "run.seed=1", "optim.momentum=.9", resume);
}

static bool exists(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", run_dir, name);
    return access(path, F_OK) == 0;
}

static void test_whole_run(void **state)
{
    (void)state;
    if (run(NULL, false) < 0)
        fail_msg("%s", err_text());
    assert_true(exists("recipe.yaml") && exists("metrics.jsonl") && exists("backbone.safetensors"));
    /* every third step, the two newest; step 0; and the end */
    assert_true(exists("checkpoints/step-00000000.safetensors"));
    assert_false(exists("checkpoints/step-00000003.safetensors"));
    assert_false(exists("checkpoints/step-00000006.safetensors"));
    assert_true(exists("checkpoints/step-00000009.safetensors"));
    assert_true(exists("checkpoints/step-00000010.safetensors"));

    assert_int_equal(run(NULL, false), -EINVAL);
    assert_non_null(strstr(err_text(), "a run is in there"));
    assert_int_equal(run("run.seed=2", true), -EINVAL);
    assert_non_null(strstr(err_text(), "cannot be resumed"));
    assert_int_equal(run("optim.accumulate=2", true), -EINVAL);
    assert_non_null(strstr(err_text(), "optim.accumulate is 1 there, 2 here"));
    assert_int_equal(run_with("views.flip=.25", "device.threads=2", true), -EINVAL);
    assert_non_null(strstr(err_text(), "or views: views.flip is 0.5 there, 0.25 here"));
    assert_int_equal(run("views.second.flip=.5", true), 0); /* nothing is left to do */
    assert_int_equal(run("optim.epochs=3", true), 0);
    assert_true(exists("checkpoints/step-00000015.safetensors"));
}

/* Every step from first to last is in the record, once, as the loader told it. */
static void assert_recorded(const char *name, uint64_t first, uint64_t last)
{
    static struct wire_message m;
    char path[256];
    struct record *r;
    snprintf(path, sizeof path, "%s/omega/%s", run_dir, name);
    if (record_open(path, &r) < 0)
        fail_msg("%s", err_text());
    assert_false(record_info(r)->cut || record_info(r)->damaged);
    for (uint64_t step = first; step <= last; step++) {
        assert_int_equal(record_next(r, &m), 0);
        assert_int_equal(m.tap.sequence, step);
        assert_int_equal(m.tap.batch.epoch, (step - 1) / 5);
        assert_int_equal(m.tap.batch.index, (step - 1) % 5);
        assert_int_equal(m.tap.batch.omega[3].sample, 4 * ((step - 1) % 5) + 3);
        assert_true(m.tap.told_spec);
    }
    assert_int_equal(record_next(r, &m), -ENODATA);
    record_free(r);
}

static void test_record(void **state)
{
    (void)state;
    if (run("run.omega=true", false) < 0)
        fail_msg("%s", err_text());
    assert_recorded("step-00000000.omega", 1, 10);
    assert_int_equal(run_with("run.omega=true", "optim.epochs=3", true), 0);
    assert_recorded("step-00000010.omega", 11, 15);
    assert_recorded("step-00000000.omega", 1, 10);
    assert_int_equal(run("optim.epochs=4", true), 0); /* and none where none is asked for */
    assert_false(exists("omega/step-00000015.omega"));
}

/* A run that a guard ends has the batches that led there. */
static void test_record_of_a_failure(void **state)
{
    (void)state;
    assert_int_equal(
        run_with("optim={epochs: 100, base_lr: 1000, weight_decay: 1}", "run.omega=true", false),
        -EDOM);
    char path[256], text[64];
    struct record *r;
    snprintf(path, sizeof path, "%s/omega/step-00000000.omega", run_dir);
    assert_int_equal(record_open(path, &r), 0);
    assert_true(record_info(r)->batches > 0 && !record_info(r)->cut);
    snprintf(text, sizeof text, "step %llu:", (unsigned long long)record_info(r)->last);
    assert_non_null(strstr(err_text(), text));
    record_free(r);
}

static pthread_t runner;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* A signal in the middle, to the thread that runs: a flag set from here would be a race. */
static bool stop_at_seven(struct script_peer *p, const struct wire_message *get)
{
    (void)p;
    bool seventh = get->get_batch.epoch == 1 && get->get_batch.index == 2;
    if (seventh)
        pthread_kill(runner, SIGUSR1);
    return seventh;
}

static void test_stop(void **state)
{
    (void)state;
    peer.script = stop_at_seven;
    runner = pthread_self();
    signal(SIGUSR1, on_signal);
    assert_int_equal(run(NULL, false), 0);
    signal(SIGUSR1, SIG_DFL);
    uint64_t step;
    char checkpoints[96];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", run_dir);
    assert_int_equal(ckpt_latest(checkpoints, &step), 0);
    assert_true(step <= 7); /* what was done until then */
    assert_true(exists("backbone.safetensors"));
}

static void test_stopped_before_it_began(void **state)
{
    (void)state;
    stop = 1;
    peer_stop(&peer);                           /* nobody answers: only the flag can end it */
    assert_int_equal(run(NULL, false), -EINTR); /* for it has trained nothing */
    assert_non_null(strstr(err_text(), "stopped before the first step: nothing was trained"));
    assert_false(exists(""));
    stop = 0;
    peer_start(&peer);
    assert_int_equal(run(NULL, false), 0);
    peer_stop(&peer);
    stop = 1;
    assert_int_equal(run("optim.epochs=3", true), 0); /* what it had trained is there */
    assert_true(exists("checkpoints/step-00000010.safetensors"));
    peer_start(&peer);
}

static void test_nobody(void **state)
{
    (void)state;
    peer_stop(&peer);
    assert_int_equal(run("data.retry=.2", false), -ETIMEDOUT);
    assert_non_null(strstr(err_text(), endpoint));
    assert_false(exists(""));
    peer_start(&peer);
}

/* The loader goes for good in the middle: the work so far is kept. */
static bool silent_from_seven(struct script_peer *p, const struct wire_message *get)
{
    (void)p;
    return get->get_batch.epoch == 1 && get->get_batch.index == 2;
}

static void test_loader_goes(void **state)
{
    (void)state;
    peer.script = silent_from_seven;
    assert_int_equal(run("data.deadline=.05", false), -ETIMEDOUT);
    assert_non_null(strstr(err_text(), "batch 2 of epoch 1"));
    assert_true(exists("checkpoints/step-00000007.safetensors"));
    assert_false(exists("backbone.safetensors"));
}

/* lr * weight_decay = 15: every step makes the weights many times larger, until they are no
 * numbers. */
static void test_not_a_number(void **state)
{
    (void)state;
    assert_int_equal(run_with("optim={epochs: 100, base_lr: 1000, weight_decay: 1}",
                              "checkpoint.every=1", false),
                     -EDOM);
    assert_non_null(strstr(err_text(), "training stopped"));
    assert_non_null(strstr(err_text(), "step "));
    assert_false(exists("backbone.safetensors"));
}

/* A recipe whose bound no features reach, and that says what then. */
static void test_collapse(void **state)
{
    (void)state;
    assert_int_equal(
        run_with("guard={collapse: stop, rank: 9, every: 2}", "checkpoint.every=1", false), -EDOM);
    assert_non_null(strstr(err_text(), "step 2: the features' effective rank is "));
    assert_non_null(strstr(err_text(), "few directions of 64; training stopped"));
    assert_false(exists("backbone.safetensors"));
    assert_true(exists("checkpoints/step-00000001.safetensors"));
    assert_false(exists("checkpoints/step-00000002.safetensors"));
}

/* Rewrites a checkpoint of the recipe that ran last, whole but for one number of a buffer, or its
 * place. */
static void spoil(const char *name, const char *buffer, const struct ckpt_place *other)
{
    char path[256];
    struct ops *ops;
    struct model *model;
    struct ckpt_place place;
    auto_free char *text = NULL;
    snprintf(path, sizeof path, "%s/%s", run_dir, name);
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(model_new(&recipe, ops, &model), 0);
    assert_int_equal(ckpt_load(model_net(model), path, &place), 0);
    assert_int_equal(ckpt_recipe(path, &text), 0);
    if (buffer) {
        struct buffer *b = net_find_buffer(model_net(model), buffer);
        assert_non_null(b);
        b->data[0] = NAN;
    }
    if (other) {
        place.step = other->step;
        place.epoch = other->epoch;
        place.index = other->index;
    }
    assert_int_equal(ckpt_save(model_net(model), &place, text, path), 0);
    model_free(model);
    ops_close(ops);
}

/* No loss of training reads a running average, so none tells that one is broken: what a checkpoint
 * would hold is looked at by itself. */
static void test_no_broken_checkpoint(void **state)
{
    (void)state;
    assert_int_equal(run(NULL, false), 0);
    spoil("checkpoints/step-00000010.safetensors", "backbone.layer3.1.bn2.running_mean", NULL);
    assert_int_equal(run("optim.epochs=3", true), -EDOM);
    assert_non_null(strstr(err_text(), "step 12: backbone.layer3.1.bn2.running_mean holds what is "
                                       "no number, so it makes no checkpoint"));
    assert_non_null(strstr(err_text(), "last checkpoint: step 10"));
    assert_false(exists("checkpoints/step-00000012.safetensors"));
}

/* Where a run is to go on is told three times: by the file's name, its step, and the next batch. */
static void test_place(void **state)
{
    (void)state;
    static const char last[] = "checkpoints/step-00000010.safetensors";
    static const struct {
        struct ckpt_place place;
        const char *says;
    } rows[] = {
        {{.step = 999999999999, .epoch = 2}, "is of step 999999999999, says its metadata"},
        {{.step = 5, .epoch = 1}, "is of step 5, says its metadata"},
        {{.step = 10, .epoch = 4000000000},
         "step 10, then batch 0 of epoch 4000000000: this recipe"},
        {{.step = 10, .epoch = 2, .index = 4000000000}, "batch 4000000000 of epoch 2: this recipe"},
        {{.step = 10, .epoch = 1, .index = 5}, "batch 5 of epoch 1: this recipe has 15 steps of 1"},
        {{.step = 10, .epoch = 1}, "step 10, then batch 0 of epoch 1: this recipe has"},
    };
    assert_int_equal(run(NULL, false), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        spoil(last, NULL, &rows[i].place);
        assert_int_equal(run("optim.epochs=3", true), -EBADMSG);
        if (!strstr(err_text(), rows[i].says) || !strstr(err_text(), last))
            fail_msg("%s", err_text());
    }
    spoil(last, NULL, &(struct ckpt_place){.step = 10, .epoch = 2});
    assert_int_equal(run("optim.epochs=1", true), -EBADMSG); /* a run that ends before */
    assert_non_null(strstr(err_text(), "of epoch 2: this recipe has 5 steps of 1"));
    assert_int_equal(run("optim.epochs=3", true), 0);
}

/* The dataset has three classes. Two would refuse its third, four never learn theirs. */
static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(run_with("method.name=supervised", "method.classes=2", false), -EINVAL);
    assert_string_equal(err_text(), "method.classes: 2; the dataset d has 3 classes");
    assert_int_equal(run_with("method.name=supervised", "method.classes=4", false), -EINVAL);
    assert_string_equal(err_text(), "method.classes: 4; the dataset d has 3 classes");
    assert_false(exists(""));
    /* with three it begins, and meets the labels that this loader makes up */
    assert_int_equal(run_with("method.name=supervised", "method.classes=3", false), -EINVAL);
    assert_non_null(strstr(err_text(), "has label 3; method.classes is 3"));
    assert_true(exists("metrics.jsonl"));
}

static size_t lines_with(const char *text)
{
    char path[256], line[4096];
    snprintf(path, sizeof path, "%s/metrics.jsonl", run_dir);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    size_t n = 0;
    while (fgets(line, sizeof line, in))
        n += strstr(line, text) != NULL;
    fclose(in);
    return n;
}

/* A loader that refuses a batch to come: what was done until it said so is kept. */
static bool too_many_bad_from_seven(struct script_peer *p, const struct wire_message *get)
{
    bool seventh = get->get_batch.epoch == 1 && get->get_batch.index == 2;
    if (seventh)
        peer_error(p, get->get_batch.request, WIRE_TOO_MANY_BAD, "9 of 99 were bad", false);
    return seventh;
}

static void test_loader_refuses(void **state)
{
    (void)state;
    uint64_t step;
    char checkpoints[96];
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", run_dir);
    peer.script = too_many_bad_from_seven;
    assert_int_equal(run("checkpoint.every=100", false), -EBADMSG);
    assert_non_null(strstr(err_text(), "9 of 99 were bad"));
    assert_int_equal(ckpt_latest(checkpoints, &step), 0);
    assert_true(step > 0);
    assert_int_equal(step, lines_with("\"loss\":"));
    assert_false(exists("backbone.safetensors"));
    peer.script = NULL;
    assert_int_equal(run(NULL, true), 0);
    assert_true(exists("checkpoints/step-00000010.safetensors"));
}

static void test_rank_is_told(void **state)
{
    (void)state;
    assert_int_equal(run_with("guard.every=4", "guard.rank=0", false), 0);
    assert_int_equal(lines_with("\"loss\":"), 10);
    assert_int_equal(lines_with("\"rank\":"), 2); /* of steps 4 and 8 */
    assert_int_equal(lines_with("forward_s"), 0); /* it was not asked for */
}

int main(void)
{
    log_open("test_train", LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record_of_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stopped_before_it_began, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loader_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loader_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_a_number, setup, teardown),
        cmocka_unit_test_setup_teardown(test_collapse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_broken_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rank_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
