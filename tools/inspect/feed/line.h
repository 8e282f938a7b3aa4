/* SPDX-License-Identifier: Apache-2.0 */
/* line: what a feed tells, as text: one JSON object a line (docs/protocol.md, "omega as JSON"),
 * CSV, or a table for people. In each of them what is missing is shown where it is missing, and so
 * is who stands in for whom. One thread; the stream is the caller's, who looks at ferror. */
#ifndef AUGSTREAM_TOOLS_INSPECT_FEED_LINE_H
#define AUGSTREAM_TOOLS_INSPECT_FEED_LINE_H

#include "tools/inspect/feed/feed.h"
#include "tools/inspect/feed/filter.h"

#include <stdio.h>

enum line_format { LINE_JSONL, LINE_CSV, LINE_TABLE, LINE_FORMATS };

/* For the rows of a verb: its key is 'f'. */
#define LINE_OPTION                                                                                \
    {                                                                                              \
        "format", "FORMAT", 'f',                                                                   \
            "jsonl: a JSON object a view; csv: a row a view, a column a parameter, empty where "   \
            "it was not applied; table: for people, 100 columns wide (default jsonl)",             \
            .choices = "jsonl csv table"                                                           \
    }
int line_format_parse(const char *name, enum line_format *ret); /* -EINVAL names them all */

struct line {
    enum line_format format;
    FILE *out;       /* a loan */
    uint32_t repeat; /* table: the head again after so many lines; 0: never */
    /* private; zero-initialise */
    bool begun;
    uint32_t since;                /* lines since the head */
    uint8_t session[DIGEST_BYTES]; /* table: the one that was named last */
};

/* How many lines fit between two heads on the terminal that out is; 0 when it is none. */
uint32_t line_repeat(FILE *out);

/* A FEED_GAP or FEED_RESTART. */
void line_missing(struct line *line, const struct feed_event *event);

/* A batch: the substitutions that touch views which filter lets pass (under the number of the bad
 * sample or of the one that took its place), then those views, at most `most` of them; returns how
 * many. */
uint64_t line_batch(struct line *line, const struct wire_message *tap, const struct filter *filter,
                    uint64_t most);

/* What was written so far leaves. 0; 1 when nobody reads it any more (| head), which is no error:
 * nothing more shall be written; -EIO. */
int line_flush(struct line *line);

#endif
