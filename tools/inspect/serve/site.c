/* SPDX-License-Identifier: Apache-2.0 */
/* site: takes a function that answers, gives HTTP through libmicrohttpd, which is driven from
 * outside (no thread of its own). The owner's thread only. Owns the listening socket. Does not know
 * what its pages say. */
#include "tools/inspect/serve/site.h"

#include "common/auto.h"
#include "common/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct site {
    struct MHD_Daemon *daemon;
    char bind[SITE_ADDRESS_MAX]; /* in numbers, without brackets */
    char address[SITE_ADDRESS_MAX];
    bool loopback;
    site_answer_fn answer;
    void *user;
};

/* Of every answer. What a page may load is this server's alone, and no script or style may stand
 * within the page itself; nobody may frame it or keep it. */
static const char *const headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

static bool numeric(const char *address)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, address, bytes) == 1 || inet_pton(AF_INET6, address, bytes) == 1;
}

bool site_host_ok(const char *host, const char *bind)
{
    static const char *const ours[] = {"localhost", "127.0.0.1", "::1"};
    char name[SITE_ADDRESS_MAX];
    const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
    if (host[0] == '[') {
        if (!end || (end[1] && end[1] != ':'))
            return false;
        host++;
    }
    const size_t len = end ? (size_t)(end - host) : strlen(host);
    const char *port = end ? strchr(end, ':') : NULL;
    if (!len || len >= sizeof name ||
        (port && (!port[1] || strlen(port + 1) > 5 || port[1 + strspn(port + 1, "0123456789")])))
        return false;
    memcpy(name, host, len);
    name[len] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (!strcasecmp(name, ours[i]))
            return true;
    /* Whoever listens everywhere cannot know his addresses; a name is what a rebinding needs. */
    return !strcmp(bind, "0.0.0.0") || !strcmp(bind, "::") ? numeric(name)
                                                           : !strcasecmp(name, bind);
}

void site_say(struct site_answer *ret, unsigned status, const char *sentence)
{
    *ret = (struct site_answer){
        status, "text/plain; charset=utf-8", NULL, sentence, strlen(sentence), false};
}

const char *site_query(const struct site_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->private, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct site_answer *a)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(a->len, (void *)(uintptr_t)a->bytes,
                                        a->take ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response) {
        if (a->take)
            free((void *)(uintptr_t)a->bytes);
        return MHD_NO;
    }
    bool ok = MHD_add_response_header(response, "Content-Type", a->type);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        ok = ok && MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (a->note)
        ok = ok && MHD_add_response_header(response, "Augstream-Note", a->note);
    if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        ok = ok && MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result rc = ok ? MHD_queue_response(connection, a->status, response) : MHD_NO;
    MHD_destroy_response(response);
    return rc;
}

static enum MHD_Result host_count(void *user, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    (void)kind;
    (void)value;
    *(unsigned *)user += strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0;
    return MHD_YES;
}

