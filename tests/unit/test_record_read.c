/* SPDX-License-Identifier: Apache-2.0 */
/* record_read: what is cut gives all that is whole, a changed byte is found and named, a step and a
 * sample are found with an index and without, and a file that lies is not believed. */
#include "record_bed.h"
#include "test.h"

#include "common/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <zstd.h>

enum { SMALL = 3, ALL = 60 }; /* samples of a batch, of an epoch: 20 steps */

static struct record_place place;
static struct record_bed bed;
static struct wire_message m;

static int setup(void **state)
{
    (void)state;
    record_place_make(&place);
    record_bed_init(&bed, SMALL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    record_place_clear(&place);
    return 0;
}

/* Steps first to last, a block for each `flush` of them; ends[i]: the file's length with i blocks.
 */
static void make(uint64_t first, uint64_t last, uint64_t flush, uint64_t *ends)
{
    struct record_writer *w;
    assert_int_equal(record_create(place.path, &w), 0);
    if (ends)
        ends[0] = record_written(w)->stored_bytes;
    for (uint64_t step = first; step <= last; step++) {
        assert_int_equal(record_add(w, record_bed_step(&bed, step, ALL)), 0);
        if ((step - first + 1) % flush == 0) {
            assert_int_equal(record_flush(w), 0);
            if (ends)
                ends[record_written(w)->blocks] = record_written(w)->stored_bytes;
        }
    }
    assert_int_equal(record_close(w), 0);
}

static uint8_t *bytes_of(size_t *ret_len)
{
    char *bytes;
    assert_int_equal(file_read(place.path, 64 << 20, &bytes, ret_len), 0);
    return (uint8_t *)bytes;
}

static void put(const void *bytes, size_t len)
{
    FILE *out = fopen(place.path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

/* The message is the step's, to the bit. */
static void assert_step(uint64_t step)
{
    const struct wire_message *want = record_bed_step(&bed, step, ALL);
    const struct wire_batch *a = &want->tap.batch, *b = &m.tap.batch;
    assert_int_equal(m.type, WIRE_TAP);
    assert_int_equal(m.tap.sequence, step);
    assert_int_equal(m.tap.at_us, want->tap.at_us);
    assert_string_equal(m.tap.dataset, want->tap.dataset);
    assert_true(m.tap.told_spec);
    assert_memory_equal(m.tap.fingerprint, want->tap.fingerprint, DIGEST_BYTES);
    assert_memory_equal(b->session, a->session, DIGEST_BYTES);
    assert_int_equal(b->epoch, a->epoch);
    assert_int_equal(b->index, a->index);
    assert_memory_equal(b->omega, a->omega, sizeof *a->omega * a->n_samples * a->n_views);
    assert_memory_equal(b->checks, a->checks, sizeof *a->checks * a->n_samples * a->n_views);
    assert_memory_equal(b->labels, a->labels, sizeof *a->labels * a->n_samples);
}

static void assert_next(struct record *r, uint64_t step)
{
    assert_int_equal(record_next(r, &m), 0);
    assert_step(step);
}

static void test_in_order(void **state)
{
    (void)state;
    struct record *r;
    make(5, 45, 7, NULL);
    assert_int_equal(record_open(place.path, &r), 0);
    for (int times = 0; times < 2; times++) {
        for (uint64_t step = 5; step <= 45; step++)
            assert_next(r, step);
        assert_int_equal(record_next(r, &m), -ENODATA);
        assert_int_equal(record_next(r, &m), -ENODATA);
        record_rewind(r);
    }
    record_free(r);
}

/* At every byte: all whole blocks, and where it was cut. */
static void test_cut(void **state)
{
    (void)state;
    uint64_t ends[8] = {0};
    size_t len;
    make(1, 6, 2, ends);
    free(bytes_of(&len));
    for (size_t cut = len; cut-- > 0;) {
        struct record *r;
        assert_int_equal(truncate(place.path, (off_t)cut), 0);
        assert_int_equal(record_open(place.path, &r), 0);
        uint64_t blocks = 0;
        while (blocks < 3 && ends[blocks + 1] <= cut)
            blocks++;
        const struct record_info *info = record_info(r);
        const uint64_t last = blocks < 3 ? ends[blocks] : len - RECORD_TAIL_BYTES;
        assert_true(info->cut && !info->damaged && !info->indexed);
        assert_int_equal(info->cut_at, cut < ends[0]               ? 0
                                       : blocks == 3 && cut < last ? ends[3]
                                                                   : last);
        assert_int_equal(info->blocks, blocks);
        for (uint64_t step = 1; step <= 2 * blocks; step++)
            assert_next(r, step);
        assert_int_equal(record_next(r, &m), -ENODATA);
        char at[64];
        snprintf(at, sizeof at, "cut at byte %llu", (unsigned long long)info->cut_at);
        assert_non_null(strstr(err_text(), at));
        assert_int_equal(record_seek_step(r, 2 * blocks + 1), -ENOENT);
        if (blocks) {
            assert_int_equal(record_seek_step(r, 2 * blocks), 0);
            assert_next(r, 2 * blocks);
        }
        record_free(r);
    }
}

/* Reads all of it. Returns whether the damage was told, with its place; what comes is right. */
static bool is_told(struct record *r, uint64_t at, uint64_t blocks, const uint64_t *ends)
{
    bool told = false;
    uint64_t got = 0;
    for (;;) {
        int rc = record_next(r, &m);
        if (rc == 0) {
            assert_step(m.tap.sequence);
            got++;
            continue;
        }
        const char *place_told = strstr(err_text(), " byte ");
        if (rc == -EBADMSG || strstr(err_text(), "cut")) {
            assert_non_null(strstr(err_text(), place.path));
            assert_non_null(place_told);
            const uint64_t where = strtoull(place_told + 6, NULL, 10);
            assert_true(where <= at); /* the part that the byte is in begins there */
            for (uint64_t i = 0; i <= blocks; i++)
                assert_true(ends[i] > at || where >= ends[i]);
            told = true;
        }
        if (rc == -ENODATA)
            break;
        assert_int_equal(rc, -EBADMSG);
    }
    assert_true(got >= 2 * (blocks - 1) || !record_info(r)->indexed);
    return told;
}

/* A changed bit anywhere is found, and costs its own block only. */
static void test_flipped(void **state)
{
    (void)state;
    uint64_t ends[8] = {0};
    size_t len;
    make(1, 6, 2, ends);
    auto_free uint8_t *bytes = bytes_of(&len);
    auto_close int fd = open(place.path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t at = 0; at < len; at++) {
        const uint8_t changed = bytes[at] ^ (uint8_t)(1u << at % 8);
        struct record *r;
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
        const int rc = record_open(place.path, &r);
        if (at < ends[0]) {
            assert_int_equal(rc == 0 || rc == -EBADMSG, 1);
            assert_true(rc < 0 || record_info(r)->cut);
        } else {
            assert_int_equal(rc, 0);
            assert_true(is_told(r, at, 3, ends));
        }
        if (rc == 0)
            record_free(r);
        assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
    }
}

/* A block in the middle that is damaged is passed over once it has been told. */
static void test_goes_on_behind_damage(void **state)
{
    (void)state;
    uint64_t ends[8] = {0};
    size_t len;
    make(1, 6, 2, ends);
    auto_free uint8_t *bytes = bytes_of(&len);
    const size_t places[] = {ends[1] + 3, ends[2] - 5}; /* in its head, in its frame */
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct record *r;
        bytes[places[i]] ^= 0x10;
        put(bytes, len);
        assert_int_equal(record_open(place.path, &r), 0);
        assert_true(record_info(r)->indexed);
        assert_next(r, 1);
        assert_next(r, 2);
        assert_int_equal(record_next(r, &m), -EBADMSG);
        assert_next(r, 5);
        assert_next(r, 6);
        assert_int_equal(record_next(r, &m), -ENODATA);
        assert_int_equal(record_seek_step(r, 4), -EBADMSG);
        assert_int_equal(record_seek_step(r, 6), 0);
        assert_next(r, 6);
        record_free(r);
        bytes[places[i]] ^= 0x10;
    }
}

/* Every step and every sample of every epoch; the first batch that has it. */
static void assert_all_found(struct record *r, uint64_t last)
{
    for (uint64_t step = last; step >= 1; step--) {
        assert_int_equal(record_seek_step(r, step), 0);
        assert_next(r, step);
        if (step < last)
            assert_next(r, step + 1);
    }
    for (uint32_t epoch = 0; epoch < last * SMALL / ALL; epoch++)
        for (uint32_t sample = 0; sample < ALL; sample++) {
            assert_int_equal(record_seek_sample(r, epoch, sample), 0);
            assert_int_equal(record_next(r, &m), 0);
            assert_int_equal(m.tap.batch.epoch, epoch);
            bool has = false;
            for (uint32_t n = 0; n < SMALL; n++)
                has |= m.tap.batch.omega[n].sample == sample;
            assert_true(has);
            assert_step(m.tap.sequence);
        }
}

static void assert_none_found(struct record *r)
{
    assert_int_equal(record_seek_step(r, 0), -ENOENT);
    assert_non_null(strstr(err_text(), "step 0"));
    assert_next(r, 1); /* the very first, after a failure */
    assert_int_equal(record_seek_step(r, 1000), -ENOENT);
    assert_int_equal(record_seek_sample(r, 0, ALL), -ENOENT);
    assert_non_null(strstr(err_text(), "sample 60 of epoch 0"));
    assert_int_equal(record_seek_sample(r, 99, 0), -ENOENT);
    assert_next(r, 1);
}

static void test_seek(void **state)
{
    (void)state;
    size_t len;
    struct record *r;
    make(1, 60, 7, NULL); /* three epochs; some blocks hold parts of two */
    assert_int_equal(record_open(place.path, &r), 0);
    assert_true(record_info(r)->indexed);
    assert_all_found(r, 60);
    assert_none_found(r);
    record_free(r);
    auto_free uint8_t *bytes = bytes_of(&len);
    put(bytes, len - 1);
    assert_int_equal(record_open(place.path, &r), 0);
    assert_true(!record_info(r)->indexed && record_info(r)->cut);
    assert_all_found(r, 60);
    assert_none_found(r);
    record_free(r);
}

/* A step has several batches where gradients are accumulated; a tap's numbers begin anew when the
 * loader does. */
static void test_numbers_that_come_again(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {7, 7, 8, 8, 1, 2, 7};
    struct record_writer *w;
    struct record *r;
    const uint32_t samples[SMALL] = {9, 9, 4000000000}; /* one stands in for another */
    assert_int_equal(record_create(place.path, &w), 0);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_int_equal(record_add(w, record_bed_tap(&bed, numbers[i], 3, samples)), 0);
        if (i % 3 == 2)
            assert_int_equal(record_flush(w), 0);
    }
    assert_int_equal(record_close(w), 0);
    assert_int_equal(record_open(place.path, &r), 0);
    assert_int_equal(record_info(r)->first, 1);
    assert_int_equal(record_info(r)->last, 8);
    assert_int_equal(record_seek_step(r, 8), 0);
    for (size_t i = 2; i < ARRAY_LEN(numbers); i++) {
        assert_int_equal(record_next(r, &m), 0);
        assert_int_equal(m.tap.sequence, numbers[i]);
    }
    assert_int_equal(record_seek_step(r, 2), 0);
    assert_int_equal(record_next(r, &m), 0);
    assert_int_equal(m.tap.sequence, 2);
    assert_int_equal(record_seek_sample(r, 3, 4000000000), 0);
    assert_int_equal(record_next(r, &m), 0);
    assert_int_equal(m.tap.sequence, 7);
    record_free(r);
}

/* Who reads while it is written gets what has been flushed, and later the rest. */
static void test_while_it_is_written(void **state)
{
    (void)state;
    struct record_writer *w;
    struct record *r;
    assert_int_equal(record_create(place.path, &w), 0);
    assert_int_equal(record_open(place.path, &r), 0);
    assert_int_equal(record_next(r, &m), -ENODATA);
    for (uint64_t step = 1; step <= 5; step++) {
        assert_int_equal(record_add(w, record_bed_step(&bed, step, ALL)), 0);
        assert_int_equal(record_next(r, &m), -ENODATA);
        assert_int_equal(record_flush(w), 0);
        assert_next(r, step);
        assert_int_equal(record_info(r)->batches, step);
        assert_true(record_info(r)->cut);
    }
    assert_int_equal(record_seek_step(r, 4), 0);
    assert_next(r, 4);
    assert_int_equal(record_add(w, record_bed_step(&bed, 6, ALL)), 0);
    assert_int_equal(record_close(w), 0);
    assert_next(r, 5);
    assert_next(r, 6);
    assert_int_equal(record_next(r, &m), -ENODATA);
    assert_false(record_info(r)->cut);
    record_free(r);
}

/* --- files that somebody made by hand --- */

static struct wire *wire;

static void add_length(FILE *out, size_t len)
{
    for (; len > 0x7f; len >>= 7)
        fputc((int)(len & 0x7f) | 0x80, out);
    fputc((int)len, out);
}

static void add_message(FILE *out, const struct wire_message *message)
{
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(wire, message, &bytes, &len), 0);
    add_length(out, len);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
}

