/* SPDX-License-Identifier: Apache-2.0 */
/* wire_record: each part of a record comes back as it went, in its own arrays, and what is out of
 * bounds is refused both ways, named. */
#include "test.h"
#include "wire_samples.h"

#include <errno.h>
#include <stdlib.h>

static struct wire *wire, *other;
static struct wire_message m, back;

static int setup(void **state)
{
    (void)state;
    return wire_new(64, &wire) < 0 || wire_new(64, &other) < 0;
}

static int teardown(void **state)
{
    (void)state;
    wire_free(wire);
    wire_free(other);
    return 0;
}

static uint32_t many[WIRE_BLOCK_SAMPLES_MAX + 1], ones[WIRE_BLOCK_SAMPLES_MAX + 1];
static uint64_t rising[WIRE_INDEX_ROWS_MAX + 1];

static void make_head(struct wire_record *r)
{
    r->part = WIRE_PART_HEAD;
    r->head.format = 1;
    r->head.made_at_us = 1764081000123456;
    snprintf(r->head.program, sizeof r->head.program, "augstream 1");
}

static void make_block(struct wire_record *r)
{
    struct wire_message whole;
    sample_record(&whole);
    *r = whole.record;
}

static void make_index(struct wire_record *r)
{
    r->part = WIRE_PART_INDEX;
    r->index = (struct wire_index){.previous = UINT32_MAX,
                                   .n = WIRE_INDEX_ROWS_MAX,
                                   .offsets = rising,
                                   .firsts = rising,
                                   .lasts = rising,
                                   .batches = ones,
                                   .views = ones,
                                   .raw_bytes = ones,
                                   .epoch_lows = many,
                                   .epoch_highs = many};
}

static void make_tail(struct wire_record *r)
{
    r->part = WIRE_PART_TAIL;
    r->tail.index = INT64_MAX;
}

static void fill_arrays(void)
{
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = UINT32_MAX - (uint32_t)i;
        ones[i] = 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(rising); i++)
        rising[i] = INT64_MAX - ARRAY_LEN(rising) + i;
}

static size_t go(void)
{
    const void *bytes;
    size_t len;
    m.type = WIRE_RECORD;
    assert_int_equal(wire_pack(wire, &m, &bytes, &len), 0);
    assert_int_equal(wire_unpack(other, bytes, len, &back), 0);
    assert_int_equal(back.type, WIRE_RECORD);
    assert_int_equal(back.record.part, m.record.part);
    return len;
}

static void test_round_trips(void **state)
{
    (void)state;
    fill_arrays();
    memset(&m, 0, sizeof m);
    make_head(&m.record);
    go();
    assert_memory_equal(&back.record.head, &m.record.head, sizeof m.record.head);
    make_tail(&m.record);
    go();
    assert_int_equal(back.record.tail.index, INT64_MAX);
    make_block(&m.record);
    go();
    const struct wire_block *a = &m.record.block, *b = &back.record.block;
    assert_int_equal(b->first, a->first);
    assert_int_equal(b->last, a->last);
    assert_int_equal(b->batches, a->batches);
    assert_int_equal(b->views, a->views);
    assert_int_equal(b->raw_bytes, a->raw_bytes);
    assert_int_equal(b->stored_bytes, a->stored_bytes);
    assert_int_equal(b->crc32c, a->crc32c);
    assert_int_equal(b->n_epochs, 2);
    assert_int_equal(b->n_samples, 4);
    assert_memory_equal(b->epochs, a->epochs, 2 * sizeof *a->epochs);
    assert_memory_equal(b->counts, a->counts, 2 * sizeof *a->counts);
    assert_memory_equal(b->deltas, a->deltas, 4 * sizeof *a->deltas);
}

