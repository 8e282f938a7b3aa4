/* SPDX-License-Identifier: Apache-2.0 */
/* record_write: takes taps, gives a .omega file. One thread; the struct owns the file and all the
 * memory that a block needs, made at once: adding allocates nothing. Does not look into a message
 * beyond its epoch and samples, and does not decide what is recorded. */
#include "proto/record.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "common/file.h"
#include "common/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    LEVEL = 3, /* docs/record.md has the figures of others */
    LENGTH_MAX = 10,
};

struct record_writer {
    char *path;
    int fd;
    int failed; /* -errno of the write that failed; 0: none has */
    char why[ERR_TEXT_MAX];
    struct wire *wire;
    ZSTD_CCtx *zstd;
    struct wire_message message; /* parts of the file */
    struct record_info info;
    bool any;       /* a batch was given to it */
    uint64_t index; /* where the last index is; 0: none yet */

    /* the block that is being filled */
    uint8_t *raw;    /* [WIRE_RAW_MAX] */
    uint8_t *stored; /* [LENGTH_MAX + WIRE_CONTROL_MAX + WIRE_STORED_MAX]: what is written */
    struct wire_block block;
    uint64_t *seen;          /* [WIRE_BLOCK_SAMPLES_MAX], epoch << 32 | sample, as they came */
    uint64_t *sorted;        /* [WIRE_BLOCK_SAMPLES_MAX] */
    uint32_t n_seen, n_runs; /* n_runs: of one epoch each, as they came */
    uint32_t epochs[WIRE_BLOCK_EPOCHS_MAX], counts[WIRE_BLOCK_EPOCHS_MAX];
    uint32_t deltas[WIRE_BLOCK_SAMPLES_MAX];

    /* the index that is being filled */
    uint32_t n_rows;
    uint64_t offsets[WIRE_INDEX_ROWS_MAX], firsts[WIRE_INDEX_ROWS_MAX], lasts[WIRE_INDEX_ROWS_MAX];
    uint32_t batches[WIRE_INDEX_ROWS_MAX], views[WIRE_INDEX_ROWS_MAX];
    uint32_t raw_bytes[WIRE_INDEX_ROWS_MAX];
    uint32_t epoch_lows[WIRE_INDEX_ROWS_MAX], epoch_highs[WIRE_INDEX_ROWS_MAX];
};

static size_t put_length(uint8_t *at, size_t len)
{
    size_t n = 0;
    for (; len > 0x7f; len >>= 7)
        at[n++] = (uint8_t)(len | 0x80);
    at[n++] = (uint8_t)len;
    return n;
}

/* --- the file --- */

/* What failed once stays so, with its text. A write may have left a part: the file is cut back to
 * what is whole; where that fails as well, a reader finds the cut. */
static int fail(struct record_writer *w, int code)
{
    if (!w->failed) {
        (void)!ftruncate(w->fd, (off_t)w->info.stored_bytes);
        snprintf(w->why, sizeof w->why, "%s", err_text());
    }
    w->failed = code;
    return code;
}

static int cannot_write(struct record_writer *w, int code)
{
    return fail(w, err_set(code, "%s: cannot write behind byte %llu: %s", w->path,
                           (unsigned long long)w->info.stored_bytes, strerror(-code)));
}

static int failed(const struct record_writer *w)
{
    return w->failed ? err_set(w->failed, "%s", w->why) : 0;
}

static int write_all(struct record_writer *w, const uint8_t *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(w->fd, bytes + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cannot_write(w, n < 0 ? -errno : -EIO);
        done += (size_t)n;
    }
    w->info.stored_bytes += len;
    return 0;
}

/* w->message behind its length, into at. Returns how many bytes, or what wire_pack says. */
static int put_part(struct record_writer *w, uint8_t *at)
{
    const void *bytes;
    size_t len;
    int rc = wire_pack(w->wire, &w->message, &bytes, &len);
    if (rc < 0)
        return rc;
    size_t n = put_length(at, len);
    memcpy(at + n, bytes, len);
    return (int)(n + len);
}

static int write_part(struct record_writer *w)
{
    int n = put_part(w, w->stored);
    return n < 0 ? n : write_all(w, w->stored, (size_t)n);
}

