/* SPDX-License-Identifier: Apache-2.0 */
/* record: what came of one measure of one backbone (or of its features of one dataset), kept as a
 * JSON file, so that a second report does only what is missing or changed. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_RECORD_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_RECORD_H

#include "common/digest.h"
#include "tools/evaluate/score.h"

enum { RECORD_ERROR_MAX = 512 };

enum record_state { RECORD_MISSING, RECORD_DONE, RECORD_FAILED };

struct record {
    char digest[2 * DIGEST_BYTES + 1]; /* of all it was made of */
    enum record_state state;
    char error[RECORD_ERROR_MAX]; /* RECORD_FAILED: why, in a line */
    double seconds;
    struct scores scores; /* RECORD_DONE; of features there are none */
};

/* -ENOENT where there is none, -EBADMSG for what is no record; ret is then RECORD_MISSING. */
int record_read(const char *path, struct record *ret);
int record_write(const struct record *record, const char *path);

/* What a verb wrote with --json. -EBADMSG. */
int record_scores(const char *path, struct scores *ret);

#endif
