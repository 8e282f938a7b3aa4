/* SPDX-License-Identifier: Apache-2.0 */
/* file: takes paths, gives whole files, read or replaced in one step. Any thread, each with its own
 * struct; the struct owns its temporary file until commit or abort. Does not lock: of two writers
 * of one path the later commit wins, whole. */
#include "common/file.h"
#include "common/auto.h"
#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Into w->path, the file that path leads to. rename() takes the place of whatever is there, and
 * root may replace even /dev/null: so links are followed, and only files are replaced. */
static int aim(struct file_write *w, const char *path)
{
    if (strlen(path) >= sizeof w->path)
        return err_set(-ENAMETOOLONG, "%.64s...: the path is too long", path);
    struct stat st;
    auto_free char *target = NULL;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && !(target = realpath(path, NULL)))
        return err_set(-errno, "%s: where the link leads: %s", path, strerror(errno));
    const char *aimed = target ? target : path;
    if (strlen(aimed) >= sizeof w->path)
        return err_set(-ENAMETOOLONG, "%.64s...: leads to a path that is too long", path);
    if (stat(aimed, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(S_ISDIR(st.st_mode) ? -EISDIR : -EBADMSG,
                       "%s: cannot be replaced: not a regular file", path);
    snprintf(w->path, sizeof w->path, "%s", aimed);
    return 0;
}

int file_write_begin(struct file_write *w, const char *path)
{
    static atomic_uint serial;
    *w = (struct file_write){0};
    int aimed = aim(w, path);
    if (aimed != 0)
        return aimed;
    int fd = -1;
    /* A crash may have left our process id's name behind: then the next serial is free. */
    for (int tries = 0; fd < 0 && tries < 100; tries++) {
        snprintf(w->tmp, sizeof w->tmp, "%s.tmp.%d.%u", w->path, (int)getpid(),
                 atomic_fetch_add(&serial, 1));
        fd = open(w->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd >= 0)
        w->out = fdopen(fd, "w");
    if (w->out)
        return 0;
    int code = -errno;
    if (fd >= 0) {
        close(fd);
        unlink(w->tmp);
    }
    w->tmp[0] = 0; /* not ours to remove */
    return err_set(code, "%s: cannot create: %s", path, strerror(-code));
}

int file_writable(const char *path)
{
    struct file_write w;
    int rc = file_write_begin(&w, path);
    if (!rc)
        file_write_abort(&w);
    return rc;
}

/* The open folder of a path, or -errno. */
static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    char folder[4096];
    if (!slash)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", len ? (int)len : 1, len ? path : "/");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Everything down to the disk, then the stream is closed whatever happened. */
static int flush_and_close(FILE *out)
{
    int code = 0;
    if (fflush(out) != 0 || fsync(fileno(out)) != 0)
        code = -errno;
    else if (ferror(out))
        code = -EIO; /* an earlier write failed and took its errno with it */
    if (fclose(out) != 0 && code == 0)
        code = -errno;
    return code;
}

int file_write_commit(struct file_write *w)
{
    int code = flush_and_close(w->out);
    w->out = NULL;
    auto_close int folder = code == 0 ? open_folder(w->path) : -1;
    if (code == 0 && folder < 0)
        code = folder;
    if (code == 0 && rename(w->tmp, w->path) != 0)
        code = -errno;
    if (code != 0) {
        file_write_abort(w);
        return err_set(code, "%s: cannot write: %s", w->path, strerror(-code));
    }
    w->tmp[0] = 0;
    /* Some file systems cannot sync a folder and say EINVAL; their rename is as durable as it gets.
     */
    if (fsync(folder) != 0 && errno != EINVAL)
        return err_set(-errno, "%s: written, but its folder cannot be synced: %s", w->path,
                       strerror(errno));
    return 0;
}

int file_sync_folder(const char *path)
{
    auto_close int folder = open_folder(path);
    if (folder < 0)
        return err_set(folder, "%s: its folder: %s", path, strerror(-folder));
    if (fsync(folder) != 0 && errno != EINVAL)
        return err_set(-errno, "%s: its folder cannot be synced: %s", path, strerror(errno));
    return 0;
}

void file_write_abort(struct file_write *w)
{
    if (w->out)
        fclose(w->out);
    w->out = NULL;
    if (w->tmp[0])
        unlink(w->tmp);
    w->tmp[0] = 0;
}

/* NAME.tmp.PID.SERIAL, as file_write_begin calls it. */
static bool is_tmp(const char *name)
{
    static const char digits[] = "0123456789", mark[] = ".tmp.";
    const char *at = NULL;
    for (const char *next = name; (next = strstr(next, mark)); next += strlen(mark))
        at = next;
    if (!at || at == name)
        return false;
    at += strlen(mark);
    size_t pid = strspn(at, digits),
           serial = pid && at[pid] == '.' ? strspn(at + pid + 1, digits) : 0;
    return serial && !at[pid + 1 + serial];
}

int file_sweep(const char *folder)
{
    auto_closedir DIR *d = opendir(folder);
    if (!d)
        return err_set(-errno, "%s: cannot open: %s", folder, strerror(errno));
    for (struct dirent *e; (e = readdir(d));)
        if (is_tmp(e->d_name) && unlinkat(dirfd(d), e->d_name, 0) != 0 && errno != ENOENT)
            return err_set(-errno, "%s/%s: cannot remove: %s", folder, e->d_name, strerror(errno));
    return 0;
}

int file_read_regular(const char *path, size_t max, char **ret, size_t *ret_len)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(-EBADMSG, "%s: not a regular file", path);
    int r = file_read(path, max, ret, ret_len);
    return r == -E2BIG ? -EBADMSG : r;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    /* The size is a hint: a file may grow while it is read, and a pipe has none. */
    size_t cap = st.st_size > 0 && (size_t)st.st_size <= max ? (size_t)st.st_size + 2 : 4096;
    if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > max)
        return err_set(-E2BIG, "%s: %lld bytes, more than %zu", path, (long long)st.st_size, max);
    auto_free char *bytes = malloc(cap);
    size_t len = 0;
    while (bytes) {
        ssize_t n = read(fd, bytes + len, cap - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
        if (len > max)
            return err_set(-E2BIG, "%s: more than %zu bytes", path, max);
        if (len < cap - 1)
            continue;
        cap *= 2;
        char *more = realloc(bytes, cap);
        if (!more)
            free(take_ptr(&bytes));
        bytes = more;
    }
    if (!bytes)
        return err_set(-ENOMEM, "%s: no memory for %zu bytes", path, cap);
    bytes[len] = 0;
    *ret = take_ptr(&bytes);
    *ret_len = len;
    return 0;
}

int file_mkdirs(const char *path)
{
    char part[4096];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return err_set(-ENAMETOOLONG, "'%.64s': not a path for a folder", path);
    for (size_t i = 1; i <= len; i++) {
        if (i < len && path[i] != '/')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return err_set(-errno, "%s: cannot make the folder: %s", part, strerror(errno));
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    return S_ISDIR(st.st_mode) ? 0 : err_set(-ENOTDIR, "%s: is not a folder", path);
}
