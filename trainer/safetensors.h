/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: named tensors in one file (huggingface/safetensors README, "Format"): u64 header
 * length, JSON header, raw little-endian data. Knows nothing of networks. The door to jansson. */
#ifndef AUGSTREAM_TRAINER_SAFETENSORS_H
#define AUGSTREAM_TRAINER_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

enum {
    SAFETENSORS_NDIM_MAX = 8,
    SAFETENSORS_NAME_MAX = 256, /* bytes with the NUL */
    SAFETENSORS_TENSORS_MAX = 1 << 16,
    SAFETENSORS_HEADER_MAX = 64 << 20,
};
#define SAFETENSORS_FILE_MAX (1ull << 40)

enum safetensors_dtype {
    ST_F32,
    ST_F16,
    ST_BF16,
    ST_F64,
    ST_I64,
    ST_I32,
    ST_U8,
    ST_BOOL,
    /* Others write these; we only read them. */
    ST_I16,
    ST_I8,
    ST_U64,
    ST_U32,
    ST_U16,
    ST_F8_E5M2,
    ST_F8_E4M3,
    ST_DTYPES
};
size_t safetensors_dtype_bytes(enum safetensors_dtype dtype);
const char *safetensors_dtype_name(enum safetensors_dtype dtype); /* "F32" */

struct safetensor {
    char name[SAFETENSORS_NAME_MAX];
    enum safetensors_dtype dtype;
    int ndim;
    int64_t shape[SAFETENSORS_NDIM_MAX];
    const void *data; /* reader: into the mapping; writer: the caller's, until write returns */
    size_t bytes;
};

/* --- writing: add everything, then write once (tmp + fsync + rename) --- */
struct safetensors_out;
int safetensors_out_new(struct safetensors_out **ret);
void safetensors_out_free(struct safetensors_out *out);
int safetensors_add(struct safetensors_out *out, const char *name, enum safetensors_dtype dtype,
                    int ndim, const int64_t *shape, const void *data); /* data: a loan */
int safetensors_meta(struct safetensors_out *out, const char *key, const char *value); /* copied */
/* Adds the metadata crc32c, eight hex digits: the CRC-32C of all data as it will lie in the file.
 * After the last tensor; what they point to may not change any more. */
int safetensors_seal(struct safetensors_out *out);
int safetensors_write(struct safetensors_out *out, const char *path);

/* --- reading: the file is mapped; every offset, shape and overlap checked. -EBADMSG names the file
 * and the tensor --- */
struct safetensors;
int safetensors_open(const char *path, struct safetensors **ret);
void safetensors_close(struct safetensors *st);
size_t safetensors_n(const struct safetensors *st);
const struct safetensor *safetensors_at(const struct safetensors *st, size_t i); /* file order */
const struct safetensor *safetensors_find(const struct safetensors *st, const char *name);
const char *safetensors_get_meta(const struct safetensors *st, const char *key); /* NULL */

/* Each pair of the metadata, in the file's order. */
void safetensors_each_meta(const struct safetensors *st,
                           void (*each)(void *hint, const char *key, const char *value),
                           void *hint);

/* -EBADMSG where the data is not what safetensors_seal saw; 0 also for a file that nobody sealed.
 * Reads all of it. */
int safetensors_check_seal(const struct safetensors *st);

/* The tensor `name` with just this dtype and shape; -ENOENT / -EBADMSG, file and name told. */
int safetensors_expect(const struct safetensors *st, const char *name, enum safetensors_dtype dtype,
                       int ndim, const int64_t *shape, const void **ret_data);

#endif
