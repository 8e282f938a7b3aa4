/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg: what the files behind the door to libjpeg-turbo share: memory that it takes from us. */
#ifndef AUGSTREAM_LOADERD_DECODE_JPEG_H
#define AUGSTREAM_LOADERD_DECODE_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

/* --- jpeg_memory.c --- */

/* The library's memory manager for what it takes per picture. One block serves picture after
 * picture; what does not fit in it is taken from the heap, and the block grows to hold it the next
 * time. Embedded; one decompressor each. */
struct jpeg_memory {
    struct jpeg_memory_mgr methods;   /* first: the library hands it back as cinfo->mem */
    struct jpeg_memory_mgr *original; /* owns what the library took at its creation */
    unsigned char *block;
    size_t capacity, used; /* of the block, bytes */
    size_t taken, limit;   /* bytes for this picture, in the block and beside it */
    struct jpeg_spill *spills;
    struct jvirt_barray_control *arrays;
};

/* To be called once, right after jpeg_create_decompress: what the library asks for from then on
 * lasts until jpeg_abort, permanent pool or not. Its quantisation and Huffman tables are such:
 * clear their pointers after jpeg_abort. jpeg_destroy gives all back. Beyond limit bytes for one
 * picture the library's error JERR_OUT_OF_MEMORY is raised. */
void jpeg_memory_install(struct jpeg_memory *memory, struct jpeg_decompress_struct *cinfo,
                         size_t limit);

#endif