/* Why a request gets no answer from the owner; false: it does. */
static bool refused(const struct site *site, struct MHD_Connection *connection, const char *method,
                    struct site_answer *ret)
{
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    unsigned hosts = 0;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, host_count, &hosts);
    if (hosts > 1) /* RFC 9112, 3.2: a proxy on the way may have gone by the other one */
        site_say(ret, MHD_HTTP_BAD_REQUEST, "A request names one Host.\n");
    else if (!host || !site_host_ok(host, site->bind))
        site_say(ret, MHD_HTTP_MISDIRECTED_REQUEST,
                 "This page answers to localhost and to the address it was bound to, by no other "
                 "name.\n");
    else if (strcmp(method, "GET") && strcmp(method, "HEAD"))
        site_say(ret, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD: nothing can be changed.\n");
    else if ((length && strcmp(length, "0")) ||
             MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding"))
        site_say(ret, MHD_HTTP_CONTENT_TOO_LARGE, "A request has no body here.\n");
    else
        return false;
    return true;
}

/* libmicrohttpd calls twice: once the headers are there, and once the (absent) body is. An answer
 * to the first call ends the connection, which is what a refused one shall have. */
static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **seen)
{
    (void)version;
    (void)upload;
    (void)upload_len;
    static int once;
    struct site *site = user;
    struct site_answer answer = {.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
    if (!*seen) {
        *seen = &once;
        return refused(site, connection, method, &answer) ? send_answer(connection, &answer)
                                                          : MHD_YES;
    }
    const struct site_request request = {url, connection};
    site->answer(site->user, &request, &answer);
    if (answer.len > SITE_ANSWER_MAX) {
        if (answer.take)
            free((void *)(uintptr_t)answer.bytes);
        site_say(&answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "The answer is too long.\n");
    }
    return send_answer(connection, &answer);
}

struct place {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* What a numeric address means; tells whether it is this machine only. */
static int place_of(const char *text, uint16_t port, struct place *ret, bool *ret_loopback)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&ret->storage;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&ret->storage;
    *ret = (struct place){0};
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        ret->len = sizeof *four;
        *ret_loopback = ntohl(four->sin_addr.s_addr) >> 24 == 127;
    } else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        ret->len = sizeof *six;
        *ret_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    } else {
        return err_set(-EINVAL, "--bind %s: an address in numbers is wanted, as 127.0.0.1 or ::1",
                       text);
    }
    return 0;
}

static int listen_at(const struct site *site, struct place *place, int *ret_fd)
{
    const int yes = 1;
    auto_close int fd =
        socket(place->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* REUSEADDR: a page that is started again finds its port, which has old connections on it. */
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
        (place->storage.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) < 0) ||
        bind(fd, (struct sockaddr *)&place->storage, place->len) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&place->storage, &place->len) < 0)
        return err_set(-errno, "%s: %s", site->address, strerror(errno));
    *ret_fd = take_fd(&fd);
    return 0;
}

static void address_write(struct site *site, const struct place *place)
{
    const bool six = place->storage.ss_family == AF_INET6;
    const uint16_t port = six ? ((const struct sockaddr_in6 *)&place->storage)->sin6_port
                              : ((const struct sockaddr_in *)&place->storage)->sin_port;
    snprintf(site->address, sizeof site->address, six ? "http://[%s]:%u/" : "http://%s:%u/",
             site->bind, ntohs(port));
}

int site_open(const struct site_config *config, struct site **ret)
{
    const char *bind = config->bind ? config->bind : "127.0.0.1";
    if (!strcmp(bind, "localhost"))
        bind = "127.0.0.1";
    struct place place;
    struct site *site = calloc(1, sizeof *site);
    if (!site)
        return err_set(-ENOMEM, "site: out of memory");
    int fd = -1;
    int rc = place_of(bind, config->port, &place, &site->loopback);
    if (!rc) {
        snprintf(site->bind, sizeof site->bind, "%s", bind);
        address_write(site, &place);
        rc = listen_at(site, &place, &fd);
    }
    if (!rc) {
        address_write(site, &place);
        site->answer = config->answer;
        site->user = config->user;
        site->daemon =
            MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, site, MHD_OPTION_LISTEN_SOCKET,
                             fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SITE_CONNECTIONS_MAX,
                             MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SITE_PATIENCE_S,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SITE_REQUEST_MAX,
                             MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
        if (!site->daemon) {
            close(fd);
            rc = err_set(-EIO, "%s: the web server does not start", site->address);
        }
    }
    if (rc) {
        site_close(site);
        return rc;
    }
    *ret = site;
    return 0;
}

void site_close(struct site *site)
{
    if (!site)
        return;
    if (site->daemon)
        MHD_stop_daemon(site->daemon); /* closes the socket as well */
    free(site);
}

const char *site_address(const struct site *site)
{
    return site->address;
}

bool site_loopback(const struct site *site)
{
    return site->loopback;
}

int site_run(struct site *site, int wait_ms)
{
    return MHD_run_wait(site->daemon, wait_ms) == MHD_YES
               ? 0
               : err_set(-EIO, "%s: the web server has failed", site->address);
}
