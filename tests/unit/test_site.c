/* SPDX-License-Identifier: Apache-2.0 */
/* site: which names it answers to, what it refuses and how, which headers every answer has, and
 * that neither long requests, nor many connections, nor silent ones cost it more than that. */
#include "test.h"

#include "tools/inspect/serve/site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct site *site;
static uint16_t port;
static char asked[256]; /* path and query q of the last request that got through */
static size_t large = 0;

static void answer(void *user, const struct site_request *request, struct site_answer *ret)
{
    (void)user;
    const char *q = site_query(request, "q");
    snprintf(asked, sizeof asked, "%s|%s", request->path, q ? q : "(none)");
    if (large) {
        char *bytes = malloc(large);
        assert_non_null(bytes);
        memset(bytes, 'x', large);
        *ret = (struct site_answer){200, "text/plain; charset=utf-8", "note", bytes, large, true};
        return;
    }
    site_say(ret, 200, "hello\n");
}

static int set_up(void **state)
{
    (void)state;
    const struct site_config config = {.answer = answer};
    int rc = site_open(&config, &site);
    unsigned number;
    if (rc || sscanf(site_address(site), "http://127.0.0.1:%u/", &number) != 1)
        return -1;
    port = (uint16_t)number;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    site_close(site);
    return 0;
}

static int dial(void)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Sends a request and runs the site until it has closed the connection, or answered in full. */
static void ask(const char *request, size_t len, char *ret, size_t cap)
{
    int fd = dial();
    size_t sent = 0, got = 0;
    ret[0] = '\0';
    asked[0] = '\0';
    for (int turns = 0; turns < 5000; turns++) {
        if (sent < len) {
            ssize_t n = send(fd, request + sent, len - sent, MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        assert_int_equal(site_run(site, 1), 0);
        ssize_t n = got + 1 < cap ? recv(fd, ret + got, cap - 1 - got, 0) : 0;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        got += n > 0 ? (size_t)n : 0;
        ret[got] = '\0';
    }
    close(fd);
    assert_int_equal(site_run(site, 0), 0);
}

static unsigned status_of(const char *got)
{
    unsigned status = 0;
    return sscanf(got, "HTTP/1.%*u %u", &status) == 1 ? status : 0;
}

static void test_hosts(void **state)
{
    (void)state;
    static const struct {
        const char *host, *bind;
        bool ok;
    } cases[] = {
        {"localhost", "127.0.0.1", true},
        {"localhost:80", "127.0.0.1", true},
        {"LOCALHOST:1", "127.0.0.1", true},
        {"127.0.0.1:65535", "127.0.0.1", true},
        {"[::1]:80", "127.0.0.1", true},
        {"[::1]", "::1", true},
        {"192.168.1.5:80", "192.168.1.5", true},
        {"192.168.1.6", "192.168.1.5", false},
        {"192.168.1.6", "0.0.0.0", true},
        {"[fe80::1]:80", "::", true},
        {"evil.example", "127.0.0.1", false},
        {"evil.example", "0.0.0.0", false},
        {"localhost.evil.example", "127.0.0.1", false},
        {"127.0.0.1.evil.example", "0.0.0.0", false},
        {"localhost:80x", "127.0.0.1", false},
        {"localhost:", "127.0.0.1", false},
        {"localhost:123456", "127.0.0.1", false},
        {"", "127.0.0.1", false},
        {":80", "127.0.0.1", false},
        {"[::1", "127.0.0.1", false},
        {"[::1]x", "127.0.0.1", false},
        {"[]", "127.0.0.1", false},
        {"localhost@evil.example", "127.0.0.1", false},
        {"0x7f.1", "0.0.0.0", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (site_host_ok(cases[i].host, cases[i].bind) != cases[i].ok)
            fail_msg("%s at %s", cases[i].host, cases[i].bind);
    char host[300];
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_false(site_host_ok(host, "127.0.0.1"));
}

#define CLOSE "Connection: close\r\n\r\n"

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        unsigned status;
        const char *asked; /* "": nobody was */
    } cases[] = {
        {"GET /a?q=1%202 HTTP/1.1\r\nHost: localhost\r\n" CLOSE, 200, "/a|1 2"},
        {"HEAD / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" CLOSE, 200, "/|(none)"},
        {"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", 200, "/|(none)"},
        {"GET / HTTP/1.1\r\nHost: evil.example\r\n" CLOSE, 421, ""},
        {"GET / HTTP/1.1\r\n" CLOSE, 400, ""},
        {"GET / HTTP/1.0\r\n\r\n", 421, ""},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n" CLOSE, 400, ""},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n" CLOSE, 400, ""},
        {"GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n" CLOSE, 400, ""},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", 405, ""},
        {"DELETE / HTTP/1.1\r\nHost: localhost\r\n" CLOSE, 405, ""},
        {"OPTIONS / HTTP/1.1\r\nHost: localhost\r\n" CLOSE, 405, ""},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 413, ""},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 413, ""},
        {"nonsense\r\n\r\n", 0, ""}, /* closed without a word */
    };
    char got[4096];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ask(cases[i].request, strlen(cases[i].request), got, sizeof got);
        if (status_of(got) != cases[i].status || strcmp(asked, cases[i].asked) != 0)
            fail_msg("%s\nanswered:\n%s\nasked: %s", cases[i].request, got, asked);
    }
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; ",
        "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nCache-Control: no-store\r\n",
        "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nCross-Origin-Resource-Policy: same-origin\r\n",
    };
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE,
        "GET / HTTP/1.1\r\nHost: evil.example\r\n" CLOSE,
        "PUT / HTTP/1.1\r\nHost: localhost\r\n" CLOSE,
    };
    char got[4096];
    for (size_t r = 0; r < ARRAY_LEN(requests); r++) {
        ask(requests[r], strlen(requests[r]), got, sizeof got);
        for (size_t i = 0; i < ARRAY_LEN(headers); i++)
            if (!strstr(got, headers[i]))
                fail_msg("%s\nhas no %s:\n%s", requests[r], headers[i], got);
        assert_null(strstr(got, "unsafe"));
        assert_null(strstr(got, "Access-Control"));
    }
    assert_non_null(strstr(got, "\r\nAllow: GET, HEAD\r\n"));
}