/* --- the index --- */

static int write_index(struct record_writer *w)
{
    const uint64_t at = w->info.stored_bytes;
    w->message.record = (struct wire_record){
        .part = WIRE_PART_INDEX,
        .index = {.previous = w->index,
                  .n = w->n_rows,
                  .offsets = w->offsets,
                  .firsts = w->firsts,
                  .lasts = w->lasts,
                  .batches = w->batches,
                  .views = w->views,
                  .raw_bytes = w->raw_bytes,
                  .epoch_lows = w->epoch_lows,
                  .epoch_highs = w->epoch_highs},
    };
    int rc = write_part(w);
    if (rc == 0) {
        w->index = at;
        w->n_rows = 0;
    }
    return rc;
}

/* The block has been written at this byte. */
static int count_block(struct record_writer *w, uint64_t at)
{
    const struct wire_block *b = &w->block;
    struct record_info *info = &w->info;
    const uint32_t i = w->n_rows++;
    w->offsets[i] = at;
    w->firsts[i] = b->first;
    w->lasts[i] = b->last;
    w->batches[i] = b->batches;
    w->views[i] = b->views;
    w->raw_bytes[i] = b->raw_bytes;
    w->epoch_lows[i] = b->epochs[0];
    w->epoch_highs[i] = b->epochs[b->n_epochs - 1];
    info->first = info->blocks == 0 || b->first < info->first ? b->first : info->first;
    info->last = b->last > info->last ? b->last : info->last;
    info->blocks++;
    info->batches += b->batches;
    info->views += b->views;
    info->raw_bytes += b->raw_bytes;
    return w->n_rows == WIRE_INDEX_ROWS_MAX ? write_index(w) : 0;
}

/* --- a block --- */

/* By radix, in the memory there is: qsort may take more. */
static void sort(uint64_t *from, uint64_t *to, uint32_t n)
{
    uint64_t *const home = from;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint32_t places[256] = {0};
        for (uint32_t i = 0; i < n; i++)
            places[from[i] >> shift & 0xff]++;
        if (places[from[0] >> shift & 0xff] == n)
            continue;
        uint32_t place = 0;
        for (uint32_t i = 0; i < 256; i++) {
            const uint32_t count = places[i];
            places[i] = place;
            place += count;
        }
        for (uint32_t i = 0; i < n; i++)
            to[places[from[i] >> shift & 0xff]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != home)
        memcpy(home, from, n * sizeof *from);
}

/* The block's list of samples: each once, by epoch, as distances. */
static void list_samples(struct record_writer *w)
{
    struct wire_block *b = &w->block;
    sort(w->seen, w->sorted, w->n_seen);
    b->n_epochs = b->n_samples = 0;
    for (uint32_t i = 0; i < w->n_seen; i++) {
        const uint32_t epoch = (uint32_t)(w->seen[i] >> 32), sample = (uint32_t)w->seen[i];
        const bool opens = i == 0 || epoch != (uint32_t)(w->seen[i - 1] >> 32);
        if (i > 0 && w->seen[i] == w->seen[i - 1])
            continue;
        if (opens) {
            w->epochs[b->n_epochs] = epoch;
            w->counts[b->n_epochs++] = 0;
        }
        w->counts[b->n_epochs - 1]++;
        w->deltas[b->n_samples++] = opens ? sample : sample - (uint32_t)w->seen[i - 1];
    }
    b->epochs = w->epochs;
    b->counts = w->counts;
    b->deltas = w->deltas;
}

/* raw -> to, at most WIRE_STORED_MAX bytes. That the length is not told beforehand keeps zstd's own
 * memory as it was made: by the length it would be fitted anew. */
