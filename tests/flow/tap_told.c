/* SPDX-License-Identifier: Apache-2.0 */
/* tap_told: a tap, or a record, that tells what no loader of ours would: batches of a dataset whose
 * name is anything. One batch, a quarter of a second after the last one by its own clock, for each
 * line that it reads, until there are no more; of each it writes a line.
 *     tap_told ENDPOINT|FILE.omega NAME */
#include "../unit/wire_samples.h"

#include "common/err.h"
#include "proto/link.h"
#include "proto/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct teller {
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    struct record_writer *writer; /* a record; NULL: a tap */
};

static int teller_open(struct teller *t, const char *to)
{
    const size_t len = strlen(to);
    if (len > 6 && !strcmp(to + len - 6, ".omega"))
        return record_create(to, &t->writer);
    int rc = link_context_new(&t->context);
    if (!rc)
        rc = link_pub_bind(t->context, to, &t->link);
    return rc ? rc : wire_new(64, &t->wire);
}

static int tell(struct teller *t, const struct wire_message *tap)
{
    const void *bytes;
    size_t len;
    int rc = t->writer ? record_add(t->writer, tap) : wire_pack(t->wire, tap, &bytes, &len);
    if (!rc)
        rc = t->writer ? record_flush(t->writer) : link_send(t->link, NULL, bytes, len, NULL, 0);
    return rc;
}

int main(int argc, char **argv)
{
    static struct samples samples;
    struct teller t = {0};
    if (argc != 3)
        return EXIT_USAGE;
    int rc = teller_open(&t, argv[1]);
    for (uint64_t n = 1; !rc && getchar() != EOF; n++) {
        struct wire_message *tap = sample_message(&samples, WIRE_TAP);
        tap->tap.sequence = n;
        tap->tap.at_us += 250000 * n;
        tap->tap.batch.index = (uint32_t)n;
        snprintf(tap->tap.dataset, sizeof tap->tap.dataset, "%s", argv[2]);
        memcpy(tap->tap.spec.dataset, tap->tap.dataset, sizeof tap->tap.dataset);
        spec_digest(&tap->tap.spec, tap->tap.fingerprint, tap->tap.batch.session);
        rc = tell(&t, tap);
        if (!rc && (puts("told") < 0 || fflush(stdout)))
            rc = err_set(-EPIPE, "nobody listens");
    }
    if (t.writer && !rc)
        rc = record_close(t.writer);
    if (rc)
        fprintf(stderr, "tap_told: %s\n", err_text());
    wire_free(t.wire);
    link_close(t.link);
    link_context_free(t.context);
    return rc ? EXIT_INTERNAL : EXIT_OK;
}
