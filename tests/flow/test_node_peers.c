/* SPDX-License-Identifier: Apache-2.0 */
/* node_peers: a real loaderd among peers that do not behave: they speak another language, never
 * read, flood, stand still, vanish, or are too many. A client that keeps to the rules is served
 * before, meanwhile and after, and gets the same bytes. */
#include "aside.h"
#include "node.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct node node;

static void before_exec(struct node *n)
{
    (void)n;
    keep_little_aside();
}

static int setup(void **state)
{
    (void)state;
    node_new(&node);
    node.before_exec = before_exec;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    end_with_good();
    node_done(&node);
    return 0;
}

static void start(void)
{
    start_with_good(&node);
}

/* --- below the protocol: a socket, and bytes --- */

static int raw_connect(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = garden_path(&node.garden, "socket");
    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void raw_send(int fd, const void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const uint8_t *)bytes + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return; /* cut off: fine */
        assert_true(n > 0);
        at += (size_t)n;
    }
}

/* ZMTP 3.0 with the NULL mechanism (rfc.zeromq.org/spec/23), as a DEALER that never reads. */
static void raw_greet(int fd)
{
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    static const uint8_t ready[] = "\x04\x1c"
                                   "\x05READY"
                                   "\x0bSocket-Type\0\0\0\x06"
                                   "DEALER";
    raw_send(fd, greeting, sizeof greeting);
    raw_send(fd, ready, sizeof ready - 1);
}

static void raw_message(int fd, const void *body, size_t len)
{
    uint8_t head[2] = {0, (uint8_t)len};
    assert_true(len < 256);
    raw_send(fd, head, sizeof head);
    raw_send(fd, body, len);
}

static void raw_pack(int fd, const struct wire_message *m)
{
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(good->wire, m, &bytes, &len), 0);
    raw_message(fd, bytes, len);
}

static void raw_ask(int fd, const struct client *like, uint64_t request, uint32_t index)
{
    struct wire_message m = {.type = WIRE_GET_BATCH};
    memcpy(m.get_batch.session, like->session, DIGEST_BYTES);
    m.get_batch.epoch = (uint32_t)request;
    m.get_batch.index = index;
    m.get_batch.request = request;
    raw_pack(fd, &m);
}

static void test_not_zeromq(void **state)
{
    (void)state;
    static uint8_t noise[1 << 16];
    start();
    uint32_t dice = 4711;
    int held[8];
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        held[i] = raw_connect();
        for (size_t b = 0; b < sizeof noise; b++)
            noise[b] = (uint8_t)((dice = dice * 1664525u + 1013904223u) >> 24);
        if (i % 2) /* a greeting, then noise */
            raw_greet(held[i]);
        raw_send(held[i], noise, i < 4 ? sizeof noise : 3);
    }
    assert_serving(&node); /* with half-begun conversations standing */
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        close(held[i]);
    assert_serving(&node);
    node_end(&node);
}

/* A peer that asks and asks and never reads. What it is sent lies in the slots until it takes it:
 * it may fill its own window of them, not all. Each of its requests is in before the next one of
 * the client that reads. */
static void test_never_reads(void **state)
{
    (void)state;
    node.lines = "workers: 1\nslots: 6\nwindow: 3";
    start();
    struct client *large = client_large(&node);
    auto_close int deaf = raw_connect();
    raw_greet(deaf);
    for (uint32_t i = 0; i < 20; i++) {
        raw_ask(deaf, large, i, i % 6);
        client_get(large, 1000 + i, 1);
        client_get(large, 2000 + i, 2);
    }
    client_free(large);
    assert_serving(&node);
    node_end(&node);
}

/* Fewer slots than requests: everybody waits for a turn and gets it. */
static void test_one_slot(void **state)
{
    (void)state;
    node.lines = "workers: 1\nslots: 1";
    start();
    struct client *c[3];
    for (size_t i = 0; i < ARRAY_LEN(c); i++)
        c[i] = client_large(&node);
    for (uint32_t k = 0; k < 4; k++)
        for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
            client_ask(c[i], k, i, k);
    for (uint32_t i = 0; i < ARRAY_LEN(c); i++) {
        for (uint32_t k = 0; k < 4; k++)
            client_batch(c[i], k);
        client_free(c[i]);
    }
    assert_serving(&node);
    node_end(&node);
}

/* A flood of Pings whose answers nobody reads. */
static void test_ping_flood(void **state)
{
    (void)state;
    start();
    auto_close int deaf = raw_connect();
    raw_greet(deaf);
    for (uint32_t i = 0; i < 50000; i++)
        raw_pack(deaf, &(struct wire_message){.type = WIRE_PING, .ping = {.nonce = i}});
    assert_serving(&node);
    node_end(&node);
}

/* What the daemon holds for itself, without the slots. */
static long private_kib(void)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", node.pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1)
            break;
    fclose(f);
    assert_true(kib > 0);
    return kib;
}

/* Of buffers that are filled once. Those of a peer that reads no answer were seen to take 0.2 or 2
 * MiB, as its messages came; so its flood is long enough for 110 bytes a request to show. */
enum { GROWTH_MAX_KIB = 2048, FLOOD_GROWTH_MAX_KIB = 4096, FLOOD = 40000 };

static void assert_growth(long before, long max_kib)
{
    long kib = private_kib() - before;
    printf("grown by %ld KiB, from %ld\n", kib, before);
    fflush(stdout);
    assert_true(kib < max_kib);
}

