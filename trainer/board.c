/* SPDX-License-Identifier: Apache-2.0 */
/* board: takes scalars, appends TensorBoard records to one file it owns. One thread. The file grows
 * during the run and is read while it grows, so it is the one kind of file besides metrics.jsonl
 * that is not written through a temporary name. Does not read event files. */
#include "trainer/board.h"

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
enum { VALUE_TAG = 1, VALUE_SIMPLE = 2 };
enum { SESSION_STATUS = 1, SESSION_START = 1 };

enum {
    VARINT_MAX = 10,
    VALUE_MAX = 2 * (1 + VARINT_MAX) + BOARD_TAG_MAX + 5,
    EVENT_MAX = 64 + BOARD_SCALARS_MAX * (1 + VARINT_MAX + VALUE_MAX),
    PATH_TRIES = 1000,
};

struct board {
    int fd;
    char path[4096];
    unsigned char record[12 + EVENT_MAX + 4];
};

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

static void put_head(struct bytes *b, double wall_s, int64_t step)
{
    uint64_t bits;
    memcpy(&bits, &wall_s, sizeof bits);
    put_key(b, EVENT_WALL_TIME, FIXED64);
    put_little(b, bits, 8);
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

/* The Event has been put at record + 12 and ends at `end`: frames it and writes it in one call, so
 * a reader never sees half a record from a run that was killed between two writes. */
static int write_record(struct board *board, const unsigned char *end)
{
    unsigned char *event = board->record + 12;
    size_t len = (size_t)(end - event);
    struct bytes b = {board->record};
    put_little(&b, len, 8);
    put_little(&b, masked_crc(board->record, 8), 4);
    b.at += len;
    put_little(&b, masked_crc(event, len), 4);
    const unsigned char *at = board->record;
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
    struct bytes b = {board->record + 12};
    put_head(&b, wall_s, 0);
    put_block(&b, EVENT_FILE_VERSION, version, sizeof version - 1);
    rc = write_record(board, b.at);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&board);
    return 0;
}

int board_restart(struct board *board, double wall_s, int64_t step)
{
    static const unsigned char start[] = {SESSION_STATUS << 3 | VARINT, SESSION_START};
    struct bytes b = {board->record + 12};
    put_head(&b, wall_s, step);
    put_block(&b, EVENT_SESSION, start, sizeof start);
    return write_record(board, b.at);
}

int board_scalars(struct board *board, double wall_s, int64_t step,
                  const struct board_scalar *scalars, size_t n)
{
    if (n > BOARD_SCALARS_MAX)
        return err_set(-EINVAL, "%s: %zu scalars in one step", board->path, n);
    unsigned char summary[BOARD_SCALARS_MAX * (1 + VARINT_MAX + VALUE_MAX)];
    struct bytes s = {summary};
    for (size_t i = 0; i < n; i++) {
        size_t tag = strlen(scalars[i].tag);
        if (tag >= BOARD_TAG_MAX)
            return err_set(-EINVAL, "%s: tag %s is too long", board->path, scalars[i].tag);
        unsigned char value[VALUE_MAX];
        struct bytes v = {value};
        put_block(&v, VALUE_TAG, scalars[i].tag, tag);
        uint32_t bits;
        memcpy(&bits, &scalars[i].value, sizeof bits);
        put_key(&v, VALUE_SIMPLE, FIXED32); /* written even when 0: it says which kind of value */
        put_little(&v, bits, 4);
        put_block(&s, SUMMARY_VALUE, value, (size_t)(v.at - value));
    }
    struct bytes b = {board->record + 12};
    put_head(&b, wall_s, step);
    put_block(&b, EVENT_SUMMARY, summary, (size_t)(s.at - summary));
    return write_record(board, b.at);
}

void board_close(struct board *board)
{
    if (!board)
        return;
    if (board->fd >= 0)
        close(board->fd);
    free(board);
}
