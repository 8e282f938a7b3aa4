/* SPDX-License-Identifier: Apache-2.0 */
/* link_auth: who is let in, over real sockets, and what is answered to requests that ZeroMQ would
 * not send. Also that a stranger who speaks no ZMTP 3 ends no process. */
#include "garden.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "proto/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { PATIENCE_MS = 20000, QUIET_MS = 300 };

static struct garden garden;
static struct link_context *ours, *theirs;
static struct link_auth *auth;
static struct link_key server, alice, bob;
static char told[ERR_TEXT_MAX];
static struct link_message got;

static void hear(void *hint, const char *text)
{
    (void)hint;
    snprintf(told, sizeof told, "%s", text);
}

static int setup(void **state)
{
    (void)state;
    garden_new(&garden);
    return mkdir(garden_path(&garden, "clients"), 0700) || link_key_make(&server) ||
           link_key_make(&alice) || link_key_make(&bob) ||
           link_key_write(&alice, garden_path(&garden, "clients/alice"));
}

static int teardown(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    bool gone;
    const struct link_guard guard = {.curve = true, .key = server, .ipc_mode = 0620};
    told[0] = 0;
    auth = NULL;
    if (link_context_new(&ours) || link_context_new(&theirs) || link_context_admit(ours, &auth))
        return -1;
    link_context_guard(ours, &guard);
    return link_auth_load(auth, garden_path(&garden, "clients"), hear, NULL, &gone) == 1 ? 0 : -1;
}

static int stale(void **state)
{
    (void)state;
    link_message_done(&got);
    link_context_free(theirs);
    link_context_free(ours);
    unlink(garden_path(&garden, "clients/bob"));
    return 0;
}

static struct link *listen_tcp(char endpoint[LINK_ENDPOINT_MAX])
{
    struct link *router;
    assert_int_equal(link_router_bind(ours, "tcp://127.0.0.1:*", &router), 0);
    assert_int_equal(link_endpoint(router, endpoint, LINK_ENDPOINT_MAX), 0);
    return router;
}

/* key NULL: without CURVE. */
static struct link *dial(const char *endpoint, const struct link_key *key, const uint8_t *whom)
{
    struct link_guard guard = {.curve = key != NULL};
    struct link *dealer;
    if (key) {
        guard.key = *key;
        memcpy(guard.server, whom, LINK_KEY_BYTES);
    }
    link_context_guard(theirs, &guard);
    assert_int_equal(link_dealer_connect(theirs, endpoint, &dealer), 0);
    return dealer;
}

static enum link_event wait_event(struct link *link)
{
    enum link_event event;
    double until = stat_now() + PATIENCE_MS / 1e3;
    while ((event = link_event(link)) == LINK_NOTHING && stat_now() < until)
        link_wait(&link, 1, 10);
    return event;
}

static int send_text(struct link *link, const struct link_peer *peer, const char *text)
{
    return link_send(link, peer, text, strlen(text), NULL, 0);
}

