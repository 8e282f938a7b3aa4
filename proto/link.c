/* SPDX-License-Identifier: Apache-2.0 */
/* link: takes an endpoint and a guard, gives a socket that is set up for both, and what happens to
 * its connections. A link belongs to one thread; ZeroMQ's own thread does the transport. What goes
 * through it is link_message's. Does not judge how long a peer may be silent. */
#include "proto/link.h"

#include "common/auto.h"
#include "common/err.h"
#include "proto/link_private.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

static_assert((int)WIRE_HEADER_MAX <= (int)WIRE_FRAME_MAX, "a client's limit covers a body");

enum {
    LINGER_MS = 2000,
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 5000,
    HANDSHAKE_MS = 5000,
    QUEUE_MESSAGES = 2 * LINK_WINDOW_MAX, /* each way and peer, beside what the kernel holds */
    TAP_MESSAGES = 8,                     /* a subscriber that is further behind loses some */
    KEEPALIVE_IDLE_S = 15,
    KEEPALIVE_PROBE_S = 5,
    KEEPALIVE_PROBES = 3,
    WAIT_LINKS_MAX = 256,
    CURVE_MESSAGE =
        33, /* bytes around each frame: name, nonce, box, flags (RFC 26); limits see them */
    ZAP_ENFORCE_DOMAIN = 93, /* zmq.h 4.3.4 names it in its drafts only; the library has it */
};

struct link_context {
    void *zmq;
    atomic_uint monitors; /* names them */
    struct link_guard guard;
    struct link_auth *auth; /* or NULL */
};

static const struct link_kind link_router = {ZMQ_ROUTER,       true,           true, QUEUE_MESSAGES,
                                             WIRE_CONTROL_MAX, WIRE_HEADER_MAX},
                              link_dealer = {ZMQ_DEALER,     false,          false,
                                             QUEUE_MESSAGES, WIRE_FRAME_MAX, WIRE_CONTROL_MAX},
                              link_pub = {ZMQ_PUB,          true,           false, TAP_MESSAGES,
                                          WIRE_CONTROL_MAX, WIRE_HEADER_MAX},
                              link_sub = {ZMQ_SUB, false, false, TAP_MESSAGES, WIRE_FRAME_MAX, 0};

/* ZeroMQ's errno; its own numbers, which errno.h lacks, all mean misuse or the end. */
int link_errno(void)
{
    int code = zmq_errno();
    return code > 0 && code < ZMQ_HAUSNUMERO ? -code : -EIO;
}

static int zmq_fail(const char *endpoint, const char *what)
{
    return err_set(link_errno(), "%s: %s: %s", endpoint, what, zmq_strerror(zmq_errno()));
}

int link_context_new(struct link_context **ret)
{
    struct link_context *context = calloc(1, sizeof *context);
    if (!context)
        return err_set(-ENOMEM, "no memory for sockets");
    context->zmq = zmq_ctx_new();
    if (!context->zmq) {
        free(context);
        return err_set(link_errno(), "cannot start ZeroMQ: %s", zmq_strerror(zmq_errno()));
    }
    *ret = context;
    return 0;
}

void link_context_free(struct link_context *context)
{
    if (!context)
        return;
    while (zmq_ctx_term(context->zmq) < 0 && zmq_errno() == EINTR)
        continue;
    link_auth_free(context->auth);
    explicit_bzero(&context->guard, sizeof context->guard);
    free(context);
}

int link_context_admit(struct link_context *context, struct link_auth **ret)
{
    int rc = context->auth ? 0 : link_auth_new(context->zmq, &context->auth);
    if (rc == 0)
        *ret = context->auth;
    return rc;
}

void link_context_guard(struct link_context *context, const struct link_guard *guard)
{
    context->guard = *guard;
}