static void add_head(FILE *out, uint32_t format)
{
    static struct wire_message head = {.type = WIRE_RECORD};
    head.record.part = WIRE_PART_HEAD;
    head.record.head.format = format;
    snprintf(head.record.head.program, sizeof head.record.head.program, "by hand");
    add_message(out, &head);
}

/* A block of one tap whose head is changed by `lie` after it was right. */
static void make_lying(void (*lie)(struct wire_block *block), size_t raw_more)
{
    static struct wire_message block = {.type = WIRE_RECORD};
    static const uint32_t epochs[] = {0}, counts[] = {1}, deltas[] = {0};
    char *raw, *text;
    size_t raw_len, text_len;
    FILE *in = open_memstream(&raw, &raw_len), *out = open_memstream(&text, &text_len);
    assert_non_null(in);
    assert_non_null(out);
    add_message(in, record_bed_step(&bed, 1, ALL));
    for (size_t i = 0; i < raw_more; i++)
        fputc(0xff, in);
    assert_int_equal(fclose(in), 0);
    uint8_t stored[4096];
    const size_t n = ZSTD_compress(stored, sizeof stored, raw, raw_len, 1);
    assert_false(ZSTD_isError(n));
    block.record = (struct wire_record){.part = WIRE_PART_BLOCK,
                                        .block = {.first = 1,
                                                  .last = 1,
                                                  .batches = 1,
                                                  .views = 2 * SMALL,
                                                  .raw_bytes = (uint32_t)raw_len,
                                                  .stored_bytes = (uint32_t)n,
                                                  .crc32c = crc32c(0, stored, n),
                                                  .n_epochs = 1,
                                                  .n_samples = 1,
                                                  .epochs = epochs,
                                                  .counts = counts,
                                                  .deltas = deltas}};
    lie(&block.record.block);
    add_head(out, RECORD_FORMAT);
    add_message(out, &block);
    assert_int_equal(fwrite(stored, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    put(text, text_len);
    free(raw);
    free(text);
}

static void lie_not(struct wire_block *b)
{
    (void)b;
}
static void lie_smaller(struct wire_block *b)
{
    b->raw_bytes--;
}
static void lie_larger(struct wire_block *b)
{
    b->raw_bytes++;
}
static void lie_sequence(struct wire_block *b)
{
    b->first = b->last = 2;
}
static void lie_batches(struct wire_block *b)
{
    b->batches++;
}
static void lie_views(struct wire_block *b)
{
    b->views--;
}
static void lie_more_views(struct wire_block *b)
{
    b->views++;
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        void (*lie)(struct wire_block *block);
        size_t raw_more;
        const char *named;
    } cases[] = {
        {lie_smaller, 0, "zstd"},
        {lie_larger, 0, "zstd"},
        {lie_sequence, 0, "does not say"},
        {lie_batches, 0, "less than its head says"},
        {lie_views, 0, "does not say"},
        {lie_more_views, 0, "less than its head says"},
        {lie_not, 3, "ends within a message"},
        {lie_not, 20, "ends within a message"},
    };
    struct record *r;
    make_lying(lie_not, 0);
    assert_int_equal(record_open(place.path, &r), 0);
    assert_next(r, 1);
    assert_int_equal(record_next(r, &m), -ENODATA);
    record_free(r);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        make_lying(cases[i].lie, cases[i].raw_more);
        assert_int_equal(record_open(place.path, &r), 0);
        int rc = record_next(r, &m);
        if (rc == 0) /* what follows it is what is wrong */
            rc = record_next(r, &m);
        assert_int_equal(rc, -EBADMSG);
        assert_non_null(strstr(err_text(), cases[i].named));
        assert_non_null(strstr(err_text(), place.path));
        assert_int_equal(record_next(r, &m), -ENODATA);
        record_free(r);
    }
}

