/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: takes named arrays and writes one file; takes a file, which may come from anyone,
 * and gives its arrays as loans into a private mapping. Any thread, one at a time per object. The
 * caller owns the object. Does not convert between data types; the format is little-endian, and so
 * must the host be. A file that another process cuts while it is mapped ends this one: files are
 * replaced by rename, never edited in place. */
#include "trainer/safetensors.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian; this host is not"
#endif

enum {
    LENGTH_BYTES = 8,   /* the u64 before the header */
    DATA_ALIGN = 64,    /* where a written file's data begins: a cache line, for whoever maps it */
    TENSORS_FIRST = 64, /* capacity of a fresh writer */
    SUM_CHARS = 8
};

static const char sum_key[] = "crc32c";

static const struct {
    const char *name;
    size_t bytes;
} dtypes[ST_DTYPES] = {
    [ST_F32] = {"F32", 4}, [ST_F16] = {"F16", 2},         [ST_BF16] = {"BF16", 2},
    [ST_F64] = {"F64", 8}, [ST_I64] = {"I64", 8},         [ST_I32] = {"I32", 4},
    [ST_U8] = {"U8", 1},   [ST_BOOL] = {"BOOL", 1},       [ST_I16] = {"I16", 2},
    [ST_I8] = {"I8", 1},   [ST_U64] = {"U64", 8},         [ST_U32] = {"U32", 4},
    [ST_U16] = {"U16", 2}, [ST_F8_E5M2] = {"F8_E5M2", 1}, [ST_F8_E4M3] = {"F8_E4M3", 1},
};

size_t safetensors_dtype_bytes(enum safetensors_dtype dtype)
{
    return dtypes[dtype].bytes;
}

const char *safetensors_dtype_name(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

static void json_decref_fn(json_t **json)
{
    json_decref(*json);
}
#define auto_json auto_with(json_decref_fn)

/* Bytes of a tensor; false where they do not fit in 64 bits or a size is negative. */
static bool tensor_bytes(enum safetensors_dtype dtype, int ndim, const int64_t *shape, size_t *ret)
{
    size_t bytes = dtypes[dtype].bytes;
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(bytes, (size_t)shape[i], &bytes))
            return false;
    *ret = bytes;
    return true;
}

/* --- writing --- */

struct safetensors_out {
    struct safetensor *tensor;
    size_t n, capacity;
    json_t *meta; /* NULL until the first entry */
};

int safetensors_out_new(struct safetensors_out **ret)
{
    struct safetensors_out *out = calloc(1, sizeof *out);
    if (!out)
        return err_set(-ENOMEM, "safetensors: out of memory");
    *ret = out;
    return 0;
}

void safetensors_out_free(struct safetensors_out *out)
{
    if (!out)
        return;
    json_decref(out->meta);
    free(out->tensor);
    free(out);
}

int safetensors_add(struct safetensors_out *out, const char *name, enum safetensors_dtype dtype,
                    int ndim, const int64_t *shape, const void *data)
{
    struct safetensor t = {.dtype = dtype, .ndim = ndim, .data = data};
    if (strlen(name) >= sizeof t.name || ndim > SAFETENSORS_NDIM_MAX ||
        out->n == SAFETENSORS_TENSORS_MAX)
        return err_set(-EINVAL, "safetensors: tensor %s does not fit the format's limits", name);
    snprintf(t.name, sizeof t.name, "%s", name);
    if (!tensor_bytes(dtype, ndim, shape, &t.bytes))
        return err_set(-EINVAL, "safetensors: tensor %s has an impossible shape", name);
    for (int i = 0; i < ndim; i++)
        t.shape[i] = shape[i];
    if (out->n == out->capacity) {
        size_t capacity = out->capacity ? 2 * out->capacity : TENSORS_FIRST;
        struct safetensor *grown = realloc(out->tensor, capacity * sizeof *grown);
        if (!grown)
            return err_set(-ENOMEM, "safetensors: out of memory");
        out->tensor = grown;
        out->capacity = capacity;
    }
    out->tensor[out->n++] = t;
    return 0;
}

int safetensors_meta(struct safetensors_out *out, const char *key, const char *value)
{
    if (!out->meta)
        out->meta = json_object();
    if (!out->meta || json_object_set_new(out->meta, key, json_string(value)) < 0)
        return err_set(-EINVAL, "safetensors: metadata %s is not UTF-8 text", key);
    return 0;
}

