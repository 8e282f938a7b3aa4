/* SPDX-License-Identifier: Apache-2.0 */
/* retrieval_make: writes the bank and the queries of retrieval_bed.h as features files, with views
 * and without, and one whose last row has no label.
 *     retrieval_make DIR */
#include "tests/unit/retrieval_bed.h"

#include "common/err.h"

static struct retrieval_bed bed;

static int write_to(const char *dir, const char *name, const struct table *t, const uint8_t *views)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.safetensors", dir, name);
    int rc = table_write(t, views, BED_SIDE, path);
    if (rc)
        fprintf(stderr, "%s: %s\n", path, err_text());
    return rc;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    retrieval_bed_make(&bed);
    int rc = write_to(argv[1], "bank", &bed.bank, bed.bank_views[0][0]);
    if (!rc)
        rc = write_to(argv[1], "queries", &bed.queries, bed.query_views[0][0]);
    if (!rc)
        rc = write_to(argv[1], "bare", &bed.queries, NULL);
    bed.query_labels[BED_QUERIES - 1] = -1;
    if (!rc)
        rc = write_to(argv[1], "unlabelled", &bed.queries, bed.query_views[0][0]);
    return rc ? 1 : 0;
}
