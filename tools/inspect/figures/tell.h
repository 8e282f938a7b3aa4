/* SPDX-License-Identifier: Apache-2.0 */
/* tell: the rows of tallies, as a table with sketches for eyes, or as JSON for programs. */
#ifndef AUGSTREAM_INSPECT_TELL_H
#define AUGSTREAM_INSPECT_TELL_H

#include "tools/inspect/figures/tally.h"

#include <stdio.h>

/* One session. Loans. */
struct tell_session {
    const char *dataset;
    const uint8_t *session; /* [DIGEST_BYTES] */
    const char *law;        /* where the law is from, in words; NULL: nobody told one */
    uint32_t n_views;
    const uint32_t *sizes; /* [n_views] */
    struct tally_info info;
    const struct tally_row *rows; /* judged */
    size_t n_rows;
    double trivial[AUGSELF_KINDS]; /* tally_trivial */
};

struct tell {
    const struct tell_session *sessions;
    size_t n_sessions;
    uint64_t gaps;   /* batches that were shed or lost on the way */
    uint64_t others; /* batches of sessions that are not told of */
    double level;    /* of the verdicts */
    bool selected;   /* views were picked by what was drawn: their laws are set aside */
    size_t tests, wrong;
};

struct tell_style {
    bool blocks;    /* block characters, else ASCII */
    size_t columns; /* the width, at least 80 is asked of it */
};

void tell_text(const struct tell *tell, const struct tell_style *style, FILE *out);
int tell_json(const struct tell *tell, FILE *out); /* -ENOMEM */

#endif
