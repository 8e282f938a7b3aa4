/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_record: any bytes as a record that somebody was given: libFuzzer's entry, which replay.c
 * calls as well. The first byte says how the others become a file: as they are (even), or piece by
 * piece, so that what lies behind checksums and zstd is reached (odd): a kind, two bytes of length,
 * and as many bytes, which are
 *   0  put as they are
 *   1  an Envelope without its seal: sealed, behind its length
 *   2  four bytes of what a block's head tells wrongly, then the content of its frame
 *   3  the same, where the content is the Envelope of one tap without its seal
 * Beyond not crashing it must hold that
 *   - it opens or is refused, and what fails names the file;
 *   - reading it ends, and says the same when it is read again;
 *   - each message that comes is one that can be told: a new record of them has as many;
 *   - a step and a sample of a message that came are found, or the damage on the way is.
 * A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include "common/crc32c.h"
#include "proto/record.h"

#include <errno.h>
#include <zstd.h>

enum { CONTENT_MAX = 1 << 20 };

static struct wire *wire;
static uint8_t *content; /* [CONTENT_MAX] */

static void begin(void)
{
    if (wire)
        return;
    scratch_check(wire_new(64, &wire) == 0, "no memory for messages");
    content = malloc(CONTENT_MAX + WIRE_SEAL + 16);
    scratch_check(content, "no memory");
}

/* --- a file of pieces --- */

static void put_length(FILE *out, size_t len)
{
    for (; len > 0x7f; len >>= 7)
        fputc((int)(len & 0x7f) | 0x80, out);
    fputc((int)len, out);
}

static void put(FILE *out, const void *bytes, size_t len)
{
    scratch_check(fwrite(bytes, 1, len, out) == len, "no memory for a file");
}

static void put_sealed(FILE *out, const uint8_t *bytes, size_t len)
{
    memcpy(content, bytes, len);
    wire_seal(content, len);
    put_length(out, len + WIRE_SEAL);
    put(out, content, len + WIRE_SEAL);
}

/* A block whose checksum is right, and whose head tells of the rest what `off` makes of it. */
static void put_block(FILE *out, const uint8_t off[4], const void *raw, size_t len)
{
    static struct wire_message m = {.type = WIRE_RECORD};
    static const uint32_t epochs[] = {0}, counts[] = {1}, deltas[] = {0};
    static uint8_t frame[CONTENT_MAX + 4096];
    const void *bytes;
    size_t head;
    const size_t n = ZSTD_compress(frame, sizeof frame, raw, len, 1);
    scratch_check(!ZSTD_isError(n), "a content that zstd does not take");
    m.record = (struct wire_record){.part = WIRE_PART_BLOCK,
                                    .block = {.first = off[0],
                                              .last = off[0] + (uint64_t)off[1],
                                              .batches = 1 + off[2] % 4u,
                                              .views = 4 + off[2] / 4u,
                                              .raw_bytes = (uint32_t)len + off[3],
                                              .stored_bytes = (uint32_t)n,
                                              .crc32c = crc32c(0, frame, n),
                                              .n_epochs = 1,
                                              .n_samples = 1,
                                              .epochs = epochs,
                                              .counts = counts,
                                              .deltas = deltas}};
    if (wire_pack(wire, &m, &bytes, &head) < 0)
        return; /* a block of nothing */
    put_length(out, head);
    put(out, bytes, head);
    put(out, frame, n);
}

static void put_piece(FILE *out, uint8_t kind, const uint8_t *bytes, size_t len)
{
    char *raw;
    size_t raw_len;
    if (kind % 4 == 0 || (kind % 4 >= 2 && len < 4)) {
        put(out, bytes, len);
    } else if (kind % 4 == 1) {
        put_sealed(out, bytes, len);
    } else if (kind % 4 == 2) {
        put_block(out, bytes, bytes + 4, len - 4);
    } else {
        FILE *in = open_memstream(&raw, &raw_len);
        scratch_check(in, "no memory for a file");
        put_sealed(in, bytes + 4, len - 4);
        scratch_check(fclose(in) == 0, "no memory for a file");
        put_block(out, bytes, raw, raw_len);
        free(raw);
    }
}

