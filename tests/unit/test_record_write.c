/* SPDX-License-Identifier: Apache-2.0 */
/* record_write: what is written, when it is on the disk, that adding takes no memory, and what is
 * left of a file where the disk is full. */
#include "alloc_count.h"
#include "record_bed.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static struct record_place place;
static struct record_bed bed;
static struct wire_message m;

static int setup(void **state)
{
    (void)state;
    record_place_make(&place);
    record_bed_init(&bed, 256);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    record_place_clear(&place);
    return 0;
}

static uint64_t bytes_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* Steps 1 to n are in the file, in order, and no more. */
static void assert_steps(uint64_t n)
{
    struct record *r;
    assert_int_equal(record_open(place.path, &r), 0);
    for (uint64_t step = 1; step <= n; step++) {
        assert_int_equal(record_next(r, &m), 0);
        assert_int_equal(m.tap.sequence, step);
    }
    assert_int_equal(record_next(r, &m), -ENODATA);
    record_free(r);
}

static void test_nothing_is_overwritten(void **state)
{
    (void)state;
    struct record_writer *w, *other;
    assert_int_equal(record_create(place.path, &w), 0);
    assert_int_equal(record_create(place.path, &other), -EEXIST);
    assert_non_null(strstr(err_text(), place.path));
    assert_int_equal(record_close(w), 0);
    assert_int_equal(record_create(place.path, &other), -EEXIST);
    assert_int_equal(record_create("/nonexistent/run.omega", &other), -ENOENT);
    assert_non_null(strstr(err_text(), "/nonexistent/run.omega"));
    assert_int_equal(record_close(NULL), 0);
    assert_steps(0);
}

static void test_only_taps(void **state)
{
    (void)state;
    static struct wire_message ping = {.type = WIRE_PING};
    struct record_writer *w;
    assert_int_equal(record_create(place.path, &w), 0);
    assert_int_equal(record_add(w, &ping), -EINVAL);
    const struct wire_message *tap = record_bed_step(&bed, 1, 1024);
    bed.labels[3] = -2;
    assert_int_equal(record_add(w, tap), -EINVAL);
    assert_non_null(strstr(err_text(), "labels"));
    bed.labels[3] = 2;
    assert_int_equal(record_add(w, tap), 0);
    assert_int_equal(record_close(w), 0);
    assert_steps(1);
}

/* What a run of an hour does in between: batches, flushes, full blocks, full indices. */
static void test_adding_takes_no_memory(void **state)
{
    (void)state;
    struct record_writer *w;
    uint64_t step = 0;
    assert_int_equal(record_create(place.path, &w), 0);
    record_bed_step(&bed, 1, 1024);
    const unsigned long before = alloc_count();
    for (int i = 0; i < 80; i++) {
        bed.tap.tap.sequence = ++step;
        assert_int_equal(record_add(w, &bed.tap), 0);
    }
    assert_true(record_written(w)->blocks >= 2); /* some were full */
    record_bed_init(&bed, 2);
    record_bed_step(&bed, 1, 1024);
    for (int i = 0; i < WIRE_INDEX_ROWS_MAX + 9; i++) { /* zstd refits its memory after 128 */
        bed.tap.tap.sequence = ++step;
        assert_int_equal(record_add(w, &bed.tap), 0);
        if (i % 100 == 0)
            assert_int_equal(record_flush(w), 0);
    }
    assert_int_equal(alloc_count(), before);
    assert_int_equal(record_close(w), 0);
    assert_steps(step);
}

/* After a flush another process reads everything: the writer may be killed now. */
static void test_flushed_is_there(void **state)
{
    (void)state;
    struct record_writer *w;
    assert_int_equal(record_create(place.path, &w), 0);
    for (uint64_t step = 1; step <= 3; step++) {
        assert_int_equal(record_add(w, record_bed_step(&bed, step, 1024)), 0);
        assert_int_equal(record_flush(w), 0);
        assert_steps(step);
    }
    assert_int_equal(record_flush(w), 0); /* of nothing: no block */
    assert_int_equal(record_written(w)->blocks, 3);
    assert_int_equal(record_close(w), 0);
    assert_steps(3);
}