static void test_index(void **state)
{
    (void)state;
    fill_arrays();
    static const uint32_t sizes[] = {0, 1, WIRE_INDEX_ROWS_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        make_index(&m.record);
        m.record.index.n = sizes[i];
        go();
        const struct wire_index *a = &m.record.index, *b = &back.record.index;
        assert_int_equal(b->previous, a->previous);
        assert_int_equal(b->n, sizes[i]);
        if (!sizes[i])
            continue;
        assert_memory_equal(b->offsets, a->offsets, sizes[i] * sizeof *a->offsets);
        assert_memory_equal(b->firsts, a->firsts, sizes[i] * sizeof *a->firsts);
        assert_memory_equal(b->lasts, a->lasts, sizes[i] * sizeof *a->lasts);
        assert_memory_equal(b->batches, a->batches, sizes[i] * sizeof *a->batches);
        assert_memory_equal(b->views, a->views, sizes[i] * sizeof *a->views);
        assert_memory_equal(b->raw_bytes, a->raw_bytes, sizes[i] * sizeof *a->raw_bytes);
        assert_memory_equal(b->epoch_lows, a->epoch_lows, sizes[i] * sizeof *a->epoch_lows);
        assert_memory_equal(b->epoch_highs, a->epoch_highs, sizes[i] * sizeof *a->epoch_highs);
    }
}

/* The fullest block and index fit into a message. */
static void test_fullest(void **state)
{
    (void)state;
    static uint32_t epochs[WIRE_BLOCK_EPOCHS_MAX], counts[WIRE_BLOCK_EPOCHS_MAX];
    static uint32_t deltas[WIRE_BLOCK_SAMPLES_MAX];
    const uint32_t each = WIRE_BLOCK_SAMPLES_MAX / WIRE_BLOCK_EPOCHS_MAX;
    make_block(&m.record);
    struct wire_block *b = &m.record.block;
    for (uint32_t e = 0; e < WIRE_BLOCK_EPOCHS_MAX; e++) {
        epochs[e] = UINT32_MAX - WIRE_BLOCK_EPOCHS_MAX + e;
        counts[e] = each;
        for (uint32_t i = 0; i < each; i++)
            deltas[e * each + i] = UINT32_MAX / each;
    }
    b->n_epochs = WIRE_BLOCK_EPOCHS_MAX;
    b->n_samples = WIRE_BLOCK_SAMPLES_MAX;
    b->epochs = epochs;
    b->counts = counts;
    b->deltas = deltas;
    b->last = b->first = UINT64_MAX;
    assert_true(go() < WIRE_CONTROL_MAX);
}

/* RECORD_TAIL_BYTES leans on it: whatever it says, a tail is of one length. */
static void test_tail_is_of_one_length(void **state)
{
    (void)state;
    make_tail(&m.record);
    for (uint64_t at = 1; at < INT64_MAX / 2; at *= 2) {
        m.record.tail.index = at;
        assert_int_equal(go(), 20);
        assert_int_equal(back.record.tail.index, at);
    }
}

#define BREAK(name, statement)                                                                     \
    static void name(struct wire_record *r)                                                        \
    {                                                                                              \
        statement;                                                                                 \
    }