/* Ten thousand sessions, each of another spec: the table stays as large as it is. Who asks
 * meanwhile keeps his own. */
static void test_ten_thousand_sessions(void **state)
{
    (void)state;
    start();
    struct client *greedy = client_new(node.endpoint);
    client_hello(greedy);
    long before = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        struct spec spec;
        node_spec(&spec, 1000 + i);
        client_ask_open(greedy, i + 1, &spec);
        if (i % 50 < 49)
            continue;
        for (uint64_t k = 0; k < 50; k++)
            client_expect(greedy, WIRE_SESSION_OPENED);
        assert_same(client_get(good, 0, 0), first);
        if (i == 999)
            before = private_kib();
    }
    assert_growth(before, GROWTH_MAX_KIB);
    client_free(greedy);
    assert_serving(&node);
    node_end(&node);
}

/* Batches asked for by the thousand and called off again, by a peer that reads no answer. It is
 * answered as far as its window and its queue go; the others get theirs, and when it has gone
 * nothing is left of it. */
static void test_get_and_cancel_flood(void **state)
{
    (void)state;
    start();
    struct client *large = client_large(&node);
    int deaf = raw_connect();
    raw_greet(deaf);
    long before = 0;
    for (uint32_t i = 0; i < FLOOD; i++) {
        struct wire_message cancel = {.type = WIRE_CANCEL, .cancel = {.request = i - i % 3}};
        raw_ask(deaf, large, i, i % 6);
        if (i % 2)
            raw_pack(deaf, &cancel);
        if (i % 1000 == 0)
            assert_same(client_get(good, 0, 0), first);
        if (i == 2000)
            before = private_kib();
    }
    assert_serving(&node);
    assert_growth(before, FLOOD_GROWTH_MAX_KIB);
    close(deaf);
    client_free(large);
    node_hear(&node, "STATUS=", " 0 requests outstanding");
    assert_serving(&node);
    node_end(&node);
}

/* --- peers that stand still, vanish, and are many --- */

/* As client_get, by a client that asks again when its connection was lost, as trainers do. */
static struct print get_patiently(struct client *c, uint32_t epoch, uint32_t index)
{
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (link_event(c->link) != LINK_NOTHING)
        continue;
    client_ask(c, 5, epoch, index);
    while (link_wait(&c->link, 1, 50) == 0) {
        assert_true(stat_now() < end_s);
        if (link_event(c->link) == LINK_CONNECTED)
            client_ask(c, 5, epoch, index);
    }
    return client_batch(c, 5);
}

/* ^Z at two trainers, which hold every slot between them: a third is served, if late. */
static void test_frozen_trainers(void **state)
{
    (void)state;
    node.lines = "workers: 1\nslots: 4\nwindow: 2";
    start();
    pid_t worker = node_worker(&node), frozen[2];
    stop_process(worker);
    for (size_t i = 0; i < ARRAY_LEN(frozen); i++) {
        frozen[i] = node_trainer(&node, 2);
        stop_process(frozen[i]);
    }
    kill(worker, SIGCONT);
    assert_same(get_patiently(good, 0, 0), first);
    assert_true(node_logged(&node, "peers that do not read"));
    for (size_t i = 0; i < ARRAY_LEN(frozen); i++) {
        kill(frozen[i], SIGKILL);
        waitpid(frozen[i], NULL, 0);
    }
    assert_serving(&node);
    node_end(&node);
}

static uint32_t descriptors(void)
{
    char path[64];
    uint32_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", node.pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Hundreds of peers that ask and vanish: none of them is missed, nothing of them stays. */
static void test_vanishing(void **state)
{
    (void)state;
    start();
    uint32_t before = descriptors();
    for (uint32_t i = 0; i < 300; i++) {
        struct client *c = client_new(node.endpoint);
        client_hello(c);
        memcpy(c->session, good->session, DIGEST_BYTES);
        for (uint32_t k = 0; k < 4; k++)
            client_ask(c, k, i, k);
        client_free(c);
    }
    for (uint32_t i = 0; i < 300; i++) { /* or do not even greet */
        auto_close int fd = raw_connect();
        if (i % 3)
            raw_greet(fd);
    }
    assert_serving(&node);
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    while (descriptors() > before)
        assert_true(stat_now() < end_s);
    assert_serving(&node);
    node_end(&node);
}

static void few_descriptors(struct node *n)
{
    (void)n;
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64});
}

/* Only 64 descriptors, and 200 peers: some are turned away, the process stays, who is in is served,
 * and there is room for a new worker. */
static void test_few_descriptors(void **state)
{
    (void)state;
    static int held[200];
    node.before_exec = few_descriptors;
    start();
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        held[i] = raw_connect();
    assert_same(client_get(good, 0, 0), first);
    kill(node_worker(&node), SIGKILL);
    node_hear(&node, "STATUS=", "1 worker exits");
    assert_same(client_get(good, 0, 0), first);
    assert_true(descriptors() < 64);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        close(held[i]);
    assert_serving(&node);
    node_end(&node);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_not_zeromq),
        TEST(test_never_reads),
        TEST(test_one_slot),
        TEST(test_ping_flood),
        TEST(test_frozen_trainers),
        TEST(test_vanishing),
        TEST(test_few_descriptors),
        TEST(test_ten_thousand_sessions),
        TEST(test_get_and_cancel_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
