/* SPDX-License-Identifier: Apache-2.0 */
/* process: what is told moves with what the process does. */
#include "test.h"

#include "loaderd/daemon/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void test_descriptors(void **state)
{
    (void)state;
    enum { MORE = 500 }; /* more than one read of the folder holds */
    int fds[MORE];
    struct exposition_process before = {0}, after = {0};
    process_read(&before);
    for (int i = 0; i < MORE; i++)
        assert_true((fds[i] = open("/dev/null", O_RDONLY)) >= 0);
    process_read(&after);
    assert_int_equal(after.descriptors, before.descriptors + MORE);
    for (int i = 0; i < MORE; i++)
        close(fds[i]);
    process_read(&after);
    assert_int_equal(after.descriptors, before.descriptors);
    assert_true(after.descriptors_max > after.descriptors);
}

static void test_memory(void **state)
{
    (void)state;
    const size_t bytes = 64 << 20;
    struct exposition_process before = {0}, after = {0};
    process_read(&before);
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    memset(memory, 1, bytes);
    process_read(&after);
    assert_true(after.resident_bytes >= before.resident_bytes + bytes / 2);
    assert_true(after.virtual_bytes >= before.virtual_bytes + bytes / 2);
    assert_true(after.virtual_bytes >= after.resident_bytes);
    munmap(memory, bytes);
}

static void *wait_for_end(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 0 ? NULL : arg;
}

static void test_threads(void **state)
{
    (void)state;
    struct exposition_process before = {0}, after = {0};
    int fds[2];
    pthread_t thread;
    assert_int_equal(pipe(fds), 0);
    process_read(&before);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &fds[0]), 0);
    process_read(&after);
    assert_int_equal(after.threads, before.threads + 1);
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
}

static void test_time(void **state)
{
    (void)state;
    struct exposition_process a = {.start_s = 5}, b = {0};
    process_read(&a);
    assert_true(a.start_s == 5); /* the caller's */
    do
        process_read(&b); /* until it shows: each turn takes time */
    while (b.cpu_s <= a.cpu_s);
    assert_true(process_start() - (double)time(NULL) < 1.5);
    assert_true((double)time(NULL) - process_start() < 1.5);
}

static void test_prepare(void **state)
{
    (void)state;
    sigset_t mask;
    struct rlimit limit;
    sigfillset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max / 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    process_prepare();
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i < SIGRTMAX; i++)
        assert_false(sigismember(&mask, i) == 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGHUP, SIGUSR1};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        assert_int_equal(raise(ignored[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_descriptors),
                                       cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_threads), cmocka_unit_test(test_time),
                                       cmocka_unit_test(test_prepare)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
