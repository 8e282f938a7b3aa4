/* SPDX-License-Identifier: Apache-2.0 */
/* record_survey: lengths, the chain of indices of a long record, and that an index which cannot be
 * true is not used: what it says is found in the blocks then. */
#include "record_bed.h"
#include "test.h"

#include "proto/record_private.h"

#include <errno.h>

static struct record_place place;
static struct record_bed bed;
static struct wire_message m;

static int setup(void **state)
{
    (void)state;
    record_place_make(&place);
    record_bed_init(&bed, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    record_place_clear(&place);
    return 0;
}

static void test_lengths(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[12];
        size_t n;
        int takes;
        uint64_t value;
    } cases[] = {
        {{0}, 1, 1, 0},
        {{0x7f}, 1, 1, 127},
        {{0x80, 1}, 2, 2, 128},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, 10, 10, UINT64_MAX},
        {{0}, 0, 0, 0},
        {{0x80}, 1, 0, 0},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, 0, 0},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 10, -1, 0},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, 11, -1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 0;
        assert_int_equal(record_length(cases[i].bytes, cases[i].n, &value), cases[i].takes);
        if (cases[i].takes > 0)
            assert_int_equal(value, cases[i].value);
    }
}

/* n blocks of a step each. */
static void make(uint64_t n)
{
    struct record_writer *w;
    assert_int_equal(record_create(place.path, &w), 0);
    for (uint64_t step = 1; step <= n; step++) {
        const uint32_t sample = (uint32_t)step;
        assert_int_equal(record_add(w, record_bed_tap(&bed, step, 0, &sample)), 0);
        assert_int_equal(record_flush(w), 0);
    }
    assert_int_equal(record_close(w), 0);
}

/* An index has room for so many blocks: then comes another, and each is found. */
static void test_chain(void **state)
{
    (void)state;
    static const uint64_t counts[] = {0, 1, WIRE_INDEX_ROWS_MAX, 2 * WIRE_INDEX_ROWS_MAX + 9};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const uint64_t n = counts[i];
        struct record *r;
        make(n);
        assert_int_equal(record_open(place.path, &r), 0);
        const struct record_info *info = record_info(r);
        assert_true(info->indexed && !info->cut && !info->damaged);
        assert_int_equal(info->blocks, n);
        assert_int_equal(info->batches, n);
        assert_int_equal(info->views, 2 * n);
        assert_int_equal(info->last, n);
        for (size_t k = 1; k < r->n_rows; k++)
            assert_true(r->rows[k].offset > r->rows[k - 1].offset);
        for (uint64_t step = 1; step <= n; step += 1 + n / 7) {
            assert_int_equal(record_seek_sample(r, 0, (uint32_t)step), 0);
            assert_int_equal(record_next(r, &m), 0);
            assert_int_equal(m.tap.sequence, step);
        }
        record_free(r);
        unlink(place.path);
    }
}

/* The tail, and the index, of a record that is given another one of either. */
static void replace_end(const struct wire_message *index, uint64_t keep, uint64_t tail_says)
{
    static struct wire_message tail = {.type = WIRE_RECORD};
    struct wire *wire;
    const void *bytes;
    size_t len;
    assert_int_equal(wire_new(64, &wire), 0);
    assert_int_equal(truncate(place.path, (off_t)keep), 0);
    FILE *out = fopen(place.path, "ab");
    assert_non_null(out);
    tail.record = (struct wire_record){.part = WIRE_PART_TAIL, .tail.index = tail_says};
    const struct wire_message *parts[] = {index, &tail};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wire_pack(wire, parts[i], &bytes, &len), 0);
        assert_true(len < 128);
        fputc((int)len, out);
        assert_int_equal(fwrite(bytes, 1, len, out), len);
    }
    assert_int_equal(fclose(out), 0);
    wire_free(wire);
}

static void test_index_that_cannot_be(void **state)
{
    (void)state;
    static struct wire_message index = {.type = WIRE_RECORD};
    static const uint64_t firsts[] = {1, 2};
    static const uint32_t ones[] = {1, 1}, twos[] = {2, 2}, zeros[] = {0, 0};
    struct record *r;
    make(2);
    assert_int_equal(record_open(place.path, &r), 0);
    const uint64_t offsets[] = {r->rows[0].offset, r->rows[1].offset};
    struct record_part part;
    assert_int_equal(record_read_part(r, offsets[1], &part), 0);
    const uint64_t end = part.next; /* of the last block */
    record_free(r);
    const uint64_t swapped[] = {3, 4}, beyond[] = {offsets[0], end}, in_head[] = {1, offsets[1]};
    const struct {
        const uint64_t *offsets;
        uint64_t previous, tail_says;
        bool used;
    } cases[] = {
        {offsets, 0, end, true},         {in_head, 0, end, false},
        {swapped, 0, end, false},        {beyond, 0, end, false},
        {offsets, end, end, false},      {offsets, offsets[0], end, false},
        {offsets, end + 1, end, false},  {offsets, 1, end, false},
        {offsets, 0, 1, false},          {offsets, 0, offsets[0], false},
        {offsets, 0, UINT32_MAX, false}, {offsets, 0, end - 1, false},
        {offsets, 0, end + 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        index.record = (struct wire_record){.part = WIRE_PART_INDEX,
                                            .index = {.previous = cases[i].previous,
                                                      .n = 2,
                                                      .offsets = cases[i].offsets,
                                                      .firsts = firsts,
                                                      .lasts = firsts,
                                                      .batches = ones,
                                                      .views = twos,
                                                      .raw_bytes = twos,
                                                      .epoch_lows = zeros,
                                                      .epoch_highs = zeros}};
        replace_end(&index, end, cases[i].tail_says);
        assert_int_equal(record_open(place.path, &r), 0);
        assert_int_equal(record_info(r)->indexed, cases[i].used);
        assert_int_equal(record_info(r)->blocks, 2);
        for (uint64_t step = 2; step >= 1; step--) {
            assert_int_equal(record_seek_step(r, step), 0);
            assert_int_equal(record_next(r, &m), 0);
            assert_int_equal(m.tap.sequence, step);
        }
        record_free(r);
    }
}

/* Where blocks are said to be and are none, a search says so. */
static void test_index_that_lies(void **state)
{
    (void)state;
    static struct wire_message index = {.type = WIRE_RECORD};
    static const uint64_t firsts[] = {1};
    static const uint32_t ones[] = {1}, twos[] = {2}, zeros[] = {0};
    struct record *r;
    make(1);
    assert_int_equal(record_open(place.path, &r), 0);
    struct record_part part;
    assert_int_equal(record_read_part(r, r->rows[0].offset, &part), 0);
    const uint64_t end = part.next, inside[] = {r->rows[0].offset + 1};
    record_free(r);
    index.record = (struct wire_record){.part = WIRE_PART_INDEX,
                                        .index = {.n = 1,
                                                  .offsets = inside,
                                                  .firsts = firsts,
                                                  .lasts = firsts,
                                                  .batches = ones,
                                                  .views = twos,
                                                  .raw_bytes = twos,
                                                  .epoch_lows = zeros,
                                                  .epoch_highs = zeros}};
    replace_end(&index, end, end);
    assert_int_equal(record_open(place.path, &r), 0);
    assert_int_equal(record_seek_step(r, 1), -EBADMSG);
    assert_non_null(strstr(err_text(), place.path));
    assert_int_equal(record_next(r, &m), 0); /* in order it is there */
    assert_int_equal(record_next(r, &m), -ENODATA);
    record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_that_lies, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
