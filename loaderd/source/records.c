/* SPDX-License-Identifier: Apache-2.0 */
/* records: takes a file of raw pictures, gives its samples to a listing, each named by its file and
 * number. Any thread. It reads files from end to end for their labels, in pieces, and looks at no
 * pixel; where there are no labels in them it opens none. */
#include "loaderd/source/records.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAMES_BYTES_MAX = 1 << 16, /* of a file of class names */
    PIECE = 1 << 16,           /* bytes read at once */
};

static int path_make(const char *folder, const char *file, char ret[ITEM_PATH_MAX])
{
    const int len = snprintf(ret, ITEM_PATH_MAX, "%s/%s", folder, file);
    if (len >= 0 && len < ITEM_PATH_MAX)
        return 0;
    return err_set(-ENAMETOOLONG, "%s/%s: a path of more than %d bytes", folder, file,
                   ITEM_PATH_MAX - 1);
}

/* A byte of each record of a file. */
struct column {
    char path[ITEM_PATH_MAX];
    int fd;
    uint32_t record, at; /* bytes of a record; the byte's place in it */
    uint64_t n;          /* records */
    uint64_t from, have; /* what bytes holds of the file */
    uint8_t bytes[PIECE];
};

static void column_free(struct column **column)
{
    if (*column && (*column)->fd >= 0)
        close((*column)->fd);
    free(*column);
}

static int column_open(const char *folder, const char *file, uint32_t record, struct column **ret)
{
    auto_with(column_free) struct column *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(-ENOMEM, "%s/%s: no memory to read it", folder, file);
    c->fd = -1;
    c->record = record;
    int r = path_make(folder, file, c->path);
    if (r < 0)
        return r;
    /* A FIFO must not hold the daemon up. */
    c->fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (c->fd < 0 || fstat(c->fd, &st) != 0)
        return err_set(-errno, "%s: %s", c->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "%s: not a regular file", c->path);
    const uint64_t bytes = (uint64_t)st.st_size;
    c->n = bytes / record;
    if (bytes % record)
        return err_set(-EBADMSG,
                       "%s: %llu bytes, which is %llu records of %u and %llu bytes of another: "
                       "truncated, or not such a file",
                       c->path, (unsigned long long)bytes, (unsigned long long)c->n, record,
                       (unsigned long long)(bytes % record));
    if (c->n > SOURCE_SAMPLES_MAX)
        return err_set(-E2BIG, "%s: more than %d records", c->path, SOURCE_SAMPLES_MAX);
    *ret = take_ptr(&c);
    return 0;
}

/* The byte of record i, which ascends from call to call. */
static int column_read(struct column *c, uint64_t i, uint8_t *ret)
{
    const uint64_t at = i * c->record + c->at;
    if (at < c->from || at >= c->from + c->have) {
        ssize_t n;
        do
            n = pread(c->fd, c->bytes, sizeof c->bytes, (off_t)at);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return err_set(-errno, "%s: %s", c->path, strerror(errno));
        if (n == 0)
            return err_set(-EBADMSG, "%s: became shorter while it was read", c->path);
        c->from = at;
        c->have = (uint64_t)n;
    }
    *ret = c->bytes[at - c->from];
    return 0;
}

static int label_read(struct column *labels, const struct records_label *how, uint64_t i,
                      int32_t *ret)
{
    uint8_t byte = 0;
    int r = column_read(labels, i, &byte);
    if (r < 0)
        return r;
    if (byte < how->first || byte - how->first >= (int)how->classes)
        return err_set(-EBADMSG, "%s: record %llu: label %u, of %u to %u", labels->path,
                       (unsigned long long)i, byte, how->first, how->first + how->classes - 1);
    *ret = byte - how->first;
    return 0;
}

