/* SPDX-License-Identifier: Apache-2.0 */
/* csv: records of comma-separated values, one after the other, as RFC 4180 has them: fields may be
 * quoted, and then hold commas, line ends and doubled quotes. Lines end with LF or CRLF, the last
 * one may end without; a UTF-8 byte order mark at the start and empty lines are passed over. There
 * are no comments: a path may begin with any character. Everything that breaks these rules is an
 * error that names file and line. One thread. */
#ifndef AUGSTREAM_LOADERD_CSV_H
#define AUGSTREAM_LOADERD_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CSV_FIELDS_MAX = 256,
    CSV_RECORD_MAX = 65536, /* bytes of a record's fields, with a NUL behind each */
};

struct csv {
    FILE *in;         /* the caller's */
    const char *name; /* of the file, for messages; a loan */
    uint64_t line;    /* on which the record began that was read last; the first is 1 */
    uint64_t next_line;
    unsigned char held[3]; /* bytes that are read again */
    size_t n_held, held_at;
    size_t n; /* fields of that record, at least 1 */
    const char *field[CSV_FIELDS_MAX];
    size_t len;
    char bytes[CSV_RECORD_MAX];
};

/* Begins at the file's present position. */
void csv_begin(struct csv *csv, FILE *in, const char *name);

/* Reads the next record: 1, or 0 at the end. -EBADMSG (not CSV, a NUL byte), -E2BIG (more fields or
 * bytes than above), -EIO and such. The fields stay until the next call. */
int csv_next(struct csv *csv);

#endif
