/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg_huffman: takes the coded data of one sequential scan, gives its coefficients MCU by MCU, in
 * place of libjpeg-turbo's own decoder, where a photograph spends two thirds of its decoding. One
 * thread per struct huffman. It reads no markers but restarts, and does not dequantise.
 *
 * The data is first copied without what markers stuff into it, and with room behind it, so that
 * reading on is a load and a shift without a question. Each symbol's bits are known from one look:
 * the entry has the length of the code and that of the number that follows it, so that the next
 * look need not wait for the number. A look needs its table's load and two shifts; all else runs
 * beside that chain. Most looks tell two symbols, since of the second only the code need be in
 * sight. Codes longer than HUFFMAN_LOOKUP bits are rare and searched for. A block that no crop
 * needs is passed over. Figures and sections are those of ITU-T T.81. */
#include "loaderd/decode/jpeg.h"

#include <endian.h>
#include <string.h>

#define JPEG_INTERNALS
#include <jerror.h>
#include <jpegint.h>

/* An entry of lookup: how many bits code and number take together (bits 0..5), the code alone
 * (8..12), the number alone (16..19), and how far in the block the symbol leads (24..30). */
enum {
    AT_CODE = 8,
    AT_NUMBER = 16,
    AT_ADVANCE = 24,
    LENGTH_MASK = 31,
    TOTAL_MASK = 63,
    BLOCK_END = 64,  /* the advance of "no more coefficients": beyond any block */
    CODE_LONG = 255, /* of a pair that one look does not tell: beyond that */
    ZERO_RUN = 0xf0,
    REFILLED = 56, /* bits there are after a refill, at least */
    CODE_MAX = 16,
    NUMBER_MAX = 15,
    PAIR_MAX = HUFFMAN_LOOKUP + NUMBER_MAX, /* bits of a pair */
    LAST = DCTSIZE2 - 1,
    /* Bytes behind the data that an MCU of nothing but damage may read. */
    SLACK = (D_MAX_BLOCKS_IN_MCU * DCTSIZE2 * (CODE_MAX + NUMBER_MAX) + 7) / 8 + 3 * 8,
};
_Static_assert(REFILLED >= 2 * PAIR_MAX, "two looks are read between two refills");

static const struct {
    uint8_t zigzag[BLOCK_END + DCTSIZE2]; /* where the k-th lies (figure A.6); a block's end */
    int mask[NUMBER_MAX + 1];             /* so many ones */
} tables = {
    {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
     41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
     30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63, 63, 63,
     63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
     63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
     63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63},
    {0, 0x1, 0x3, 0x7, 0xf, 0x1f, 0x3f, 0x7f, 0xff, 0x1ff, 0x3ff, 0x7ff, 0xfff, 0x1fff, 0x3fff,
     0x7fff},
};

/* The entry of a symbol whose code has `length` bits. dc: the symbol is only a number's length. */
static uint32_t entry_of(unsigned symbol, unsigned length, bool dc)
{
    const uint32_t number = dc ? symbol : symbol & 15;
    const uint32_t run = dc ? 0 : symbol >> 4;
    const bool end = !dc && number == 0 && symbol != ZERO_RUN;
    const uint32_t advance = end ? BLOCK_END : run + 1;
    return (length + number) | length << AT_CODE | number << AT_NUMBER | advance << AT_ADVANCE;
}

static void pairs_make(struct huffman_table *table)
{
    for (uint32_t i = 0; i < 1 << HUFFMAN_LOOKUP; i++) {
        const uint32_t first = table->lookup[i];
        const uint32_t total = first & TOTAL_MASK, advance = first >> AT_ADVANCE;
        uint32_t second = 0;
        if (total < HUFFMAN_LOOKUP && advance != BLOCK_END) {
            second = table->lookup[i << total & ((1 << HUFFMAN_LOOKUP) - 1)];
            if (total + (second >> AT_CODE & LENGTH_MASK) > HUFFMAN_LOOKUP)
                second = 0;
        }
        const uint32_t both = total + (second & TOTAL_MASK),
                       leads = advance + (second >> AT_ADVANCE);
        table->pairs[i] = (struct huffman_pair){
            .total = (uint8_t)both,
            .advance = first ? (uint8_t)leads : CODE_LONG,
            .advance_first = (uint8_t)advance,
            .below = {(64 - total) & 63, (64 - both) & 63},
            .number = {first >> AT_NUMBER & NUMBER_MAX, second >> AT_NUMBER & NUMBER_MAX}};
    }
}

