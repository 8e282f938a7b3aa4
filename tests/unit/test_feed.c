/* SPDX-License-Identifier: Apache-2.0 */
/* feed: the same batches come out of a tap and out of a record, in order, and what is missing
 * between them is told where it is missing: gaps, a loader's new life, damage, a cut. Who follows
 * waits. */
#include "test.h"

#include "record_bed.h"
#include "tools/inspect/feed/feed.h"

#include "common/log.h"
#include "common/stat.h"
#include "proto/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

enum { BATCH = 4, PATIENCE_MS = 20000 };

static struct record_bed bed;

static struct feed *opened(const struct feed_config *config)
{
    struct feed *feed = NULL;
    if (feed_open(config, &feed) < 0)
        fail_msg("%s", err_text());
    return feed;
}

/* A letter an event: of a batch its sequence's last digit, G and R with what is missing, W, and at
 * the end E; or F with the failure in *ret_rc. At most n of them. */
static void events(struct feed *feed, size_t n, int timeout_ms, char *ret, int *ret_rc)
{
    for (*ret_rc = 0; n > 0 && !*ret_rc; n--) {
        struct feed_event event;
        *ret_rc = feed_next(feed, timeout_ms, &event);
        if (*ret_rc < 0) {
            *ret++ = *ret_rc == -ENODATA ? 'E' : 'F';
            break;
        }
        switch (event.kind) {
        case FEED_BATCH:
            assert_int_equal(event.tap->type, WIRE_TAP);
            assert_int_equal(event.tap->tap.batch.n_samples, BATCH);
            *ret++ = (char)('0' + event.tap->tap.sequence % 10);
            break;
        case FEED_GAP:
        case FEED_RESTART:
            *ret++ = event.kind == FEED_GAP ? 'G' : 'R';
            *ret++ = (char)('0' + event.gap);
            break;
        case FEED_WAIT:
            *ret++ = 'W';
        }
    }
    *ret = 0;
}

/* --- records --- */

/* One batch: of which loader's life, and its sequence. */
struct told {
    uint64_t server, sequence;
};

static void add(struct record_writer *writer, uint64_t server, uint64_t sequence)
{
    record_bed_step(&bed, sequence, 10 * BATCH);
    bed.tap.tap.server_epoch = server;
    if (record_add(writer, &bed.tap) < 0)
        fail_msg("%s", err_text());
}

/* A record of them, each in a block of its own. */
static void record_of(const char *path, const struct told *told, size_t n)
{
    struct record_writer *writer;
    assert_int_equal(record_create(path, &writer), 0);
    for (size_t i = 0; i < n; i++) {
        add(writer, told[i].server, told[i].sequence);
        assert_int_equal(record_flush(writer), 0);
    }
    assert_int_equal(record_close(writer), 0);
}

static int read_all(const char *path, char *ret)
{
    int rc;
    struct feed *feed = opened(&(struct feed_config){.from = path, .timeout_s = 1});
    assert_true(feed_is_record(feed));
    events(feed, 100, -1, ret, &rc);
    feed_close(feed);
    return rc;
}

static void test_record(void **state)
{
    (void)state;
    static const struct {
        struct told told[8];
        size_t n;
        const char *events;
    } cases[] = {
        {{{1, 1}}, 0, "E"},
        {{{1, 5}, {1, 6}, {1, 7}}, 3, "567E"}, /* where listening began is no gap */
        {{{1, 1}, {1, 2}, {1, 5}, {1, 6}}, 4, "12G256E"},
        {{{1, 5}, {2, 1}, {2, 2}}, 3, "5R012E"},
        {{{1, 5}, {2, 3}, {2, 4}}, 3, "5R234E"},
        {{{1, 5}, {2, 8}}, 2, "5R78E"},
        {{{1, 5}, {1, 2}}, 2, "5R12E"}, /* nobody counts back: it is another life */
        /* a trainer's: its steps from two loaders, two batches a step */
        {{{1, 1}, {2, 1}, {2, 2}, {1, 2}, {2, 3}, {2, 3}}, 6, "112233E"},
        {{{1, 1}, {2, 2}, {1, 5}, {2, 6}}, 4, "12G256E"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_with(record_place_clear) struct record_place place;
        char said[256];
        record_place_make(&place);
        record_of(place.path, cases[i].told, cases[i].n);
        const int rc = read_all(place.path, said);
        if (strcmp(said, cases[i].events) != 0)
            fail_msg("case %zu: %s, not %s", i, said, cases[i].events);
        assert_int_equal(rc, -ENODATA);
    }
}

static void test_record_spoilt(void **state)
{
    (void)state;
    static const struct told told[] = {{1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}};
    auto_with(record_place_clear) struct record_place place;
    struct stat st;
    char said[256];
    record_place_make(&place);
    record_of(place.path, told, ARRAY_LEN(told));
    assert_int_equal(stat(place.path, &st), 0);

    const int fd = open(place.path, O_RDWR);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1); /* in a block in the middle */
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    assert_int_equal(read_all(place.path, said), -EBADMSG);
    assert_int_equal(strlen(said), 4 + 2 + 1);
    assert_non_null(strstr(said, "G1")); /* one is missing, and it is not the last */
    assert_int_equal(said[strlen(said) - 1], 'F');
    assert_non_null(strstr(err_text(), "damaged parts that were passed over: 1"));

    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
    assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
    close(fd);
    assert_int_equal(read_all(place.path, said), -ENODATA); /* a cut is none's fault */
    assert_true(strcmp(said, "1E") == 0 || strcmp(said, "12E") == 0);
}

