/* SPDX-License-Identifier: Apache-2.0 */
/* crew: with real worker processes: one that crashes, or takes too much processor time, costs the
 * sample it was working on and no other; one that is killed from outside, or is stuck, costs none;
 * one that has done its share is replaced before it goes; all are replaced and none is left behind.
 */
#include "crew_bed.h"

#include "common/crc32c.h"

#include <signal.h>

/* Beside each view lies what its pixels sum up to, wherever the picture came from. */
static void assert_checks(void)
{
    struct slot_layout layout;
    slot_layout(&session.spec, SAMPLES, &layout);
    const unsigned char *base = pool_data(pool, 0);
    const uint32_t *check = (const uint32_t *)(base + layout.check);
    for (uint32_t v = 0; v < 2; v++)
        for (uint32_t i = 0; i < SAMPLES; i++)
            assert_int_equal(
                check[v * SAMPLES + i],
                crc32c(0, base + layout.view[v] + i * layout.image[v], layout.image[v]));
}

static void test_renders(void **state)
{
    (void)state;
    uint32_t slot;
    assert_int_equal(pool_take(pool, &slot), 0);
    memset(pool_data(pool, 0), 0xee, SLOT_BYTES);
    open_crew(2, built_program("loaderd/augstream-loaderd-worker"));
    struct task_render early = task(0);
    assert_int_equal(crew_submit(crew, &session, &early), -EAGAIN); /* nobody is up yet */
    wait_complete();
    for (uint32_t i = 0; i < 2 * CREW_DEPTH; i++)
        submit(i);
    struct task_render more = task(6);
    assert_int_equal(crew_submit(crew, &session, &more), -EAGAIN);
    wait_done(2 * CREW_DEPTH);
    assert_int_equal(ok_n, 2 * CREW_DEPTH);
    struct slot_layout layout;
    slot_layout(&session.spec, SAMPLES, &layout);
    unsigned char *base = pool_data(pool, 0);
    const struct omega *omega = (const struct omega *)(base + layout.omega);
    const uint32_t *check = (const uint32_t *)(base + layout.check);
    for (uint32_t v = 0; v < 2; v++)
        for (uint32_t i = 0; i < 2 * CREW_DEPTH; i++) {
            assert_int_equal(omega[v * SAMPLES + i].sample, i);
            assert_int_equal(omega[v * SAMPLES + i].source_w, GARDEN_SIDE);
            const unsigned char *image = base + layout.view[v] + i * layout.image[v];
            uint32_t untouched = 0;
            for (size_t b = 0; b < layout.image[v]; b++)
                untouched += image[b] == 0xee;
            assert_true(untouched < layout.image[v] / 4);
            assert_int_equal(check[v * SAMPLES + i], crc32c(0, image, layout.image[v]));
        }
    /* Positions that no task named are as they were. */
    const unsigned char *rest = base + layout.view[0] + 2 * CREW_DEPTH * layout.image[0];
    for (size_t b = 0; b < 2 * layout.image[0]; b++)
        assert_int_equal(rest[b], 0xee);
    pool_unref(pool, slot);
}

static void test_bad_image(void **state)
{
    (void)state;
    garden_write(&garden, "set/class-0/000.jpg", "this is no picture");
    garden_truncate(&garden, "set/class-1/000.jpg");
    assert_int_equal(remove(garden_path(&garden, "set/class-0/001.jpg")), 0);
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    for (uint32_t i = 0; i < 3; i++)
        submit(i);
    wait_done(3);
    assert_int_equal(faults[FAULT_NOT_IMAGE], 1);
    assert_int_equal(faults[FAULT_TRUNCATED], 1);
    assert_int_equal(faults[FAULT_UNREADABLE], 1);
}

/* A stopped worker stands for one that is deep in a decoder. */
static pid_t stop_worker(void)
{
    pid_t pid[2];
    assert_int_equal(children_of(getpid(), pid, 2), 1);
    assert_int_equal(kill(pid[0], SIGSTOP), 0);
    int status;
    assert_int_equal(waitpid(pid[0], &status, WUNTRACED), pid[0]);
    return pid[0];
}