static void test_bytes_behind_the_end(void **state)
{
    (void)state;
    struct record *r;
    size_t len;
    make(1, 4, 2, NULL);
    auto_free uint8_t *bytes = bytes_of(&len);
    auto_free uint8_t *twice = malloc(2 * len);
    assert_non_null(twice);
    memcpy(twice, bytes, len);
    memcpy(twice + len, bytes, len); /* two records in one: the other's index is not its own */
    put(twice, 2 * len);
    assert_int_equal(record_open(place.path, &r), 0);
    assert_int_equal(record_info(r)->blocks, 2);
    for (uint64_t step = 1; step <= 4; step++)
        assert_next(r, step);
    assert_int_equal(record_next(r, &m), -EBADMSG);
    assert_non_null(strstr(err_text(), "behind the end"));
    assert_int_equal(record_next(r, &m), -ENODATA);
    record_free(r);
}

static void test_no_record(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "abc", "hello, this is a text and no record at all",
                                        "\x20\x08\x01\x6a"};
    struct record *r;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        put(texts[i], strlen(texts[i]));
        if (i == 0) /* nothing that a head could not begin with */
            continue;
        assert_int_equal(record_open(place.path, &r), -EBADMSG);
        assert_non_null(strstr(err_text(), "no record"));
        assert_non_null(strstr(err_text(), place.path));
    }
    assert_int_equal(record_open(place.folder, &r), -EBADMSG);
    assert_non_null(strstr(err_text(), "regular"));
    assert_int_equal(record_open("/nonexistent", &r), -ENOENT);
    FILE *out = fopen(place.path, "wb");
    assert_non_null(out);
    add_head(out, RECORD_FORMAT + 1);
    fclose(out);
    assert_int_equal(record_open(place.path, &r), -EBADMSG);
    assert_non_null(strstr(err_text(), "format 2"));
}

static int setup_wire(void **state)
{
    (void)state;
    return wire_new(64, &wire);
}

static int teardown_wire(void **state)
{
    (void)state;
    wire_free(wire);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goes_on_behind_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seek, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_that_come_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_while_it_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_behind_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_record, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_wire, teardown_wire);
}