BREAK(head_format, r->head.format = 0)
BREAK(head_program, r->head.program[2] = '\n')
BREAK(block_last, r->block.last = r->block.first - 1)
BREAK(block_batches, r->block.batches = 0)
BREAK(block_views, r->block.views = 1)
BREAK(block_raw, r->block.raw_bytes = WIRE_RAW_MAX + 1)
BREAK(block_no_raw, r->block.raw_bytes = 0)
BREAK(block_stored, r->block.stored_bytes = WIRE_STORED_MAX + 1)
BREAK(block_no_stored, r->block.stored_bytes = 0)
BREAK(block_no_epochs, r->block.n_epochs = 0)
BREAK(block_epochs, r->block.n_epochs = WIRE_BLOCK_EPOCHS_MAX + 1)
BREAK(block_no_samples, r->block.n_samples = 0)
BREAK(block_samples, r->block.n_samples = WIRE_BLOCK_SAMPLES_MAX + 1)
BREAK(block_more, r->block.n_samples = 5; r->block.deltas = many)
BREAK(block_fewer, r->block.n_samples = 3)
BREAK(block_count, r->block.counts = many)
BREAK(block_deltas, r->block.deltas = many)
static const uint32_t none[] = {0, 0}, back_and_forth[] = {9, 7}, same[] = {3, 0, 5, 1};
BREAK(block_count_none, r->block.counts = none)
BREAK(block_descends, r->block.epochs = back_and_forth)
BREAK(block_twice, r->block.deltas = same)
BREAK(index_rows, r->index.n = WIRE_INDEX_ROWS_MAX + 1)
static const uint64_t low[WIRE_INDEX_ROWS_MAX] = {5, 5}, zero[WIRE_INDEX_ROWS_MAX];
BREAK(index_offset_none, r->index.offsets = zero)
BREAK(index_offsets, r->index.offsets = low)
BREAK(index_lasts, r->index.lasts = zero)
BREAK(index_batches, r->index.batches = many)
BREAK(index_views, r->index.views = none)
BREAK(index_raw, r->index.raw_bytes = many)
BREAK(index_epochs, r->index.epoch_highs = ones)
BREAK(tail_none, r->tail.index = 0)
BREAK(tail_high, r->tail.index = UINT64_MAX)

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        void (*make)(struct wire_record *r);
        void (*breaks)(struct wire_record *r);
        const char *named;
        bool packed; /* it can be: what protobuf-c leaves out is where it breaks */
    } cases[] = {
        {make_head, head_format, "record.format", true},
        {make_head, head_program, "record.program", true},
        {make_block, block_last, "block.last", true},
        {make_block, block_batches, "block.batches", true},
        {make_block, block_views, "block.views", true},
        {make_block, block_raw, "block.raw_bytes", true},
        {make_block, block_no_raw, "block.raw_bytes", true},
        {make_block, block_stored, "block.stored_bytes", true},
        {make_block, block_no_stored, "block.stored_bytes", true},
        {make_block, block_no_epochs, "block.epochs", true},
        {make_block, block_epochs, "block.", false},
        {make_block, block_no_samples, "block.deltas", true},
        {make_block, block_samples, "block.deltas", false},
        {make_block, block_more, "block.deltas", true},
        {make_block, block_fewer, "block.counts", true},
        {make_block, block_count, "block.counts", true},
        {make_block, block_deltas, "block.deltas", true},
        {make_block, block_count_none, "block.counts", true},
        {make_block, block_descends, "block.epochs", true},
        {make_block, block_twice, "block.deltas", true},
        {make_index, index_rows, "index.offsets", true},
        {make_index, index_offset_none, "index.offsets", true},
        {make_index, index_offsets, "index.offsets", true},
        {make_index, index_lasts, "index.lasts", true},
        {make_index, index_batches, "index.batches", true},
        {make_index, index_views, "index.views", false},
        {make_index, index_raw, "index.raw_bytes", true},
        {make_index, index_epochs, "index.epoch_highs", true},
        {make_tail, tail_none, "tail.index", true},
        {make_tail, tail_high, "tail.index", true},
    };
    static uint8_t raw[1 << 18];
    fill_arrays();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const void *bytes;
        size_t len;
        memset(&m, 0, sizeof m);
        m.type = WIRE_RECORD;
        cases[i].make(&m.record);
        go();
        cases[i].breaks(&m.record);
        assert_int_equal(wire_pack(wire, &m, &bytes, &len), -EINVAL);
        assert_non_null(strstr(err_text(), cases[i].named));
        if (!cases[i].packed)
            continue;
        len = sample_bytes(wire, &m, &wire_record_row, raw);
        wire_seal(raw, len);
        assert_int_equal(wire_unpack(other, raw, len + WIRE_SEAL, &back), -EBADMSG);
        assert_non_null(strstr(err_text(), cases[i].named));
    }
}

/* Columns of different lengths, and a record of nothing. */
static void test_uneven(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[24];
        size_t len;
        const char *named;
    } cases[] = {
        {{0x08, 1, 0x72, 0}, 4, "no body"},
        {{0x08, 1, 0x72, 5, 0x1a, 3, 0x12, 1, 9}, 9, "index.firsts"},
        {{0x08, 1, 0x72, 5, 0x1a, 3, 0x1a, 1, 9}, 9, "index.firsts"},
        {{0x08, 1, 0x72, 5, 0x12, 3, 0x42, 1, 9}, 9, "block.counts"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t bytes[32];
        memcpy(bytes, cases[i].bytes, cases[i].len);
        wire_seal(bytes, cases[i].len);
        assert_int_equal(wire_unpack(wire, bytes, cases[i].len + WIRE_SEAL, &back), -EBADMSG);
        assert_non_null(strstr(err_text(), cases[i].named));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_index),
        cmocka_unit_test(test_fullest),     cmocka_unit_test(test_tail_is_of_one_length),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_uneven),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
