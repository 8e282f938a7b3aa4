/* SPDX-License-Identifier: Apache-2.0 */
/* stranger: what reaches a tcp endpoint that wants keys and is no client: noise, other mechanisms,
 * handshakes that stop, break or are too large. Each is held to get no more than a greeting and to
 * be cut off, those that fall silent as well. One round after the other, all manners at once.
 *   stranger PORT ROUNDS */
#include "common/auto.h"
#include "common/stat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GREETING = 64, /* bytes (rfc.zeromq.org/spec/23) */
    TOLD_MAX = 2 * GREETING,
    PATIENCE_S = 30, /* the loader's own is 5 s */
    NOISE = 1 << 16,
};

static _Noreturn void fail(const char *who, const char *what)
{
    fprintf(stderr, "stranger: %s: %s\n", who, what);
    exit(1);
}

static uint32_t dice = 4711;

static void add_noise(uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)((dice = dice * 1664525u + 1013904223u) >> 24);
}

static size_t add_greeting(uint8_t *bytes, const char *mechanism)
{
    memset(bytes, 0, GREETING);
    bytes[0] = 0xff;
    bytes[8] = 1;
    bytes[9] = 0x7f;
    bytes[10] = 3;
    memcpy(bytes + 12, mechanism, strlen(mechanism));
    return GREETING;
}

/* A command: short, or with a length of eight bytes that may be a lie. */
static size_t add_frame(uint8_t *bytes, uint8_t flags, uint64_t len)
{
    bytes[0] = flags;
    if (!(flags & 2)) {
        bytes[1] = (uint8_t)len;
        return 2;
    }
    for (int i = 0; i < 8; i++)
        bytes[1 + i] = (uint8_t)(len >> 8 * (7 - i));
    return 9;
}

enum { COMMAND = 4, LONG = 2, HELLO = 200 /* bytes (rfc.zeromq.org/spec/26) */ };

struct manner {
    const char *name;
    const char *mechanism; /* of the greeting; NULL: none */
    uint8_t flags;         /* of the frame behind it */
    uint64_t claimed;      /* the frame's length; 0: no frame */
    const char *command;   /* which it begins with */
    size_t noise;          /* bytes behind all that */
    size_t cut;            /* only so many bytes of it all; 0: all */
};

static const struct manner manners[] = {
    {"noise", NULL, 0, 0, NULL, NOISE, 0},
    {"not a word", NULL, 0, 0, NULL, 0, 0},
    {"half a greeting", "CURVE", 0, 0, NULL, 0, 30},
    {"a greeting alone", "CURVE", 0, 0, NULL, 0, 0},
    {"no mechanism", "NULL", COMMAND, 6, "\5READY", 0, 0},
    {"a password", "PLAIN", COMMAND, 14, "\5HELLO\3bob\3bob", 0, 0},
    {"half a HELLO", "CURVE", COMMAND, HELLO, "\5HELLO\1", 0, 0},
    {"a HELLO of noise", "CURVE", COMMAND, HELLO, "\5HELLO\1", HELLO - 7, 0},
    {"a HELLO too short", "CURVE", COMMAND, 100, "\5HELLO\1", 93, 0},
    {"INITIATE first", "CURVE", COMMAND | LONG, 4096, "\10INITIATE", 4087, 0},
    {"a frame without end", "CURVE", COMMAND | LONG, 1ull << 62, "\5HELLO\1", NOISE, 0},
    {"a frame that wraps", "CURVE", COMMAND | LONG, UINT64_MAX, "\5HELLO\1", NOISE, 0},
    {"a message, no command", "CURVE", LONG, 1 << 20, NULL, NOISE, 0},
    {"noise for commands", "CURVE", 0, 0, NULL, NOISE, 0},
};

static int say(uint16_t port, const struct manner *m)
{
    static uint8_t bytes[GREETING + 64 + NOISE];
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    size_t len = m->mechanism ? add_greeting(bytes, m->mechanism) : 0;
    if (m->claimed)
        len += add_frame(bytes + len, m->flags, m->claimed);
    if (m->command) {
        memcpy(bytes + len, m->command, strlen(m->command));
        len += strlen(m->command);
    }
    add_noise(bytes + len, m->noise);
    len += m->noise;
    if (m->cut)
        len = m->cut;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
        fail(m->name, strerror(errno));
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, bytes + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break; /* it has heard enough */
        at += (size_t)n;
    }
    return fd;
}

/* Bytes that came until the loader cut it off. */
static size_t hear(int fd, const struct manner *m, double end_s)
{
    uint8_t bytes[4096];
    size_t told = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        double left_s = end_s - stat_now();
        if (left_s <= 0)
            fail(m->name, "is not cut off");
        if (poll(&p, 1, (int)(left_s * 1000) + 1) <= 0)
            continue;
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return told;
        told += (size_t)n;
        if (told > TOLD_MAX)
            fail(m->name, "is told more than a greeting");
    }
}

int main(int argc, char **argv)
{
    unsigned long port = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    size_t most = 0;
    if (port == 0 || port > UINT16_MAX || rounds == 0)
        fail("usage", "stranger PORT ROUNDS");
    for (unsigned long r = 0; r < rounds; r++) {
        int fds[ARRAY_LEN(manners)];
        for (size_t i = 0; i < ARRAY_LEN(manners); i++)
            fds[i] = say((uint16_t)port, &manners[i]);
        double end_s = stat_now() + PATIENCE_S;
        for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
            size_t told = hear(fds[i], &manners[i], end_s);
            most = told > most ? told : most;
            close(fds[i]);
        }
    }
    printf("strangers %zu\ncut off %zu\nbytes told at most %zu\n", rounds * ARRAY_LEN(manners),
           rounds * ARRAY_LEN(manners), most);
    return 0;
}
