/* SPDX-License-Identifier: Apache-2.0 */
/* embed_folder: takes a base folder, gives a locked one below it, and clears away what those who
 * were killed have left there. Removes nothing that is not ours, not called as ours are, or held by
 * somebody; follows no links; and of a folder only files and sockets. */
#include "trainer/embed_folder.h"

#include "common/auto.h"
#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "augstream-loader-";
enum { RANDOM = 6 /* characters that mkdtemp draws */, TRIES = 16 };

/* The entries of an open folder; the descriptor stays the caller's. */
static DIR *list(int fd)
{
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    if (!dir && own >= 0)
        close(own);
    return dir;
}

static void empty(int fd)
{
    auto_closedir DIR *dir = list(fd);
    struct stat st;
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode)))
            unlinkat(fd, e->d_name, 0);
}

/* Whether the path still names what is open: somebody who thought it left over may have been
 * quicker than our lock. */
static int is_there(int fd, int at, const char *path)
{
    struct stat open, named;
    return fstat(fd, &open) == 0 && fstatat(at, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

static void clear_one(int base, const char *name)
{
    struct stat st;
    auto_close int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
        flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_there(fd, base, name))
        return;
    empty(fd);
    unlinkat(base, name, AT_REMOVEDIR);
}

static void clear_left_over(const char *base)
{
    auto_closedir DIR *dir = opendir(base);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
            strlen(e->d_name) == strlen(prefix) + RANDOM)
            clear_one(dirfd(dir), e->d_name);
}

/* A file system that has no locks for folders has nobody who clears any, either. */
static int make_one(const char *base, struct embed_folder *ret)
{
    int n = snprintf(ret->path, sizeof ret->path, "%s/%sXXXXXX", base, prefix);
    if (n < 0 || (size_t)n >= sizeof ret->path)
        return err_set(-ENAMETOOLONG, "%s: too long for a socket's folder; set TMPDIR", base);
    if (!mkdtemp(ret->path))
        return err_set(-errno, "%s: cannot make: %s", ret->path, strerror(errno));
    ret->fd = open(ret->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (ret->fd < 0)
        return errno == ENOENT ? 0 : err_set(-errno, "%s: %s", ret->path, strerror(errno));
    while (flock(ret->fd, LOCK_EX) < 0 && errno == EINTR)
        continue;
    return is_there(ret->fd, AT_FDCWD, ret->path);
}

int embed_folder_make(const char *base, struct embed_folder *ret)
{
    struct embed_folder made = {.fd = -1};
    clear_left_over(base);
    for (int i = 0; i < TRIES; i++) {
        int r = make_one(base, &made);
        if (r == 1)
            *ret = made;
        if (r == 1)
            return 0;
        if (made.fd >= 0)
            close(made.fd);
        if (r < 0)
            return r;
    }
    return err_set(-EAGAIN, "%s: folders vanish there as they are made", base);
}

void embed_folder_remove(struct embed_folder *folder)
{
    if (!folder->path[0])
        return;
    empty(folder->fd);
    rmdir(folder->path); /* still locked */
    close(folder->fd);
    *folder = (struct embed_folder){.fd = -1};
}
