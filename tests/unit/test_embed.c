/* SPDX-License-Identifier: Apache-2.0 */
/* embed: finds a program, gives it a configuration, waits for READY, passes its words on, ends it.
 * The program is this test itself, started again with "--config": a child that does as the
 * dataset's name says. The real loader is run by the flow tests. */
#include "test.h"

#include "common/file.h"
#include "common/notify.h"
#include "trainer/embed.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the child --- */

static int child(const char *config_path)
{
    auto_free char *config = NULL;
    size_t len;
    if (file_read(config_path, 1 << 16, &config, &len) < 0)
        return 99;
    if (strstr(config, "\"bad data\"")) {
        fputs("first line\naugstream-loaderd: error: /x: no such folder\n", stderr);
        return EXIT_DATA;
    }
    if (strstr(config, "\"bad config\"")) {
        fputs("augstream-loaderd: error: loaderd.yaml:3: unknown key", stderr); /* no newline */
        return EXIT_CONFIG;
    }
    if (strstr(config, "\"silent\""))
        return 3;
    if (strstr(config, "\"killed\""))
        raise(SIGKILL);
    if (strstr(config, "\"says\""))
        fprintf(stderr, "one\ntwo %01500d\nthree\n", 0);
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    if (strstr(config, "\"slow\"")) /* never READY */
        kill(getppid(), SIGUSR1);
    else if (notify_send("STATUS=scanning") < 0 || notify_send("STATUS=up\nREADY=1\n") < 0)
        return 98;
    else if (strstr(config, "\"talkative\"")) /* far more than a socket holds */
        for (int i = 0; i < 2000; i++) {
            int r;
            while ((r = notify_send("STATUS=still up")) == -EAGAIN)
                continue; /* until it has been read */
            if (r < 0)
                return 97;
        }
    const char *go = strstr(config, " later\"") ? getenv("TEST_EMBED_GO") : NULL;
    while (go && access(go, F_OK) < 0) /* until it was seen READY */
        poll(NULL, 0, 10);
    if (strstr(config, "\"dies later\""))
        raise(SIGKILL);
    if (strstr(config, "\"fails later\"")) {
        fputs("augstream-loaderd: error: the network is gone\n", stderr);
        return EXIT_UNAVAILABLE;
    }
    int got;
    sigwait(&term, &got);
    const char *mark =
        getenv("TEST_EMBED_MARK"); /* shows what it was given, and that it ended well */
    FILE *out = mark ? fopen(mark, "w") : NULL;
    if (out) {
        fwrite(config, 1, len, out);
        fclose(out);
    }
    return 0;
}

