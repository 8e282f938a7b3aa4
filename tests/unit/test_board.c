/* SPDX-License-Identifier: Apache-2.0 */
/* board: the event file, parsed back byte by byte with a reader written from the format alone. */
#include "test.h"

#include "trainer/watch/board.h"

#include "common/crc32c.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* --- the reader: every get_* checks that its bytes are there --- */

struct reader {
    const unsigned char *at, *end;
};

static uint64_t get_little(struct reader *r, size_t len)
{
    assert_true((size_t)(r->end - r->at) >= len);
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)r->at[i] << 8 * i;
    r->at += len;
    return value;
}

static uint64_t get_varint(struct reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint64_t byte = get_little(r, 1);
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    fail_msg("a varint without end");
    return 0;
}

static struct reader get_block(struct reader *r)
{
    uint64_t len = get_varint(r);
    assert_true((uint64_t)(r->end - r->at) >= len);
    struct reader block = {r->at, r->at + len};
    r->at += len;
    return block;
}

static uint32_t unmasked(uint32_t masked)
{
    uint32_t rotated = masked - 0xa282ead8u;
    return rotated >> 17 | rotated << 15;
}

/* The next record's Event. */
static struct reader get_record(struct reader *r)
{
    const unsigned char *head = r->at;
    uint64_t len = get_little(r, 8);
    assert_int_equal(unmasked((uint32_t)get_little(r, 4)), crc32c_table(0, head, 8));
    assert_true((uint64_t)(r->end - r->at) >= len + 4);
    struct reader event = {r->at, r->at + len};
    r->at += len;
    assert_int_equal(unmasked((uint32_t)get_little(r, 4)), crc32c_table(0, event.at, len));
    return event;
}

static double get_wall(struct reader *event)
{
    assert_int_equal(get_varint(event), 1 << 3 | 1);
    uint64_t bits = get_little(event, 8);
    double wall;
    memcpy(&wall, &bits, sizeof wall);
    return wall;
}

static void expect_scalar(struct reader *summary, const char *tag, float value)
{
    assert_int_equal(get_varint(summary), 1 << 3 | 2);
    struct reader v = get_block(summary);
    assert_int_equal(get_varint(&v), 1 << 3 | 2);
    struct reader name = get_block(&v);
    assert_int_equal(name.end - name.at, strlen(tag));
    assert_memory_equal(name.at, tag, strlen(tag));
    assert_int_equal(get_varint(&v), 2 << 3 | 5);
    uint32_t bits = (uint32_t)get_little(&v, 4);
    float got;
    memcpy(&got, &bits, sizeof got);
    assert_true(got == value);
    assert_ptr_equal(v.at, v.end);
}

/* Reads the one event file in folder and removes it. */
static size_t take_file(unsigned char *bytes, size_t cap, char *name, size_t name_cap)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    size_t n = 0, files = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        files++;
        snprintf(name, name_cap, "%.*s", (int)name_cap - 1, e->d_name);
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        n = fread(bytes, 1, cap, f);
        fclose(f);
        unlink(path);
    }
    closedir(d);
    assert_int_equal(files, 1);
    return n;
}

static void test_file(void **state)
{
    (void)state;
    struct board *board;
    assert_int_equal(board_open(folder, 1700000000.25, &board), 0);
    const struct board_scalar two[] = {{"loss/total", -0.5f}, {"lr", 0.0f}};
    assert_int_equal(board_scalars(board, 1700000001.5, 300, two, 2), 0);
    assert_int_equal(board_restart(board, 1700000002.0, 1ll << 40), 0);
    assert_int_equal(board_scalars(board, 1700000003.0, 0, two, 1), 0);
    board_close(board);

    unsigned char bytes[1024];
    char name[256];
    struct reader file = {bytes, bytes + take_file(bytes, sizeof bytes, name, sizeof name)};
    assert_memory_equal(name, "events.out.tfevents.1700000000.", 31);

    struct reader event = get_record(&file); /* the version comes first */
    assert_true(get_wall(&event) == 1700000000.25);
    assert_int_equal(get_varint(&event), 3 << 3 | 2);
    struct reader version = get_block(&event);
    assert_int_equal(version.end - version.at, 13);
    assert_memory_equal(version.at, "brain.Event:2", 13);
    assert_ptr_equal(event.at, event.end);

    event = get_record(&file);
    assert_true(get_wall(&event) == 1700000001.5);
    assert_int_equal(get_varint(&event), 2 << 3 | 0);
    assert_int_equal(get_varint(&event), 300);
    assert_int_equal(get_varint(&event), 5 << 3 | 2);
    struct reader summary = get_block(&event);
    expect_scalar(&summary, "loss/total", -0.5f);
    expect_scalar(&summary, "lr", 0.0f);
    assert_ptr_equal(summary.at, summary.end);
    assert_ptr_equal(event.at, event.end);

    event = get_record(&file); /* SessionLog START */
    get_wall(&event);
    assert_int_equal(get_varint(&event), 2 << 3 | 0);
    assert_int_equal(get_varint(&event), 1ull << 40);
    assert_int_equal(get_varint(&event), 7 << 3 | 2);
    struct reader session = get_block(&event);
    assert_int_equal(get_varint(&session), 1 << 3 | 0);
    assert_int_equal(get_varint(&session), 1);
    assert_ptr_equal(event.at, event.end);

    event = get_record(&file); /* step 0 is left out, as proto3 does */
    get_wall(&event);
    assert_int_equal(get_varint(&event), 5 << 3 | 2);
    assert_ptr_equal(file.at, file.end);
}