/* The reference writer's order: wide elements first, so everything stays aligned; then by name. */
static int by_width_then_name(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    size_t wx = dtypes[x->dtype].bytes, wy = dtypes[y->dtype].bytes;
    return wx != wy ? (wx < wy ? 1 : -1) : strcmp(x->name, y->name);
}

/* One tensor's row of the header. */
static json_t *header_row(const struct safetensor *t, size_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++)
        json_array_append_new(shape, json_integer(t->shape[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", dtypes[t->dtype].name, "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + t->bytes));
}

/* The header's JSON text, malloc'd. */
static int header_text(const struct safetensors_out *out, char **ret)
{
    auto_json json_t *header = json_object();
    if (out->meta)
        json_object_set(header, "__metadata__", out->meta);
    size_t at = 0;
    for (size_t i = 0; i < out->n; i++) {
        const struct safetensor *t = &out->tensor[i];
        if (json_object_get(header, t->name))
            return err_set(-EINVAL, "safetensors: two tensors are called %s", t->name);
        if (json_object_set_new(header, t->name, header_row(t, at)) < 0)
            return err_set(-EINVAL, "safetensors: tensor name %s is not UTF-8 text", t->name);
        at += t->bytes;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    if (!text)
        return err_set(-ENOMEM, "safetensors: out of memory");
    *ret = text;
    return 0;
}

static void put_in_order(struct safetensors_out *out)
{
    if (out->n)
        qsort(out->tensor, out->n, sizeof *out->tensor, by_width_then_name);
}

/* Of the data in file order. */
static void sum_text(const struct safetensor *tensors, size_t n, char ret[SUM_CHARS + 1])
{
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++)
        if (tensors[i].bytes)
            crc = crc32c(crc, tensors[i].data, tensors[i].bytes);
    snprintf(ret, SUM_CHARS + 1, "%08x", (unsigned)crc);
}

int safetensors_seal(struct safetensors_out *out)
{
    char sum[SUM_CHARS + 1];
    put_in_order(out);
    sum_text(out->tensor, out->n, sum);
    return safetensors_meta(out, sum_key, sum);
}

int safetensors_write(struct safetensors_out *out, const char *path)
{
    put_in_order(out);
    auto_free char *text = NULL;
    int rc = header_text(out, &text);
    if (rc < 0)
        return rc;
    size_t used = strlen(text);
    size_t pad = (DATA_ALIGN - (LENGTH_BYTES + used) % DATA_ALIGN) % DATA_ALIGN;
    uint64_t len = used + pad;
    if (len > SAFETENSORS_HEADER_MAX)
        return err_set(-EFBIG, "%s: a header of %zu bytes is above the limit", path, used);

    struct file_write w = {0};
    rc = file_write_begin(&w, path);
    if (rc < 0)
        return rc;
    bool ok = fwrite(&len, sizeof len, 1, w.out) == 1 && fwrite(text, used, 1, w.out) == 1 &&
              fprintf(w.out, "%*s", (int)pad, "") == (int)pad;
    for (size_t i = 0; ok && i < out->n; i++)
        ok = !out->tensor[i].bytes ||
             fwrite(out->tensor[i].data, out->tensor[i].bytes, 1, w.out) == 1;
    if (!ok) {
        rc = err_set(errno ? -errno : -EIO, "%s: cannot write: %s", path, strerror(errno));
        file_write_abort(&w);
        return rc;
    }
    return file_write_commit(&w);
}

/* --- reading --- */

struct safetensors {
    char *path;
    void *map; /* the whole file, MAP_FAILED until mapped */
    size_t map_len;
    json_t *meta;               /* NULL = none */
    struct safetensor *tensor;  /* by place in the file */
    struct safetensor **byname; /* the same, sorted by name */
    size_t n;
};

void safetensors_close(struct safetensors *st)
{
    if (!st)
        return;
    if (st->map != MAP_FAILED)
        munmap(st->map, st->map_len);
    json_decref(st->meta);
    free(st->byname);
    free(st->tensor);
    free(st->path);
    free(st);
}

static void close_fn(struct safetensors **st)
{
    safetensors_close(*st);
}

static int map_file(struct safetensors *st)
{
    auto_close int fd = open(st->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) < 0)
        return err_set(-errno, "%s: cannot open: %s", st->path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return err_set(-EBADMSG, "%s: is not a regular file", st->path);
    if (s.st_size < LENGTH_BYTES || (uint64_t)s.st_size > SAFETENSORS_FILE_MAX)
        return err_set(-EBADMSG, "%s: a file of %lld bytes is no safetensors file", st->path,
                       (long long)s.st_size);
    st->map_len = (size_t)s.st_size;
    st->map = mmap(NULL, st->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (st->map == MAP_FAILED)
        return err_set(-errno, "%s: cannot map: %s", st->path, strerror(errno));
    return 0;
}

static int bad_tensor(const struct safetensors *st, const char *name, const char *what)
{
    return err_set(-EBADMSG, "%s: tensor %.100s: %s", st->path, name, what);
}

static int parse_dtype(const char *name, enum safetensors_dtype *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(dtypes); i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            *ret = (enum safetensors_dtype)i;
            return 0;
        }
    return -ENOENT;
}