static int link_configure(struct link *link)
{
    const struct link_kind *kind = link->kind;
    const struct {
        int type; /* of socket, -1: all */
        int option;
        int value;
    } rows[] = {
        {-1, ZMQ_LINGER, LINGER_MS},
        {-1, ZMQ_SNDHWM, kind->queue},
        {-1, ZMQ_RCVHWM, kind->queue},
        {-1, ZMQ_IPV6, 1},
        {-1, ZMQ_RECONNECT_IVL, RECONNECT_MS},
        {-1, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS},
        {-1, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
        /* The kernel's keep-alive finds dead hosts. ZeroMQ's heartbeat is answered by whoever reads
         * the data before it, and so cuts off peers that are only slow. */
        {-1, ZMQ_TCP_KEEPALIVE, 1},
        {-1, ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
        {-1, ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_PROBE_S},
        {-1, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES},
        /* Else a full or unknown peer's messages vanish without a word. */
        {ZMQ_ROUTER, ZMQ_ROUTER_MANDATORY, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((rows[i].type < 0 || rows[i].type == kind->type) &&
            zmq_setsockopt(link->socket, rows[i].option, &rows[i].value, sizeof(int)) < 0)
            return zmq_fail(link->endpoint, "cannot configure");
    const int64_t frame_max = kind->frame_in_max + (link->curve ? CURVE_MESSAGE : 0);
    if (zmq_setsockopt(link->socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) < 0 ||
        (kind->type == ZMQ_SUB && zmq_setsockopt(link->socket, ZMQ_SUBSCRIBE, "", 0) < 0))
        return zmq_fail(link->endpoint, "cannot configure");
    return 0;
}

/* The side that binds wants a key of whoever comes, or, where there is a list, at least to be
 * asked: an endpoint of a ZAP domain speaks ZMTP 3 alone. In the handshakes of the versions before,
 * libzmq 4.3.4 ends the whole process when the socket is closed while a stranger is in the middle
 * of one (zmtp_engine.cpp, process_routing_id_msg). */
static int link_secure(struct link_context *context, struct link *link)
{
    const struct link_guard *guard = &context->guard;
    const char *domain = link->curve ? LINK_AUTH_CURVE : LINK_AUTH_OPEN;
    const int yes = 1;
    const bool server = link->kind->binds;
    const struct {
        bool set;
        int option;
        const void *value;
        size_t len;
    } rows[] = {
        {server && context->auth, ZMQ_ZAP_DOMAIN, domain, strlen(domain)},
        {server && context->auth, ZAP_ENFORCE_DOMAIN, &yes, sizeof yes},
        {server && link->curve, ZMQ_CURVE_SERVER, &yes, sizeof yes},
        {!server && link->curve, ZMQ_CURVE_SERVERKEY, guard->server, LINK_KEY_BYTES},
        {!server && link->curve, ZMQ_CURVE_PUBLICKEY, guard->key.public_key, LINK_KEY_BYTES},
        {link->curve, ZMQ_CURVE_SECRETKEY, guard->key.secret_key, LINK_KEY_BYTES},
    };
    if (server && link->curve && !context->auth)
        return err_set(-EINVAL, "%s: keys are wanted, and nobody judges them", link->endpoint);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].set &&
            zmq_setsockopt(link->socket, rows[i].option, rows[i].value, rows[i].len) < 0)
            return zmq_fail(link->endpoint, "cannot set up CURVE");
    if (link->curve && link->kind->has_peers)
        link->auth = context->auth;
    return 0;
}

static int link_watch(struct link_context *context, struct link *link)
{
    enum {
        FAILED = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
    };
    const int events = link->kind->binds
                           ? FAILED
                           : FAILED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
    if (link->kind->binds && !context->auth)
        return 0;
    return link_monitor_open(&link->monitor, context->zmq, link->socket,
                             atomic_fetch_add(&context->monitors, 1), events);
}

/* A socket at an ipc path never has another mode than it is to have. */
static int bind_socket(const struct link *link, const char *endpoint, unsigned ipc_mode)
{
    const mode_t before = ipc_mode ? umask(0777 & ~ipc_mode) : 0;
    int rc = zmq_bind(link->socket, endpoint);
    if (ipc_mode)
        umask(before);
    return rc;
}

/* An address that is taken is told apart from one that this machine cannot give us. */
static int bind_fail(const char *endpoint)
{
    int code = zmq_errno();
    const char *why = code == ENODEV ? "no address of this machine (a number is wanted, not a name)"
                                     : zmq_strerror(code);
    bool place = code == ENODEV || code == ENOENT || code == ENOTDIR || code == EACCES;
    return err_set(place ? -EADDRNOTAVAIL : link_errno(), "%s: cannot listen: %s", endpoint, why);
}

/* ZeroMQ names an IPv4 address as one of IPv6 where both are on: people write it the short way. */
static void plain_address(char *endpoint)
{
    static const char mapped[] = "tcp://[::ffff:";
    char *end = strncmp(endpoint, mapped, strlen(mapped)) == 0 ? strchr(endpoint, ']') : NULL;
    char *address = endpoint + strlen("tcp://"), *short_one = endpoint + strlen(mapped);
    if (!end || !memchr(short_one, '.', (size_t)(end - short_one)))
        return;
    const size_t len = (size_t)(end - short_one);
    memmove(address, short_one, len);
    memmove(address + len, end + 1, strlen(end + 1) + 1);
}

static int link_start(struct link_context *context, struct link *link, const char *endpoint)
{
    link->socket = zmq_socket(context->zmq, link->kind->type);
    if (!link->socket)
        return zmq_fail(endpoint, "cannot make a socket");
    snprintf(link->endpoint, sizeof link->endpoint, "%s", endpoint);
    link->curve = context->guard.curve && strncmp(endpoint, "tcp:", 4) == 0;
    int rc = link_configure(link);
    if (rc == 0)
        rc = link_secure(context, link);
    if (rc == 0)
        rc = link_watch(context, link);
    if (rc < 0)
        return rc;
    if (link->kind->binds ? bind_socket(link, endpoint, context->guard.ipc_mode) < 0
                          : zmq_connect(link->socket, endpoint) < 0)
        return link->kind->binds ? bind_fail(endpoint) : zmq_fail(endpoint, "cannot connect");
    if (link->kind->binds)
        endpoint_note(endpoint, &link->file);
    size_t fd_len = sizeof link->fd, len = sizeof link->endpoint;
    if (zmq_getsockopt(link->socket, ZMQ_FD, &link->fd, &fd_len) < 0 ||
        zmq_getsockopt(link->socket, ZMQ_LAST_ENDPOINT, link->endpoint, &len) < 0)
        return zmq_fail(endpoint, "cannot be asked");
    if (link->kind->binds) /* where we connect, link_again needs ZeroMQ's own word */
        plain_address(link->endpoint);
    return 0;
}

static int link_open(struct link_context *context, const struct link_kind *kind,
                     const char *endpoint, struct link **ret)
{
    int rc = endpoint_check(endpoint, kind->binds);
    if (rc == 0 && kind->binds)
        rc = endpoint_vacant(endpoint);
    if (rc < 0)
        return rc;
    struct link *link = calloc(1, sizeof *link);
    if (!link)
        return err_set(-ENOMEM, "%s: no memory", endpoint);
    link->kind = kind;
    rc = link_start(context, link, endpoint);
    if (rc < 0)
        link_close(link);
    else
        *ret = link;
    return rc;
}

int link_router_bind(struct link_context *context, const char *endpoint, struct link **ret)
{
    return link_open(context, &link_router, endpoint, ret);
}

int link_dealer_connect(struct link_context *context, const char *endpoint, struct link **ret)
{
    return link_open(context, &link_dealer, endpoint, ret);
}

int link_pub_bind(struct link_context *context, const char *endpoint, struct link **ret)
{
    return link_open(context, &link_pub, endpoint, ret);
}

int link_sub_connect(struct link_context *context, const char *endpoint, struct link **ret)
{
    return link_open(context, &link_sub, endpoint, ret);
}

void link_close(struct link *link)
{
    if (!link)
        return;
    link_monitor_close(&link->monitor, link->socket);
    endpoint_remove(link->endpoint, &link->file); /* while we listen it is ours, if it is the one */
    if (link->socket)
        zmq_close(link->socket);
    free(link);
}

void link_cut(struct link *link)
{
    int linger = 0;
    zmq_setsockopt(link->socket, ZMQ_LINGER, &linger, sizeof linger);
    link_close(link);
}

int link_endpoint(const struct link *link, char *ret, size_t cap)
{
    size_t len = strlen(link->endpoint);
    if (len >= cap)
        return err_set(-ENAMETOOLONG, "%s: longer than %zu bytes", link->endpoint, cap - 1);
    memcpy(ret, link->endpoint, len + 1);
    return 0;
}

int link_fd(const struct link *link)
{
    return link->fd;
}

int link_ready(struct link *link)
{
    int events = 0;
    size_t len = sizeof events;
    while (zmq_getsockopt(link->socket, ZMQ_EVENTS, &events, &len) < 0 && zmq_errno() == EINTR)
        continue;
    return (events & ZMQ_POLLIN) != 0;
}

int link_wait(struct link *const *links, uint32_t n, int timeout_ms)
{
    zmq_pollitem_t items[WAIT_LINKS_MAX];
    if (n > WAIT_LINKS_MAX)
        return err_set(-EINVAL, "cannot wait for %u links, at most %d", n, WAIT_LINKS_MAX);
    for (uint32_t i = 0; i < n; i++)
        items[i] = (zmq_pollitem_t){.socket = links[i]->socket, .events = ZMQ_POLLIN};
    int ready = zmq_poll(items, (int)n, timeout_ms);
    return ready < 0 ? err_set(link_errno(), "cannot wait: %s", zmq_strerror(zmq_errno())) : ready;
}

enum link_event link_event(struct link *link)
{
    for (struct link_happening h; (h = link_monitor_next(&link->monitor)).event;) {
        const char *refusal = link_monitor_refusal(h, link->curve);
        if (refusal) {
            link->refusal = refusal;
            return LINK_REFUSED;
        }
        bool now = h.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        if (now == link->connected)
            continue; /* a connection that never spoke has ended */
        link->connected = now;
        return now ? LINK_CONNECTED : LINK_DISCONNECTED;
    }
    return LINK_NOTHING;
}

const char *link_refusal(const struct link *link)
{
    return link->refusal;
}

int link_again(struct link *link)
{
    zmq_disconnect(link->socket, link->endpoint); /* what is left of it */
    return zmq_connect(link->socket, link->endpoint) < 0
               ? zmq_fail(link->endpoint, "cannot connect")
               : 0;
}

uint64_t link_failures(struct link *link)
{
    for (struct link_happening h; (h = link_monitor_next(&link->monitor)).event;)
        link->failures += h.event != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    return link->failures;
}
