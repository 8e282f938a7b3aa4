/* SPDX-License-Identifier: Apache-2.0 */
/* jpeg_memory: picture after picture from one block, without the heap once it has grown; what was
 * in it before shows in no picture; its limit holds. */
#include "alloc_count.h"
#include "jpeg_make.h"
#include "test.h"

#include "common/crc32c.h"
#include "loaderd/decode/jpeg.h"

#include <setjmp.h>

#include <jerror.h>

enum { PIECES_LIMIT = 1 << 20 };

struct rig {
    struct jpeg_error_mgr errors; /* first: the library hands it back as cinfo->err */
    struct jpeg_decompress_struct cinfo;
    struct jpeg_memory memory;
    jmp_buf escape;
};

static void on_error(j_common_ptr cinfo)
{
    longjmp(((struct rig *)cinfo->err)->escape, 1);
}

static void rig_init(struct rig *rig, size_t limit)
{
    rig->cinfo.err = jpeg_std_error(&rig->errors);
    rig->errors.error_exit = on_error;
    jpeg_create_decompress(&rig->cinfo);
    jpeg_memory_install(&rig->memory, &rig->cinfo, limit);
}

static void rig_finish(struct rig *rig)
{
    struct jpeg_decompress_struct *cinfo = &rig->cinfo;
    jpeg_abort_decompress(cinfo);
    memset(cinfo->quant_tbl_ptrs, 0, sizeof cinfo->quant_tbl_ptrs);
    memset(cinfo->dc_huff_tbl_ptrs, 0, sizeof cinfo->dc_huff_tbl_ptrs);
    memset(cinfo->ac_huff_tbl_ptrs, 0, sizeof cinfo->ac_huff_tbl_ptrs);
    cinfo->src = NULL; /* jpeg_mem_src takes it as permanent */
}

/* Decodes all of it; returns a digest of the pixels. */
static uint32_t rig_decode(struct rig *rig, const uint8_t *bytes, size_t len)
{
    static uint8_t rgb[3 * 200 * 160];
    struct jpeg_decompress_struct *cinfo = &rig->cinfo;
    jpeg_mem_src(cinfo, bytes, len);
    jpeg_read_header(cinfo, TRUE);
    cinfo->out_color_space = JCS_RGB;
    jpeg_start_decompress(cinfo);
    const size_t pitch = 3 * (size_t)cinfo->output_width;
    assert_true(pitch * cinfo->output_height <= sizeof rgb);
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = rgb + pitch * cinfo->output_scanline;
        jpeg_read_scanlines(cinfo, &row, 1);
    }
    const uint32_t crc = crc32c(0, rgb, pitch * cinfo->output_height);
    rig_finish(rig);
    return crc;
}

static void test_pictures(void **state)
{
    (void)state;
    static struct rig rig;
    rig_init(&rig, 64 << 20);
    uint8_t *bytes[JPEG_CODINGS];
    size_t len[JPEG_CODINGS];
    uint32_t crc[JPEG_CODINGS];
    for (int coding = 0; coding < JPEG_CODINGS; coding++) {
        const struct jpeg_made made = {.colour = JCS_YCbCr,
                                       .sampling = {{2, 2}},
                                       .w = 97 + 12 * (uint32_t)coding,
                                       .h = 150,
                                       .coding = (enum jpeg_coding)coding,
                                       .seed = 3};
        bytes[coding] = jpeg_make(&made, &len[coding]);
        uint32_t w, h;
        auto_free uint8_t *oracle = jpeg_make_oracle(bytes[coding], len[coding], 1, &w, &h);
        crc[coding] = rig_decode(&rig, bytes[coding], len[coding]);
        assert_int_equal(crc[coding], crc32c(0, oracle, 3 * (size_t)w * h));
    }
    const unsigned long before = alloc_count();
    static const int poisons[] = {0x00, 0xff, 0xa5};
    for (size_t p = 0; p < ARRAY_LEN(poisons); p++)
        for (int coding = 0; coding < JPEG_CODINGS; coding++) {
            memset(rig.memory.block, poisons[p], rig.memory.capacity);
            assert_int_equal(rig_decode(&rig, bytes[coding], len[coding]), crc[coding]);
        }
    assert_int_equal(alloc_count(), before);
    for (int coding = 0; coding < JPEG_CODINGS; coding++)
        free(bytes[coding]);
    jpeg_destroy_decompress(&rig.cinfo);
}