static int compress(struct record_writer *w, uint8_t *to, size_t *ret_len)
{
    ZSTD_inBuffer in = {w->raw, w->block.raw_bytes, 0}, none = {w->raw, 0, 0};
    ZSTD_outBuffer out = {to, WIRE_STORED_MAX, 0};
    size_t rc = ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_only);
    if (!ZSTD_isError(rc))
        rc = ZSTD_compressStream2(w->zstd, &out, &none, ZSTD_e_continue);
    if (!ZSTD_isError(rc))
        rc = ZSTD_compressStream2(w->zstd, &out, &in, ZSTD_e_end);
    if (ZSTD_isError(rc))
        return err_set(-EIO, "%s: zstd: %s", w->path, ZSTD_getErrorName(rc));
    if (rc != 0)
        return err_set(-EMSGSIZE, "%s: a block of %u bytes does not fit into %d", w->path,
                       w->block.raw_bytes, WIRE_STORED_MAX);
    *ret_len = out.pos;
    return 0;
}

static void empty_block(struct record_writer *w)
{
    w->block = (struct wire_block){.first = UINT64_MAX};
    w->n_seen = w->n_runs = 0;
}

/* The frame is made behind room for the head, which comes to lie right before it. */
static int put_block(struct record_writer *w)
{
    const uint64_t at = w->info.stored_bytes;
    uint8_t *frame = w->stored + LENGTH_MAX + WIRE_CONTROL_MAX;
    size_t len;
    int rc = compress(w, frame, &len);
    if (rc < 0)
        return rc;
    list_samples(w);
    w->block.stored_bytes = (uint32_t)len;
    w->block.crc32c = crc32c(0, frame, len);
    w->message.record = (struct wire_record){.part = WIRE_PART_BLOCK, .block = w->block};
    int n = put_part(w, w->stored);
    if (n < 0)
        return n;
    memmove(frame - n, w->stored, (size_t)n);
    rc = write_all(w, frame - n, (size_t)n + len);
    if (rc == 0)
        rc = count_block(w, at);
    empty_block(w);
    return rc;
}

static int write_block(struct record_writer *w)
{
    int rc = w->block.batches ? put_block(w) : 0;
    return rc < 0 ? fail(w, rc) : rc;
}

/* --- adding --- */

/* Whether a message of so many bytes is one too many for the block. */
static bool is_full(const struct record_writer *w, const struct wire_batch *batch, size_t len)
{
    const struct wire_block *b = &w->block;
    return b->batches > 0 && (b->raw_bytes + len + LENGTH_MAX > RECORD_BLOCK_BYTES ||
                              w->n_seen + batch->n_samples > WIRE_BLOCK_SAMPLES_MAX ||
                              w->n_runs == WIRE_BLOCK_EPOCHS_MAX);
}

int record_add(struct record_writer *w, const struct wire_message *tap)
{
    const void *bytes;
    size_t len;
    int rc = failed(w);
    if (rc == 0 && tap->type != WIRE_TAP)
        rc = err_set(-EINVAL, "%s: a message of type %d is no tap", w->path, (int)tap->type);
    if (rc == 0)
        rc = wire_pack(w->wire, tap, &bytes, &len);
    if (rc < 0)
        return rc;
    const struct wire_batch *batch = &tap->tap.batch;
    if (is_full(w, batch, len)) {
        rc = write_block(w); /* packs: then the message once more */
        if (rc == 0)
            rc = wire_pack(w->wire, tap, &bytes, &len);
        if (rc < 0)
            return rc;
    }
    struct wire_block *b = &w->block;
    if (b->raw_bytes + len + LENGTH_MAX > WIRE_RAW_MAX)
        return err_set(-EMSGSIZE, "%s: a message of %zu bytes is too large", w->path, len);
    b->raw_bytes += (uint32_t)put_length(w->raw + b->raw_bytes, len);
    memcpy(w->raw + b->raw_bytes, bytes, len);
    b->raw_bytes += (uint32_t)len;
    b->first = tap->tap.sequence < b->first ? tap->tap.sequence : b->first;
    b->last = tap->tap.sequence > b->last ? tap->tap.sequence : b->last;
    b->batches++;
    w->any = true;
    b->views += batch->n_views * batch->n_samples;
    w->n_runs += w->n_seen == 0 || w->seen[w->n_seen - 1] >> 32 != batch->epoch;
    for (uint32_t n = 0; n < batch->n_samples; n++)
        w->seen[w->n_seen++] = (uint64_t)batch->epoch << 32 | batch->omega[n].sample;
    return 0;
}

