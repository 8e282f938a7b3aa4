/* SPDX-License-Identifier: Apache-2.0 */
/* tar_walk: the entries of an uncompressed tar archive, one after the other, and where in the file
 * the bytes of each are: POSIX.1-1988 ustar, POSIX.1-2001 pax, GNU and the old V7 form. Every
 * number is bounded by the file before it is used. What cannot be read at an offset is refused,
 * never guessed: compressed and sparse archives, volumes of several, and archives without their
 * end. Errors name the file and the offset of the header. One thread. */
#ifndef AUGSTREAM_LOADERD_TAR_WALK_H
#define AUGSTREAM_LOADERD_TAR_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TAR_BLOCK = 512,
    TAR_NAME_MAX = 4096,    /* bytes with the NUL */
    TAR_PAX_MAX = 1 << 20,  /* bytes of one header of pax records */
    TAR_WINDOW_BYTES = 4096 /* read at once: the next headers and small files, not the images */
};

enum tar_kind {
    TAR_FILE,
    TAR_FOLDER,
    TAR_LINK,  /* hard or symbolic: its bytes are elsewhere */
    TAR_OTHER, /* a device, a FIFO, a label of the volume */
};

struct tar_entry {
    enum tar_kind kind;
    const char *name; /* as stored; until the next call */
    uint64_t header;  /* offset of its header */
    uint64_t offset, size;
};

struct tar_walk {
    const char *path; /* a loan, for messages */
    int fd;           /* a loan */
    uint64_t bytes;   /* of the file */
    uint64_t next;    /* offset of the next header */
    /* What records said of the entry that follows. */
    char name[TAR_NAME_MAX];
    bool has_name, has_size;
    uint64_t size;
    uint8_t window[TAR_WINDOW_BYTES];
    uint64_t window_at;
    size_t window_len;
};

void tar_begin(struct tar_walk *walk, int fd, const char *path, uint64_t bytes);

/* 1, or 0 at the archive's end. -EBADMSG, -EOPNOTSUPP (what we do not read), -ENOMEM, -EIO and
 * such.
 */
int tar_next(struct tar_walk *walk, struct tar_entry *ret);

/* All bytes from offset on, n of them, which must be within the file. */
int tar_read(struct tar_walk *walk, uint64_t offset, void *ret, size_t n);

#endif