static const char *make(const uint8_t *data, size_t size)
{
    char *text;
    size_t len;
    if (size == 0 || data[0] % 2 == 0)
        return scratch_file("some.omega", data + (size > 0), size - (size > 0));
    FILE *out = open_memstream(&text, &len);
    scratch_check(out, "no memory for a file");
    for (size_t at = 1; at + 3 <= size;) {
        size_t n = data[at + 1] | (size_t)data[at + 2] << 8;
        n = n < size - at - 3 ? n : size - at - 3;
        put_piece(out, data[at], data + at + 3, n);
        at += 3 + n;
    }
    scratch_check(fclose(out) == 0, "no memory for a file");
    const char *path = scratch_file("some.omega", text, len);
    free(text);
    return path;
}

/* --- what must hold --- */

struct count {
    uint64_t batches, views, damaged;
};

/* All of it, in order; each message into writer, where there is one. */
static struct count read_all(struct record *r, const char *path, size_t size,
                             struct record_writer *writer, struct wire_message *ret_last)
{
    static struct wire_message m;
    struct count count = {0};
    for (size_t turns = 0;; turns++) {
        scratch_check(turns <= 2 * size + 16, "a record without an end");
        int rc = record_next(r, &m);
        if (rc == -ENODATA)
            break;
        scratch_check(rc == 0 || rc == -EBADMSG, "neither read nor refused");
        scratch_check(rc == 0 || strstr(err_text(), path), "a message that does not name the file");
        count.damaged += rc < 0;
        if (rc < 0)
            continue;
        count.batches++;
        count.views += m.tap.batch.n_views * m.tap.batch.n_samples;
        if (ret_last)
            *ret_last = m;
        if (writer)
            scratch_check(record_add(writer, &m) == 0, "what was taken cannot be told");
        if (ret_last) /* its arrays are loans */
            ret_last->tap.batch.request = m.tap.batch.omega[0].sample;
    }
    return count;
}

static void find(struct record *r, const struct wire_message *last)
{
    static struct wire_message m;
    const uint32_t sample = (uint32_t)last->tap.batch.request, epoch = last->tap.batch.epoch;
    int rc = record_seek_step(r, last->tap.sequence);
    scratch_check(rc == 0 || rc == -EBADMSG || (rc == -ENOENT && record_info(r)->indexed),
                  "a step that came is not found");
    if (rc == 0)
        scratch_check(record_next(r, &m) == 0 && m.tap.sequence == last->tap.sequence,
                      "another step is found");
    rc = record_seek_sample(r, epoch, sample); /* a block may hold it and not say so */
    scratch_check(rc == 0 || rc == -EBADMSG || rc == -ENOENT, "a sample is neither found nor not");
    if (rc < 0)
        return;
    scratch_check(record_next(r, &m) == 0 && m.tap.batch.epoch == epoch, "another epoch is found");
    bool has = false;
    for (uint32_t n = 0; n < m.tap.batch.n_samples; n++)
        has |= m.tap.batch.omega[n].sample == sample;
    scratch_check(has, "another sample is found");
}

static void compare_new(const char *path, const struct count *had)
{
    struct record *r;
    scratch_check(record_open(path, &r) == 0 && record_info(r)->indexed, "a new record is none");
    const struct count has = read_all(r, path, SIZE_MAX / 4, NULL, NULL);
    scratch_check(has.batches == had->batches && has.views == had->views && has.damaged == 0,
                  "a new record has not what was put in");
    record_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire_message last;
    struct record *r;
    struct record_writer *writer;
    if (size > CONTENT_MAX)
        return 0;
    begin();
    const char *path = make(data, size);
    const char *copy = scratch_file("new.omega", "", 0);
    int rc = record_open(path, &r);
    scratch_check(rc == 0 || rc == -EBADMSG, "neither opened nor refused");
    scratch_check(rc == 0 || strstr(err_text(), path), "a message that does not name the file");
    if (rc < 0)
        return 0;
    const struct count count = read_all(r, path, size, NULL, &last);
    if (count.batches > 0) {
        find(r, &last);
        unlink(copy);
        scratch_check(record_create(copy, &writer) == 0, "no new record");
        record_rewind(r);
        const struct count again = read_all(r, path, size, writer, NULL);
        scratch_check(memcmp(&count, &again, sizeof count) == 0, "it says something else again");
        scratch_check(record_close(writer) == 0, "a new record is not written");
        compare_new(copy, &count);
    }
    record_free(r);
    return 0;
}

void fuzz_done(void)
{
    scratch_done();
    wire_free(wire);
    free(content);
    wire = NULL;
    content = NULL;
}