/* The library has checked that the codes fit in their lengths and that numbers are at most 15 bits.
 */
static void table_make(struct huffman_table *table, const JHUFF_TBL *from, bool dc)
{
    if (table->made && memcmp(table->bits, from->bits, sizeof table->bits) == 0 &&
        memcmp(table->values, from->huffval, sizeof table->values) == 0)
        return;
    memset(table->lookup, 0, sizeof table->lookup);
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
    if (!dc)
        pairs_make(table);
    table->made = true;
}

/* The entry of a code longer than one look, which is the first of `bits`; 0: there is none. */
static uint32_t table_search(const struct huffman_table *table, uint64_t bits, bool dc)
{
    const uint32_t head = (uint32_t)(bits >> (64 - CODE_MAX));
    unsigned length = HUFFMAN_LOOKUP + 1;
    for (unsigned longer = length; longer <= CODE_MAX; longer++) /* no branch to be foreseen */
        length += head >= table->end[longer] << (CODE_MAX - longer);
    if (length > CODE_MAX)
        return 0;
    const int32_t code = (int32_t)(head >> (CODE_MAX - length));
    return entry_of(table->values[code + table->symbols[length]], length, dc);
}

/* What a decoder of one MCU keeps in registers. */
struct reading {
    uint64_t bits;
    int count;
    const uint8_t *next;
};

static inline __attribute__((always_inline)) void refill(struct reading *r)
{
    uint64_t data;
    memcpy(&data, r->next, 8);
    /* As many whole bytes as there is room for. The bits of the next one that come with them are
     * not counted, and will be set again to the same. */
    r->bits |= be64toh(data) >> r->count;
    r->next += (63 - r->count) >> 3;
    r->count |= REFILLED;
}

/* The number that the lowest `length` bits are, its sign extended as in figure F.12. */
static inline __attribute__((always_inline)) int number_of(uint64_t bits, unsigned length)
{
    const int mask = tables.mask[length], value = (int)bits & mask;
    return value - (mask & (2 * value - mask) >> 31); /* a branch would often be foreseen wrongly */
}

/* Takes the symbol and its number from r, and returns its entry; 0: no such code. There must be
 * PAIR_MAX bits; there are as many afterwards, where there were REFILLED. */
static inline __attribute__((always_inline)) uint32_t
symbol_take(struct reading *r, const struct huffman_table *table, bool dc, int *ret_number)
{
    uint32_t entry = table->lookup[r->bits >> (64 - HUFFMAN_LOOKUP)];
    const bool longer = !entry;
    if (__builtin_expect(longer, 0)) {
        refill(r);
        entry = table_search(table, r->bits, dc);
    }
    const unsigned total = entry & TOTAL_MASK;
    *ret_number = number_of(r->bits >> (-total & 63), entry >> AT_NUMBER & NUMBER_MAX);
    r->bits <<= total;
    r->count -= (int)total;
    if (__builtin_expect(longer, 0))
        refill(r);
    return entry;
}

/* The coefficients of a pair that begins behind coefficient k. The second comes first: where there
 * is none its place is that of the first. The end of a block has the number 0, and stands where, in
 * a block that needs one, 0 stands anyway. */
static inline __attribute__((always_inline)) void
pair_put(uint64_t bits, const struct huffman_pair *pair, unsigned k, JCOEF *block)
{
    block[tables.zigzag[k + pair->advance]] =
        (JCOEF)number_of(bits >> (pair->below[1] & 63), pair->number[1]);
    block[tables.zigzag[k + pair->advance_first]] =
        (JCOEF)number_of(bits >> (pair->below[0] & 63), pair->number[0]);
}