/* Where the labels are: the pictures' own file, or another that must have as many. */
static int labels_open(const char *folder, const struct records *records,
                       const struct column *pictures, struct column **ret)
{
    const struct records_label *how = &records->label;
    const uint32_t record = how->file ? 1 : records->head + records->pixels;
    int r = column_open(folder, how->file ? how->file : records->file, record, ret);
    if (r < 0)
        return r;
    struct column *labels = *ret;
    labels->at = how->file ? 0 : how->at;
    if (labels->n != pictures->n)
        return err_set(-EBADMSG, "%s: %llu labels, and %s has %llu pictures", labels->path,
                       (unsigned long long)labels->n, pictures->path,
                       (unsigned long long)pictures->n);
    return 0;
}

/* Before anything is read: who changes a file meanwhile shall be noticed at the next start. */
static int file_watch(const char *folder, const struct records *records, struct listing *listing,
                      uint32_t *ret_file)
{
    char path[ITEM_PATH_MAX];
    int r = path_make(folder, records->file, path);
    if (r == 0)
        r = listing_file(listing, path, ret_file);
    uint32_t of_labels;
    if (r == 0 && records->label.file)
        r = path_make(folder, records->label.file, path);
    if (r == 0 && records->label.file)
        r = listing_file(listing, path, &of_labels);
    return r;
}

static bool is_of(enum records_part part, uint64_t record)
{
    return part == RECORDS_ALL || (part == RECORDS_VAL) == (record % 10 == 9);
}

int records_list(const char *folder, const struct records *records, struct listing *listing)
{
    auto_with(column_free) struct column *pictures = NULL, *labels = NULL;
    const uint32_t record = records->head + records->pixels;
    uint32_t file = 0;
    int r = file_watch(folder, records, listing, &file);
    if (r == 0)
        r = column_open(folder, records->file, record, &pictures);
    if (r == 0 && records->label.classes)
        r = labels_open(folder, records, pictures, &labels);
    for (uint64_t i = 0; r == 0 && i < pictures->n; i++) {
        if (!is_of(records->part, i))
            continue;
        char name[NAME_MAX + 32];
        snprintf(name, sizeof name, "%s/%06llu", records->file, (unsigned long long)i);
        struct listed listed = {.name = name,
                                .file = file,
                                .label = -1,
                                .offset = i * record + records->head,
                                .length = records->pixels,
                                .bytes = records->pixels};
        if (labels)
            r = label_read(labels, &records->label, i, &listed.label);
        if (r == 0)
            r = listing_add(listing, &listed);
    }
    return r;
}

/* --- classes --- */

static int add_class(struct listing *listing, const char *path, const char *name, uint32_t expected)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return err_set(-EBADMSG, "%s: name %u: a control character (0x%02x)", path, expected,
                           (unsigned char)*c);
    uint32_t label;
    int r = listing_class(listing, name, &label);
    if (r == 0 && label != expected)
        return err_set(-EBADMSG, "%s: '%s' is there twice", path, name);
    return r;
}

static int classes_unnamed(struct listing *listing, const char *path, uint32_t n)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        r = add_class(listing, path, name, i);
    }
    return r;
}

int records_classes(const char *folder, const char *file, uint32_t n, struct listing *listing)
{
    char path[ITEM_PATH_MAX];
    auto_free char *text = NULL;
    size_t len;
    int r = path_make(folder, file, path);
    if (r < 0)
        return r;
    struct stat st;
    const bool named = stat(path, &st) == 0;
    if (!named && errno != ENOENT)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    if (!named && stat(folder, &st) != 0)
        return err_set(-errno, "%s: %s", folder, strerror(errno));
    r = listing_watch(listing, named ? path : folder,
                      &st); /* a file that comes changes its folder */
    if (r < 0)
        return r;
    if (!named)
        return classes_unnamed(listing, path, n);
    r = file_read_regular(path, NAMES_BYTES_MAX, &text, &len);
    if (r < 0)
        return r;
    uint32_t found = 0;
    char *rest = NULL;
    /* Empty lines, of which the official files have some at the end, are no classes. */
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        if (found >= n)
            return err_set(-EBADMSG, "%s: more than %u names", path, n);
        r = add_class(listing, path, line, found++);
        if (r < 0)
            return r;
    }
    if (found < n)
        return err_set(-EBADMSG, "%s: %u names, of %u classes", path, found, n);
    return 0;
}
