/* SPDX-License-Identifier: Apache-2.0 */
/* stream: takes a loader's tap, gives omega as JSON lines on standard output. The tap sheds load
 * rather than wait for anybody; what was shed is told as {"gap":{...}}. */
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "proto/link.h"
#include "tools/inspect/inspect.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 200 };

static const char usage[] =
    "usage: augstream-inspect stream ENDPOINT [--format jsonl] [--count N] [--timeout SECONDS]\n"
    "\n"
    "Prints the omega of every view that a loader sends, from its tap.\n"
    "  --format jsonl    one JSON object a view (the only format)\n"
    "  --count N         ends after N views (default: goes on)\n"
    "  --timeout SECONDS gives up when no loader answers for so long (default 10)\n";

struct options {
    const char *endpoint;
    int64_t count, timeout;
};

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"count", required_argument, NULL, 'c'},
    {"timeout", required_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int parse(int argc, char **argv, struct options *o)
{
    int c, rc = 0;
    while (!rc && (c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        switch (c) {
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
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            return err_set(-EINVAL, "stream --help lists the options");
        }
    if (!rc && optind + 1 != argc)
        rc = err_set(-EINVAL, "stream needs one ENDPOINT");
    if (!rc)
        o->endpoint = argv[optind];
    return rc;
}

/* Prints one tap message's views, at most *left of them. */
static int views_print(const struct wire_batch *b, int64_t *left)
{
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

static int stream(struct link *link, struct wire *wire, const struct options *o)
{
    struct link_message message = {0};
    struct wire_message *tap = malloc(sizeof *tap);
    if (!tap)
        return err_set(-ENOMEM, "out of memory");
    double away_since = stat_now();
    uint64_t server = 0, next = 0;
    int64_t left = o->count ? o->count : -1;
    int rc = 0;
    while (!rc && left) {
        rc = tap_wait(link, o, &away_since);
        if (!rc)
            rc = link_receive(link, &message);
        if (rc == -EAGAIN || rc == -EINTR) {
            rc = 0;
            continue;
        }
        if (!rc)
            rc = wire_unpack(wire, message.body, message.body_len, tap);
        if (!rc && tap->type != WIRE_TAP)
            rc = err_set(-EBADMSG, "%s: not a tap", o->endpoint);
        if (rc)
            break;
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
