/* SPDX-License-Identifier: Apache-2.0 */
/* tap_told: a tap that tells what no loader of ours would: batches of a dataset whose name is
 * anything. One batch for each line that it reads, until there are no more.
 *     tap_told ENDPOINT NAME */
#include "../unit/wire_samples.h"

#include "common/err.h"
#include "proto/link.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    static struct samples samples;
    struct link_context *context = NULL;
    struct link *link = NULL;
    struct wire *wire = NULL;
    if (argc != 3)
        return EXIT_USAGE;
    int rc = link_context_new(&context);
    if (!rc)
        rc = link_pub_bind(context, argv[1], &link);
    if (!rc)
        rc = wire_new(64, &wire);
    for (uint64_t n = 1; !rc && getchar() != EOF; n++) {
        const void *bytes;
        size_t len;
        struct wire_message *tap = sample_message(&samples, WIRE_TAP);
        tap->tap.sequence = n;
        tap->tap.batch.index = (uint32_t)n;
        snprintf(tap->tap.dataset, sizeof tap->tap.dataset, "%s", argv[2]);
        memcpy(tap->tap.spec.dataset, tap->tap.dataset, sizeof tap->tap.dataset);
        spec_digest(&tap->tap.spec, tap->tap.fingerprint, tap->tap.batch.session);
        rc = wire_pack(wire, tap, &bytes, &len);
        if (!rc)
            rc = link_send(link, NULL, bytes, len, NULL, 0);
    }
    if (rc)
        fprintf(stderr, "tap_told: %s\n", err_text());
    wire_free(wire);
    link_close(link);
    link_context_free(context);
    return rc ? EXIT_INTERNAL : EXIT_OK;
}
