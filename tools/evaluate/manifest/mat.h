/* SPDX-License-Identifier: Apache-2.0 */
/* mat: MATLAB's files (level 5), as far as datasets use them: vectors of whole numbers, cells of
 * strings, arrays of structs with such fields. Every count is bounded; a file that is cut, of
 * another kind or of other types is an error that names file and variable. One thread. Source:
 * "MAT-File Format", The MathWorks, chapter 1. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_MAT_H
#define AUGSTREAM_TOOLS_EVALUATE_MAT_H

#include "tools/evaluate/manifest/manifest.h"

enum { MAT_BYTES_MAX = 256 << 20, MAT_ELEMENTS_MAX = 1 << 22, MAT_TEXT_MAX = 1024 };

struct mat; /* one variable of a file, whole in memory */

/* The variable of this name in the file below m's root. m outlives it; messages go through it.
 * -ENOENT, -EBADMSG (no MAT file, cut, no such variable). */
int mat_open(struct manifest *m, const char *path, const char *variable, struct mat **ret);
void mat_free(struct mat *mat);
void mat_freep(struct mat **mat); /* for auto_with */

size_t mat_count(const struct mat *mat); /* elements, whatever the dimensions */

/* Element i (< mat_count) of an array of numbers. field: NULL; of an array of structs: the field's
 * name, whose value is one number. -EBADMSG: of another type, no whole number, out of bounds. */
int mat_integer(const struct mat *mat, size_t i, const char *field, const long bounds[2],
                long *ret);

/* Element i of a cell (field NULL), or a struct's field: a string. */
int mat_text(const struct mat *mat, size_t i, const char *field, char ret[MAT_TEXT_MAX]);

#endif