static int parse_shape(const json_t *shape, struct safetensor *t)
{
    size_t ndim = json_array_size(shape);
    if (!json_is_array(shape) || ndim > SAFETENSORS_NDIM_MAX)
        return -EBADMSG;
    t->ndim = (int)ndim;
    for (size_t i = 0; i < ndim; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size))
            return -EBADMSG;
        t->shape[i] = json_integer_value(size);
    }
    return tensor_bytes(t->dtype, t->ndim, t->shape, &t->bytes) ? 0 : -EBADMSG;
}

/* One row of the header; data is what follows the header, data_len bytes. */
static int parse_row(const struct safetensors *st, const char *name, json_t *row,
                     const unsigned char *data, size_t data_len, struct safetensor *t)
{
    if (strlen(name) >= sizeof t->name)
        return bad_tensor(st, name, "its name is too long");
    snprintf(t->name, sizeof t->name, "%s", name);
    const char *dtype;
    const json_t *shape, *offsets;
    if (json_unpack(row, "{s:s, s:o, s:o}", "dtype", &dtype, "shape", &shape, "data_offsets",
                    &offsets) < 0)
        return bad_tensor(st, name, "needs dtype, shape and data_offsets");
    if (parse_dtype(dtype, &t->dtype) < 0)
        return bad_tensor(st, name, "has a dtype that is not known here");
    if (parse_shape(shape, t) < 0)
        return bad_tensor(st, name, "has an impossible shape");
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return bad_tensor(st, name, "data_offsets must be two numbers");
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > data_len)
        return bad_tensor(st, name, "lies outside the file");
    if ((uint64_t)(end - begin) != t->bytes)
        return bad_tensor(st, name, "its shape does not fill its data_offsets");
    t->data = data + begin;
    /* Every writer in use aligns; a file that does not would make each reader copy. */
    if ((uintptr_t)t->data % dtypes[t->dtype].bytes != 0)
        return bad_tensor(st, name, "is not aligned to its element size");
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct safetensor *x = a, *y = b;
    if (x->data != y->data)
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1; /* empty ones first, so that no gap is seen */
    return strcmp(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    const struct safetensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* No holes, no overlap, nothing after the last tensor. */
static int check_cover(const struct safetensors *st, const unsigned char *data, size_t data_len)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < st->n; i++) {
        if (st->tensor[i].data != at)
            return bad_tensor(st, st->tensor[i].name, "overlaps another or leaves a hole");
        at += st->tensor[i].bytes;
    }
    if (at != data + data_len)
        return err_set(-EBADMSG, "%s: %zu bytes after the last tensor", st->path,
                       (size_t)(data + data_len - at));
    return 0;
}

static int check_meta(struct safetensors *st, json_t *meta)
{
    const char *key;
    json_t *value;
    if (!json_is_object(meta))
        return err_set(-EBADMSG, "%s: __metadata__ is not an object", st->path);
    json_object_foreach(meta, key, value)
    {
        if (!json_is_string(value))
            return err_set(-EBADMSG, "%s: __metadata__ %.100s is not a string", st->path, key);
    }
    st->meta = json_incref(meta);
    return 0;
}

static int parse_header(struct safetensors *st, json_t *header, size_t header_len)
{
    const unsigned char *data = (unsigned char *)st->map + LENGTH_BYTES + header_len;
    size_t data_len = st->map_len - LENGTH_BYTES - header_len;
    size_t rows = json_object_size(header);
    if (rows > SAFETENSORS_TENSORS_MAX)
        return err_set(-EBADMSG, "%s: %zu tensors are above the limit", st->path, rows);
    st->tensor = calloc(rows + 1, sizeof *st->tensor);
    st->byname = calloc(rows + 1, sizeof(struct safetensor *));
    if (!st->tensor || !st->byname)
        return err_set(-ENOMEM, "%s: out of memory", st->path);
    const char *key;
    json_t *row;
    json_object_foreach(header, key, row)
    {
        int rc = strcmp(key, "__metadata__") == 0
                     ? check_meta(st, row)
                     : parse_row(st, key, row, data, data_len, &st->tensor[st->n++]);
        if (rc < 0)
            return rc;
    }
    qsort(st->tensor, st->n, sizeof *st->tensor, by_place);
    for (size_t i = 0; i < st->n; i++)
        st->byname[i] = &st->tensor[i];
    qsort(st->byname, st->n, sizeof(struct safetensor *), by_name);
    return check_cover(st, data, data_len);
}

