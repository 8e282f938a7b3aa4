/* SPDX-License-Identifier: Apache-2.0 */
/* http_request: what is taken, what is refused with which status, and what needs more bytes. */
#include "test.h"

#include "common/auto.h"
#include "loaderd/monitor/http_request.h"

#include <string.h>

#define HOST "Host: x\r\n\r\n"

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status; /* -1: more is needed */
        const char *path;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST, 0, "/"},
        {"GET /metrics?x=1 HTTP/1.1\r\n" HOST, 0, "/metrics"},
        {"HEAD /livez HTTP/1.1\r\n" HOST, 0, "/livez"},
        {"GET http://localhost:1/livez HTTP/1.1\r\n" HOST, 0, "/livez"},
        {"GET /a HTTP/1.0\r\n\r\n", 0, "/a"},
        {"GET /a HTTP/1.1\nHost: x\n\n", 0, "/a"},
        {"\r\nGET /a HTTP/1.1\r\n" HOST, 0, "/a"},
        {"GET /a HTTP/1.1\r\nAccept: */*\r\nUser-Agent: a\tb\r\n" HOST, 0, "/a"},
        {"GET /a HTTP/1.1\r\nContent-Length: 0\r\n" HOST, 0, "/a"},
        {"", -1, NULL},
        {"GET /a HTTP/1.1", -1, NULL},
        {"GET /a HTTP/1.1\r\n", -1, NULL},
        {"GET /a HTTP/1.1\r\nHost: x\r\n\r", -1, NULL},
        {"GET /a HTTP/1.1\r\n\r\n", 400, NULL}, /* no Host */
        {"GET /a HTTP/1.1\r\nHost: y\r\n" HOST, 400, NULL},
        {"GET  /a HTTP/1.1\r\n" HOST, 400, NULL},
        {"GET /a\r\n", 400, NULL}, /* HTTP/0.9 */
        {"GET a HTTP/1.1\r\n" HOST, 400, NULL},
        {"GET http://host HTTP/1.1\r\n" HOST, 400, NULL},
        {"GET /a HTTP/1.1 \r\n" HOST, 400, NULL},
        {"GET /a http/1.1\r\n" HOST, 400, NULL},
        {"GET /a HTTP/2.0\r\n" HOST, 505, NULL},
        {"POST /a HTTP/1.1\r\n" HOST, 405, NULL},
        {"get /a HTTP/1.1\r\n" HOST, 405, NULL},
        {"G(T /a HTTP/1.1\r\n" HOST, 400, NULL},
        {"GET /a\x01 HTTP/1.1\r\n" HOST, 400, NULL},
        {"GET /a HTTP/1.1\r\nHost : x\r\n\r\n", 400, NULL},
        {"GET /a HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400, NULL},
        {"GET /a HTTP/1.1\r\nnonsense\r\n" HOST, 400, NULL},
        {"GET /a HTTP/1.1\r\nX: a\rb\r\n" HOST, 400, NULL},
        {"GET /a HTTP/1.1\r\nContent-Length: 4\r\n" HOST, 413, NULL},
        {"GET /a HTTP/1.1\r\nTRANSFER-encoding: chunked\r\n" HOST, 413, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request;
        const bool whole = http_request_read(cases[i].text, strlen(cases[i].text), &request);
        if (whole != (cases[i].status >= 0) || (whole && request.status != cases[i].status))
            fail_msg("'%s': %d", cases[i].text, whole ? request.status : -1);
        if (cases[i].path)
            assert_true(http_request_is(&request, cases[i].path));
    }
}

static void test_bounds(void **state)
{
    (void)state;
    static char text[2 * HTTP_REQUEST_MAX];
    static const char begin[] = "GET /a HTTP/1.1\r\nX: ";
    struct http_request request;
    memset(text, 'a', sizeof text);
    memcpy(text, begin, strlen(begin));
    assert_false(http_request_read(text, HTTP_REQUEST_MAX - 1, &request));
    assert_true(http_request_read(text, HTTP_REQUEST_MAX, &request));
    assert_int_equal(request.status, 431);
    memcpy(text + HTTP_REQUEST_MAX - 11, "\r\n" HOST, 13); /* the end lies beyond */
    assert_true(http_request_read(text, sizeof text, &request));
    assert_int_equal(request.status, 431);
    memcpy(text + HTTP_REQUEST_MAX - 13, "\r\n" HOST, 13); /* the longest */
    assert_true(http_request_read(text, HTTP_REQUEST_MAX, &request));
    assert_int_equal(request.status, 0);
    assert_true(http_request_is(&request, "/a"));
    assert_false(http_request_is(&request, "/"));
    assert_false(http_request_is(&request, "/ab"));
}

/* However it is cut, the answer is the same and comes at the same byte. */
static void test_by_bytes(void **state)
{
    (void)state;
    static const char text[] = "HEAD /metrics HTTP/1.1\r\nAccept: a\r\nHost: x\r\n\r\n";
    struct http_request request;
    for (size_t n = 0; n < strlen(text); n++)
        assert_false(http_request_read(text, n, &request));
    assert_true(http_request_read(text, strlen(text), &request));
    assert_int_equal(request.status, 0);
    assert_true(request.head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts),
                                       cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_by_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