static void test_record_grows(void **state)
{
    (void)state;
    auto_with(record_place_clear) struct record_place place;
    struct record_writer *writer;
    char said[256];
    int rc;
    record_place_make(&place);
    assert_int_equal(record_create(place.path, &writer), 0);
    struct feed *feed = opened(&(struct feed_config){.from = place.path, .follow = true});
    events(feed, 1, 0, said, &rc);
    assert_string_equal(said, "W");
    for (uint64_t step = 1; step <= 3; step++) {
        add(writer, 1, step);
        assert_int_equal(record_flush(writer), 0);
        events(feed, 1, PATIENCE_MS, said, &rc);
        assert_int_equal(said[0], (char)('0' + step));
        events(feed, 1, 10, said, &rc);
        assert_string_equal(said, "W");
    }
    add(writer, 1, 5);
    assert_int_equal(record_close(writer), 0);
    events(feed, 100, PATIENCE_MS, said, &rc);
    assert_string_equal(said, "G15E"); /* what was closed grows no more */
    feed_close(feed);
}

/* --- taps --- */

static char folder[] = "/tmp/augstream-feed-XXXXXX";
static char endpoint[64];

static void publish(struct link *link, struct wire *wire, uint64_t server, uint64_t sequence)
{
    const void *bytes;
    size_t len;
    record_bed_step(&bed, sequence, 10 * BATCH);
    bed.tap.tap.server_epoch = server;
    if (wire_pack(wire, &bed.tap, &bytes, &len) || link_send(link, NULL, bytes, len, NULL, 0))
        _exit(127);
    usleep(1000);
}

/* Lives of loaders, until it is killed: an odd one tells 1 2 4, an even one 2 3. */
static pid_t tap_begin(void)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid)
        return pid;
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    if (link_context_new(&context) || link_pub_bind(context, endpoint, &link) ||
        wire_new(WIRE_OMEGAS_MAX, &wire))
        _exit(127);
    for (uint64_t life = 1;; life += 2) {
        publish(link, wire, life, 1);
        publish(link, wire, life, 2);
        publish(link, wire, life, 4);
        publish(link, wire, life + 1, 2);
        publish(link, wire, life + 1, 3);
    }
}

static void tap_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Whoever begins to listen hears the rest of a circle, and then whole ones. */
static void test_tap(void **state)
{
    (void)state;
    static const char circle[] = "12G14R123R0";
    const pid_t pid = tap_begin();
    char said[256], want[256] = "";
    int rc;
    struct feed *feed = opened(&(struct feed_config){.from = endpoint, .timeout_s = 20});
    assert_false(feed_is_record(feed));
    events(feed, 40, PATIENCE_MS, said, &rc);
    assert_int_equal(rc, 0);
    for (int i = 0; i < 10; i++)
        memcpy(want + i * (sizeof circle - 1), circle, sizeof circle);
    if (strncmp(strstr(want, "12G14"), strstr(said, "12G14"), 30) != 0 ||
        strstr(said, "12G14") - said > (long)strlen(circle))
        fail_msg("%s", said);
    feed_close(feed);
    tap_end(pid);
}

/* A loader that is away is waited for, or not; and none is an answer too. */
static void test_away(void **state)
{
    (void)state;
    char said[256];
    int rc;
    struct feed *feed = opened(&(struct feed_config){.from = endpoint, .timeout_s = 1});
    double since = stat_now();
    events(feed, 1, 10, said, &rc);
    assert_string_equal(said, "W");
    events(feed, 1, -1, said, &rc);
    assert_int_equal(rc, -ETIMEDOUT);
    assert_non_null(strstr(err_text(), endpoint));
    assert_true(stat_now() - since >= 1);
    feed_close(feed);

    feed = opened(&(struct feed_config){.from = endpoint, .timeout_s = 1, .follow = true});
    since = stat_now();
    events(feed, 1, 1500, said, &rc);
    assert_string_equal(said, "W");
    assert_true(stat_now() - since >= 1.5);
    for (int turn = 0; turn < 2; turn++) { /* it comes, goes, and comes back */
        const pid_t pid = tap_begin();
        events(feed, 3, PATIENCE_MS, said, &rc);
        assert_int_equal(rc, 0);
        assert_null(strchr(said, 'W'));
        assert_true(turn == 0 || strchr(said, 'R') || strchr(said, 'G'));
        tap_end(pid);
        do /* what was still under way */
            events(feed, 1, 300, said, &rc);
        while (said[0] != 'W');
    }
    feed_close(feed);
}