static void expect(struct link *link, const char *text)
{
    assert_int_equal(link_wait(&link, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(link, &got), 0);
    assert_int_equal(got.body_len, strlen(text));
    assert_memory_equal(got.body, text, got.body_len);
}

static void expect_nothing(struct link *link)
{
    assert_int_equal(link_wait(&link, 1, QUIET_MS), 0);
    assert_int_equal(link_receive(link, &got), -EAGAIN);
}

static void test_let_in(void **state)
{
    (void)state;
    char endpoint[LINK_ENDPOINT_MAX], text[LINK_AUTH_TEXT_MAX];
    struct link *router = listen_tcp(endpoint);
    struct link *dealer = dial(endpoint, &alice, server.public_key);
    assert_int_equal(send_text(dealer, NULL, "hello"), 0);
    expect(router, "hello");
    assert_int_equal(send_text(router, &got.peer, "welcome"), 0);
    expect(dealer, "welcome");
    assert_int_equal(wait_event(dealer), LINK_CONNECTED);
    assert_int_equal(link_auth_refused(auth, text), 0);
    assert_int_equal(link_failures(router), 0);
    link_close(dealer);
    link_close(router);
}

/* The limits are of what is said, not of what it becomes on the way. */
static void test_largest(void **state)
{
    (void)state;
    char endpoint[LINK_ENDPOINT_MAX];
    auto_free char *large = calloc(1, WIRE_FRAME_MAX);
    assert_non_null(large);
    struct link *router = listen_tcp(endpoint);
    struct link *dealer = dial(endpoint, &alice, server.public_key);
    assert_int_equal(link_send(dealer, NULL, large, WIRE_CONTROL_MAX, NULL, 0), 0);
    assert_int_equal(link_wait(&router, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(router, &got), 0);
    assert_int_equal(got.body_len, WIRE_CONTROL_MAX);
    const struct link_frame frame = {.data = large, .len = WIRE_FRAME_MAX};
    assert_int_equal(link_send(router, &got.peer, "b", 1, &frame, 1), 0);
    assert_int_equal(link_wait(&dealer, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(dealer, &got), 0);
    assert_int_equal(got.n_frames, 1);
    assert_int_equal(got.frames[0].len, WIRE_FRAME_MAX);
    link_close(dealer);
    link_close(router);
}

/* Whoever has no key of the list gets nothing, is told why, and is counted. */
static void test_kept_out(void **state)
{
    (void)state;
    char endpoint[LINK_ENDPOINT_MAX], text[LINK_AUTH_TEXT_MAX];
    struct link *router = listen_tcp(endpoint);
    const struct {
        const struct link_key *key;
        const uint8_t *whom;
        const char *told;
        bool by_list; /* else the handshake itself fails */
    } rows[] = {
        {&bob, server.public_key, "our key is refused", true},
        {NULL, NULL, "wants a key, and we have none", false},
        {&alice, bob.public_key, "its key is another", false},
    };
    uint64_t refused = 0, failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct link *dealer = dial(endpoint, rows[i].key, rows[i].whom);
        assert_int_equal(send_text(dealer, NULL, "hello"), 0);
        assert_int_equal(wait_event(dealer), LINK_REFUSED);
        assert_non_null(strstr(link_refusal(dealer), rows[i].told));
        expect_nothing(router);
        assert_int_equal(link_auth_refused(auth, text) > refused, rows[i].by_list);
        refused = link_auth_refused(auth, text);
        assert_int_equal(link_failures(router) > failed, !rows[i].by_list);
        failed = link_failures(router);
        link_close(dealer);
    }
    char whose[LINK_KEY_TEXT];
    link_key_text(bob.public_key, whose);
    assert_non_null(strstr(text, whose));
    assert_non_null(strstr(text, "127.0.0.1"));
    link_close(router);
}

/* Who was refused is let in once the key is on the list. */
static void test_again(void **state)
{
    (void)state;
    bool gone = true;
    char endpoint[LINK_ENDPOINT_MAX];
    struct link *router = listen_tcp(endpoint);
    struct link *dealer = dial(endpoint, &bob, server.public_key);
    assert_int_equal(wait_event(dealer), LINK_REFUSED);
    assert_int_equal(link_key_write(&bob, garden_path(&garden, "clients/bob")), 0);
    assert_int_equal(link_auth_load(auth, garden_path(&garden, "clients"), hear, NULL, &gone), 2);
    assert_false(gone);
    assert_int_equal(link_again(dealer), 0);
    assert_int_equal(send_text(dealer, NULL, "hello"), 0);
    expect(router, "hello");
    assert_int_equal(unlink(garden_path(&garden, "clients/bob_secret")), 0);
    link_close(dealer);
    link_close(router);
}

/* A key that is taken away ends at the next message what was let in before; others stay. */
static void test_revoked(void **state)
{
    (void)state;
    bool gone = false;
    char endpoint[LINK_ENDPOINT_MAX], text[LINK_AUTH_TEXT_MAX];
    assert_int_equal(link_key_write(&bob, garden_path(&garden, "clients/bob")), 0);
    assert_int_equal(link_auth_load(auth, garden_path(&garden, "clients"), hear, NULL, &gone), 2);
    struct link *router = listen_tcp(endpoint);
    struct link *one = dial(endpoint, &alice, server.public_key);
    struct link *two = dial(endpoint, &bob, server.public_key);
    assert_int_equal(send_text(one, NULL, "alice"), 0);
    expect(router, "alice");
    assert_int_equal(send_text(two, NULL, "bob"), 0);
    expect(router, "bob");
    assert_int_equal(unlink(garden_path(&garden, "clients/bob")), 0);
    assert_int_equal(link_auth_load(auth, garden_path(&garden, "clients"), hear, NULL, &gone), 1);
    assert_true(gone);
    assert_int_equal(link_auth_refused(auth, text), 0);
    assert_int_equal(send_text(two, NULL, "bob again"), 0);
    assert_int_equal(link_wait(&router, 1, PATIENCE_MS), 1);
    assert_int_equal(link_receive(router, &got), -EBADMSG);
    assert_int_equal(link_auth_refused(auth, text), 1);
    assert_int_equal(send_text(one, NULL, "alice again"), 0);
    expect(router, "alice again");
    assert_int_equal(unlink(garden_path(&garden, "clients/bob_secret")), 0);
    link_close(one);
    link_close(two);
    link_close(router);
}

/* The tap is a door as well. */
static void test_tap(void **state)
{
    (void)state;
    char endpoint[LINK_ENDPOINT_MAX];
    struct link *pub, *right, *wrong;
    assert_int_equal(link_pub_bind(ours, "tcp://127.0.0.1:*", &pub), 0);
    assert_int_equal(link_endpoint(pub, endpoint, sizeof endpoint), 0);
    struct link_guard guard = {.curve = true, .key = alice};
    memcpy(guard.server, server.public_key, LINK_KEY_BYTES);
    link_context_guard(theirs, &guard);
    assert_int_equal(link_sub_connect(theirs, endpoint, &right), 0);
    guard.key = bob;
    link_context_guard(theirs, &guard);
    assert_int_equal(link_sub_connect(theirs, endpoint, &wrong), 0);
    assert_int_equal(wait_event(wrong), LINK_REFUSED);
    assert_int_equal(wait_event(right), LINK_CONNECTED);
    do /* a subscription arrives some time after the connection */
        assert_int_equal(send_text(pub, NULL, "omega"), 0);
    while (link_wait(&right, 1, 20) == 0);
    expect(right, "omega");
    expect_nothing(wrong);
    link_close(right);
    link_close(wrong);
    link_close(pub);
}

static void test_ipc(void **state)
{
    (void)state;
    char endpoint[128];
    struct link *router;
    struct stat st;
    snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", garden.root);
    const mode_t before = umask(0);
    assert_int_equal(link_router_bind(ours, endpoint, &router), 0);
    assert_int_equal(umask(before), 0); /* as it was */
    assert_int_equal(stat(endpoint + strlen("ipc://"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0620);
    struct link *dealer = dial(endpoint, &bob, server.public_key); /* who wants keys of nobody */
    assert_int_equal(send_text(dealer, NULL, "hello"), 0);
    expect(router, "hello");
    link_close(dealer);
    link_close(router);
}

static void test_lists(void **state)
{
    (void)state;
    bool gone;
    char user[LINK_KEY_TEXT], text[LINK_AUTH_TEXT_MAX];
    link_key_text(bob.public_key, user);
    assert_false(link_auth_allows(auth, user));
    assert_int_equal(link_auth_refused(auth, text), 1);
    assert_false(link_auth_allows(auth, "no key"));
    assert_int_equal(link_auth_load(auth, "any", hear, NULL, &gone), 0);
    assert_false(gone);
    assert_true(link_auth_allows(auth, user));
    assert_int_equal(link_auth_load(auth, garden_path(&garden, "clients/alice"), hear, NULL, &gone),
                     1);
    assert_true(gone);
    assert_false(link_auth_allows(auth, user));
    link_key_text(alice.public_key, user);
    assert_true(link_auth_allows(auth, user));
    /* what cannot be read changes nothing */
    assert_int_equal(link_auth_load(auth, garden_path(&garden, "none"), hear, NULL, &gone),
                     -ENOENT);
    assert_true(link_auth_allows(auth, user));
    /* a file that is no key costs only itself, and is told */
    garden_write(&garden, "clients/junk", "curve\n    public-key = \"short\"\n");
    garden_write(&garden, "clients/.hidden", "junk");
    assert_int_equal(link_auth_load(auth, garden_path(&garden, "clients"), hear, NULL, &gone), 1);
    assert_non_null(strstr(told, "clients/junk: line 2"));
    assert_int_equal(unlink(garden_path(&garden, "clients/junk")), 0);
    assert_int_equal(unlink(garden_path(&garden, "clients/.hidden")), 0);
}

/* Frames that ZeroMQ would not send. */
static void test_requests(void **state)
{
    (void)state;
    static char large[300];
    const struct link_auth_frame good[LINK_AUTH_FRAMES] = {
        {"1.0", 3}, {"7", 1},     {LINK_AUTH_CURVE, strlen(LINK_AUTH_CURVE)}, {"10.0.0.1", 8},
        {"", 0},    {"CURVE", 5}, {alice.public_key, LINK_KEY_BYTES}};
    const struct {
        int at; /* of the frame that is another */
        struct link_auth_frame is;
        size_t n;
        const char *code;
    } rows[] = {
        {0, {"1.0", 3}, 7, "200"},
        {0, {"1.1", 3}, 7, "500"},
        {0, {"", 0}, 7, "500"},
        {0, {"1.0", 3}, 0, "500"},
        {0, {"1.0", 3}, 5, "500"},
        {0, {"1.0", 3}, 6, "400"}, /* no credentials */
        {0, {"1.0", 3}, 8, "500"},
        {1, {large, sizeof large}, 7, "500"},
        {2, {LINK_AUTH_OPEN, strlen(LINK_AUTH_OPEN)}, 7, "400"},
        {2, {"", 0}, 7, "400"},
        {3, {"\n\x1b[2J", 5}, 7, "200"},
        {3, {large, sizeof large}, 7, "500"},
        {5, {"NULL", 4}, 6, "400"}, /* on an endpoint that wants a key */
        {5, {"NULL", 4}, 7, "400"},
        {5, {"PLAIN", 5}, 7, "400"},
        {6, {alice.public_key, LINK_KEY_BYTES - 1}, 7, "400"},
        {6, {alice.secret_key, LINK_KEY_BYTES}, 7, "400"},
        {6, {"", 0}, 7, "400"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct link_auth_frame frames[LINK_AUTH_FRAMES];
        struct link_auth_answer answer;
        char text[LINK_AUTH_TEXT_MAX];
        memcpy(frames, good, sizeof frames);
        frames[rows[i].at] = rows[i].is;
        uint64_t refused = link_auth_refused(auth, text);
        link_auth_judge(auth, frames, rows[i].n, &answer);
        assert_string_equal(answer.code, rows[i].code);
        const bool in = strcmp(rows[i].code, "200") == 0;
        assert_int_equal(strlen(answer.user), in ? LINK_KEY_TEXT - 1 : 0);
        assert_string_equal(answer.name, in ? "alice" : "");
        assert_int_equal(link_auth_refused(auth, text), refused + !in);
        for (const char *c = text; *c; c++)
            assert_in_range(*c, ' ', '~');
    }
}

/* Until it is killed: what it says is there before it is accepted. */
static void stranger(const struct sockaddr_in *at)
{
    static const struct {
        unsigned char bytes[12];
        size_t n;
    } words[] = {{{1, 0}, 2},
                 {{5, 0, 'a', 'b', 'c', 'd'}, 6},
                 {{0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 0}, 11},
                 {{0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 5}, 12},
                 {"GET / HTTP/1", 12}};
    int held[16];
    memset(held, -1, sizeof held);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0;; i++) {
        int *fd = &held[i % ARRAY_LEN(held)];
        if (*fd >= 0)
            close(*fd);
        *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(*fd, (const struct sockaddr *)at, sizeof *at) < 0) {
            close(*fd);
            *fd = -1;
        } else {
            const size_t word = i % ARRAY_LEN(words);
            send(*fd, words[word].bytes, words[word].n, MSG_NOSIGNAL);
        }
    }
}

/* Strangers begin the handshakes of ZMTP 1 and 2, of a PUB as of a ROUTER, and sockets are closed
 * in the middle: each such handshake is refused, and nobody's process ends. */
static void test_strangers(void **state)
{
    (void)state;
    char endpoint[LINK_ENDPOINT_MAX];
    struct link *link;
    /* A port that is free, of a socket that no child has open as well. */
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&at, &at_len), 0);
    close(probe);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%u", ntohs(at.sin_port));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        stranger(&at);
    const struct link_guard open = {0}; /* without keys: the case that fails */
    link_context_guard(ours, &open);
    const double until = stat_now() + 3, patience = until + 57;
    uint64_t failures = 0;
    int turn = 0;
    while (stat_now() < until || (failures == 0 && stat_now() < patience)) {
        /* where a machine is too busy for any handshake within these, they get longer */
        const int wait_ms = stat_now() < until ? turn++ % 4 : 100;
        int (*const open_link[])(struct link_context *, const char *,
                                 struct link **) = {link_router_bind, link_pub_bind};
        for (size_t i = 0; i < ARRAY_LEN(open_link); i++) {
            while (open_link[i](ours, endpoint, &link) == -EADDRINUSE)
                usleep(50);
            link_wait(&link, 1, wait_ms);
            failures += link_failures(link);
            link_cut(link);
        }
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(failures > 0); /* they were there */
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, fresh, stale)
    const struct CMUnitTest tests[] = {
        ONE(test_let_in),   ONE(test_largest),   ONE(test_kept_out), ONE(test_again),
        ONE(test_revoked),  ONE(test_tap),       ONE(test_ipc),      ONE(test_lists),
        ONE(test_requests), ONE(test_strangers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