/* The decoder dies on the image: it was deep in it, the two others were not looked at. */
static void died_of(int signal)
{
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    pid_t pid = stop_worker();
    for (uint32_t i = 0; i < CREW_DEPTH; i++)
        submit(i);
    assert_int_equal(kill(pid, signal), 0);
    assert_int_equal(kill(pid, SIGCONT), 0);
    wait_done(CREW_DEPTH);
    assert_int_equal(cancelled_n, CREW_DEPTH - 1);
    assert_int_equal(metrics.worker_exits, 1);
    wait_complete();
    submit(1); /* the new one is given the spec again */
    wait_done(CREW_DEPTH + 1);
    assert_int_equal(ok_n, 1);
    assert_int_equal(fatal_code, 0);
}

static void test_crashed(void **state)
{
    (void)state;
    died_of(SIGSEGV);
    assert_int_equal(faults[FAULT_CRASH], 1);
    assert_int_equal(metrics.worker_killed, 0);
}

/* By the kernel for want of memory, or by a person: no image is to blame. */
static void test_killed(void **state)
{
    (void)state;
    died_of(SIGKILL);
    assert_int_equal(faults[FAULT_CRASH], 0);
    assert_int_equal(lost_n, 1);
    assert_int_equal(metrics.worker_killed, 1);
}

/* Noise, so that each of its bits must be decoded: a tenth of a second of work and more. */
static void plant_heavy(const char *name)
{
    enum { SIDE = 3000 };
    uint8_t *rgb = malloc((size_t)SIDE * SIDE * 3);
    assert_non_null(rgb);
    uint32_t noise = 1;
    for (size_t i = 0; i < (size_t)SIDE * SIDE * 3; i++) {
        noise = noise * 1664525 + 1013904223;
        rgb[i] = (uint8_t)(noise >> 24);
    }
    assert_int_equal(jpeg_write(garden_path(&garden, name), rgb, SIDE, SIDE, 95), 0);
    free(rgb);
}

/* Processor time counts: an image that needs too much is bad, wherever it is. */
static void test_deadline(void **state)
{
    (void)state;
    plant_heavy("set/class-0/000.jpg");
    deadline_s = 0.02;
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    submit(0);
    submit(1);
    wait_done(2);
    assert_int_equal(faults[FAULT_DEADLINE], 1);
    assert_int_equal(cancelled_n, 1);
    assert_int_equal(metrics.worker_overdue, 1);
    wait_complete();
}

/* Time by the clock does not: a worker that a busy machine keeps waiting is not late. */
static void test_slow_machine(void **state)
{
    (void)state;
    deadline_s = 0.1; /* of which these small images need a hundredth */
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    pid_t pid = stop_worker();
    submit(0);
    submit(1);
    uv_update_time(&loop);
    for (uint64_t from = uv_now(&loop); uv_now(&loop) - from < 500;)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(done_n, 0);
    assert_int_equal(kill(pid, SIGCONT), 0);
    wait_done(2);
    assert_int_equal(ok_n, 2);
    assert_int_equal(metrics.worker_exits, 0);
}

/* Who is silent for too long is stuck, and no image is blamed. */
static void test_stuck(void **state)
{
    (void)state;
    stall_s = 0.1;
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    stop_worker();
    submit(0);
    submit(1);
    wait_done(2);
    assert_int_equal(lost_n, 1);
    assert_int_equal(cancelled_n, 1);
    assert_int_equal(metrics.worker_stuck, 1);
    wait_complete();
}

/* The daemon itself was held up: it takes the answers that are there, and blames nobody for the
 * time in which it did not look. */
static void test_held_up(void **state)
{
    (void)state;
    stall_s = 0.1;
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    pid_t pid = stop_worker();
    submit(0);
    usleep(500000);
    assert_int_equal(kill(pid, SIGCONT), 0);
    wait_done(1);
    submit(1);
    usleep(500000);
    wait_done(2);
    assert_int_equal(ok_n, 2);
    assert_int_equal(metrics.worker_exits, 0);
}