/* --- the tests --- */

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char mark[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(mark, sizeof mark, "%s/mark", folder);
    setenv("TMPDIR", folder, 1);
    setenv("TEST_EMBED_MARK", mark, 1);
    setenv("WATCHDOG_USEC", "1", 1);
    setenv("AUGSTREAM_LOADERD", "/proc/self/exe", 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(mark);
    return rmdir(folder); /* fails where embed left something */
}

static int start(const char *name, const volatile int *stop, struct embed **ret)
{
    const struct embed_dataset sets[] = {{name, "/data/a \"b\"\\c", "folder"},
                                         {"knn", "x\ny", "folder", "test", "names", .5}};
    static const double bad_rate_max = .3;
    const struct embed_config config = {.datasets = sets,
                                        .bad_rate_max = &bad_rate_max,
                                        .n_datasets = 2,
                                        .workers = 3,
                                        .window = 5,
                                        .batch_bytes = (200 << 20) + 1,
                                        .stop = stop};
    return embed_start(&config, ret);
}

static void test_runs(void **state)
{
    (void)state;
    struct embed *e;
    assert_int_equal(start("good", NULL, &e), 0);
    assert_memory_equal(embed_endpoint(e), "ipc:///tmp/augstream-test-", 26);
    assert_memory_equal(embed_tap(e), "ipc:///tmp/augstream-test-", 26);
    assert_string_not_equal(embed_endpoint(e), embed_tap(e));
    assert_int_equal(embed_check(e), 0);
    char expected[1024];
    snprintf(expected, sizeof expected,
             "listen: \"%s\"\ntap: \"%s\"\nworkers: 3\nwindow: 5\nlog: warning\n"
             "slot_mib: 201\nwindow_mib: 1005\nbad_rate_max: 0.29999999999999999\ndatasets:\n"
             "  \"good\": {path: \"/data/a \\\"b\\\"\\\\c\", format: \"folder\"}\n"
             "  \"knn\": {path: \"x\\x0ay\", format: \"folder\", split: \"test\", "
             "classes: \"names\", fraction: 0.5}\n",
             embed_endpoint(e), embed_tap(e));
    embed_stop(e);
    auto_free char *config = NULL;
    size_t len;
    assert_int_equal(file_read(mark, 1 << 16, &config, &len), 0);
    assert_string_equal(config, expected);
    embed_stop(NULL);
}

/* Status upon status, as a daemon sends for days: all of it is read. */
static void test_talkative(void **state)
{
    (void)state;
    struct embed *e;
    unlink(mark);
    assert_int_equal(start("talkative", NULL, &e), 0);
    embed_stop(e); /* SIGTERM waits until all was said */
    assert_int_equal(access(mark, F_OK), 0);
}

static void add_line(void *hint, const char *line)
{
    char *all = hint;
    size_t len = strlen(all);
    snprintf(all + len, 4096 - len, "%s|", line);
}

/* Whole lines, in order, each once, all of them by the time that it was stopped. */
static void test_said(void **state)
{
    (void)state;
    char all[4096] = "", expected[2048];
    const struct embed_dataset set = {"says", "/data", "folder"};
    const struct embed_config config = {.datasets = &set,
                                        .n_datasets = 1,
                                        .workers = 1,
                                        .window = 1,
                                        .said = add_line,
                                        .said_hint = all};
    struct embed *e;
    assert_int_equal(embed_start(&config, &e), 0);
    embed_stop(e);
    snprintf(expected, sizeof expected, "one|two %01500d|three|", 0);
    assert_string_equal(all, expected);
}

static void test_ends_early(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        const char *says;
    } rows[] = {
        {"bad data", -EBADMSG, "embedded loader: /x: no such folder"},
        {"bad config", -EINVAL, "embedded loader: loaderd.yaml:3: unknown key"},
        {"silent", -EIO, "embedded loader: ended with exit code 3 and no word"},
        {"killed", -EIO, "embedded loader: ended by signal 9"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct embed *e = NULL;
        assert_int_equal(start(rows[i].name, NULL, &e), rows[i].code);
        assert_string_equal(err_text(), rows[i].says);
        assert_null(e);
    }
}

/* Once it was READY, who asks is told at once how it ended, and again when asking again. */
static void test_ends_later(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int code;
        const char *says;
    } rows[] = {
        {"dies later", -EIO, "embedded loader: ended by signal 9"},
        {"fails later", -ECONNREFUSED, "embedded loader: the network is gone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char go[] = "/tmp/augstream-test-XXXXXX";
        struct embed *e = NULL;
        int rc = 0;
        assert_non_null(mkdtemp(go));
        char file[sizeof go + 8];
        snprintf(file, sizeof file, "%s/go", go);
        setenv("TEST_EMBED_GO", file, 1);
        assert_int_equal(start(rows[i].name, NULL, &e), 0);
        assert_int_equal(mkdir(file, 0700), 0);
        for (int waited_ms = 0; rc == 0 && waited_ms < 20000; waited_ms += 10, poll(NULL, 0, 10))
            rc = embed_check(e);
        assert_int_equal(rc, rows[i].code);
        assert_string_equal(err_text(), rows[i].says);
        assert_int_equal(embed_check(e), rows[i].code);
        embed_stop(e);
        rmdir(file);
        rmdir(go);
    }
}

static volatile int stop_flag;
static void on_signal(int signal)
{
    (void)signal;
    stop_flag = 1;
}

static void test_stopped_before_ready(void **state)
{
    (void)state;
    struct embed *e;
    signal(SIGUSR1, on_signal); /* the child sends it when it runs */
    assert_int_equal(start("slow", &stop_flag, &e), -EINTR);
}

static void test_no_binary(void **state)
{
    (void)state;
    struct embed *e;
    setenv("AUGSTREAM_LOADERD", "/nonexistent/loaderd", 1);
    assert_int_equal(start("good", NULL, &e), -ENOENT);
    assert_non_null(strstr(err_text(), "/nonexistent/loaderd"));
    setenv("AUGSTREAM_LOADERD", "/proc/self/exe", 1);

    char deep[256];
    snprintf(deep, sizeof deep, "/tmp/%0120d", 0);
    setenv("TMPDIR", deep, 1);
    assert_int_equal(start("good", NULL, &e), -ENAMETOOLONG);
    setenv("TMPDIR", "/nonexistent", 1);
    assert_int_equal(start("good", NULL, &e), -ENOENT);
    setenv("TMPDIR", folder, 1);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--config") == 0)
        return child(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),       cmocka_unit_test(test_talkative),
        cmocka_unit_test(test_ends_early), cmocka_unit_test(test_stopped_before_ready),
        cmocka_unit_test(test_no_binary),  cmocka_unit_test(test_ends_later),
        cmocka_unit_test(test_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