static volatile int stop;

static void on_alarm(int signal)
{
    (void)signal;
    stop = 1;
}

static void test_stop(void **state)
{
    (void)state;
    char said[256];
    int rc;
    signal(SIGALRM, on_alarm);
    struct feed *feed =
        opened(&(struct feed_config){.from = endpoint, .follow = true, .stop = &stop});
    alarm(1);
    events(feed, 1, -1, said, &rc);
    assert_string_equal(said, "W");
    assert_true(stop);
    feed_close(feed);

    const volatile int *signalled = feed_stop_by_signal();
    assert_int_equal(*signalled, 0);
    raise(SIGINT);
    assert_int_equal(*signalled, 1);
}

/* --- the command line --- */

static void test_options(void **state)
{
    (void)state;
    static const struct {
        const char *from, *options[8]; /* key, argument, ... */
        const char *said;              /* NULL: it is taken */
    } cases[] = {
        {"tcp://node1:5556", {NULL}, NULL},
        {"ipc:///run/tap", {"T", "3"}, NULL},
        {"ipc:///run/tap", {"F", ""}, NULL},
        {"tcp://node1:5556", {"K", "key", "P", "file", "T", "86400"}, NULL},
        {"run.omega", {NULL}, NULL},
        {"run.omega", {"F", ""}, NULL},
        {"tcp://node1:5556", {"P", "file"}, "--secret: the loader's own key is wanted as well"},
        {"tcp://node1:5556", {"T", "0"}, "--timeout 0"},
        {"tcp://node1:5556", {"T", "5x"}, "--timeout 5x"},
        {"tcp://node1:5556", {"F", "", "T", "5"}, "--timeout: --follow never gives up"},
        {"tcp://node1", {NULL}, "tcp://node1: not tcp://host:port"},
        {"udp://node1:5", {NULL}, "udp://node1:5: neither tcp"},
        {"run.omega", {"T", "5"}, "--timeout: run.omega is a file"},
        {"run.omega", {"K", "key"}, "--server: run.omega is a file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feed_options options = {0};
        struct feed_config config;
        int rc = 0;
        for (const char *const *o = cases[i].options; *o && rc >= 0; o += 2)
            rc = feed_option(&options, o[0][0], o[1]);
        if (rc >= 0)
            rc = feed_configure(&options, cases[i].from, &stop, &config);
        assert_int_equal(rc, cases[i].said ? -EINVAL : 0);
        if (cases[i].said && !strstr(err_text(), cases[i].said))
            fail_msg("case %zu: %s", i, err_text());
        if (rc < 0)
            continue;
        assert_ptr_equal(config.from, cases[i].from);
        assert_ptr_equal(config.stop, &stop);
        assert_true(config.timeout_s == (options.timeout_s ? options.timeout_s : 10));
    }
    struct feed_options options = {0};
    assert_int_equal(feed_option(&options, 'c', "1"), 0); /* somebody else's */
}

static void test_nothing_there(void **state)
{
    (void)state;
    struct feed *feed;
    char path[96];
    assert_int_equal(feed_open(&(struct feed_config){.from = "node1:5556"}, &feed), -ENOENT);
    assert_non_null(strstr(err_text(), "node1:5556: neither a file nor tcp://host:port"));
    assert_int_equal(feed_open(&(struct feed_config){.from = folder}, &feed), -EBADMSG);
    assert_non_null(strstr(err_text(), folder));
    snprintf(path, sizeof path, "%s/text", folder);
    FILE *out = fopen(path, "w");
    fputs("no record at all\n", out);
    fclose(out);
    assert_int_equal(feed_open(&(struct feed_config){.from = path}, &feed), -EBADMSG);
    assert_non_null(strstr(err_text(), path));
    unlink(path);
}

static int setup(void **state)
{
    (void)state;
    log_open("test", LOG_INFO);
    record_bed_init(&bed, BATCH);
    if (!mkdtemp(folder))
        return -1;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/tap", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(endpoint + strlen("ipc://"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record),       cmocka_unit_test(test_record_spoilt),
        cmocka_unit_test(test_record_grows), cmocka_unit_test(test_tap),
        cmocka_unit_test(test_away),         cmocka_unit_test(test_stop),
        cmocka_unit_test(test_options),      cmocka_unit_test(test_nothing_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
