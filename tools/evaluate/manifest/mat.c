/* SPDX-License-Identifier: Apache-2.0 */
/* mat: takes a MATLAB file and the name of a variable, gives its elements. The only door to matio.
 * matio fills what a cut file lacks with whatever is there, so the file's outer elements are walked
 * first: they must fill it to its last byte. One thread; a struct mat owns its variable. */
#include "tools/evaluate/manifest/mat.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <matio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 128, TAG_BYTES = 8, MI_MATRIX = 14, MI_COMPRESSED = 15 };

struct mat {
    struct manifest *m;
    matvar_t *variable;
    size_t n;
    char path[MANIFEST_PATH_MAX], name[64];
};

/* What matio prints is told by our own messages. */
static void stay_quiet(int level, char *message)
{
    (void)level;
    (void)message;
}

static uint32_t word(const uint8_t *bytes, bool big)
{
    return big ? (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                     bytes[3]
               : (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
                     bytes[0];
}

/* The outer elements lie one behind the other, up to the file's last byte. */
static int check_whole(const struct manifest *m, int fd)
{
    struct stat st;
    uint8_t head[HEADER_BYTES];
    if (fstat(fd, &st) != 0)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size > MAT_BYTES_MAX)
        return manifest_fail(m, -EBADMSG, "no regular file of at most %d bytes", MAT_BYTES_MAX);
    if (pread(fd, head, sizeof head, 0) != HEADER_BYTES)
        return manifest_fail(m, -EBADMSG, "no MAT file of level 5: shorter than its header");
    const bool big = head[126] == 'M' && head[127] == 'I';
    if ((!big && (head[126] != 'I' || head[127] != 'M')) || memcmp(head, "MATLAB 5.0", 10) != 0)
        return manifest_fail(m, -EBADMSG, "no MAT file of level 5");
    for (off_t at = HEADER_BYTES; at < st.st_size;) {
        uint8_t tag[TAG_BYTES];
        if (pread(fd, tag, sizeof tag, at) != TAG_BYTES)
            return manifest_fail(m, -EBADMSG, "cut: it ends within the tag at byte %lld",
                                 (long long)at);
        const uint32_t type = word(tag, big), bytes = word(tag + 4, big);
        if (type != MI_MATRIX && type != MI_COMPRESSED)
            return manifest_fail(m, -EBADMSG, "at byte %lld: an element of type %u", (long long)at,
                                 type);
        at += TAG_BYTES + (off_t)bytes;
        if (at > st.st_size)
            return manifest_fail(m, -EBADMSG, "cut: %lld bytes, of at least %lld",
                                 (long long)st.st_size, (long long)at);
    }
    return 0;
}

static int count(const struct manifest *m, const matvar_t *v, const char *name, size_t *ret)
{
    size_t n = 1;
    if (v->rank < 1 || !v->dims)
        return manifest_fail(m, -EBADMSG, "variable %s: no array", name);
    for (int i = 0; i < v->rank; i++) {
        if (v->dims[i] > MAT_ELEMENTS_MAX || n * v->dims[i] > MAT_ELEMENTS_MAX)
            return manifest_fail(m, -EBADMSG, "variable %s: more than %d elements", name,
                                 MAT_ELEMENTS_MAX);
        n *= v->dims[i];
    }
    *ret = n;
    return 0;
}

static int read_variable(struct mat *mat, const char *full)
{
    Mat_LogInitFunc("augstream", stay_quiet);
    mat_t *file = Mat_Open(full, MAT_ACC_RDONLY);
    if (!file)
        return manifest_fail(mat->m, -EBADMSG, "no MAT file");
    matvar_t *info = Mat_VarReadInfo(file, mat->name);
    int r = info ? count(mat->m, info, mat->name, &mat->n)
                 : manifest_fail(mat->m, -EBADMSG, "no variable is called %s", mat->name);
    Mat_VarFree(info);
    if (r == 0) {
        mat->variable = Mat_VarRead(file, mat->name);
        if (!mat->variable || (mat->n > 0 && !mat->variable->data))
            r = manifest_fail(mat->m, -EBADMSG, "variable %s cannot be read", mat->name);
    }
    Mat_Close(file);
    return r;
}

int mat_open(struct manifest *m, const char *path, const char *variable, struct mat **ret)
{
    manifest_at(m, path, 0);
    auto_close int fd = openat(m->folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    auto_with(mat_freep) struct mat *mat = calloc(1, sizeof *mat);
    if (!mat)
        return err_set(-ENOMEM, "%s: no memory to read it", path);
    mat->m = m;
    snprintf(mat->path, sizeof mat->path, "%s", path);
    snprintf(mat->name, sizeof mat->name, "%s", variable);
    char full[2 * MANIFEST_PATH_MAX];
    snprintf(full, sizeof full, "%s/%s", m->base, path);
    int r = check_whole(m, fd);
    if (r == 0)
        r = read_variable(mat, full);
    if (r == 0)
        *ret = take_ptr(&mat);
    return r;
}

void mat_free(struct mat *mat)
{
    if (!mat)
        return;
    Mat_VarFree(mat->variable);
    free(mat);
}

void mat_freep(struct mat **mat)
{
    mat_free(*mat);
}

size_t mat_count(const struct mat *mat)
{
    return mat->n;
}

#define fail(mat, i, field, ...) fail_at(mat, i, field, __VA_ARGS__)
static int fail_at(const struct mat *mat, size_t i, const char *field, const char *what)
{
    manifest_at(mat->m, mat->path, 0);
    return manifest_fail(mat->m, -EBADMSG, "variable %s, element %zu%s%s: %s", mat->name, i + 1,
                         field ? ", field " : "", field ? field : "", what);
}

/* What element i of a cell or a field of struct i is; NULL: there is none such. */
static const matvar_t *part(const struct mat *mat, size_t i, const char *field)
{
    matvar_t *v = mat->variable;
    if (i >= mat->n || v->class_type != (field ? MAT_C_STRUCT : MAT_C_CELL))
        return NULL;
    return field ? Mat_VarGetStructFieldByName(v, field, i) : Mat_VarGetCell(v, (int)i);
}

/* The number at place i of an array of numbers, as a double. */
static bool number(const matvar_t *v, size_t i, double *ret)
{
    if (!v || !v->data || v->isComplex ||
        v->nbytes / (v->data_size > 0 ? (size_t)v->data_size : 1) <= i)
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

static bool is_number_class(const matvar_t *v)
{
    return v && v->class_type >= MAT_C_DOUBLE && v->class_type <= MAT_C_UINT32;
}

int mat_integer(const struct mat *mat, size_t i, const char *field, const long bounds[2], long *ret)
{
    const matvar_t *v = field ? part(mat, i, field) : mat->variable;
    double value;
    size_t n = 0;
    if (!is_number_class(v) || (field && (count(mat->m, v, mat->name, &n) < 0 || n != 1)) ||
        !number(v, field ? 0 : i, &value))
        return fail(mat, i, field, "not a number");
    if (!(value >= (double)bounds[0] && value <= (double)bounds[1]) || value != floor(value)) {
        char what[96];
        snprintf(what, sizeof what, "%g: a whole number, %ld to %ld", value, bounds[0], bounds[1]);
        return fail(mat, i, field, what);
    }
    *ret = (long)value;
    return 0;
}

int mat_text(const struct mat *mat, size_t i, const char *field, char ret[MAT_TEXT_MAX])
{
    const matvar_t *v = part(mat, i, field);
    size_t n = 0;
    if (!v || v->class_type != MAT_C_CHAR || count(mat->m, v, mat->name, &n) < 0 ||
        n >= MAT_TEXT_MAX || (n > 0 && !v->data))
        return fail(mat, i, field, "not a string of 1 to 1023 bytes");
    size_t len = 0;
    for (size_t k = 0; k < n; k++) {
        uint32_t c = 0;
        if (v->data_type == MAT_T_UINT16 || v->data_type == MAT_T_UTF16)
            c = ((const uint16_t *)v->data)[k];
        else if (v->data_size == 1)
            c = ((const uint8_t *)v->data)[k];
        /* Names of files and classes of the published sets are ASCII, but for few bytes of UTF-8.
         */
        if (c == 0 || (c > 0x7f && v->data_size != 1))
            return fail(mat, i, field, "not a string of ASCII");
        ret[len++] = (char)c;
    }
    ret[len] = 0;
    return len > 0 ? 0 : fail(mat, i, field, "an empty string");
}
