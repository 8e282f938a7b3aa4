/* SPDX-License-Identifier: Apache-2.0 */
/* recorder: what a run trained on is in its record, by steps, without a byte of memory in the step
 * loop; each start has its file; a killed run's can be read, and a full disk is told. */
#include "alloc_count.h"
#include "record_bed.h"
#include "test.h"

#include "trainer/watch/recorder.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct record_place place;
static struct record_bed bed;
static struct wire_message m;
static char folder[128], file[160], again[160];

static int setup(void **state)
{
    (void)state;
    record_place_make(&place);
    record_bed_init(&bed, 256);
    snprintf(folder, sizeof folder, "%s/omega", place.folder);
    snprintf(file, sizeof file, "%s/step-00000041.omega", folder);
    snprintf(again, sizeof again, "%s/step-00000041-2.omega", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(again);
    rmdir(folder);
    record_place_clear(&place);
    return 0;
}

static struct recorder *begin(void)
{
    struct recorder *r;
    const struct wire_message *tap = record_bed_step(&bed, 42, 1024);
    assert_int_equal(recorder_open(folder, &tap->tap.spec, tap->tap.fingerprint, 41, &r), 0);
    return r;
}

/* A Batch as it came: its frames are told, and are not the record's matter. */
static const struct wire_batch *step(uint64_t number)
{
    record_bed_step(&bed, number, 1024);
    bed.tap.tap.batch.n_frames = 2;
    bed.tap.tap.batch.frames[0] = bed.tap.tap.batch.frames[1] =
        (struct wire_frame){WIRE_FRAME_MAX, 7};
    return &bed.tap.tap.batch;
}

static void assert_steps(const char *path, uint64_t first, uint64_t last, int each)
{
    struct record *r;
    assert_int_equal(record_open(path, &r), 0);
    for (uint64_t number = first; number <= last; number++)
        for (int i = 0; i < each; i++) {
            const struct wire_batch *want = step(number);
            assert_int_equal(record_next(r, &m), 0);
            assert_int_equal(m.tap.sequence, number);
            assert_int_equal(m.tap.server_epoch, want->server_epoch);
            assert_true(m.tap.told_spec && m.tap.at_us > 1600000000000000);
            assert_string_equal(m.tap.dataset, "stl10");
            assert_memory_equal(m.tap.fingerprint, bed.tap.tap.fingerprint, DIGEST_BYTES);
            assert_memory_equal(m.tap.batch.omega, want->omega, sizeof bed.omega);
            assert_memory_equal(m.tap.batch.checks, want->checks, sizeof bed.checks);
            assert_memory_equal(m.tap.batch.labels, want->labels, sizeof bed.labels);
        }
    assert_int_equal(record_next(r, &m), -ENODATA);
    record_free(r);
}

static void test_steps(void **state)
{
    (void)state;
    struct recorder *r = begin();
    for (uint64_t number = 42; number <= 50; number++)
        for (int batch = 0; batch < 2; batch++) /* gradients of two are accumulated */
            assert_int_equal(recorder_add(r, number, step(number)), 0);
    assert_int_equal(recorder_close(r), 0);
    assert_steps(file, 42, 50, 2);
    recorder_close(NULL);
}

static void test_takes_no_memory(void **state)
{
    (void)state;
    struct recorder *r = begin();
    const unsigned long before = alloc_count();
    for (uint64_t number = 42; number <= 140; number++) {
        assert_int_equal(recorder_add(r, number, step(number)), 0);
        if (number % 9 == 0)
            assert_int_equal(recorder_flush(r), 0);
    }
    assert_int_equal(alloc_count(), before);
    assert_int_equal(recorder_close(r), 0);
    assert_steps(file, 42, 140, 1);
}

/* Two starts from one checkpoint: the first one's record stays. */
static void test_each_start_has_its_own(void **state)
{
    (void)state;
    struct recorder *r = begin();
    assert_int_equal(recorder_add(r, 42, step(42)), 0);
    assert_int_equal(recorder_close(r), 0);
    r = begin();
    assert_int_equal(recorder_add(r, 42, step(42)), 0);
    assert_int_equal(recorder_add(r, 43, step(43)), 0);
    assert_int_equal(recorder_close(r), 0);
    assert_steps(file, 42, 42, 1);
    assert_steps(again, 42, 43, 1);
}

/* A run that is resumed at its end has nothing to record, and leaves nothing. */
static void test_nothing_came(void **state)
{
    (void)state;
    assert_int_equal(recorder_close(begin()), 0);
    assert_int_equal(access(file, F_OK), -1);
}

static void test_killed(void **state)
{
    (void)state;
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct recorder *r = begin();
        for (uint64_t number = 42; number <= 44; number++)
            recorder_add(r, number, step(number));
        recorder_flush(r);
        recorder_add(r, 45, step(45));
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_steps(file, 42, 44, 1); /* up to the last flush */
}

static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit had, limit;
    struct recorder *r = begin();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &had), 0);
    limit = had;
    limit.rlim_cur = 200;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(recorder_add(r, 42, step(42)), 0);
    int rc = recorder_flush(r);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &had), 0);
    assert_int_equal(rc, -EFBIG);
    assert_non_null(strstr(err_text(), file));
    assert_int_equal(recorder_add(r, 43, step(43)), -EFBIG);
    assert_int_equal(recorder_close(r), -EFBIG);
    assert_steps(file, 1, 0, 1);
}

static void test_no_folder(void **state)
{
    (void)state;
    struct recorder *r;
    const struct wire_message *tap = record_bed_step(&bed, 42, 1024);
    FILE *out = fopen(folder, "wb"); /* a file stands where the folder shall be */
    assert_non_null(out);
    fclose(out);
    const int rc = recorder_open(folder, &tap->tap.spec, tap->tap.fingerprint, 41, &r);
    assert_true(rc < 0);
    assert_non_null(strstr(err_text(), folder));
    unlink(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_takes_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_start_has_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_came, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_folder, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