/* A part of a picture, by the library's own means: rows from `top` on, columns from `left` on. */
static uint32_t rig_decode_part(struct rig *rig, const struct jpeg_made *made, const uint8_t *bytes,
                                size_t len, unsigned reduce)
{
    static uint8_t rgb[3 * 200];
    struct jpeg_decompress_struct *cinfo = &rig->cinfo;
    jpeg_mem_src(cinfo, bytes, len);
    jpeg_read_header(cinfo, TRUE);
    cinfo->out_color_space = JCS_RGB;
    cinfo->scale_denom = reduce;
    jpeg_start_decompress(cinfo);
    const JDIMENSION top = cinfo->output_height * (made->seed % 4) / 5,
                     wanted = cinfo->output_width * (made->seed % 3) / 4;
    JDIMENSION left = wanted > 8 ? wanted - 8 : 0, cols = cinfo->output_width - left;
    jpeg_crop_scanline(cinfo, &left, &cols);
    jpeg_skip_scanlines(cinfo, top);
    uint32_t crc = 0;
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW row = rgb;
        jpeg_read_scanlines(cinfo, &row, 1);
        crc = crc32c(crc, rgb + 3 * (wanted - left), 3 * (cols - (wanted - left)));
    }
    rig_finish(rig);
    return crc;
}

/* The library's vector code loads whole vectors, past the end of what was written, and memcheck
 * cannot follow it: that what it loads there reaches no pixel is shown by filling the memory. */
static void test_nothing_left_over(void **state)
{
    (void)state;
    static const int samplings[][4][2] = {{{1, 1}}, {{2, 1}}, {{1, 2}}, {{2, 2}}, {{4, 1}}};
    static struct rig rig;
    rig_init(&rig, 64 << 20);
    for (uint64_t seed = 0; seed < 1400; seed++) {
        struct jpeg_made made = {.colour = seed % 7 ? JCS_YCbCr : JCS_GRAYSCALE,
                                 .w = 1 + (uint32_t)(seed * 37 % 90),
                                 .h = 1 + (uint32_t)(seed * 53 % 70),
                                 .coding = (enum jpeg_coding)(seed % 3 ? 0 : seed % JPEG_CODINGS),
                                 .seed = seed};
        if (made.coding == JPEG_COARSE) /* blocks are smoothed: parts differ from the whole */
            made.coding = JPEG_HUFFMAN;
        memcpy(made.sampling, samplings[seed % ARRAY_LEN(samplings)], sizeof made.sampling);
        size_t len;
        auto_free uint8_t *bytes = jpeg_make(&made, &len);
        for (unsigned reduce = 1; reduce <= 8; reduce *= 2) {
            rig_decode_part(&rig, &made, bytes, len, reduce); /* the block has grown */
            memset(rig.memory.block, 0, rig.memory.capacity);
            const uint32_t crc = rig_decode_part(&rig, &made, bytes, len, reduce);
            memset(rig.memory.block, 0xff, rig.memory.capacity);
            assert_int_equal(rig_decode_part(&rig, &made, bytes, len, reduce), crc);
        }
    }
    jpeg_destroy_decompress(&rig.cinfo);
}

