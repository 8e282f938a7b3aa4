/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg_memory: takes libjpeg-turbo's requests for memory, serves them from one block that is kept
 * from picture to picture. The library's own manager takes and frees a dozen heap blocks for each
 * picture, and megabytes of fresh pages for the coefficients of a progressive one. One thread per
 * decompressor. Not for the library's other modes: no virtual sample arrays, no backing store. */
#include "loaderd/decode/jpeg.h"

#include <stdlib.h>
#include <string.h>

#include <jerror.h>

enum {
    ALIGN = 64,                         /* as wide as any vector that the library's code loads */
    SLACK = ALIGN,                      /* behind each piece: that code reads whole vectors */
    STEP = 64 << 10,                    /* the block grows in steps of this */
    KEPT_MAX = 64 << 20,                /* a larger picture's memory is not kept */
    PIECE_MAX = 1 << 30,                /* bytes of one request */
    COUNT_MAX = JPEG_MAX_DIMENSION * 4, /* rows, and samples or blocks of a row */
};

struct jpeg_spill {
    struct jpeg_spill *next;
    unsigned char bytes[];
};

struct jvirt_barray_control {
    JBLOCKARRAY rows;
    JDIMENSION blocks, count; /* of a row; rows */
    boolean zero;
    struct jvirt_barray_control *next;
};

static struct jpeg_memory *memory_of(j_common_ptr cinfo)
{
    return (struct jpeg_memory *)cinfo->mem;
}

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

/* Does not return without memory: the library's error handler does not. */
static void *take(j_common_ptr cinfo, size_t bytes)
{
    struct jpeg_memory *memory = memory_of(cinfo);
    if (bytes > PIECE_MAX)
        ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 0);
    const size_t piece = round_up(bytes + SLACK, ALIGN);
    if (piece > memory->limit - memory->taken)
        ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 1);
    memory->taken += piece;
    if (piece <= memory->capacity - memory->used) {
        unsigned char *p = memory->block + memory->used;
        memory->used += piece;
        return p;
    }
    struct jpeg_spill *spill = malloc(sizeof *spill + piece + ALIGN);
    if (!spill)
        ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 2);
    spill->next = memory->spills;
    memory->spills = spill;
    return (void *)round_up((uintptr_t)spill->bytes, ALIGN);
}

static void *alloc(j_common_ptr cinfo, int pool, size_t bytes)
{
    (void)pool;
    return take(cinfo, bytes);
}

/* Rows of `width` bytes, and pointers to them. */
static void *alloc_rows(j_common_ptr cinfo, size_t width, JDIMENSION rows)
{
    if (rows > COUNT_MAX || width > PIECE_MAX || width * rows > PIECE_MAX)
        ERREXIT1(cinfo, JERR_OUT_OF_MEMORY, 3);
    unsigned char **pointers = take(cinfo, rows * sizeof *pointers);
    unsigned char *bytes = take(cinfo, width * rows);
    for (JDIMENSION i = 0; i < rows; i++)
        pointers[i] = bytes + i * width;
    return pointers;
}

static JSAMPARRAY alloc_sarray(j_common_ptr cinfo, int pool, JDIMENSION samples, JDIMENSION rows)
{
    (void)pool;
    return alloc_rows(cinfo, round_up(samples * sizeof(JSAMPLE), ALIGN), rows);
}

static JBLOCKARRAY alloc_barray(j_common_ptr cinfo, int pool, JDIMENSION blocks, JDIMENSION rows)
{
    (void)pool;
    return alloc_rows(cinfo, blocks * sizeof(JBLOCK), rows);
}

/* Only two-pass colour quantisation and raw output would ask. */
static jvirt_sarray_ptr request_virt_sarray(j_common_ptr cinfo, int pool, boolean zero,
                                            JDIMENSION samples, JDIMENSION rows, JDIMENSION at_once)
{
    (void)pool, (void)zero, (void)samples, (void)rows, (void)at_once;
    ERREXIT(cinfo, JERR_NOTIMPL);
    return NULL;
}

