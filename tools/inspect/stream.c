/* SPDX-License-Identifier: Apache-2.0 */
/* stream: takes a loader's tap, gives omega as JSON lines on standard output. The tap sheds load
 * rather than wait for anybody; what was shed is told as {"gap":{...}}, a bad sample that another
 * one stands in for as {"substituted":{...}}. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "proto/link.h"
#include "tools/inspect/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 200 };

struct options {
    const char *endpoint, *server, *secret;
    int64_t count, timeout;
};

static const struct usage_option rows[] = {
    {"format", "jsonl", 'f', "one JSON object a view: the only format"},
    {"count", "N", 'c', "end after N views (default: go on)"},
    {"timeout", "SECONDS", 't',
     "give up when no loader answers, or none that can be read, for so long, 1 to 86400 (default "
     "10)"},
    {"server", "KEY", 'k', "the loader's public key, or its file, where its tap wants keys"},
    {"secret", "FILE", 'p', "the file of our secret key for it (default: a fresh key)"},
};

const struct usage inspect_stream_usage = {
    .name = "stream",
    .program = "augstream-inspect",
    .summary = "omega as it flows, from a loader's tap, a line of JSON a view",
    .operands = "ENDPOINT",
    .about =
        "Prints the omega of every view that a loader sends to anybody. ENDPOINT is the loader's "
        "tap: tcp://HOST:PORT or ipc://PATH. The tap sheds load rather than wait for a slow "
        "listener; what was shed is printed as {\"gap\":{\"batches\":N}}. A bad sample in whose "
        "place "
        "another one stands is told before the views of its batch, as {\"substituted\":{...}}.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    int key, rc = 0;
    while (!rc && (key = usage_next(&inspect_stream_usage, argc, argv)) != USAGE_END)
        switch (key) {
        case 'f':
            if (strcmp(optarg, "jsonl"))
                rc = err_set(-EINVAL, "--format %s: jsonl is the only format", optarg);
            break;
        case 'c':
            rc = inspect_number("count", optarg, 1, INT64_MAX, &o->count);
            break;
        case 't':
            rc = inspect_number("timeout", optarg, 1, 86400, &o->timeout);
            break;
        case 'k':
            o->server = optarg;
            break;
        case 'p':
            o->secret = optarg;
            break;
        default:
            rc = key;
        }
    if (!rc && o->secret && !o->server)
        rc = err_set(-EINVAL, "--secret: the loader's own key is wanted as well: --server");
    if (!rc && optind + 1 != argc)
        rc = err_set(-EINVAL, "stream needs one ENDPOINT");
    if (!rc)
        o->endpoint = argv[optind];
    return rc;
}

/* Whose picture is at a position of the batch, in place of whose, and why. */
static void substitutions_print(const struct wire_batch *b)
{
    for (uint32_t i = 0; i < b->n_substituted; i++) {
        const struct wire_substitution *s = &b->substituted[i];
        printf("{\"substituted\":{\"epoch\":%" PRIu32 ",\"batch\":%" PRIu32 ",\"position\":%" PRIu32
               ",\"bad\":%" PRIu32 ",\"reason\":\"%s\",\"sample\":%" PRIu32 "}}\n",
               b->epoch, b->index, s->position, s->sample, wire_fault_name(s->fault),
               b->omega[s->position].sample);
    }
}

/* Prints one tap message's views, at most *left of them. */
static int views_print(const struct wire_batch *b, int64_t *left)
{
    substitutions_print(b);
    for (uint32_t i = 0; i < b->n_views * b->n_samples && *left; i++, --*left) {
        char line[1024];
        const struct omega_place place = {b->epoch, b->index, i / b->n_samples,
                                          b->sizes[i / b->n_samples], b->labels[i % b->n_samples]};
        omega_json(&b->omega[i], &place, line, sizeof line);
        if (puts(line) < 0)
            return err_set(-EPIPE, "standard output is closed");
    }
    return fflush(stdout) ? err_set(-EPIPE, "standard output is closed") : 0;
}

