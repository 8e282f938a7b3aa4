/* SPDX-License-Identifier: Apache-2.0 */
/* http: takes connections, gives pages. A connection is read until its request is whole or refused,
 * written to once, then read to its end, so that the answer is not lost to a reset; one timer ends
 * it whatever it does. When all places are taken the next connection waits for one. */
#include "loaderd/monitor/http.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/monitor/http_request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_MAX = 512 };

struct connection {
    struct http *http;
    bool used;
    bool answered;
    unsigned open; /* handles */
    uv_tcp_t stream;
    uv_timer_t patience;
    uv_write_t write;
    uv_shutdown_t shutdown;
    size_t len;
    char in[HTTP_REQUEST_MAX];
    char *out; /* [HEAD_MAX + body_max] */
};

struct http {
    struct http_config config;
    uv_tcp_t listener;
    bool waiting; /* a connection has found no place */
    bool closing;
    char endpoint[LINK_ENDPOINT_MAX];
    struct connection connections[HTTP_CONNECTIONS_MAX];
    char discarded[HTTP_REQUEST_MAX];
};

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed\r\nAllow: GET, HEAD"},
    {413, "Content Too Large"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Error";
}

static void accept_one(struct http *http);

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    if (--c->open > 0)
        return;
    c->used = false;
    if (c->http->waiting && !c->http->closing)
        accept_one(c->http);
}

static void hang_up(struct connection *c)
{
    if (!c->used || uv_is_closing((uv_handle_t *)&c->patience))
        return;
    uv_close((uv_handle_t *)&c->patience, on_closed);
    uv_close((uv_handle_t *)&c->stream, on_closed);
}

static void on_impatient(uv_timer_t *timer)
{
    hang_up(timer->data);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    if (status < 0)
        hang_up(request->data);
}

static void on_written(uv_write_t *request, int status)
{
    struct connection *c = request->data;
    c->shutdown.data = c;
    if (status < 0 || uv_shutdown(&c->shutdown, (uv_stream_t *)&c->stream, on_shut) < 0)
        hang_up(c);
}

static void answer(struct connection *c, const struct http_request *request)
{
    const struct http *http = c->http;
    char *body = c->out + HEAD_MAX;
    const char *type = "text/plain; charset=utf-8";
    int status = request->status ? request->status : 404;
    size_t len = 0;
    for (size_t i = 0; request->status == 0 && i < http->config.n_pages; i++) {
        const struct http_page *page = &http->config.pages[i];
        if (http_request_is(request, page->path)) {
            type = page->type;
            status = page->write(http->config.hint, body, http->config.body_max, &len);
        }
    }
    if (len == 0)
        len = (size_t)snprintf(body, http->config.body_max, "%d\n", status);
    const int head = snprintf(c->out, HEAD_MAX,
                              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                              "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                              status, reason_of(status), type, len);
    /* One write, so that a small answer is one packet. */
    memmove(c->out + head, body, len);
    uv_buf_t buf = uv_buf_init(c->out, (unsigned)((size_t)head + (request->head ? 0 : len)));
    c->answered = true;
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->stream, &buf, 1, on_written) < 0)
        hang_up(c);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct connection *c = handle->data;
    if (c->answered)
        *buf = uv_buf_init(c->http->discarded, sizeof c->http->discarded);
    else
        *buf = uv_buf_init(c->in + c->len, (unsigned)(sizeof c->in - c->len));
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct connection *c = stream->data;
    struct http_request request;
    if (n < 0) {
        hang_up(c);
    } else if (n > 0 && !c->answered) {
        c->len += (size_t)n;
        if (http_request_read(c->in, c->len, &request))
            answer(c, &request);
    }
}

/* The listener holds a connection for which uv_accept has not been called. */
static void accept_one(struct http *http)
{
    struct connection *c = http->connections;
    while (c < http->connections + HTTP_CONNECTIONS_MAX && c->used)
        c++;
    http->waiting = c == http->connections + HTTP_CONNECTIONS_MAX;
    if (http->waiting)
        return;
    c->used = true;
    c->answered = false;
    c->len = 0;
    c->open = 2;
    uv_tcp_init(http->config.loop, &c->stream);
    uv_timer_init(http->config.loop, &c->patience);
    c->stream.data = c->patience.data = c;
    if (uv_accept((uv_stream_t *)&http->listener, (uv_stream_t *)&c->stream) < 0 ||
        uv_timer_start(&c->patience, on_impatient, HTTP_PATIENCE_MS, 0) < 0 ||
        uv_read_start((uv_stream_t *)&c->stream, on_room, on_bytes) < 0)
        hang_up(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        accept_one(listener->data);
}

/* The text of an endpoint as an address; a port of * is 0. */
static int address_of(const char *endpoint, struct sockaddr_storage *ret)
{
    char host[LINK_ENDPOINT_MAX];
    snprintf(host, sizeof host, "%s", endpoint + strlen("tcp://"));
    char *colon = strrchr(host, ':');
    if (!colon)
        return UV_EINVAL;
    *colon = 0;
    const int port = strcmp(colon + 1, "*") == 0 ? 0 : (int)strtol(colon + 1, NULL, 10);
    if (strcmp(host, "[::1]") == 0)
        return uv_ip6_addr("::1", port, (struct sockaddr_in6 *)ret);
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return uv_ip4_addr(ip, port, (struct sockaddr_in *)ret);
}

static int listen_on(struct http *http)
{
    struct sockaddr_storage address = {0};
    int len = sizeof address;
    int r = address_of(http->config.address, &address);
    if (r == 0)
        r = uv_tcp_bind(&http->listener, (struct sockaddr *)&address, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&http->listener, HTTP_CONNECTIONS_MAX, on_connection);
    if (r == 0)
        r = uv_tcp_getsockname(&http->listener, (struct sockaddr *)&address, &len);
    if (r < 0)
        return err_set(r, "%s: cannot listen: %s", http->config.address, uv_strerror(r));
    const in_port_t port = address.ss_family == AF_INET6
                               ? ((struct sockaddr_in6 *)&address)->sin6_port
                               : ((struct sockaddr_in *)&address)->sin_port;
    const char *colon = strrchr(http->config.address, ':');
    snprintf(http->endpoint, sizeof http->endpoint, "%.*s:%u", (int)(colon - http->config.address),
             http->config.address, ntohs(port));
    return 0;
}

int http_new(const struct http_config *config, struct http **ret)
{
    const size_t each = HEAD_MAX + config->body_max;
    struct http *http = calloc(1, sizeof *http + HTTP_CONNECTIONS_MAX * each);
    if (!http)
        return err_set(-ENOMEM, "no memory for %d connections", HTTP_CONNECTIONS_MAX);
    http->config = *config;
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
        http->connections[i].http = http;
        http->connections[i].out = (char *)(http + 1) + i * each;
    }
    *ret = http;
    uv_tcp_init(config->loop, &http->listener);
    http->listener.data = http;
    return listen_on(http);
}

void http_endpoint(const struct http *http, char ret[LINK_ENDPOINT_MAX])
{
    memcpy(ret, http->endpoint, LINK_ENDPOINT_MAX);
}

void http_close(struct http *http)
{
    if (!http || http->closing)
        return;
    http->closing = true;
    uv_close((uv_handle_t *)&http->listener, NULL);
    for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
        hang_up(&http->connections[i]);
}

void http_free(struct http *http)
{
    free(http);
}
