/* SPDX-License-Identifier: Apache-2.0 */
/* board: takes figures, appends TensorBoard records to one file it owns. One thread. The file grows
 * during the run and is read while it grows, so it is the one kind of file besides metrics.jsonl
 * that is not written through a temporary name. Does not read event files. */
#include "trainer/watch/board.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Protobuf's wire types, and the fields of tensorflow's event.proto and summary.proto. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { EVENT_WALL_TIME = 1, EVENT_STEP, EVENT_FILE_VERSION, EVENT_SUMMARY = 5, EVENT_SESSION = 7 };
enum { SUMMARY_VALUE = 1 };
enum { VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_IMAGE = 4, VALUE_HISTOGRAM = 5 };
enum { IMAGE_HEIGHT = 1, IMAGE_WIDTH, IMAGE_COLORSPACE, IMAGE_ENCODED, IMAGE_RGB = 3 };
enum { HISTO_MIN = 1, HISTO_MAX, HISTO_NUM, HISTO_SUM, HISTO_SQUARES, HISTO_LIMITS, HISTO_COUNTS };
enum { SESSION_STATUS = 1, SESSION_START = 1 };

enum {
    VARINT_MAX = 10,
    BLOCK_HEAD = 1 + VARINT_MAX,
    DOUBLE_FIELD = 1 + 8,
    VALUE_MAX = 2 * BLOCK_HEAD + BOARD_TAG_MAX + 5,
    HISTO_BYTES = 5 * DOUBLE_FIELD + 2 * (BLOCK_HEAD + 8 * HISTOGRAM_BINS),
    EVENT_HEAD = 64, /* wall_time, step, and what encloses a summary */
    EVENT_MAX = EVENT_HEAD + BOARD_SCALARS_MAX * (BLOCK_HEAD + VALUE_MAX),
    FRAME_HEAD = 12,
    FRAME_TAIL = 4,
    PATH_TRIES = 1000,
};

struct board {
    int fd;
    char path[4096];
    unsigned char record[FRAME_HEAD + EVENT_MAX + FRAME_TAIL];
};
_Static_assert(EVENT_MAX >= EVENT_HEAD + BLOCK_HEAD + VALUE_MAX + HISTO_BYTES,
               "it holds each kind");

/* Bytes being put together; the room is checked by the limits above. */
struct bytes {
    unsigned char *at;
};

