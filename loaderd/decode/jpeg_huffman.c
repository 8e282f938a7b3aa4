/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg_huffman: takes the coded data of one sequential scan, gives its coefficients MCU by MCU, in
 * place of libjpeg-turbo's own decoder, where a photograph spends two thirds of its decoding. One
 * thread per struct huffman. It reads no markers but restarts, and does not dequantise.
 *
 * Each symbol's bits are known from one look: the entry has the length of the code and that of the
 * number that follows it, so that the next look need not wait for the number. A look needs its
 * table's load and one shift; all else runs beside that chain. Codes longer than HUFFMAN_LOOKUP
 * bits are rare and searched for. Figures and sections are those of ITU-T T.81. */
#include "loaderd/decode/jpeg.h"

#include <endian.h>
#include <string.h>

#define JPEG_INTERNALS
#include <jerror.h>
#include <jpegint.h>

/* An entry: how many bits code and number take together (bits 0..5), the code alone (8..12), how
 * far in the block the symbol leads (16..22), and how many bits the number has (24..27). The first
 * comes first so that an entry is a shift count as it stands. */
enum {
    AT_CODE = 8,
    AT_ADVANCE = 16,
    AT_NUMBER = 24,
    ADVANCE_MASK = 127,
    LENGTH_MASK = 31,
    TOTAL_MASK = 63,
    BLOCK_END = 64, /* the advance of "no more coefficients": beyond any block */
    ZERO_RUN = 0xf0,
    REFILLED = 56, /* bits there are after a refill, at least */
    LAST = DCTSIZE2 - 1,
};

/* Where in the block the k-th coefficient of the zigzag lies (figure A.6). */
static const uint8_t zigzag[DCTSIZE2] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* The entry of a symbol whose code has `length` bits. dc: the symbol is only a number's length. */
static uint32_t entry_of(unsigned symbol, unsigned length, bool dc)
{
    const uint32_t number = dc ? symbol : symbol & 15;
    const uint32_t run = dc ? 0 : symbol >> 4;
    const bool end = !dc && number == 0 && symbol != ZERO_RUN;
    const uint32_t advance = end ? BLOCK_END : run + 1;
    return (length + number) | length << AT_CODE | advance << AT_ADVANCE | number << AT_NUMBER;
}

/* The library has checked that the codes fit in their lengths and that numbers are at most 15 bits.
 */
static void table_make(struct huffman_table *table, const JHUFF_TBL *from, bool dc)
{
    if (table->made && memcmp(table->bits, from->bits, sizeof table->bits) == 0 &&
        memcmp(table->values, from->huffval, sizeof table->values) == 0)
        return;
    memset(table, 0, sizeof *table);
    memcpy(table->bits, from->bits, sizeof table->bits);
    memcpy(table->values, from->huffval, sizeof table->values);
    uint32_t code = 0;
    unsigned symbol = 0;
    for (unsigned length = 1; length <= 16; length++) {
        table->symbols[length] = (int32_t)symbol - (int32_t)code;
        for (unsigned n = from->bits[length]; n > 0; n--, symbol++, code++) {
            if (length > HUFFMAN_LOOKUP)
                continue;
            const unsigned spare = HUFFMAN_LOOKUP - length;
            const uint32_t entry = entry_of(from->huffval[symbol], length, dc);
            for (uint32_t i = 0; i < 1u << spare; i++)
                table->lookup[(code << spare) + i] = entry;
        }
        table->end[length] = code;
        code <<= 1;
    }
    table->made = true;
}

/* The entry of a code longer than one look, which is the first of `bits`; 0: there is none. */
static uint32_t table_search(const struct huffman_table *table, uint64_t bits, bool dc)
{
    for (unsigned length = HUFFMAN_LOOKUP + 1; length <= 16; length++) {
        const uint32_t code = (uint32_t)(bits >> (64 - length));
        if (code < table->end[length])
            return entry_of(table->values[(int32_t)code + table->symbols[length]], length, dc);
    }
    return 0;
}

/* What a decoder of one MCU keeps in registers. */
struct reading {
    uint64_t bits;
    int count, padding;
    const uint8_t *next, *end;
};

