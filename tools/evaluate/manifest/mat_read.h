/* SPDX-License-Identifier: Apache-2.0 */
/* mat_read: one variable of a MATLAB file through matio, in a process of its own, which damage may
 * end; what it says to mat.c. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_MAT_READ_H
#define AUGSTREAM_TOOLS_EVALUATE_MAT_READ_H

#include <stdint.h>
#include <stdio.h>

enum { MAT_FIELDS_MAX = 64, MAT_NAME_BYTES = 64 };
#define MAT_END UINT64_C(0x646e652074616d2e)

/* The answer: this; for each field its name, [MAT_NAME_BYTES]; n times fields (of no struct: n
 * times one) struct mat_value, each with its text behind it; MAT_END. Or error 1, a message and a
 * NUL. */
struct mat_head {
    uint32_t error;
    uint32_t fields; /* 0: an array of numbers or a cell */
    uint64_t n;
};
enum mat_kind { MAT_NOTHING, MAT_NUMBER, MAT_TEXT };
struct mat_value {
    uint32_t kind;
    uint32_t bytes; /* of the text, with its NUL */
    double number;
};

void mat_read(const char *path, const char *variable, FILE *answer);

#endif
