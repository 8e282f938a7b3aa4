/* SPDX-License-Identifier: Apache-2.0 */
/* scratch: a folder of a fuzz target's own, for targets that read files by their paths. Include it
 * in one source file of a program. */
#ifndef AUGSTREAM_TESTS_SCRATCH_H
#define AUGSTREAM_TESTS_SCRATCH_H

#include "common/err.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCRATCH_FILES = 16 };

static struct {
    char folder[64]; /* "" before the first file */
    char paths[SCRATCH_FILES][128];
    int n;
} scratch;

static inline void scratch_check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, err_text());
    abort();
}

/* In memory where the machine has such a folder: a fuzzer writes thousands a second. */
static inline const char *scratch_folder(void)
{
    if (!scratch.folder[0]) {
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(scratch.folder, sizeof scratch.folder, "%s/augstream-fuzz-XXXXXX", parent);
        scratch_check(mkdtemp(scratch.folder), "no scratch folder");
    }
    return scratch.folder;
}

/* Writes a file into it, in place of what was there. Its path stays until scratch_done. */
static inline const char *scratch_file(const char *name, const void *bytes, size_t len)
{
    char path[sizeof scratch.paths[0]];
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), name);
    int i = 0;
    while (i < scratch.n && strcmp(scratch.paths[i], path) != 0)
        i++;
    scratch_check(i < SCRATCH_FILES, "more files than scratch knows");
    if (i == scratch.n)
        memcpy(scratch.paths[scratch.n++], path, sizeof path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    scratch_check(fd >= 0, "a scratch file cannot be made");
    scratch_check(write(fd, bytes, len) == (ssize_t)len, "a scratch file cannot be written");
    close(fd);
    return scratch.paths[i];
}

static inline void scratch_done(void)
{
    while (scratch.n > 0)
        unlink(scratch.paths[--scratch.n]);
    if (scratch.folder[0])
        rmdir(scratch.folder);
    scratch.folder[0] = 0;
}

#endif
