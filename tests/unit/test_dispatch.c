/* SPDX-License-Identifier: Apache-2.0 */
/* dispatch: with real workers: equal wishes share one batch, bad images are replaced and named, too
 * many end the session, and a slot comes back only when no worker can write into it any more. */
#include "garden.h"

#include "common/log.h"
#include "loaderd/batch/dispatch.h"
#include "loaderd/crew/crew.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

enum { SAMPLES = 24, BATCH = 8, SIZE = 16, SLOTS = 2 };

static struct garden garden;
static uv_loop_t loop;
static struct pool *pool;
static struct metrics metrics;
static struct crew *crew;
static struct dataset dataset;
static struct sessions *sessions;
static struct session *session;
static struct dispatch *dispatch;
static bool keep;

static void on_fatal(void *hint, int code)
{
    (void)hint;
    fail_msg("%d: %s", code, err_text());
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    memset(&metrics, 0, sizeof metrics);
    keep = false;
    garden_new(&garden);
    garden_plant(&garden, "set", SAMPLES);
    struct pool_config pool_config = {.slots = SLOTS, .slot_bytes = (1 << 20) + SLOT_EXTRA};
    return uv_loop_init(&loop) || pool_new(&pool_config, &pool);
}

/* After the test has spoilt what it wants to spoil. */
static void start(double bad_rate_max)
{
    assert_int_equal(dataset_open(&dataset, "set",
                                  &(struct source_spec){.format = "folder",
                                                        .path = garden_path(&garden, "set")}),
                     0);
    struct session_config session_config = {.datasets = &dataset,
                                            .n_datasets = 1,
                                            .slot_pixels = 1 << 20,
                                            .bad_rate_max = bad_rate_max};
    assert_int_equal(sessions_new(&session_config, &sessions), 0);
    struct spec spec = {.dataset = "set", .batch = BATCH, .n_views = 1};
    view_spec_eval(&spec.views[0], SIZE, SIZE);
    enum wire_code code;
    assert_int_equal(session_open(sessions, &spec, &session, &code), 0);
    struct dispatch_config config = {
        .pool = pool, .sessions = sessions, .metrics = &metrics, .keep = keep};
    assert_int_equal(dispatch_new(&config, &dispatch), 0);
    struct crew_config crew_config = {.loop = &loop,
                                      .program = built_program("loaderd/augstream-loaderd-worker"),
                                      .workers = 1,
                                      .pool = pool,
                                      .metrics = &metrics,
                                      .deadline_s = 20,
                                      .stall_s = 60,
                                      .memory_mib = 1024,
                                      .done = dispatch_result,
                                      .done_hint = dispatch,
                                      .fatal = on_fatal};
    assert_int_equal(crew_new(&crew_config, &crew), 0);
    while (!crew_complete(crew))
        uv_run(&loop, UV_RUN_ONCE);
}

static int teardown(void **state)
{
    (void)state;
    crew_close(crew);
    while (!crew_closed(crew))
        uv_run(&loop, UV_RUN_ONCE);
    crew_free(crew);
    dispatch_free(dispatch);
    sessions_free(sessions);
    dataset_done(&dataset);
    pool_free(pool);
    garden_done(&garden);
    return uv_loop_close(&loop);
}

static struct batch *asked(uint32_t index)
{
    struct batch *batch = NULL;
    assert_int_equal(dispatch_ask(dispatch, session, 0, index, &batch), 0);
    return batch;
}