static double get_double(struct reader *r, uint32_t field)
{
    assert_int_equal(get_varint(r), field << 3 | 1);
    uint64_t bits = get_little(r, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The one value of a summary, its tag read; what is behind it is left. */
static struct reader get_value(struct reader *file, int64_t step, const char *tag)
{
    struct reader event = get_record(file);
    get_wall(&event);
    assert_int_equal(get_varint(&event), 2 << 3 | 0);
    assert_int_equal(get_varint(&event), step);
    assert_int_equal(get_varint(&event), 5 << 3 | 2);
    struct reader summary = get_block(&event);
    assert_ptr_equal(event.at, event.end);
    assert_int_equal(get_varint(&summary), 1 << 3 | 2);
    struct reader value = get_block(&summary);
    assert_ptr_equal(summary.at, summary.end);
    assert_int_equal(get_varint(&value), 1 << 3 | 2);
    struct reader name = get_block(&value);
    assert_int_equal(name.end - name.at, strlen(tag));
    assert_memory_equal(name.at, tag, strlen(tag));
    return value;
}

static void test_histogram(void **state)
{
    (void)state;
    static const float x[] = {-1, -1, 0.5f, 3};
    static char tag[BOARD_TAG_MAX + 1];
    memset(tag, 'w', BOARD_TAG_MAX - 1);
    struct histogram h;
    struct board *board;
    assert_int_equal(board_open(folder, 1, &board), 0);
    histogram_make(x, 4, &h);
    assert_int_equal(board_histogram(board, 2, 9, tag, &h), 0);
    histogram_make(x, 0, &h); /* nothing to show */
    assert_int_equal(board_histogram(board, 2, 10, "none", &h), 0);
    histogram_make(x, 2, &h);
    assert_int_equal(board_histogram(board, 2, 11, "same", &h), 0);
    memset(tag, 'w', BOARD_TAG_MAX);
    assert_int_equal(board_histogram(board, 2, 9, tag, &h), -EINVAL);
    board_close(board);
    tag[BOARD_TAG_MAX - 1] = 0;

    unsigned char bytes[4096];
    char name[256];
    struct reader file = {bytes, bytes + take_file(bytes, sizeof bytes, name, sizeof name)};
    get_record(&file);
    struct reader value = get_value(&file, 9, tag);
    assert_int_equal(get_varint(&value), 5 << 3 | 2);
    struct reader histo = get_block(&value);
    assert_ptr_equal(value.at, value.end);
    static const double want[] = {-1, 3, 4, 1.5, 11.25};
    for (uint32_t i = 0; i < 5; i++)
        assert_true(get_double(&histo, i + 1) == want[i]);
    double last = 0, total = 0;
    for (uint32_t field = 6; field <= 7; field++) {
        assert_int_equal(get_varint(&histo), field << 3 | 2);
        struct reader packed = get_block(&histo);
        assert_int_equal(packed.end - packed.at, 8 * HISTOGRAM_BINS);
        while (packed.at < packed.end) {
            uint64_t bits = get_little(&packed, 8);
            memcpy(&last, &bits, sizeof last);
            total += field == 7 ? last : 0;
        }
        assert_true(last == (field == 6 ? 3 : 1)); /* the last limit, the last count */
    }
    assert_true(total == 4);
    assert_ptr_equal(histo.at, histo.end);
    value = get_value(&file, 11, "same");
    assert_int_equal(get_varint(&value), 5 << 3 | 2);
    histo = get_block(&value);
    assert_ptr_equal(file.at, file.end);
}

/* Of every length about the places where a varint grows by a byte. */
static void test_picture(void **state)
{
    (void)state;
    static unsigned char png[20000], bytes[200000];
    static const size_t lens[] = {0,   1,   100,   110,   112,   114,  120,
                                  127, 128, 16000, 16370, 16383, 20000};
    for (size_t i = 0; i < sizeof png; i++)
        png[i] = (unsigned char)(i * 7);
    struct board *board;
    assert_int_equal(board_open(folder, 1, &board), 0);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        const struct board_picture p = {"views", 300, 200, png, lens[i]};
        assert_int_equal(board_picture(board, 2, (int64_t)i + 1, &p), 0);
    }
    static char tag[BOARD_TAG_MAX + 1];
    memset(tag, 't', BOARD_TAG_MAX);
    assert_int_equal(board_picture(board, 2, 1, &(struct board_picture){.tag = tag}), -EINVAL);
    board_close(board);

    char name[256];
    struct reader file = {bytes, bytes + take_file(bytes, sizeof bytes, name, sizeof name)};
    get_record(&file);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct reader value = get_value(&file, (int64_t)i + 1, "views");
        assert_int_equal(get_varint(&value), 4 << 3 | 2);
        struct reader image = get_block(&value);
        assert_ptr_equal(value.at, value.end);
        static const uint64_t shape[] = {200, 300, 3}; /* height, width, RGB */
        for (uint32_t k = 0; k < 3; k++) {
            assert_int_equal(get_varint(&image), (k + 1) << 3 | 0);
            assert_int_equal(get_varint(&image), shape[k]);
        }
        assert_int_equal(get_varint(&image), 4 << 3 | 2);
        struct reader encoded = get_block(&image);
        assert_int_equal(encoded.end - encoded.at, lens[i]);
        assert_memory_equal(encoded.at, png, lens[i]);
        assert_ptr_equal(image.at, image.end);
    }
    assert_ptr_equal(file.at, file.end);
}

