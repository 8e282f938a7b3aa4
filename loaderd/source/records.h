/* SPDX-License-Identifier: Apache-2.0 */
/* records: files of raw pictures, all of one size, one after the other, as CIFAR and STL10 have
 * them: how many there are follows from a file's size, which must be a multiple of a record's. */
#ifndef AUGSTREAM_LOADERD_RECORDS_H
#define AUGSTREAM_LOADERD_RECORDS_H

#include "loaderd/source/listing.h"

/* Where the label of each record is. */
struct records_label {
    const char *file; /* of labels alone, a byte each; NULL: a byte of the record itself */
    uint32_t at;      /* in the record */
    uint8_t first;    /* what stands for label 0 */
    uint32_t classes; /* how many there are; 0: the file has no labels */
};

/* Which of a file's records: every tenth is for validation, the first of them number 9, which the
 * files' own order, mixed or by class, does not disturb. */
enum records_part { RECORDS_ALL, RECORDS_FIT, RECORDS_VAL };

struct records {
    const char *file; /* below the set's folder */
    enum records_part part;
    uint32_t head, pixels; /* bytes of a record: first what is no pixel */
    struct records_label label;
};

/* The next samples: the records of a file below `folder`. -EBADMSG where the size is no multiple,
 * or a label none of the classes, file and record named; errors of the file system. */
int records_list(const char *folder, const struct records *records, struct listing *listing);

/* The next classes, `n` of them, from a file of names below `folder`, one a line; their numbers
 * where it is absent. -EBADMSG where it has more or less than n. */
int records_classes(const char *folder, const char *file, uint32_t n, struct listing *listing);

#endif