static JSAMPARRAY access_virt_sarray(j_common_ptr cinfo, jvirt_sarray_ptr array, JDIMENSION start,
                                     JDIMENSION rows, boolean writable)
{
    (void)array, (void)start, (void)rows, (void)writable;
    ERREXIT(cinfo, JERR_BAD_VIRTUAL_ACCESS);
    return NULL;
}

static jvirt_barray_ptr request_virt_barray(j_common_ptr cinfo, int pool, boolean zero,
                                            JDIMENSION blocks, JDIMENSION rows, JDIMENSION at_once)
{
    (void)pool, (void)at_once; /* all rows are there at once */
    struct jpeg_memory *memory = memory_of(cinfo);
    struct jvirt_barray_control *array = take(cinfo, sizeof *array);
    *array = (struct jvirt_barray_control){
        .blocks = blocks, .count = rows, .zero = zero, .next = memory->arrays};
    memory->arrays = array;
    return array;
}

static void realize_virt_arrays(j_common_ptr cinfo)
{
    struct jpeg_memory *memory = memory_of(cinfo);
    for (struct jvirt_barray_control *a = memory->arrays; a; a = a->next) {
        if (a->rows)
            continue;
        a->rows = alloc_barray(cinfo, JPOOL_IMAGE, a->blocks, a->count);
        if (a->zero && a->count)
            memset(a->rows[0], 0, (size_t)a->count * a->blocks * sizeof(JBLOCK));
    }
}

static JBLOCKARRAY access_virt_barray(j_common_ptr cinfo, jvirt_barray_ptr array, JDIMENSION start,
                                      JDIMENSION rows, boolean writable)
{
    (void)writable;
    if (!array->rows || start > array->count || rows > array->count - start)
        ERREXIT(cinfo, JERR_BAD_VIRTUAL_ACCESS);
    return array->rows + start;
}

static void spills_free(struct jpeg_memory *memory)
{
    while (memory->spills) {
        struct jpeg_spill *spill = memory->spills;
        memory->spills = spill->next;
        free(spill);
    }
}

/* The picture is done with: all of its memory is free, and the block holds as much the next time.
 * Without memory for that the old block stays. */
static void free_pool(j_common_ptr cinfo, int pool)
{
    struct jpeg_memory *memory = memory_of(cinfo);
    if (pool != JPOOL_IMAGE)
        return;
    if (memory->spills && memory->taken <= KEPT_MAX) {
        const size_t capacity = round_up(memory->taken, STEP);
        unsigned char *block = aligned_alloc(ALIGN, capacity);
        if (block) {
            free(memory->block);
            memory->block = block;
            memory->capacity = capacity;
        }
    }
    spills_free(memory);
    memory->used = memory->taken = 0;
    memory->arrays = NULL;
}

static void self_destruct(j_common_ptr cinfo)
{
    struct jpeg_memory *memory = memory_of(cinfo);
    spills_free(memory);
    free(memory->block);
    cinfo->mem = memory->original;
    *memory = (struct jpeg_memory){0};
    cinfo->mem->self_destruct(cinfo);
}

void jpeg_memory_install(struct jpeg_memory *memory, struct jpeg_decompress_struct *cinfo,
                         size_t limit)
{
    *memory = (struct jpeg_memory){
        .methods =
            {
                .alloc_small = alloc,
                .alloc_large = alloc,
                .alloc_sarray = alloc_sarray,
                .alloc_barray = alloc_barray,
                .request_virt_sarray = request_virt_sarray,
                .request_virt_barray = request_virt_barray,
                .realize_virt_arrays = realize_virt_arrays,
                .access_virt_sarray = access_virt_sarray,
                .access_virt_barray = access_virt_barray,
                .free_pool = free_pool,
                .self_destruct = self_destruct,
                .max_memory_to_use = (long)limit,
                .max_alloc_chunk = PIECE_MAX,
            },
        .original = cinfo->mem,
        .limit = limit,
    };
    cinfo->mem = &memory->methods;
}