int safetensors_open(const char *path, struct safetensors **ret)
{
    auto_with(close_fn) struct safetensors *st = calloc(1, sizeof *st);
    if (!st)
        return err_set(-ENOMEM, "%s: out of memory", path);
    st->map = MAP_FAILED;
    st->path = strdup(path);
    if (!st->path)
        return err_set(-ENOMEM, "%s: out of memory", path);
    int rc = map_file(st);
    if (rc < 0)
        return rc;
    uint64_t header_len;
    memcpy(&header_len, st->map, sizeof header_len);
    const char *text = (const char *)st->map + LENGTH_BYTES;
    if (header_len > SAFETENSORS_HEADER_MAX || header_len > st->map_len - LENGTH_BYTES ||
        header_len < 2 || text[0] != '{')
        return err_set(-EBADMSG, "%s: is not a safetensors file, or is cut", path);
    json_error_t why;
    auto_json json_t *header = json_loadb(text, (size_t)header_len, JSON_REJECT_DUPLICATES, &why);
    if (!header)
        return err_set(-EBADMSG, "%s: header, byte %d: %s", path, why.position, why.text);
    rc = parse_header(st, header, (size_t)header_len);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&st);
    return 0;
}

size_t safetensors_n(const struct safetensors *st)
{
    return st->n;
}

const struct safetensor *safetensors_at(const struct safetensors *st, size_t i)
{
    return &st->tensor[i];
}

static int name_against(const void *name, const void *entry)
{
    return strcmp(name, (*(const struct safetensor *const *)entry)->name);
}

const struct safetensor *safetensors_find(const struct safetensors *st, const char *name)
{
    struct safetensor *const *found =
        bsearch(name, st->byname, st->n, sizeof(struct safetensor *), name_against);
    return found ? *found : NULL;
}

const char *safetensors_get_meta(const struct safetensors *st, const char *key)
{
    return json_string_value(json_object_get(st->meta, key));
}

void safetensors_each_meta(const struct safetensors *st,
                           void (*each)(void *hint, const char *key, const char *value), void *hint)
{
    const char *key;
    json_t *value;
    json_object_foreach(st->meta, key, value)
    {
        each(hint, key, json_string_value(value));
    }
}

int safetensors_check_seal(const struct safetensors *st)
{
    const char *sealed = safetensors_get_meta(st, sum_key);
    char sum[SUM_CHARS + 1];
    if (!sealed)
        return 0;
    sum_text(st->tensor, st->n, sum);
    if (strcmp(sealed, sum) != 0)
        return err_set(-EBADMSG, "%s: is damaged: the CRC-32C of its data is %s, written was %.16s",
                       st->path, sum, sealed);
    return 0;
}

/* "F32 [64,3,7,7]" */
static void shape_text(enum safetensors_dtype dtype, int ndim, const int64_t *shape, char *ret,
                       size_t cap)
{
    size_t at = (size_t)snprintf(ret, cap, "%s [", dtypes[dtype].name);
    for (int i = 0; i < ndim && at < cap; i++)
        at += (size_t)snprintf(ret + at, cap - at, "%s%lld", i ? "," : "", (long long)shape[i]);
    if (at < cap)
        snprintf(ret + at, cap - at, "]");
}

int safetensors_expect(const struct safetensors *st, const char *name, enum safetensors_dtype dtype,
                       int ndim, const int64_t *shape, const void **ret_data)
{
    const struct safetensor *t = safetensors_find(st, name);
    if (!t)
        return err_set(-ENOENT, "%s: has no tensor %s", st->path, name);
    bool same = t->dtype == dtype && t->ndim == ndim;
    for (int i = 0; same && i < ndim; i++)
        same = t->shape[i] == shape[i];
    if (!same) {
        char is[128], wanted[128];
        shape_text(t->dtype, t->ndim, t->shape, is, sizeof is);
        shape_text(dtype, ndim, shape, wanted, sizeof wanted);
        return err_set(-EBADMSG, "%s: tensor %s is %s, expected %s", st->path, name, is, wanted);
    }
    *ret_data = t->data;
    return 0;
}