static struct batch *finished(void)
{
    struct batch *batch;
    for (;;) {
        dispatch_feed(dispatch, crew_submit, crew);
        if ((batch = dispatch_finished(dispatch)))
            return batch;
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static void test_shared(void **state)
{
    (void)state;
    start(1);
    struct batch *first = asked(0);
    assert_ptr_equal(asked(0), first);
    assert_int_equal(metrics.shared, 1);
    struct batch *second = asked(1);
    assert_ptr_not_equal(second, first);
    struct batch *none;
    assert_int_equal(dispatch_ask(dispatch, session, 0, 2, &none), -EAGAIN);
    assert_ptr_equal(finished(), first); /* the older one comes first */
    assert_int_equal(first->error, 0);
    assert_int_equal(first->header.n_substituted, 0);
    for (int64_t i = 0; i < BATCH; i++)
        assert_int_equal(first->header.labels[i], 0); /* in order: the first class */
    dispatch_release(dispatch, first);
    assert_int_equal(pool_idle(pool), 0);
    dispatch_release(dispatch, first);
    assert_int_equal(pool_idle(pool), 1);
    assert_ptr_equal(finished(), second);
    dispatch_release(dispatch, second);
    assert_int_equal(session->refs, 0);
}

/* What nobody uses any more is there for who asks for it later, until its slot is needed. */
static void test_kept(void **state)
{
    (void)state;
    keep = true;
    start(1);
    struct batch *batch = asked(0);
    assert_ptr_equal(finished(), batch);
    const uint32_t crc = batch->header.frames[0].crc32c;
    dispatch_release(dispatch, batch);
    assert_int_equal(dispatch_kept(dispatch), 1);
    assert_int_equal(session->refs, 0); /* a kept batch keeps no session */
    const uint64_t placed = session->placed;
    assert_ptr_equal(asked(0), batch);
    assert_ptr_equal(dispatch_finished(dispatch), batch); /* at once */
    assert_ptr_equal(asked(0), batch); /* while the second user has it */
    assert_ptr_equal(dispatch_finished(dispatch), batch);
    assert_int_equal(batch->users, 2);
    assert_int_equal(metrics.kept_hits, 2);
    assert_int_equal(session->placed, placed);
    assert_int_equal(batch->header.frames[0].crc32c, crc);
    dispatch_release(dispatch, batch);
    dispatch_release(dispatch, batch);

    struct batch *second = asked(1), *third;
    assert_int_equal(dispatch_kept(dispatch), 1); /* there was a free slot */
    assert_ptr_equal(finished(), second);
    dispatch_release(dispatch, second);
    assert_int_equal(dispatch_kept(dispatch), 2);
    third = asked(2); /* takes the oldest one's place */
    assert_ptr_equal(third, batch);
    assert_int_equal(dispatch_kept(dispatch), 1);
    assert_ptr_equal(asked(1), second);
    assert_ptr_equal(dispatch_finished(dispatch), second);
    struct batch *none;
    assert_int_equal(dispatch_ask(dispatch, session, 0, 0, &none), -EAGAIN);
    assert_ptr_equal(finished(), third);
    dispatch_release(dispatch, second);
    dispatch_release(dispatch, third);
    dispatch_keep_none(dispatch);
    assert_int_equal(pool_idle(pool), SLOTS);
}

/* A kept batch belongs to the session that it was made for, not to the next one in its place. */
static void test_kept_of_session(void **state)
{
    (void)state;
    keep = true;
    start(1);
    struct batch *batch = asked(0);
    assert_ptr_equal(finished(), batch);
    dispatch_release(dispatch, batch);
    session->generation++;
    struct batch *other = asked(0);
    assert_ptr_not_equal(other, batch);
    assert_int_equal(metrics.kept_hits, 0);
    assert_ptr_equal(finished(), other);
    dispatch_release(dispatch, other);
}

/* What is unreadable today may be readable tomorrow: a batch with stand-ins is made anew. */
static void test_not_kept_with_stand_ins(void **state)
{
    (void)state;
    char path[256], away[256];
    keep = true;
    start(1);
    snprintf(path, sizeof path, "%s", garden_path(&garden, "set/class-0/003.jpg"));
    snprintf(away, sizeof away, "%s", garden_path(&garden, "away"));
    assert_int_equal(rename(path, away), 0);
    struct batch *batch = asked(0);
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->header.n_substituted, 1);
    dispatch_release(dispatch, batch);
    assert_int_equal(rename(away, path), 0);
    batch = asked(0);
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->header.n_substituted, 0);
    assert_int_equal(metrics.kept_hits, 0);
    dispatch_release(dispatch, batch);
}

static void test_substituted(void **state)
{
    (void)state;
    garden_truncate(&garden, "set/class-0/002.jpg");
    garden_write(&garden, "set/class-0/005.jpg", "no picture");
    start(1);
    for (int pass = 0; pass < 2; pass++) { /* the second time they are known */
        struct batch *batch = asked(0);
        assert_ptr_equal(finished(), batch);
        assert_int_equal(batch->error, 0);
        assert_int_equal(batch->header.n_substituted, 2);
        assert_int_equal(batch->substituted[0].position, 2);
        assert_int_equal(batch->substituted[0].fault, FAULT_TRUNCATED);
        assert_int_equal(batch->substituted[1].position, 5);
        assert_int_equal(batch->substituted[1].fault, FAULT_NOT_IMAGE);
        dispatch_release(dispatch, batch);
        assert_int_equal(metrics.faults[FAULT_TRUNCATED], 1);
        assert_int_equal(metrics.faults[FAULT_NOT_IMAGE], 1);
    }
    assert_int_equal(dataset.bad[FAULT_TRUNCATED], 1);
    assert_int_equal(dataset.bad[FAULT_NOT_IMAGE], 1);
    assert_int_equal(metrics.quarantined, 0);
    assert_int_equal(session->placed, 2 * BATCH);
    assert_int_equal(session->replaced, 4);
}

