/* SPDX-License-Identifier: Apache-2.0 */
/* mat_read: takes a MATLAB file and a variable's name, gives its numbers and strings as a flat
 * list. The only door to matio, which damaged files make crash, or search without end: mat.c calls
 * this in a process that may die of it. */
#include "tools/evaluate/manifest/mat_read.h"

#include "common/auto.h"
#include "tools/evaluate/manifest/mat.h"

#include <matio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What matio prints is told by our own messages. */
static void stay_quiet(int level, char *message)
{
    (void)level;
    (void)message;
}

static void refuse(FILE *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void refuse(FILE *answer, const char *format, ...)
{
    const struct mat_head head = {.error = 1};
    va_list args;
    fwrite(&head, sizeof head, 1, answer);
    va_start(args, format);
    vfprintf(answer, format, args);
    va_end(args);
    putc(0, answer);
}

/* How many elements; false where they are too many, or it is no array. */
static bool count(const matvar_t *v, size_t *ret)
{
    size_t n = 1;
    if (!v || v->rank < 1 || !v->dims)
        return false;
    for (int i = 0; i < v->rank; i++) {
        if (v->dims[i] > MAT_ELEMENTS_MAX || n * v->dims[i] > MAT_ELEMENTS_MAX)
            return false;
        n *= v->dims[i];
    }
    *ret = n;
    return true;
}

/* The number at place i of an array of numbers. */
static bool number(const matvar_t *v, size_t i, double *ret)
{
    const size_t size = v->data_size > 0 ? (size_t)v->data_size : 1;
    if (!v->data || v->isComplex || v->nbytes / size <= i || v->class_type < MAT_C_DOUBLE ||
        v->class_type > MAT_C_UINT32)
        return false;
    switch (v->data_type) {
    case MAT_T_INT8:
        *ret = ((const int8_t *)v->data)[i];
        return true;
    case MAT_T_UINT8:
        *ret = ((const uint8_t *)v->data)[i];
        return true;
    case MAT_T_INT16:
        *ret = ((const int16_t *)v->data)[i];
        return true;
    case MAT_T_UINT16:
        *ret = ((const uint16_t *)v->data)[i];
        return true;
    case MAT_T_INT32:
        *ret = ((const int32_t *)v->data)[i];
        return true;
    case MAT_T_UINT32:
        *ret = ((const uint32_t *)v->data)[i];
        return true;
    case MAT_T_SINGLE:
        *ret = ((const float *)v->data)[i];
        return true;
    case MAT_T_DOUBLE:
        *ret = ((const double *)v->data)[i];
        return true;
    default:
        return false;
    }
}

/* A string of n characters: ASCII, or bytes as they are (UTF-8). */
static bool text(const matvar_t *v, size_t n, char ret[MAT_TEXT_MAX])
{
    const bool wide = v->data_type == MAT_T_UINT16 || v->data_type == MAT_T_UTF16;
    if (v->class_type != MAT_C_CHAR || n >= MAT_TEXT_MAX || (n > 0 && !v->data) ||
        (!wide && v->data_size != 1))
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint32_t c = wide ? ((const uint16_t *)v->data)[i] : ((const uint8_t *)v->data)[i];
        if (c == 0 || (wide && c > 0x7f))
            return false;
        ret[i] = (char)c;
    }
    ret[n] = 0;
    return true;
}

/* A part of a cell or struct: one number, a string, or nothing that datasets use. */
static void put_part(const matvar_t *v, FILE *answer)
{
    struct mat_value value = {.kind = MAT_NOTHING};
    char string[MAT_TEXT_MAX];
    size_t n = 0;
    if (count(v, &n) && n == 1 && number(v, 0, &value.number))
        value.kind = MAT_NUMBER;
    else if (v && (n > 0 || v->class_type == MAT_C_CHAR) && text(v, n, string)) {
        value.kind = MAT_TEXT;
        value.bytes = (uint32_t)strlen(string) + 1;
    }
    fwrite(&value, sizeof value, 1, answer);
    fwrite(string, 1, value.bytes, answer);
}

static void put_element(const matvar_t *v, size_t i, FILE *answer)
{
    struct mat_value value = {.kind = MAT_NOTHING};
    if (number(v, i, &value.number))
        value.kind = MAT_NUMBER;
    fwrite(&value, sizeof value, 1, answer);
}

static void put_variable(matvar_t *v, size_t n, FILE *answer)
{
    const bool is_struct = v->class_type == MAT_C_STRUCT;
    const struct mat_head head = {.n = n,
                                  .fields = is_struct ? (uint32_t)Mat_VarGetNumberOfFields(v) : 0};
    char *const *names = is_struct ? Mat_VarGetStructFieldnames(v) : NULL;
    if (head.fields > MAT_FIELDS_MAX || (is_struct && (head.fields == 0 || !names))) {
        refuse(answer, "variable %s: %u fields", v->name, head.fields);
        return;
    }
    fwrite(&head, sizeof head, 1, answer);
    for (uint32_t f = 0; f < head.fields; f++) {
        char name[MAT_NAME_BYTES] = "";
        strncpy(name, names[f] ? names[f] : "", sizeof name - 1);
        fwrite(name, sizeof name, 1, answer);
    }
    for (size_t i = 0; i < n; i++) {
        for (uint32_t f = 0; f < head.fields; f++)
            put_part(Mat_VarGetStructFieldByIndex(v, f, i), answer);
        if (v->class_type == MAT_C_CELL)
            put_part(Mat_VarGetCell(v, (int)i), answer);
        else if (!is_struct)
            put_element(v, i, answer);
    }
    fwrite(&(uint64_t){MAT_END}, sizeof(uint64_t), 1, answer);
}

void mat_read(const char *path, const char *variable, FILE *answer)
{
    size_t n = 0;
    Mat_LogInitFunc("augstream", stay_quiet);
    mat_t *file = Mat_Open(path, MAT_ACC_RDONLY);
    matvar_t *info = file ? Mat_VarReadInfo(file, variable) : NULL;
    matvar_t *v = NULL;
    if (!info)
        refuse(answer, "no variable is called %s", variable);
    else if (!count(info, &n))
        refuse(answer, "variable %s: no array of at most %d elements", variable, MAT_ELEMENTS_MAX);
    else if (!(v = Mat_VarRead(file, variable)) || (n > 0 && !v->data))
        refuse(answer, "variable %s cannot be read", variable);
    else
        put_variable(v, n, answer);
    Mat_VarFree(v);
    Mat_VarFree(info);
    if (file)
        Mat_Close(file);
}
