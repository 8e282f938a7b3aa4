/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg: what the files behind the door to libjpeg-turbo share: memory that it takes from us, and a
 * Huffman decoder that it calls in place of its own. */
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

/* --- jpeg_huffman.c --- */

enum { HUFFMAN_LOOKUP = 10 /* bits that one look sees */ };

/* A symbol and, as far as one look tells it, the one behind it. */
struct huffman_pair {
    uint8_t total;         /* bits of both, with their numbers */
    uint8_t advance;       /* how far in the block they lead; the most where a look tells nothing */
    uint8_t advance_first; /* the first alone */
    uint8_t below[2];      /* of 64 bits, those behind each one's number */
    uint8_t number[2];     /* bits of it */
    uint8_t unused;
};

/* One Huffman table, made for decoding. An entry of lookup, by the next HUFFMAN_LOOKUP bits, is 0
 * where their code is longer or there is none, else packed as jpeg_huffman.c says. */
struct huffman_table {
    uint32_t lookup[1 << HUFFMAN_LOOKUP];
    struct huffman_pair pairs[1 << HUFFMAN_LOOKUP]; /* not of DC */
    uint32_t end[17];    /* by length: one more than the last code of it, or of its prefixes */
    int32_t symbols[17]; /* by length: symbol number less code */
    UINT8 bits[17], values[256];
    bool made;
};

struct huffman;

/* The decoder as it was made for one kind of processor. All give the same. */
struct huffman_version {
    const char *name;
    bool (*runs_here)(void);
    /* The blocks of one MCU; false: damaged. pass_over leaves their coefficients out. */
    bool (*put)(struct huffman *h, const struct jpeg_decompress_struct *cinfo, JBLOCKROW *blocks);
    bool (*pass_over)(struct huffman *h, const struct jpeg_decompress_struct *cinfo);
};
extern const struct huffman_version huffman_versions[]; /* fastest first; the last runs anywhere */
extern const size_t n_huffman_versions;

/* State of one scan; the tables stay from picture to picture. Zero-initialise once. */
struct huffman {
    const struct huffman_version *version; /* NULL: the first that runs here is taken */
    const uint8_t *raw, *raw_end;          /* the file from the marker on that ends data */
    uint8_t *data;             /* up to there, unstuffed; room for the rest of the file */
    const uint8_t *next, *end; /* of data, what is not in bits */
    uint64_t bits;             /* not yet consumed, from the highest down */
    int count;                 /* of them; a byte more may have begun to show */
    JDIMENSION column;         /* of the next MCU */
    unsigned restarts;         /* MCUs until the next restart marker; only where there are any */
    int last_dc[MAX_COMPS_IN_SCAN];
    const struct huffman_table *dc[D_MAX_BLOCKS_IN_MCU], *ac[D_MAX_BLOCKS_IN_MCU];
    struct huffman_table dc_tables[NUM_HUFF_TBLS], ac_tables[NUM_HUFF_TBLS];
};

/* Takes the place of the library's decoder, between jpeg_start_decompress and the first row, where
 * the picture is one Huffman-coded sequential scan; else false, and nothing is changed. The same
 * coefficients come out, faster. It reads the data that cinfo->src holds, which must be the whole
 * rest of the file, and leaves cinfo->src alone. Missing data is the library's warning
 * JWRN_HIT_MARKER, a restart marker that is not where it should be JWRN_MUST_RESYNC; a code that
 * does not exist, or a block of more than 64 coefficients, is JWRN_HUFF_BAD_CODE.
 * cinfo->client_data is set to huffman. */
bool huffman_attach(struct huffman *huffman, struct jpeg_decompress_struct *cinfo);

#endif