static void test_none_good(void **state)
{
    (void)state;
    char name[64];
    for (uint32_t i = 0; i < SAMPLES; i++) {
        snprintf(name, sizeof name, "set/class-%u/%03u.jpg", i % 2, i / 2);
        garden_write(&garden, name, "no picture");
    }
    start(1);
    struct batch *batch = asked(0);
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->error, -ENODATA);
    assert_non_null(strstr(batch->error_text, "dataset set"));
    dispatch_release(dispatch, batch);
    assert_int_equal(pool_idle(pool), SLOTS);
}

static void test_too_many_bad(void **state)
{
    (void)state;
    garden_write(&garden, "set/class-0/000.jpg", "no picture");
    start(0.001);
    session->placed = SESSION_RATE_MIN; /* enough to tell */
    struct batch *batch = asked(0);
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->error, -ENODATA);
    assert_non_null(strstr(batch->error_text, "bad_rate_max"));
    dispatch_release(dispatch, batch);
    assert_int_equal(pool_idle(pool), SLOTS);
}

static pid_t worker(void)
{
    pid_t pid[2];
    assert_int_equal(children_of(getpid(), pid, 2), 1);
    return pid[0];
}

/* A batch that nobody wants any more keeps its slot while a worker may write into it. */
static void test_released_in_flight(void **state)
{
    (void)state;
    start(1);
    pid_t pid = worker();
    kill(pid, SIGSTOP);
    struct batch *batch = asked(0);
    dispatch_feed(dispatch, crew_submit, crew);
    assert_int_equal(batch->flying, CREW_DEPTH);
    dispatch_release(dispatch, batch);
    assert_int_equal(pool_idle(pool), SLOTS - 1);
    kill(pid, SIGCONT);
    while (pool_idle(pool) < SLOTS)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(session->refs, 0);
    assert_null(dispatch_finished(dispatch));
}

/* A sample is not blamed for its worker's first death: the batch is as if nothing had happened. */
static void test_worker_killed(void **state)
{
    (void)state;
    start(1);
    struct batch *batch = asked(0);
    assert_ptr_equal(finished(), batch);
    uint32_t crc = batch->header.frames[0].crc32c;
    dispatch_release(dispatch, batch);

    pid_t pid = worker();
    kill(pid, SIGSTOP);
    batch = asked(0);
    dispatch_feed(dispatch, crew_submit, crew);
    kill(pid, SIGKILL);
    assert_ptr_equal(finished(), batch);
    assert_int_equal(metrics.worker_exits, 1);
    assert_int_equal(batch->header.n_substituted, 0);
    assert_int_equal(batch->header.frames[0].crc32c, crc);
    dispatch_release(dispatch, batch);
}

/* The worker that is at the batch's next sample dies of `signal`. */
static void die(int signal)
{
    const uint64_t before = metrics.worker_exits;
    while (!crew_complete(crew))
        uv_run(&loop, UV_RUN_ONCE);
    pid_t pid = worker();
    kill(pid, SIGSTOP);
    dispatch_feed(dispatch, crew_submit, crew);
    kill(pid, signal);
    kill(pid, SIGCONT);
    while (metrics.worker_exits == before)
        uv_run(&loop, UV_RUN_ONCE);
}

/* The second crash in a row is the sample's fault. */
static void test_deadly_sample(void **state)
{
    (void)state;
    start(1);
    struct batch *batch = asked(0);
    for (int death = 0; death < BATCH_TRIES_MAX; death++)
        die(SIGSEGV);
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->header.n_substituted, 1);
    assert_int_equal(batch->substituted[0].fault, FAULT_CRASH);
    assert_int_equal(metrics.faults[FAULT_CRASH], 1);
    assert_int_equal(dataset.bad[FAULT_CRASH], 1);
    assert_int_equal(metrics.quarantined, 1);
    dispatch_release(dispatch, batch);
}

/* Killed from outside again and again: no sample is blamed, and the batch is given up for now. */
static void test_killed_again(void **state)
{
    (void)state;
    start(1);
    struct batch *batch = asked(0);
    for (int death = 0; death < BATCH_LOST_MAX; death++) {
        assert_int_equal(batch->error, 0);
        die(SIGKILL);
    }
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->error, -EAGAIN);
    assert_non_null(strstr(batch->error_text, "killed"));
    dispatch_release(dispatch, batch);
    for (uint32_t i = 0; i < FAULT_KINDS; i++)
        assert_int_equal(metrics.faults[i], 0);
    batch = asked(0); /* and as ever later */
    assert_ptr_equal(finished(), batch);
    assert_int_equal(batch->error, 0);
    assert_int_equal(batch->header.n_substituted, 0);
    dispatch_release(dispatch, batch);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_shared),
        TEST(test_kept),
        TEST(test_kept_of_session),
        TEST(test_not_kept_with_stand_ins),
        TEST(test_substituted),
        TEST(test_none_good),
        TEST(test_too_many_bad),
        TEST(test_released_in_flight),
        TEST(test_worker_killed),
        TEST(test_deadly_sample),
        TEST(test_killed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
