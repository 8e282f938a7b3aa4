/* SPDX-License-Identifier: Apache-2.0 */
/* file: whole files in and out. Every file augstream writes goes through file_write_begin/commit:
 * tmp beside it, fsync, rename, fsync of the folder; so nothing half-written is ever seen. */
#ifndef AUGSTREAM_COMMON_FILE_H
#define AUGSTREAM_COMMON_FILE_H

#include <stddef.h>
#include <stdio.h>

struct file_write {
    FILE *out; /* write here */
    char path[4096], tmp[4096 + 32];
};

/* Links are followed. -EISDIR, -EBADMSG: path is a folder, a device or a pipe, which a file must
 * not replace. */
int file_write_begin(struct file_write *w, const char *path);
/* Whether file_write_begin can: asked before work whose result would have no place. Its errors. */
int file_writable(const char *path);
/* On failure the tmp is gone and path untouched, but when only the folder's fsync failed: then path
 * is new and whole, and may be the old one again after a power cut. */
int file_write_commit(struct file_write *w);
void file_write_abort(struct file_write *w); /* fine after commit and on a zeroed struct */

/* A name that was made or removed in the folder of path stays so after a power cut; where a file
 * system cannot sync a folder it is as durable as it gets. */
int file_sync_folder(const char *path);

/* Removes the tmps in folder of writers that were killed; whoever else writes there loses his: the
 * caller sees to it that nobody does. */
int file_sweep(const char *folder);

/* Whole file into a fresh malloc'd block (caller frees), a NUL after it; -E2BIG above max. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);

/* As file_read, of data: -EBADMSG for what is no regular file (a pipe would be waited for) or too
 * large. */
int file_read_regular(const char *path, size_t max, char **ret, size_t *ret_len);

int file_mkdirs(const char *path); /* mkdir -p, mode 0777 & ~umask */

#endif