static void test_what_was_written_is_counted(void **state)
{
    (void)state;
    struct record_writer *w;
    struct record *r;
    assert_int_equal(record_create(place.path, &w), 0);
    for (uint64_t step = 10; step < 110; step++)
        assert_int_equal(record_add(w, record_bed_step(&bed, step, 1024)), 0);
    assert_int_equal(record_flush(w), 0);
    const struct record_info told = *record_written(w);
    assert_int_equal(told.batches, 100);
    assert_int_equal(told.views, 100 * 512);
    assert_int_equal(told.first, 10);
    assert_int_equal(told.last, 109);
    assert_int_equal(told.stored_bytes, bytes_of(place.path));
    assert_int_equal(record_close(w), 0);
    assert_int_equal(record_open(place.path, &r), 0);
    const struct record_info *info = record_info(r);
    assert_true(info->indexed && !info->cut && !info->damaged);
    assert_int_equal(info->blocks, told.blocks);
    assert_int_equal(info->batches, told.batches);
    assert_int_equal(info->views, told.views);
    assert_int_equal(info->first, told.first);
    assert_int_equal(info->last, told.last);
    assert_int_equal(info->raw_bytes, told.raw_bytes);
    assert_int_equal(info->made_at_us, told.made_at_us);
    assert_string_equal(info->program, told.program);
    assert_int_equal(info->stored_bytes, bytes_of(place.path));
    print_message("record_bytes_per_view %.1f bytes\n",
                  (double)info->raw_bytes / (double)info->views);
    print_message("compressed_bytes_per_view %.1f bytes\n",
                  (double)info->stored_bytes / (double)info->views);
    assert_true(info->raw_bytes < 300 * info->views);
    assert_true(info->stored_bytes < 100 * info->views);
    record_free(r);
}

/* As a full disk would: the file ends after its last whole block, and the failure stays. */
static void test_full_disk(void **state)
{
    (void)state;
    struct record_writer *w;
    struct rlimit had, limit;
    assert_int_equal(record_create(place.path, &w), 0);
    assert_int_equal(record_add(w, record_bed_step(&bed, 1, 1024)), 0);
    assert_int_equal(record_flush(w), 0);
    const uint64_t whole = bytes_of(place.path);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &had), 0);
    limit = had;
    limit.rlim_cur = whole + 100; /* a part of the next block can be written */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(record_add(w, record_bed_step(&bed, 2, 1024)), 0);
    const int rc = record_flush(w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &had), 0);
    assert_int_equal(rc, -EFBIG);
    assert_non_null(strstr(err_text(), place.path));
    assert_non_null(strstr(err_text(), "File too large"));
    assert_int_equal(bytes_of(place.path), whole);
    err_set(-EIO, "something else");
    assert_int_equal(record_add(w, record_bed_step(&bed, 3, 1024)), -EFBIG);
    assert_non_null(strstr(err_text(), "File too large"));
    assert_int_equal(record_flush(w), -EFBIG);
    assert_int_equal(record_close(w), -EFBIG);
    assert_steps(1);
}

/* Only what this writer made is removed: not what has its name by now. */
static void test_dropped(void **state)
{
    (void)state;
    struct record_writer *w, *other;
    assert_int_equal(record_create(place.path, &w), 0);
    record_drop(w);
    assert_int_equal(access(place.path, F_OK), -1);
    assert_int_equal(record_create(place.path, &w), 0);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(record_create(place.path, &other), 0);
    assert_int_equal(record_add(other, record_bed_step(&bed, 1, 1024)), 0);
    record_drop(w);
    assert_int_equal(record_close(other), 0);
    assert_steps(1);
    record_drop(NULL);
}

/* Closes where no byte more can be written. */
static int close_full(struct record_writer *w, uint64_t bytes)
{
    struct rlimit had, limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &had), 0);
    limit = had;
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const int rc = record_close(w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &had), 0);
    return rc;
}

/* A file that cannot be ended is left where a batch was given to it; else it is removed, if
 * it is ours. */
static void test_not_closed(void **state)
{
    (void)state;
    struct record_writer *w, *other;
    assert_int_equal(record_create(place.path, &w), 0);
    assert_int_equal(close_full(w, bytes_of(place.path)), -EFBIG);
    assert_non_null(strstr(err_text(), "File too large"));
    assert_int_equal(access(place.path, F_OK), -1);
    assert_int_equal(record_create(place.path, &w), 0);
    const uint64_t head = bytes_of(place.path);
    assert_int_equal(unlink(place.path), 0);
    assert_int_equal(record_create(place.path, &other), 0);
    assert_int_equal(close_full(w, head), -EFBIG);
    assert_int_equal(record_add(other, record_bed_step(&bed, 1, 1024)), 0);
    assert_int_equal(record_flush(other), 0);
    assert_int_equal(close_full(other, bytes_of(place.path)), -EFBIG);
    assert_steps(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_taps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_adding_takes_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flushed_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_written_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