/* The largest step that is allowed fits the record; one more is refused. */
static void test_limits(void **state)
{
    (void)state;
    char tag[BOARD_TAG_MAX + 1];
    memset(tag, 't', sizeof tag);
    tag[BOARD_TAG_MAX - 1] = 0;
    struct board_scalar many[BOARD_SCALARS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct board_scalar){tag, (float)i};
    struct board *board;
    assert_int_equal(board_open(folder, 1.0, &board), 0);
    assert_int_equal(board_scalars(board, 1.0, -1, many, BOARD_SCALARS_MAX), 0);
    assert_int_equal(board_scalars(board, 1.0, 1, many, BOARD_SCALARS_MAX + 1), -EINVAL);
    tag[BOARD_TAG_MAX - 1] = 't';
    tag[BOARD_TAG_MAX] = 0;
    assert_int_equal(board_scalars(board, 1.0, 1, many, 1), -EINVAL);
    board_close(board);

    unsigned char bytes[8192];
    char name[256];
    struct reader file = {bytes, bytes + take_file(bytes, sizeof bytes, name, sizeof name)};
    assert_memory_equal(name, "events.out.tfevents.0000000001.", 31);
    get_record(&file);
    struct reader event = get_record(&file);
    get_wall(&event);
    get_varint(&event);
    assert_int_equal((int64_t)get_varint(&event), -1);
    get_varint(&event);
    struct reader summary = get_block(&event);
    tag[BOARD_TAG_MAX - 1] = 0;
    for (size_t i = 0; i < BOARD_SCALARS_MAX; i++)
        expect_scalar(&summary, tag, (float)i);
    assert_ptr_equal(file.at, file.end);
}

static void test_two_files_in_one_second(void **state)
{
    (void)state;
    struct board *a, *b;
    assert_int_equal(board_open(folder, 5.0, &a), 0);
    assert_int_equal(board_open(folder, 5.0, &b), 0);
    board_close(a);
    board_close(b);
    board_close(NULL);
    char clean[128];
    snprintf(clean, sizeof clean, "rm %s/events.out.tfevents.0000000005.*", folder);
    assert_int_equal(system(clean), 0);
    assert_int_equal(board_open("/nonexistent/folder", 5.0, &a), -ENOENT);
    assert_non_null(strstr(err_text(), "/nonexistent/folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_picture),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_two_files_in_one_second),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
