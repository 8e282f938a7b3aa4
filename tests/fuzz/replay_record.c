/* SPDX-License-Identifier: Apache-2.0 */
/* replay_record: the corpus of fuzz_record: records that were closed, cut and left open, of one
 * block and of many; and the same taken to pieces, which are sealed again once they were changed.
 */
#include "tests/fuzz/replay.h"
#include "tests/unit/record_bed.h"
#include "tests/unit/wire_samples.h"

const unsigned long replay_corpus_least = 700;

static struct record_place place;

/* Steps 1 to n, a block for each `flush` of them; behind a byte that says: as it is. */
static char *make(uint32_t batch, uint64_t n, uint64_t flush, size_t *ret_len)
{
    static struct record_bed bed;
    struct record_writer *writer;
    char *bytes;
    record_place_make(&place);
    record_bed_init(&bed, batch);
    bed.tap.tap.at_us = 1;
    assert_int_equal(record_create(place.path, &writer), 0);
    for (uint64_t step = 1; step <= n; step++) {
        assert_int_equal(record_add(writer, record_bed_step(&bed, step, 8 * batch)), 0);
        if (step % flush == 0)
            assert_int_equal(record_flush(writer), 0);
    }
    assert_int_equal(record_close(writer), 0);
    assert_int_equal(file_read(place.path, 64 << 20, &bytes, ret_len), 0);
    record_place_clear(&place);
    char *whole = malloc(*ret_len + 1);
    assert_non_null(whole);
    whole[0] = 0;
    memcpy(whole + 1, bytes, *ret_len);
    ++*ret_len;
    free(bytes);
    return whole;
}

static void put_piece(FILE *out, int kind, const void *bytes, size_t len)
{
    assert_true(len < 1 << 16);
    fputc(kind, out);
    fputc((int)(len & 0xff), out);
    fputc((int)(len >> 8), out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
}

static void put_part(FILE *out, struct wire *wire, const struct wire_message *m)
{
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
    put_piece(out, 1, bytes, len - WIRE_SEAL);
}

/* A head, two blocks, an index of none or one that lies, and a tail that says where it is not. */
static void pieces(bool indexed)
{
    static struct wire_message head = {.type = WIRE_RECORD}, m;
    static struct record_bed bed;
    static const uint64_t offsets[] = {22, 60}, firsts[] = {1, 1}, lasts[] = {1, 300};
    static const uint32_t ones[] = {1, 1}, fours[] = {4, 4}, zeros[] = {0, 0};
    struct wire *wire;
    char *text;
    size_t len;
    assert_int_equal(wire_new(64, &wire), 0);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    fputc(1, out);
    head.record.part = WIRE_PART_HEAD;
    head.record.head.format = RECORD_FORMAT;
    put_part(out, wire, &head);
    record_bed_init(&bed, 2);
    for (uint64_t step = 1; step <= 2; step++) {
        const void *bytes;
        size_t n;
        uint8_t piece[4096] = {1, (uint8_t)step, 0, 0};
        assert_int_equal(wire_pack(wire, record_bed_step(&bed, step, 8), &bytes, &n), 0);
        assert_true(n < sizeof piece - 4);
        memcpy(piece + 4, bytes, n - WIRE_SEAL);
        put_piece(out, 3, piece, 4 + n - WIRE_SEAL);
    }
    m.type = WIRE_RECORD;
    m.record = (struct wire_record){.part = WIRE_PART_INDEX,
                                    .index = {.n = indexed ? 2 : 0,
                                              .offsets = offsets,
                                              .firsts = firsts,
                                              .lasts = lasts,
                                              .batches = ones,
                                              .views = fours,
                                              .raw_bytes = fours,
                                              .epoch_lows = zeros,
                                              .epoch_highs = zeros}};
    put_part(out, wire, &m);
    m.record = (struct wire_record){.part = WIRE_PART_TAIL, .tail.index = 700};
    put_part(out, wire, &m);
    assert_int_equal(fclose(out), 0);
    replay_mutants((const uint8_t *)text, len);
    free(text);
    wire_free(wire);
}

void replay_corpus(void)
{
    static const struct {
        uint32_t batch;
        uint64_t steps, flush;
    } files[] = {{1, 0, 1}, {1, 1, 1}, {2, 6, 2}, {3, 9, 100}, {40, 4, 3}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        size_t len;
        char *bytes = make(files[i].batch, files[i].steps, files[i].flush, &len);
        replay_mutants((const uint8_t *)bytes, len);
        for (size_t cut = 1; cut < 6; cut++) /* its tail, its index, within its blocks */
            replay_mutants((const uint8_t *)bytes, len - len * cut / 7);
        free(bytes);
    }
    pieces(false);
    pieces(true);
    replay((const uint8_t *)"", 0);
    replay((const uint8_t *)"\0no record at all", 17);
}
