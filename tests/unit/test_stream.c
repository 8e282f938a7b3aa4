/* SPDX-License-Identifier: Apache-2.0 */
/* stream: what a tap sends comes out as lines; messages that cannot be read are passed over with a
 * word that names the endpoint, and what they stood for is told as a gap; nothing else for too long
 * is an error. */
#include "test.h"

#include "tools/inspect/inspect.h"
#include "wire_samples.h"

#include "common/err.h"
#include "common/log.h"
#include "proto/link.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES = SAMPLE_VIEWS * SAMPLE_BATCH };

static char folder[] = "/tmp/augstream-stream-XXXXXX";
static char endpoint[64];

/* A tap that goes round until it is killed: a whole message, then bytes that are none, then a
 * message of another kind. A listener hears it from any place on. */
static void tap_run(bool useful)
{
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    struct samples s;
    if (link_context_new(&context) || link_pub_bind(context, endpoint, &link) ||
        wire_new(WIRE_OMEGAS_MAX, &wire))
        _exit(127);
    for (uint64_t sequence = 1;; sequence += 3) {
        const void *bytes;
        size_t len;
        struct wire_message *m = sample_message(&s, WIRE_TAP);
        m->tap.sequence = sequence;
        if (wire_pack(wire, m, &bytes, &len) ||
            (useful && link_send(link, NULL, bytes, len, NULL, 0)) ||
            link_send(link, NULL, "\xff\xff\xff junk", 8, NULL, 0) ||
            wire_pack(wire, sample_message(&s, WIRE_PING), &bytes, &len) ||
            link_send(link, NULL, bytes, len, NULL, 0))
            _exit(127);
        usleep(2000);
    }
}

/* The verb's exit code, its standard output and error in text. */
static int captured(const char *timeout, char *out, char *err, size_t cap)
{
    char *argv[] = {"stream", endpoint, "--count", "30", "--timeout", (char *)timeout, NULL};
    char *const texts[2] = {out, err};
    FILE *files[2];
    int saved[2];
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        files[i] = tmpfile();
        assert_non_null(files[i]);
        saved[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    optind = 0; /* getopt starts anew */
    const int code = inspect_stream(6, argv);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(saved[i], i + 1);
        close(saved[i]);
        rewind(files[i]);
        texts[i][fread(texts[i], 1, cap - 1, files[i])] = 0;
        fclose(files[i]);
    }
    return code;
}

static size_t count_of(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

/* With a tap beside it. */
static int streamed(bool useful, const char *timeout, char *out, char *err, size_t cap)
{
    snprintf(endpoint, sizeof endpoint, "ipc://%s/tap", folder);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        tap_run(useful);
    const int code = captured(timeout, out, err, cap);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return code;
}

static void test_passes_over(void **state)
{
    (void)state;
    static char out[1 << 16], err[1 << 16];
    const int code = streamed(true, "20", out, err, sizeof err);
    if (code != EXIT_OK)
        fail_msg("code %d: %s", code, err);
    assert_int_equal(count_of(out, "\"crop\""), 3 * LINES);
    assert_int_equal(count_of(out, "{\"gap\":{\"batches\":2}}"), 2);
    /* both of each message, before its views */
    assert_int_equal(count_of(out, "\"position\":1,\"bad\":70,\"reason\":\"truncated\""), 3);
    assert_int_equal(count_of(out, "\"position\":4,\"bad\":4000000000,\"reason\":\"deadline\""), 3);
    assert_true(strncmp(out, "{\"substituted\":{", 16) == 0);
    const size_t lines = count_of(err, "\n"); /* one for each row of bad messages */
    assert_true(lines == 2 || lines == 3);    /* listening may begin within a row */
    assert_int_equal(count_of(err, endpoint), lines);
    assert_int_equal(count_of(err, "passed over"), lines);
}

static void test_nothing_to_read(void **state)
{
    (void)state;
    static char out[1 << 16], err[1 << 16];
    assert_int_equal(streamed(false, "1", out, err, sizeof err), EXIT_DATA);
    assert_string_equal(out, "");
    assert_int_equal(count_of(err, "passed over"), 1);
    assert_int_equal(count_of(err, "nothing that can be read came for 1 s"), 1);
    assert_int_equal(count_of(err, endpoint), 2);
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_INFO);
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unlink(endpoint + strlen("ipc://"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_passes_over),
                                       cmocka_unit_test(test_nothing_to_read)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