static void put_varint(struct bytes *b, uint64_t value)
{
    while (value >= 0x80) {
        *b->at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *b->at++ = (unsigned char)value;
}

static void put_key(struct bytes *b, uint32_t field, uint32_t type)
{
    put_varint(b, field << 3 | type);
}

static void put_little(struct bytes *b, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *b->at++ = (unsigned char)(value >> 8 * i);
}

static void put_block(struct bytes *b, uint32_t field, const void *data, size_t len)
{
    put_key(b, field, BYTES);
    put_varint(b, len);
    memcpy(b->at, data, len);
    b->at += len;
}

static void put_double(struct bytes *b, uint32_t field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(b, field, FIXED64);
    put_little(b, bits, 8);
}

static void put_head(struct bytes *b, double wall_s, int64_t step)
{
    put_double(b, EVENT_WALL_TIME, wall_s);
    if (step != 0) { /* proto3 leaves zeros out */
        put_key(b, EVENT_STEP, VARINT);
        put_varint(b, (uint64_t)step);
    }
}

static uint32_t masked_crc(const unsigned char *bytes, size_t len)
{
    uint32_t crc = crc32c(0, bytes, len);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* The Event has been put behind the record's first FRAME_HEAD bytes and ends at `end`, where
 * FRAME_TAIL bytes have room: frames it and writes it in one call, so a reader never sees half a
 * record from a run that was killed between two writes. */
static int write_record(struct board *board, unsigned char *record, const unsigned char *end)
{
    unsigned char *event = record + FRAME_HEAD;
    size_t len = (size_t)(end - event);
    struct bytes b = {record};
    put_little(&b, len, 8);
    put_little(&b, masked_crc(record, 8), 4);
    b.at += len;
    put_little(&b, masked_crc(event, len), 4);
    const unsigned char *at = record;
    while (at < b.at) {
        ssize_t n = write(board->fd, at, (size_t)(b.at - at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "%s: cannot write: %s", board->path, strerror(errno));
        at += n;
    }
    return 0;
}

static int open_file(struct board *board, const char *folder, double wall_s)
{
    char host[64] = "";
    if (gethostname(host, sizeof host - 1) < 0 || !host[0])
        snprintf(host, sizeof host, "localhost");
    for (int n = 0; n < PATH_TRIES; n++) {
        int len =
            snprintf(board->path, sizeof board->path, "%s/events.out.tfevents.%010lld.%s.%d.%d",
                     folder, (long long)wall_s, host, (int)getpid(), n);
        if (len >= (int)sizeof board->path)
            return err_set(-ENAMETOOLONG, "%s: the path is too long", folder);
        board->fd = open(board->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0666);
        if (board->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    return err_set(-errno, "%s: cannot make: %s", board->path, strerror(errno));
}

static void close_fn(struct board **board)
{
    board_close(*board);
}

int board_open(const char *folder, double wall_s, struct board **ret)
{
    auto_with(close_fn) struct board *board = calloc(1, sizeof *board);
    if (!board)
        return err_set(-ENOMEM, "%s: out of memory", folder);
    board->fd = -1;
    int rc = open_file(board, folder, wall_s);
    if (rc < 0)
        return rc;
    static const char version[] = "brain.Event:2"; /* the first record of every event file */
    struct bytes b = {board->record + FRAME_HEAD};
    put_head(&b, wall_s, 0);
    put_block(&b, EVENT_FILE_VERSION, version, sizeof version - 1);
    rc = write_record(board, board->record, b.at);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&board);
    return 0;
}

int board_restart(struct board *board, double wall_s, int64_t step)
{
    static const unsigned char start[] = {SESSION_STATUS << 3 | VARINT, SESSION_START};
    struct bytes b = {board->record + FRAME_HEAD};
    put_head(&b, wall_s, step);
    put_block(&b, EVENT_SESSION, start, sizeof start);
    return write_record(board, board->record, b.at);
}

static int check_tag(const struct board *board, const char *tag)
{
    if (strlen(tag) < BOARD_TAG_MAX)
        return 0;
    return err_set(-EINVAL, "%s: tag %s is too long", board->path, tag);
}

int board_scalars(struct board *board, double wall_s, int64_t step,
                  const struct board_scalar *scalars, size_t n)
{
    if (n > BOARD_SCALARS_MAX)
        return err_set(-EINVAL, "%s: %zu scalars in one step", board->path, n);
    unsigned char summary[BOARD_SCALARS_MAX * (BLOCK_HEAD + VALUE_MAX)];
    struct bytes s = {summary};
    for (size_t i = 0; i < n; i++) {
        int rc = check_tag(board, scalars[i].tag);
        if (rc < 0)
            return rc;
        unsigned char value[VALUE_MAX];
        struct bytes v = {value};
        put_block(&v, VALUE_TAG, scalars[i].tag, strlen(scalars[i].tag));
        uint32_t bits;
        memcpy(&bits, &scalars[i].value, sizeof bits);
        put_key(&v, VALUE_SIMPLE, FIXED32); /* written even when 0: it says which kind of value */
        put_little(&v, bits, 4);
        put_block(&s, SUMMARY_VALUE, value, (size_t)(v.at - value));
    }
    struct bytes b = {board->record + FRAME_HEAD};
    put_head(&b, wall_s, step);
    put_block(&b, EVENT_SUMMARY, summary, (size_t)(s.at - summary));
    return write_record(board, board->record, b.at);
}

/* Packed: the numbers one after another in one block. */
static void put_doubles(struct bytes *b, uint32_t field, const double *value, size_t n)
{
    put_key(b, field, BYTES);
    put_varint(b, 8 * n);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &value[i], sizeof bits);
        put_little(b, bits, 8);
    }
}

static void put_histogram(struct bytes *b, const struct histogram *h)
{
    double count[HISTOGRAM_BINS];
    for (size_t i = 0; i < h->bins; i++)
        count[i] = (double)h->count[i];
    put_double(b, HISTO_MIN, h->min);
    put_double(b, HISTO_MAX, h->max);
    put_double(b, HISTO_NUM, (double)h->finite);
    put_double(b, HISTO_SUM, h->sum);
    put_double(b, HISTO_SQUARES, h->sum_squares);
    put_doubles(b, HISTO_LIMITS, h->limit, h->bins);
    put_doubles(b, HISTO_COUNTS, count, h->bins);
}

int board_histogram(struct board *board, double wall_s, int64_t step, const char *tag,
                    const struct histogram *histogram)
{
    int rc = check_tag(board, tag);
    if (rc < 0 || histogram->bins == 0)
        return rc;
    unsigned char numbers[HISTO_BYTES], value[VALUE_MAX + HISTO_BYTES];
    unsigned char summary[BLOCK_HEAD + sizeof value];
    struct bytes n = {numbers}, v = {value}, s = {summary};
    put_histogram(&n, histogram);
    put_block(&v, VALUE_TAG, tag, strlen(tag));
    put_block(&v, VALUE_HISTOGRAM, numbers, (size_t)(n.at - numbers));
    put_block(&s, SUMMARY_VALUE, value, (size_t)(v.at - value));
    struct bytes b = {board->record + FRAME_HEAD};
    put_head(&b, wall_s, step);
    put_block(&b, EVENT_SUMMARY, summary, (size_t)(s.at - summary));
    return write_record(board, board->record, b.at);
}

/* How many bytes a block of len bytes takes. */
static size_t block_bytes(size_t len)
{
    size_t bytes = 2 + len;
    for (; len >= 0x80; len >>= 7)
        bytes++;
    return bytes;
}

/* The blocks are written from the outermost inwards, their lengths being known: a picture is too
 * large to be copied from one to the next. */
int board_picture(struct board *board, double wall_s, int64_t step, const struct board_picture *p)
{
    int rc = check_tag(board, p->tag);
    if (rc < 0)
        return rc;
    size_t tag = strlen(p->tag);
    unsigned char shape[3 * BLOCK_HEAD];
    struct bytes i = {shape};
    const uint32_t numbers[] = {p->h, p->w, IMAGE_RGB};
    for (uint32_t k = 0; k < 3; k++) {
        put_key(&i, IMAGE_HEIGHT + k, VARINT);
        put_varint(&i, numbers[k]);
    }
    size_t image = (size_t)(i.at - shape) + block_bytes(p->len);
    size_t value = block_bytes(tag) + block_bytes(image);
    auto_free unsigned char *record =
        malloc(FRAME_HEAD + EVENT_HEAD + block_bytes(value) + FRAME_TAIL);
    if (!record)
        return err_set(-ENOMEM, "%s: out of memory", board->path);
    struct bytes b = {record + FRAME_HEAD};
    put_head(&b, wall_s, step);
    put_key(&b, EVENT_SUMMARY, BYTES);
    put_varint(&b, block_bytes(value));
    put_key(&b, SUMMARY_VALUE, BYTES);
    put_varint(&b, value);
    put_block(&b, VALUE_TAG, p->tag, tag);
    put_key(&b, VALUE_IMAGE, BYTES);
    put_varint(&b, image);
    memcpy(b.at, shape, (size_t)(i.at - shape));
    b.at += i.at - shape;
    put_block(&b, IMAGE_ENCODED, p->png, p->len);
    return write_record(board, record, b.at);
}

void board_close(struct board *board)
{
    if (!board)
        return;
    if (board->fd >= 0)
        close(board->fd);
    free(board);
}