static inline __attribute__((always_inline)) void
pair_take(struct reading *r, const struct huffman_pair *pair, unsigned *k)
{
    *k += pair->advance;
    r->bits <<= pair->total & 63;
    r->count -= pair->total;
}

/* The coefficients from *k on that pairs tell, two pairs a refill. Returns the pair, not taken,
 * that leads to the block's end or beyond. */
static inline __attribute__((always_inline)) const struct huffman_pair *
pairs_read(struct reading *r, const struct huffman_table *table, unsigned *k, JCOEF *block)
{
    for (;;) {
        const struct huffman_pair *pair = &table->pairs[r->bits >> (64 - HUFFMAN_LOOKUP)];
        if (*k + pair->advance >= LAST)
            return pair;
        if (block)
            pair_put(r->bits, pair, *k, block);
        pair_take(r, pair, k);
        refill(r);
        pair = &table->pairs[r->bits >> (64 - HUFFMAN_LOOKUP)];
        if (*k + pair->advance >= LAST)
            return pair;
        if (block)
            pair_put(r->bits, pair, *k, block);
        pair_take(r, pair, k);
    }
}

/* One block (F.2.2). The coefficients are zero before; block: NULL where it is not wanted. False:
 * damaged. */
static inline __attribute__((always_inline)) bool
block_read(struct reading *r, const struct huffman *h, int at, int *last_dc, JCOEF *block)
{
    int number;
    refill(r);
    if (__builtin_expect(!symbol_take(r, h->dc[at], true, &number), 0))
        return false;
    *last_dc = (int)((unsigned)*last_dc + (unsigned)number);
    if (block)
        block[0] = (JCOEF)*last_dc;
    const struct huffman_table *table = h->ac[at];
    unsigned k = 0;
    for (;;) {
        const struct huffman_pair *pair = pairs_read(r, table, &k, block);
        const unsigned next = k + pair->advance;
        const bool ended = pair->advance >= BLOCK_END && next < BLOCK_END + LAST;
        if (__builtin_expect(next == LAST || ended, 1)) {
            if (block)
                pair_put(r->bits, pair, k, block);
            pair_take(r, pair, &k);
            return true;
        }
        /* A long code; or the first is the last coefficient, and the second another block's; or
         * damage. */
        refill(r);
        const uint32_t entry = symbol_take(r, table, false, &number);
        k += entry >> AT_ADVANCE;
        if (block && k <= LAST)
            block[tables.zigzag[k]] = (JCOEF)number;
        if (!entry || k >= LAST)
            return entry && (k == LAST || entry >> AT_ADVANCE == BLOCK_END);
        refill(r);
    }
}

/* The data from the raw bytes up to the next marker, without what is stuffed (B.1.1.5), and zeros
 * behind it. */
static void unstuff(struct huffman *h)
{
    uint8_t *at = h->data;
    while (h->raw < h->raw_end) {
        const uint8_t *ones = memchr(h->raw, 0xff, (size_t)(h->raw_end - h->raw));
        const size_t n = (size_t)((ones ? ones : h->raw_end) - h->raw);
        memcpy(at, h->raw, n);
        at += n;
        h->raw += n;
        const uint8_t *next = h->raw;
        while (next < h->raw_end && *next == 0xff)
            next++;
        if (next >= h->raw_end || *next != 0)
            break;
        *at++ = 0xff;
        h->raw = next + 1;
    }
    memset(at, 0, SLACK);
    h->next = h->data;
    h->end = at;
    h->bits = 0;
    h->count = 0;
    memset(h->last_dc, 0, sizeof h->last_dc);
}

/* On behind the next marker, which must be the restart that is due (F.2.2.4, E.2.4); data before it
 * that was not read is left out, as the library leaves it out. */
