/* SPDX-License-Identifier: Apache-2.0 */
/* raw_sets: files of raw pictures for tests, every byte of which tells where it stands. */
#ifndef AUGSTREAM_TESTS_RAW_SETS_H
#define AUGSTREAM_TESTS_RAW_SETS_H

#include "garden.h"

#include "loaderd/source/source.h"

enum { RAW_CIFAR = 3 * 32 * 32, RAW_STL10 = 3 * 96 * 96 };

/* Of picture n of file `seed`. */
static inline uint8_t raw_byte(uint32_t seed, uint32_t n, uint32_t i)
{
    return (uint8_t)(seed * 89 + n * 31 + i * 7 + i / 251);
}

/* n records of `head` bytes, which are labels(n, byte) each, and of `pixels` more; and `more` bytes
 * of another behind them. */
struct raw_file {
    const char *name;
    uint32_t n, head, pixels, more, seed;
    uint8_t (*label)(uint32_t record, uint32_t byte);
};

static inline void raw_write(const struct garden *garden, const struct raw_file *file)
{
    FILE *out = fopen(garden_path(garden, file->name), "wb");
    assert_non_null(out);
    for (uint32_t n = 0; n < file->n; n++) {
        for (uint32_t i = 0; i < file->head; i++)
            putc(file->label(n, i), out);
        for (uint32_t i = 0; i < file->pixels; i++)
            putc(raw_byte(file->seed, n, i), out);
    }
    for (uint32_t i = 0; i < file->more; i++)
        putc(0, out);
    assert_int_equal(fclose(out), 0);
}

static inline int raw_open(const struct garden *garden, const char *format, const char *split,
                           struct source **ret)
{
    const struct source_spec spec = {
        .format = format, .path = garden_path(garden, "set"), .split = split};
    return source_open(&spec, ret);
}

/* The sample's bytes are picture n of the file that seed made. */
static inline void raw_expect(const struct source *source, uint32_t sample, uint32_t seed,
                              uint32_t n, int32_t label)
{
    struct item item;
    source->item(source, sample, &item);
    assert_int_equal(item.label, label);
    assert_int_equal(item.sample, sample);
    assert_int_equal(item.length, 3 * (uint32_t)item.w * item.h);
    uint8_t *bytes = malloc(item.length);
    assert_non_null(bytes);
    const int fd = open(item.path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, item.length, (off_t)item.offset), item.length);
    close(fd);
    for (uint32_t i = 0; i < item.length; i++)
        assert_int_equal(bytes[i], raw_byte(seed, n, i));
    free(bytes);
}

#endif