/* Byte by byte: where the data has 0xff, or ends. Stops before a marker and pads with zeros. */
static void refill_slowly(struct reading *r)
{
    while (r->count < REFILLED) {
        uint64_t byte = 0;
        const uint8_t *next = r->next;
        if (next < r->end && *next != 0xff) {
            byte = *next++;
        } else {
            while (next < r->end && *next == 0xff)
                next++;
            if (next < r->end && *next == 0) { /* 0xff is written as 0xff 0x00 (B.1.1.5) */
                byte = 0xff;
                next++;
            } else {
                next = r->next;
                r->padding += 8;
            }
        }
        r->next = next;
        r->bits |= byte << (REFILLED - r->count);
        r->count += 8;
    }
}

static inline __attribute__((always_inline)) void refill(struct reading *r)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t data;
    if (__builtin_expect(r->end - r->next >= 8, 1)) {
        memcpy(&data, r->next, 8);
        /* No byte of it is 0xff: no byte of its complement is 0. */
        if (__builtin_expect(!((~data - ones) & data & (ones << 7)), 1)) {
            /* As many whole bytes as there is room for. The bits of the next one that come with
             * them are not counted, and will be set again to the same. */
            r->bits |= be64toh(data) >> r->count;
            r->next += (63 - r->count) >> 3;
            r->count |= REFILLED;
            return;
        }
    }
    refill_slowly(r);
}

/* The number of `length` bits at the head of bits, its sign extended as in figure F.12. */
static inline __attribute__((always_inline)) int number_at(uint64_t bits, unsigned length)
{
    const int value = (int)((bits >> 1) >> (63 - length));
    const int below = (int)~((int64_t)bits >> 63); /* all ones where the first bit is 0 */
    return value + (below & (1 - (1 << length)));
}

/* Takes the symbol and its number from r, and returns its entry; 0: no such code. There must be
 * HUFFMAN_LOOKUP + 15 bits. */
static inline __attribute__((always_inline)) uint32_t
symbol_take(struct reading *r, const struct huffman_table *table, bool dc, int *ret_number)
{
    uint32_t entry = table->lookup[r->bits >> (64 - HUFFMAN_LOOKUP)];
    if (__builtin_expect(!entry, 0)) {
        refill(r);
        entry = table_search(table, r->bits, dc);
    }
    const uint64_t number = r->bits << (entry >> AT_CODE & LENGTH_MASK);
    r->bits <<= entry & TOTAL_MASK;
    r->count -= (int)(entry & TOTAL_MASK);
    *ret_number = number_at(number, entry >> AT_NUMBER);
    return entry;
}

/* One block (F.2.2). The coefficients are zero before. False: damaged. */
static inline __attribute__((always_inline)) bool
block_read(struct reading *r, const struct huffman *h, int at, int *last_dc, JCOEF *block)
{
    int number;
    refill(r);
    uint32_t entry = symbol_take(r, h->dc[at], true, &number);
    if (__builtin_expect(!entry, 0))
        return false;
    *last_dc = (int)((unsigned)*last_dc + (unsigned)number);
    block[0] = (JCOEF)*last_dc;
    const struct huffman_table *table = h->ac[at];
    unsigned k = 0;
    /* Two symbols a refill. An entry of 0 does not advance: it ends the block as well. */
    for (;;) {
        entry = symbol_take(r, table, false, &number);
        k += entry >> AT_ADVANCE & ADVANCE_MASK;
        if (k >= LAST || !entry)
            break;
        block[zigzag[k]] = (JCOEF)number;
        refill(r);
        entry = symbol_take(r, table, false, &number);
        k += entry >> AT_ADVANCE & ADVANCE_MASK;
        if (k >= LAST || !entry)
            break;
        block[zigzag[k]] = (JCOEF)number;
    }
    if (k == LAST)
        block[LAST] = (JCOEF)number;
    return entry && (k <= LAST || (entry >> AT_ADVANCE & ADVANCE_MASK) == BLOCK_END);
}

/* Up to the next marker, which must be the restart that is due (F.2.2.4, E.2.4); what lies before
 * it is left out, as the library leaves it out. */
