/* SPDX-License-Identifier: Apache-2.0 */
/* http: pages over real sockets, answered by a loop in this process; clients that are slow, cut
 * off, too many or endless cost nothing but their own connection. */
#include "test.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "loaderd/monitor/http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 200000, PATIENCE_S = 60 };

static uv_loop_t loop;
static struct http *http;
static uint16_t port;

static int write_small(void *hint, char *ret, size_t cap, size_t *ret_len)
{
    assert_ptr_equal(hint, &loop);
    assert_int_equal(cap, BODY_MAX);
    memcpy(ret, "small\n", 6);
    *ret_len = 6;
    return 200;
}

static int write_large(void *hint, char *ret, size_t cap, size_t *ret_len)
{
    (void)hint;
    memset(ret, 'x', cap);
    *ret_len = cap;
    return 503;
}

static const struct http_page pages[] = {{"/small", "text/small", write_small},
                                         {"/large", "text/large", write_large}};

static struct http_config config_of(const char *address)
{
    return (struct http_config){.loop = &loop,
                                .address = address,
                                .pages = pages,
                                .n_pages = ARRAY_LEN(pages),
                                .body_max = BODY_MAX,
                                .hint = &loop};
}

static int setup(void **state)
{
    (void)state;
    const struct http_config config = config_of("tcp://127.0.0.1:*");
    char endpoint[LINK_ENDPOINT_MAX];
    if (uv_loop_init(&loop) < 0 || http_new(&config, &http) < 0)
        return -1;
    http_endpoint(http, endpoint);
    assert_memory_equal(endpoint, "tcp://127.0.0.1:", 16);
    port = (uint16_t)strtol(endpoint + 16, NULL, 10);
    return port == 0;
}

static void end(struct http *ended)
{
    http_close(ended);
    uv_run(&loop, UV_RUN_DEFAULT);
    http_free(ended);
}

static int teardown(void **state)
{
    (void)state;
    end(http);
    return uv_loop_close(&loop);
}

static int dial(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything up to the end of the connection, which takes fd. The loop turns meanwhile. */
static size_t hear(int fd, char *ret, size_t cap)
{
    const double end_s = stat_now() + PATIENCE_S;
    size_t len = 0;
    for (;;) {
        uv_run(&loop, UV_RUN_NOWAIT);
        const ssize_t n = recv(fd, ret + len, cap - 1 - len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            break;
        assert_true(n > 0 || errno == EAGAIN);
        len += n > 0 ? (size_t)n : 0;
        assert_true(stat_now() < end_s);
    }
    ret[len] = 0;
    close(fd);
    return len;
}

static char *ask(const char *request)
{
    static char answer[2 * BODY_MAX];
    const int fd = dial();
    say(fd, request);
    hear(fd, answer, sizeof answer);
    return answer;
}

#define REST " HTTP/1.1\r\nHost: x\r\n\r\n"

static void test_pages(void **state)
{
    (void)state;
    assert_string_equal(ask("GET /small" REST),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/small\r\nContent-Length: 6\r\n"
                        "Cache-Control: no-store\r\nConnection: close\r\n\r\nsmall\n");
    assert_string_equal(ask("HEAD /small" REST),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/small\r\nContent-Length: 6\r\n"
                        "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    const char *large = ask("GET /large" REST), *body = strstr(large, "\r\n\r\n");
    assert_memory_equal(large, "HTTP/1.1 503 ", 13);
    assert_non_null(strstr(large, "Content-Length: 200000\r\n"));
    assert_int_equal(strlen(body + 4), BODY_MAX);
    assert_memory_equal(ask("GET /other" REST), "HTTP/1.1 404 ", 13);
    assert_memory_equal(ask("nonsense\r\n\r\n"), "HTTP/1.1 400 ", 13);
    const char *post = ask("POST /small" REST);
    assert_memory_equal(post, "HTTP/1.1 405 ", 13);
    assert_non_null(strstr(post, "\r\nAllow: GET, HEAD\r\n"));
}

/* More than the largest head is answered, and the answer arrives though the rest is never read. */
static void test_too_long(void **state)
{
    (void)state;
    static char text[20000], answer[1024];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "GET /", 5);
    const int fd = dial();
    say(fd, text);
    assert_true(shutdown(fd, SHUT_WR) == 0);
    hear(fd, answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 431 ", 13);
}

static void test_by_bytes(void **state)
{
    (void)state;
    static const char text[] = "GET /small" REST;
    static char answer[1024];
    const int fd = dial();
    for (size_t i = 0; i < strlen(text); i++) {
        say(fd, (const char[]){text[i], 0});
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    hear(fd, answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
}

/* Clients that say nothing hold every place, for their time; one that waits is then served. */
static void test_slow(void **state)
{
    (void)state;
    static char answer[1024];
    int slow[HTTP_CONNECTIONS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i] = dial();
        say(slow[i], "GET /small HTTP/1.1\r\n");
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    const double begin_s = stat_now();
    const int fd = dial();
    say(fd, "GET /small" REST);
    hear(fd, answer, sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_true(stat_now() - begin_s > HTTP_PATIENCE_MS * .9e-3);
    for (size_t i = 0; i < ARRAY_LEN(slow); i++)
        assert_int_equal(hear(slow[i], answer, sizeof answer), 0);
}

/* Gone before, while and after it asks. */
static void test_gone(void **state)
{
    (void)state;
    static const char *const words[] = {"", "GET /la", ("GET /large" REST)};
    for (size_t i = 0; i < 4 * ARRAY_LEN(words); i++) {
        const struct linger now = {.l_onoff = i % 2};
        const int fd = dial();
        say(fd, words[i % ARRAY_LEN(words)]);
        uv_run(&loop, UV_RUN_NOWAIT);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_memory_equal(ask("GET /small" REST), "HTTP/1.1 200 ", 13);
}

static void test_refused(void **state)
{
    (void)state;
    char address[64];
    struct http *other = NULL;
    snprintf(address, sizeof address, "tcp://127.0.0.1:%u", port);
    struct http_config config = config_of(address);
    assert_int_equal(http_new(&config, &other), -EADDRINUSE);
    assert_non_null(strstr(err_text(), address));
    http_close(other);
    end(http); /* with a connection open */
    http_free(other);
    http = NULL;
    assert_int_equal(http_new(&config, &http), 0);
    const int fd = dial();
    uv_run(&loop, UV_RUN_NOWAIT);
    end(http);
    http = NULL;
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_pages), TEST(test_too_long), TEST(test_by_bytes),
                                       TEST(test_slow),  TEST(test_gone),     TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