static void restart(struct huffman *h, struct jpeg_decompress_struct *cinfo)
{
    const uint8_t *marker = h->raw;
    while (marker < h->raw_end && *marker == 0xff)
        marker++;
    const int due = cinfo->marker->next_restart_num;
    if (marker >= h->raw_end || *marker != JPEG_RST0 + due)
        WARNMS2(cinfo, JWRN_MUST_RESYNC, marker < h->raw_end ? *marker : JPEG_EOI, due);
    else
        h->raw = marker + 1;
    cinfo->marker->next_restart_num = (due + 1) & 7;
    h->restarts = cinfo->restart_interval;
    unstuff(h);
}

/* blocks: NULL where they are not wanted. */
static inline __attribute__((always_inline)) bool
blocks_read(struct huffman *h, const struct jpeg_decompress_struct *cinfo, JBLOCKROW *blocks)
{
    struct reading r = {h->bits, h->count, h->next};
    bool sound = true;
    for (int i = 0; i < cinfo->blocks_in_MCU && sound; i++)
        sound =
            block_read(&r, h, i, &h->last_dc[cinfo->MCU_membership[i]], blocks ? *blocks[i] : NULL);
    h->bits = r.bits;
    h->count = r.count;
    h->next = r.next;
    return sound;
}

/* In place of the library's function. blocks: NULL where the coefficients are not wanted; nor are
 * they in a column that its crop leaves out. */
static boolean mcu_read(struct jpeg_decompress_struct *cinfo, JBLOCKROW *blocks)
{
    struct huffman *h = cinfo->client_data;
    if (cinfo->restart_interval && h->restarts-- == 0) {
        restart(h, cinfo);
        h->restarts--;
    }
    const JDIMENSION column = h->column;
    h->column = column + 1 < cinfo->MCUs_per_row ? column + 1 : 0;
    const bool wanted =
        blocks && column >= cinfo->master->first_iMCU_col && column <= cinfo->master->last_iMCU_col;
    const bool sound = wanted ? h->version->put(h, cinfo, blocks) : h->version->pass_over(h, cinfo);
    if (__builtin_expect(h->next - h->count / 8 > h->end, 0)) { /* zeros were taken for data */
        h->next = h->end;
        h->bits = 0;
        h->count = 0;
        WARNMS(cinfo, JWRN_HIT_MARKER);
    } else if (__builtin_expect(!sound, 0)) {
        WARNMS(cinfo, JWRN_HUFF_BAD_CODE);
    }
    return TRUE;
}

static bool everywhere(void)
{
    return true;
}

static bool put_plain(struct huffman *h, const struct jpeg_decompress_struct *cinfo,
                      JBLOCKROW *blocks)
{
    return blocks_read(h, cinfo, blocks);
}

static bool pass_over_plain(struct huffman *h, const struct jpeg_decompress_struct *cinfo)
{
    return blocks_read(h, cinfo, NULL);
}

#ifdef __x86_64__
static bool has_bmi2(void)
{
    return __builtin_cpu_supports("bmi2");
}

/* Variable shifts that leave the flags alone. */
#define BMI2 __attribute__((target("bmi2")))

BMI2 static bool put_bmi2(struct huffman *h, const struct jpeg_decompress_struct *cinfo,
                          JBLOCKROW *blocks)
{
    return blocks_read(h, cinfo, blocks);
}

BMI2 static bool pass_over_bmi2(struct huffman *h, const struct jpeg_decompress_struct *cinfo)
{
    return blocks_read(h, cinfo, NULL);
}
#endif

const struct huffman_version huffman_versions[] = {
#ifdef __x86_64__
    {"bmi2", has_bmi2, put_bmi2, pass_over_bmi2},
#endif
    {"plain", everywhere, put_plain, pass_over_plain},
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
    h->raw = cinfo->src->next_input_byte;
    h->raw_end = h->raw + cinfo->src->bytes_in_buffer;
    h->data = cinfo->mem->alloc_large((j_common_ptr)cinfo, JPOOL_IMAGE,
                                      cinfo->src->bytes_in_buffer + SLACK);
    unstuff(h);
    h->column = 0;
    h->restarts = cinfo->restart_interval;
    cinfo->client_data = h;
    cinfo->entropy->decode_mcu = mcu_read;
    return true;
}