/* Waits for the next message; -ETIMEDOUT when the loader is away for too long. */
static int tap_wait(struct link *link, const struct options *o, double *away_since)
{
    for (;;) {
        enum link_event event = link_event(link);
        if (event == LINK_REFUSED)
            return err_set(-EACCES, "%s: %s", o->endpoint, link_refusal(link));
        if (event == LINK_CONNECTED)
            *away_since = 0;
        else if (event == LINK_DISCONNECTED)
            *away_since = stat_now();
        int n = link_wait(&link, 1, POLL_MS);
        if (n != 0)
            return n < 0 ? n : 0;
        if (*away_since > 0 && stat_now() - *away_since > (double)o->timeout)
            return err_set(-ETIMEDOUT, "%s: no loader answered for %lld s", o->endpoint,
                           (long long)o->timeout);
    }
}

/* Since when a loader has not been there, and since when all that comes is of no use; 0: it is. */
struct silence {
    double away, useless;
};

/* The next message of the tap. -EBADMSG when it is none, with the reason; -EAGAIN when there is no
 * message after all. */
static int tap_receive(struct link *link, struct wire *wire, struct link_message *message,
                       struct wire_message *tap)
{
    int rc = link_receive(link, message);
    if (!rc)
        rc = wire_unpack(wire, message->body, message->body_len, tap);
    if (!rc && tap->type != WIRE_TAP)
        rc = err_set(-EBADMSG, "it is not a tap's");
    return rc;
}

/* A message that cannot be read costs what it told and no more: said once, until one can be. */
static int pass_over(const struct options *o, struct silence *silence)
{
    const double now = stat_now();
    if (silence->useless == 0) {
        silence->useless = now;
        log_warn("%s: a message is passed over: %s", o->endpoint, err_text());
    }
    return now - silence->useless > (double)o->timeout
               ? err_set(-EBADMSG, "%s: nothing that can be read came for %lld s", o->endpoint,
                         (long long)o->timeout)
               : 0;
}

static int stream(struct link *link, struct wire *wire, const struct options *o)
{
    struct link_message message = {0};
    struct wire_message *tap = malloc(sizeof *tap);
    if (!tap)
        return err_set(-ENOMEM, "out of memory");
    struct silence silence = {.away = stat_now()};
    uint64_t server = 0, next = 0;
    int64_t left = o->count ? o->count : -1;
    int rc = 0;
    while (!rc && left) {
        rc = tap_wait(link, o, &silence.away);
        if (!rc)
            rc = tap_receive(link, wire, &message, tap);
        if (rc == -EAGAIN || rc == -EINTR) {
            rc = 0;
            continue;
        }
        if (rc == -EBADMSG) {
            rc = pass_over(o, &silence);
            continue;
        }
        if (rc)
            break;
        silence.useless = 0;
        if (tap->tap.server_epoch == server && tap->tap.sequence != next)
            printf("{\"gap\":{\"batches\":%llu}}\n",
                   (unsigned long long)(tap->tap.sequence - next));
        server = tap->tap.server_epoch;
        next = tap->tap.sequence + 1;
        rc = views_print(&tap->tap.batch, &left);
        link_message_done(&message);
    }
    link_message_done(&message);
    free(tap);
    return rc;
}

/* What the tap of a loader with a key wants of us. */
static int bring_keys(struct link_context *context, const struct options *o)
{
    struct link_guard guard = {.curve = true};
    if (!o->server)
        return 0;
    int rc = link_key_given(o->server, guard.server);
    if (!rc)
        rc = o->secret ? link_key_read_secret(o->secret, false, &guard.key)
                       : link_key_make(&guard.key);
    if (!rc)
        link_context_guard(context, &guard);
    explicit_bzero(&guard, sizeof guard);
    return rc;
}

int inspect_stream(int argc, char **argv)
{
    struct options o = {.timeout = 10};
    int rc = parse(argc, argv, &o);
    if (rc > 0)
        return EXIT_OK;
    if (rc < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    struct link_context *context = NULL;
    struct link *link = NULL;
    struct wire *wire = NULL;
    rc = link_context_new(&context);
    if (!rc)
        rc = bring_keys(context, &o);
    if (!rc)
        rc = link_sub_connect(context, o.endpoint, &link);
    if (!rc)
        rc = wire_new(WIRE_OMEGAS_MAX, &wire);
    if (!rc)
        rc = stream(link, wire, &o);
    wire_free(wire);
    link_close(link);
    link_context_free(context);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