/* A request that is longer than SITE_REQUEST_MAX, in its path or in its headers, is refused. */
static void test_long(void **state)
{
    (void)state;
    const size_t len = 4 * SITE_REQUEST_MAX;
    auto_free char *request = malloc(len);
    char got[4096];
    assert_non_null(request);
    memset(request, 'a', len);
    memcpy(request, "GET /", 5);
    memcpy(request + len - 38, " HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n\r\n", 38);
    ask(request, len, got, sizeof got);
    assert_true(status_of(got) == 414 || status_of(got) == 0);
    assert_string_equal(asked, "");
    memset(request, 'a', len);
    memcpy(request, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", 36);
    memcpy(request + len - 4, "\r\n\r\n", 4);
    ask(request, len, got, sizeof got);
    assert_true(status_of(got) == 431 || status_of(got) == 413 || status_of(got) == 0);
    assert_string_equal(asked, "");
    const char *fine = "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE;
    ask(fine, strlen(fine), got, sizeof got);
    assert_int_equal(status_of(got), 200);
}

/* More connections than are served at once, all silent: those behind wait, and once the others go
 * they are served. */
static void test_many(void **state)
{
    (void)state;
    int fds[SITE_CONNECTIONS_MAX + 8];
    char got[4096];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial();
        assert_int_equal(site_run(site, 0), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    const char *fine = "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE;
    ask(fine, strlen(fine), got, sizeof got);
    assert_int_equal(status_of(got), 200);
}

static void test_answers(void **state)
{
    (void)state;
    const char *get = "GET / HTTP/1.1\r\nHost: localhost\r\n" CLOSE;
    const char *head = "HEAD / HTTP/1.1\r\nHost: localhost\r\n" CLOSE;
    const size_t cap = 1 << 20;
    auto_free char *got = malloc(cap);
    assert_non_null(got);
    large = 100000;
    ask(get, strlen(get), got, cap);
    assert_int_equal(status_of(got), 200);
    assert_non_null(strstr(got, "\r\nAugstream-Note: note\r\n"));
    assert_int_equal(strlen(strstr(got, "\r\n\r\n") + 4), large);
    ask(head, strlen(head), got, cap);
    assert_int_equal(status_of(got), 200);
    assert_non_null(strstr(got, "\r\nContent-Length: 100000\r\n"));
    assert_string_equal(strstr(got, "\r\n\r\n") + 4, "");
    large = SITE_ANSWER_MAX + 1;
    ask(get, strlen(get), got, cap);
    assert_int_equal(status_of(got), 500);
    large = 0;
}

static void test_open(void **state)
{
    (void)state;
    static const char *const none[] = {"nowhere", "example.org", "127.0.0.1:80", "1.2.3", ""};
    struct site *other = NULL;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        const struct site_config config = {.bind = none[i], .answer = answer};
        assert_int_equal(site_open(&config, &other), -EINVAL);
        assert_non_null(strstr(err_text(), none[i]));
    }
    assert_true(site_loopback(site));
    const struct site_config taken = {.port = port, .answer = answer};
    assert_int_equal(site_open(&taken, &other), -EADDRINUSE);
    const struct site_config wide = {.bind = "0.0.0.0", .answer = answer};
    assert_int_equal(site_open(&wide, &other), 0);
    assert_false(site_loopback(other));
    site_close(other);
    site_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),   cmocka_unit_test(test_requests),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_long),
        cmocka_unit_test(test_many),    cmocka_unit_test(test_answers),
        cmocka_unit_test(test_open),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
