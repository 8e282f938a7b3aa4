/* SPDX-License-Identifier: Apache-2.0 */
/* mat_make: MATLAB files of level 5, written by matio, as tests want them: packed or not, numbers
 * of the types that the published sets have. */
#ifndef AUGSTREAM_TESTS_MAT_MAKE_H
#define AUGSTREAM_TESTS_MAT_MAKE_H

#include "test.h"

#include <matio.h>
#include <stdbool.h>
#include <string.h>

struct mat_make {
    mat_t *file;
    enum matio_compression packed;
};

static inline struct mat_make mat_make_begin(const char *path, bool packed)
{
    struct mat_make make = {Mat_CreateVer(path, NULL, MAT_FT_MAT5),
                            packed ? MAT_COMPRESSION_ZLIB : MAT_COMPRESSION_NONE};
    assert_non_null(make.file);
    return make;
}

static inline void mat_make_end(struct mat_make *make)
{
    assert_int_equal(Mat_Close(make->file), 0);
}

static inline void mat_make_put(struct mat_make *make, matvar_t *variable)
{
    assert_non_null(variable);
    assert_int_equal(Mat_VarWrite(make->file, variable, make->packed), 0);
    Mat_VarFree(variable);
}

static inline matvar_t *mat_make_u16(const char *name, const uint16_t *values, size_t n)
{
    size_t dims[2] = {1, n};
    return Mat_VarCreate(name, MAT_C_UINT16, MAT_T_UINT16, 2, dims, (void *)(uintptr_t)values, 0);
}

static inline matvar_t *mat_make_u8(const char *name, const uint8_t *values, size_t n)
{
    size_t dims[2] = {1, n};
    return Mat_VarCreate(name, MAT_C_UINT8, MAT_T_UINT8, 2, dims, (void *)(uintptr_t)values, 0);
}

static inline matvar_t *mat_make_double(const char *name, const double *values, size_t n)
{
    size_t dims[2] = {1, n};
    return Mat_VarCreate(name, MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, (void *)(uintptr_t)values, 0);
}

static inline matvar_t *mat_make_text(const char *text)
{
    size_t dims[2] = {1, strlen(text)};
    return Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF8, 2, dims, (void *)(uintptr_t)text, 0);
}

static inline matvar_t *mat_make_cell(const char *name, const char *const *texts, size_t n)
{
    size_t dims[2] = {1, n};
    matvar_t *cell = Mat_VarCreate(name, MAT_C_CELL, MAT_T_CELL, 2, dims, NULL, 0);
    assert_non_null(cell);
    for (size_t i = 0; i < n; i++)
        Mat_VarSetCell(cell, (int)i, mat_make_text(texts[i]));
    return cell;
}

#endif