/* Straight from the manager: aligned, apart, addressed by rows. */
static void test_pieces(void **state)
{
    (void)state;
    static struct rig rig;
    rig_init(&rig, PIECES_LIMIT);
    j_common_ptr cinfo = (j_common_ptr)&rig.cinfo;
    struct jpeg_memory_mgr *mem = rig.cinfo.mem;
    for (int round = 0; round < 2; round++) { /* from the heap, then from the block */
        unsigned char *small = mem->alloc_small(cinfo, JPOOL_IMAGE, 1);
        unsigned char *large = mem->alloc_large(cinfo, JPOOL_IMAGE, 5000);
        JSAMPARRAY rows = mem->alloc_sarray(cinfo, JPOOL_IMAGE, 65, 3);
        jvirt_barray_ptr array = mem->request_virt_barray(cinfo, JPOOL_IMAGE, TRUE, 3, 5, 2);
        mem->realize_virt_arrays(cinfo);
        JBLOCKARRAY blocks = mem->access_virt_barray(cinfo, array, 3, 2, TRUE);
        assert_int_equal((uintptr_t)small % 64, 0);
        assert_int_equal((uintptr_t)large % 64, 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal((uintptr_t)rows[i] % 64, 0);
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < 3 * DCTSIZE2; k++)
                assert_int_equal(blocks[i][k / DCTSIZE2][k % DCTSIZE2], 0);
        memset(small, 1, 1);
        memset(large, 2, 5000);
        for (int i = 0; i < 3; i++)
            memset(rows[i], 3 + i, 65);
        for (int i = 0; i < 2; i++)
            memset(blocks[i], 6 + i, 3 * sizeof(JBLOCK));
        assert_int_equal(small[0], 1);
        assert_int_equal(large[4999], 2);
        for (int i = 0; i < 3; i++)
            assert_int_equal(rows[i][64], 3 + i);
        assert_int_equal(blocks[0][2][63], 0x0606);
        assert_ptr_equal(mem->access_virt_barray(cinfo, array, 4, 1, FALSE)[0], blocks[1]);
        jpeg_abort_decompress(&rig.cinfo);
        assert_null(rig.memory.spills);
    }
    assert_true(rig.memory.capacity > 5000);
    jpeg_destroy_decompress(&rig.cinfo);
}

/* Every way to ask for too much, or for what is not there. */
static void ask_large(j_common_ptr cinfo)
{
    cinfo->mem->alloc_large(cinfo, JPOOL_IMAGE, PIECES_LIMIT);
}

static void ask_huge(j_common_ptr cinfo)
{
    cinfo->mem->alloc_large(cinfo, JPOOL_IMAGE, SIZE_MAX);
}

static void ask_often(j_common_ptr cinfo)
{
    for (;;)
        cinfo->mem->alloc_small(cinfo, JPOOL_IMAGE, 1000);
}

static void ask_rows(j_common_ptr cinfo)
{
    cinfo->mem->alloc_sarray(cinfo, JPOOL_IMAGE, 1, UINT32_MAX);
}

static void ask_blocks(j_common_ptr cinfo)
{
    cinfo->mem->alloc_barray(cinfo, JPOOL_IMAGE, UINT32_MAX, 1);
}

static void ask_beyond(j_common_ptr cinfo)
{
    jvirt_barray_ptr array = cinfo->mem->request_virt_barray(cinfo, JPOOL_IMAGE, TRUE, 1, 4, 1);
    cinfo->mem->realize_virt_arrays(cinfo);
    cinfo->mem->access_virt_barray(cinfo, array, 4, 1, TRUE);
}

static void ask_unrealised(j_common_ptr cinfo)
{
    jvirt_barray_ptr array = cinfo->mem->request_virt_barray(cinfo, JPOOL_IMAGE, TRUE, 1, 4, 1);
    cinfo->mem->access_virt_barray(cinfo, array, 0, 1, TRUE);
}

static void ask_samples(j_common_ptr cinfo)
{
    cinfo->mem->request_virt_sarray(cinfo, JPOOL_IMAGE, TRUE, 1, 1, 1);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        void (*ask)(j_common_ptr cinfo);
        int code;
    } rows[] = {
        {ask_large, JERR_OUT_OF_MEMORY},           {ask_huge, JERR_OUT_OF_MEMORY},
        {ask_often, JERR_OUT_OF_MEMORY},           {ask_rows, JERR_OUT_OF_MEMORY},
        {ask_blocks, JERR_OUT_OF_MEMORY},          {ask_beyond, JERR_BAD_VIRTUAL_ACCESS},
        {ask_unrealised, JERR_BAD_VIRTUAL_ACCESS}, {ask_samples, JERR_NOTIMPL},
    };
    static struct rig rig;
    rig_init(&rig, PIECES_LIMIT);
    for (volatile size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (setjmp(rig.escape) == 0) {
            rows[i].ask((j_common_ptr)&rig.cinfo);
            fail_msg("row %zu got what it asked for", i);
        }
        assert_int_equal(rig.errors.msg_code, rows[i].code);
        jpeg_abort_decompress(&rig.cinfo);
    }
    jpeg_destroy_decompress(&rig.cinfo);
    assert_null(rig.memory.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_nothing_left_over),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