static void submit_all(void)
{
    const uint32_t before = done_n;
    for (uint32_t given = 0; given < SAMPLES;) {
        struct task_render t = task(given);
        given += crew_submit(crew, &session, &t) == 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    wait_done(before + SAMPLES);
}

/* What one session had decoded is there for another one of the same dataset, with the same views as
 * without; what a killed worker was at is not lost. */
static void test_cached(void **state)
{
    (void)state;
    struct dataset dataset = {0};
    const struct source_spec set = {.format = "folder", .path = garden_path(&garden, "set")};
    assert_int_equal(dataset_open(&dataset, "set", &set), 0);
    session.dataset = &dataset;
    session.spec.views[0].flip = session.spec.views[1].flip = 0.5;
    assert_int_equal(gallery_new(8 << 20, &metrics, &gallery), 0);
    open_crew(2, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    submit_all();
    assert_int_equal(metrics.cache_misses, SAMPLES);
    assert_int_equal(metrics.cache_bytes, SAMPLES * GARDEN_SIDE * GARDEN_SIDE * 3);
    session.generation++; /* another trainer's */
    session.spec.seed = 99;
    submit_all();
    assert_int_equal(metrics.cache_hits, SAMPLES);
    static unsigned char views[SLOT_BYTES];
    struct slot_layout layout;
    slot_layout(&session.spec, SAMPLES, &layout);
    memcpy(views, pool_data(pool, 0), layout.omega);
    assert_checks();

    session.dataset = NULL; /* no dataset, no cache */
    submit_all();
    assert_int_equal(metrics.cache_hits + metrics.cache_misses, 2 * SAMPLES);
    assert_memory_equal(views, pool_data(pool, 0), layout.omega);

    session.dataset = &dataset;
    pid_t pid[4];
    assert_int_equal(children_of(getpid(), pid, 4), 2);
    kill(pid[0], SIGSTOP);
    kill(pid[1], SIGSTOP);
    for (uint32_t i = 0; i < 2 * CREW_DEPTH; i++)
        submit(i);
    kill(pid[0], SIGKILL);
    kill(pid[1], SIGKILL);
    wait_done(3 * SAMPLES + 2 * CREW_DEPTH);
    assert_int_equal(lost_n, 2);
    wait_complete();
    submit_all();
    assert_int_equal(metrics.cache_hits, 2 * SAMPLES);
    assert_memory_equal(views, pool_data(pool, 0), layout.omega);
    assert_checks();
    assert_int_equal(ok_n, 4 * SAMPLES);
    dataset_done(&dataset);
}

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 }; /* address space is not limited then */
#else
enum { SANITIZED = 0 };
#endif

/* 183 MiB of pixels for a worker that may take 200 with all that it is: the image is too large, the
 * worker lives. */
static void test_short_of_memory(void **state)
{
    (void)state;
    enum { SIDE = 8000 };
    if (SANITIZED)
        skip();
    uint8_t *rgb = calloc((size_t)SIDE * SIDE, 3);
    assert_non_null(rgb);
    assert_int_equal(jpeg_write(garden_path(&garden, "set/class-0/000.jpg"), rgb, SIDE, SIDE, 50),
                     0);
    free(rgb);
    memory_mib = 200;
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    submit(0);
    submit(1);
    wait_done(2);
    assert_int_equal(faults[FAULT_TOO_LARGE], 1);
    assert_int_equal(ok_n, 1);
    assert_int_equal(metrics.worker_exits, 0);
}

/* Several shares, one after the other: each task is done, nobody ends unasked, and the
 * worker is another one at the end. */
static void test_recycled(void **state)
{
    (void)state;
    pid_t before[4], after[4];
    recycle = 10;
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    assert_int_equal(children_of(getpid(), before, 4), 1);
    for (uint32_t given = 0; metrics.worker_recycled < 3;) {
        struct task_render t = task(given % SAMPLES);
        given += crew_submit(crew, &session, &t) == 0;
        uv_run(&loop, UV_RUN_NOWAIT);
        assert_int_equal(ok_n, done_n);
        assert_true(done_n <= given);
    }
    assert_true(done_n >= 3 * recycle);
    assert_true(crew_complete(crew)); /* there was no gap */
    const uint32_t n = children_of(getpid(), after, 4);
    assert_true(n == 1 || n == 2);
    for (uint32_t i = 0; i < n; i++)
        assert_int_not_equal(after[i], before[0]);
    assert_int_equal(metrics.worker_exits, 0);
}

static void test_idle_killed(void **state)
{
    (void)state;
    open_crew(1, built_program("loaderd/augstream-loaderd-worker"));
    wait_complete();
    pid_t pid = stop_worker();
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (metrics.worker_exits == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(done_n, 0); /* it was working on nothing */
    wait_complete();
}

/* The program is away when a worker is to be replaced: counted, tried again, and fine later. */
static void test_program_away(void **state)
{
    (void)state;
    const char *program = garden_path(&garden, "worker");
    char path[256];
    snprintf(path, sizeof path, "%s", program);
    assert_int_equal(symlink(built_program("loaderd/augstream-loaderd-worker"), path), 0);
    open_crew(1, path);
    wait_complete();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kill(stop_worker(), SIGKILL), 0);
    while (metrics.worker_starts_failed < 2)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(metrics.worker_exits, 1);
    assert_int_equal(symlink(built_program("loaderd/augstream-loaderd-worker"), path), 0);
    wait_complete();
    submit(0);
    wait_done(1);
    assert_int_equal(ok_n, 1);
    assert_int_equal(fatal_code, 0);
}

static void test_no_worker(void **state)
{
    (void)state;
    open_crew(1, "/bin/false");
    while (fatal_code == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(fatal_code, -ECHILD);
    assert_non_null(strstr(err_text(), "/bin/false"));
}

/* One that is killed while it starts says nothing about the program: it is started again, a few
 * times; one that is killed at every start is given up. */
static void test_killed_at_start(void **state)
{
    (void)state;
    char path[256], marker[256], script[1024];
    snprintf(path, sizeof path, "%s", garden_path(&garden, "worker"));
    snprintf(marker, sizeof marker, "%s", garden_path(&garden, "marker"));
    snprintf(script, sizeof script,
             "#!/bin/sh\n[ -e '%.200s' ] && exec '%.500s' \"$@\"\n: >'%.200s'\nkill -9 $$\n",
             marker, built_program("loaderd/augstream-loaderd-worker"), marker);
    garden_write(&garden, "worker", script);
    assert_int_equal(chmod(path, 0755), 0);
    open_crew(1, path);
    wait_complete();
    assert_int_equal(fatal_code, 0);
    assert_int_equal(metrics.worker_exits, 1);
}

static void test_always_killed_at_start(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", garden_path(&garden, "worker"));
    garden_write(&garden, "worker", "#!/bin/sh\nkill -9 $$\n");
    assert_int_equal(chmod(path, 0755), 0);
    open_crew(1, path);
    while (fatal_code == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(fatal_code, -ECHILD);
    assert_non_null(strstr(err_text(), "signal 9"));
    assert_true(metrics.worker_exits > 1);
}

/* While one worker takes its time to start, another, which was ready, is killed again and again:
 * its program has shown that it works. */
static void test_killed_before_all_stood(void **state)
{
    (void)state;
    char path[256], script[1024];
    snprintf(path, sizeof path, "%s", garden_path(&garden, "worker"));
    snprintf(script, sizeof script,
             "#!/bin/sh\nmkdir '%.200s' 2>/dev/null && exec sleep 1000\nexec '%.500s' \"$@\"\n",
             garden_path(&garden, "first"), built_program("loaderd/augstream-loaderd-worker"));
    garden_write(&garden, "worker", script);
    assert_int_equal(chmod(path, 0755), 0);
    open_crew(2, path);
    for (uint32_t i = 1; i <= 5; i++) {
        struct task_render t = task(0);
        pid_t pids[3];
        while (crew_submit(crew, &session, &t) < 0) /* until it is ready */
            uv_run(&loop, UV_RUN_ONCE);
        const uint32_t n = children_of(getpid(), pids, 3);
        for (uint32_t k = 0; k < n; k++) { /* not the one that sleeps */
            char exe[64], target[4096] = "";
            snprintf(exe, sizeof exe, "/proc/%d/exe", pids[k]);
            if (readlink(exe, target, sizeof target - 1) > 0 && strstr(target, "worker"))
                kill(pids[k], SIGKILL);
        }
        while (metrics.worker_exits < i)
            uv_run(&loop, UV_RUN_ONCE);
        assert_int_equal(fatal_code, 0);
    }
}

static void test_no_program(void **state)
{
    (void)state;
    struct crew_config config = {.loop = &loop,
                                 .program = "/nowhere/worker",
                                 .workers = 1,
                                 .pool = pool,
                                 .metrics = &metrics,
                                 .deadline_s = 1,
                                 .stall_s = 60,
                                 .memory_mib = 1024};
    assert_int_equal(crew_new(&config, &crew), -ENOENT);
    assert_non_null(strstr(err_text(), "/nowhere/worker"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_renders),
        TEST(test_bad_image),
        TEST(test_crashed),

        TEST(test_killed),
        TEST(test_deadline),
        TEST(test_slow_machine),
        TEST(test_stuck),
        TEST(test_held_up),
        TEST(test_recycled),
        TEST(test_cached),
        TEST(test_short_of_memory),
        TEST(test_idle_killed),
        TEST(test_program_away),
        TEST(test_killed_at_start),
        TEST(test_always_killed_at_start),
        TEST(test_killed_before_all_stood),
        TEST(test_no_worker),
        TEST(test_no_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