int record_flush(struct record_writer *w)
{
    int rc = failed(w);
    if (rc == 0)
        rc = write_block(w);
    return rc == 0 && fdatasync(w->fd) != 0 ? cannot_write(w, -errno) : rc;
}

const struct record_info *record_written(const struct record_writer *w)
{
    return &w->info;
}

/* --- life --- */

static void writer_free(struct record_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    wire_free(w->wire);
    ZSTD_freeCCtx(w->zstd);
    free(w->raw);
    free(w->stored);
    free(w->seen);
    free(w->sorted);
    free(w->path);
    free(w);
}

static void writer_auto(struct record_writer **w)
{
    writer_free(*w);
}

static int make_memory(struct record_writer *w)
{
    w->raw = malloc(WIRE_RAW_MAX);
    w->stored = malloc(LENGTH_MAX + WIRE_CONTROL_MAX + WIRE_STORED_MAX);
    w->seen = malloc(WIRE_BLOCK_SAMPLES_MAX * sizeof *w->seen);
    w->sorted = malloc(WIRE_BLOCK_SAMPLES_MAX * sizeof *w->sorted);
    w->zstd = ZSTD_createCCtx();
    if (!w->raw || !w->stored || !w->seen || !w->sorted || !w->zstd ||
        ZSTD_isError(ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, LEVEL)))
        return err_set(-ENOMEM, "%s: no memory to record", w->path);
    int rc = wire_new(WIRE_OMEGAS_MAX, &w->wire);
    size_t len;
    memset(w->raw, 0, 1);
    empty_block(w);
    w->block.raw_bytes = 1; /* zstd makes its memory at the first block: now */
    if (rc == 0)
        rc = compress(w, w->stored, &len);
    empty_block(w);
    return rc;
}

/* The file, if it is still the one of that name. */
static void unlink_own(const struct record_writer *w)
{
    struct stat ours, there;
    if (fstat(w->fd, &ours) == 0 && stat(w->path, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino)
        unlink(w->path);
}

void record_drop(struct record_writer *w)
{
    if (w)
        unlink_own(w);
    writer_free(w);
}

int record_create(const char *path, struct record_writer **ret)
{
    auto_with(writer_auto) struct record_writer *w = calloc(1, sizeof *w);
    if (!w)
        return err_set(-ENOMEM, "%s: no memory to record", path);
    w->fd = -1;
    w->path = strdup(path);
    int rc = w->path ? make_memory(w) : err_set(-ENOMEM, "%s: no memory to record", path);
    if (rc < 0)
        return rc;
    w->message.type = WIRE_RECORD;
    w->message.record.part = WIRE_PART_HEAD;
    w->info.made_at_us = stat_wall_us();
    w->message.record.head.format = RECORD_FORMAT;
    w->message.record.head.made_at_us = w->info.made_at_us;
    snprintf(w->info.program, sizeof w->info.program, "augstream %s", AUGSTREAM_VERSION);
    memcpy(w->message.record.head.program, w->info.program, sizeof w->info.program);
    w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0)
        return err_set(-errno,
                       errno == EEXIST ? "%s: is there already, and is not overwritten"
                                       : "%s: cannot create: %s",
                       path, strerror(errno));
    rc = write_part(w);
    if (rc == 0)
        rc = file_sync_folder(path);
    if (rc < 0) {
        record_drop(take_ptr(&w));
        return rc;
    }
    *ret = take_ptr(&w);
    return 0;
}

int record_close(struct record_writer *w)
{
    if (!w)
        return 0;
    int rc = failed(w);
    if (rc == 0)
        rc = write_block(w);
    if (rc == 0)
        rc = write_index(w);
    if (rc == 0) {
        w->message.record = (struct wire_record){.part = WIRE_PART_TAIL, .tail.index = w->index};
        rc = write_part(w);
    }
    if (rc == 0 && fsync(w->fd) != 0)
        rc = cannot_write(w, -errno);
    if (rc != 0 && !w->any)
        unlink_own(w);
    if (close(take_fd(&w->fd)) != 0 && rc == 0)
        rc = err_set(-errno, "%s: cannot close: %s", w->path, strerror(errno));
    writer_free(w);
    return rc;
}