static void restart(struct huffman *h, struct jpeg_decompress_struct *cinfo)
{
    const uint8_t *next = h->next;
    do {
        next = next < h->end ? memchr(next, 0xff, (size_t)(h->end - next)) : NULL;
        while (next && next < h->end && *next == 0xff)
            next++;
    } while (next && next < h->end && *next == 0);
    const int due = cinfo->marker->next_restart_num;
    if (!next || next >= h->end || *next != JPEG_RST0 + due)
        WARNMS2(cinfo, JWRN_MUST_RESYNC, next && next < h->end ? *next : JPEG_EOI, due);
    else
        h->next = next + 1;
    cinfo->marker->next_restart_num = (due + 1) & 7;
    h->bits = 0;
    h->count = h->padding = 0;
    h->restarts = cinfo->restart_interval;
    memset(h->last_dc, 0, sizeof h->last_dc);
}

/* blocks: NULL where the coefficients are not wanted. */
static inline __attribute__((always_inline)) boolean mcu_read(struct jpeg_decompress_struct *cinfo,
                                                              JBLOCKROW *blocks)
{
    struct huffman *h = cinfo->client_data;
    if (cinfo->restart_interval && h->restarts-- == 0) {
        restart(h, cinfo);
        h->restarts--;
    }
    JBLOCK unwanted;
    struct reading r = {h->bits, h->count, h->padding, h->next, h->end};
    bool sound = true;
    for (int i = 0; i < cinfo->blocks_in_MCU && sound; i++)
        sound = block_read(&r, h, i, &h->last_dc[cinfo->MCU_membership[i]],
                           blocks ? *blocks[i] : unwanted);
    h->bits = r.bits;
    h->count = r.count;
    h->padding = r.padding;
    h->next = r.next;
    if (__builtin_expect(r.padding > r.count, 0)) /* some of it was taken for data */
        WARNMS(cinfo, JWRN_HIT_MARKER);
    else if (__builtin_expect(!sound, 0))
        WARNMS(cinfo, JWRN_HUFF_BAD_CODE);
    return TRUE;
}

static bool everywhere(void)
{
    return true;
}

static boolean mcu_read_plain(struct jpeg_decompress_struct *cinfo, JBLOCKROW *blocks)
{
    return mcu_read(cinfo, blocks);
}

#ifdef __x86_64__
static bool has_bmi2(void)
{
    return __builtin_cpu_supports("bmi2");
}

/* Variable shifts that leave the flags alone. */
__attribute__((target("bmi2"))) static boolean mcu_read_bmi2(struct jpeg_decompress_struct *cinfo,
                                                             JBLOCKROW *blocks)
{
    return mcu_read(cinfo, blocks);
}
#endif

const struct huffman_version huffman_versions[] = {
#ifdef __x86_64__
    {"bmi2", has_bmi2, mcu_read_bmi2},
#endif
    {"plain", everywhere, mcu_read_plain},
};
const size_t n_huffman_versions = sizeof huffman_versions / sizeof huffman_versions[0];

bool huffman_attach(struct huffman *h, struct jpeg_decompress_struct *cinfo)
{
    if (cinfo->progressive_mode || cinfo->arith_code || jpeg_has_multiple_scans(cinfo))
        return false;
    if (!h->version)
        h->version = huffman_versions;
    while (!h->version->runs_here())
        h->version++;
    for (int i = 0; i < cinfo->comps_in_scan; i++) {
        const int dc = cinfo->cur_comp_info[i]->dc_tbl_no, ac = cinfo->cur_comp_info[i]->ac_tbl_no;
        table_make(&h->dc_tables[dc], cinfo->dc_huff_tbl_ptrs[dc], true);
        table_make(&h->ac_tables[ac], cinfo->ac_huff_tbl_ptrs[ac], false);
    }
    for (int i = 0; i < cinfo->blocks_in_MCU; i++) {
        const jpeg_component_info *info = cinfo->cur_comp_info[cinfo->MCU_membership[i]];
        h->dc[i] = &h->dc_tables[info->dc_tbl_no];
        h->ac[i] = &h->ac_tables[info->ac_tbl_no];
    }
    h->bits = 0;
    h->count = h->padding = 0;
    h->next = cinfo->src->next_input_byte;
    h->end = h->next + cinfo->src->bytes_in_buffer;
    h->restarts = cinfo->restart_interval;
    memset(h->last_dc, 0, sizeof h->last_dc);
    cinfo->client_data = h;
    cinfo->entropy->decode_mcu = h->version->read_mcu;
    return true;
}
