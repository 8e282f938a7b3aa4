/* SPDX-License-Identifier: Apache-2.0 */
/* cache: takes a declaration's key, gives the index that was kept for it; takes an index, keeps it.
 * Owns no block: what it reads is the caller's to release. A file is read into memory of our own
 * and not mapped: who cuts a mapped file kills its reader, and a check of bytes that another may
 * change proves nothing. Does not know how a listing is made. */
#include "loaderd/source/cache.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_PATH_MAX = 4096 };

/* A file system stamps a change with the time of its last tick, so two changes within one tick look
 * like one. Kernels tick at least 100 times a second; some file systems keep whole seconds, or two,
 * which shows in stamps that are whole hundredths. */
#define TICK_NS INT64_C(20000000)
#define COARSE_TICK_NS INT64_C(2000000000)
#define COARSE_UNIT_NS 10000000

void cache_key(const struct source_spec *spec, uint8_t ret[DIGEST_BYTES])
{
    struct digest d;
    digest_init(&d);
    digest_add_str(&d, spec->format);
    digest_add_str(&d, spec->path);
    digest_add_str(&d, spec->split ? spec->split : "");
    digest_add_str(&d, spec->classes ? spec->classes : "");
    digest_add_f64(&d, spec->fraction > 0 ? spec->fraction : 1);
    digest_add_u64(&d, spec->allow ? spec->allow : ENCODINGS_USUAL);
    digest_end(&d, ret);
}

static int path_of(const char *state, const uint8_t key[DIGEST_BYTES], char ret[CACHE_PATH_MAX])
{
    char hex[2 * DIGEST_BYTES + 1];
    digest_hex(key, hex);
    const int n = snprintf(ret, CACHE_PATH_MAX, "%s/%s.index", state, hex);
    return n < CACHE_PATH_MAX ? 0 : err_set(-ENAMETOOLONG, "%.64s...: too long a path", state);
}

/* --- reading --- */

static void free_block(const void *block, size_t bytes)
{
    (void)bytes;
    free((void *)block);
}

static int read_whole(int fd, const char *path, uint8_t *block, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const ssize_t n = read(fd, block + at, bytes - at);
        if (n == 0)
            return err_set(-EBADMSG, "%s: became shorter while it was read", path);
        if (n < 0 && errno != EINTR)
            return err_set(-errno, "%s: %s", path, strerror(errno));
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* No memory is taken for a file whose first bytes say another size than it has. */
static int read_block(const char *path, void **ret, size_t *ret_bytes)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct index_head))
        return err_set(-EBADMSG, "%s: not an index", path);
    struct index_head head;
    if (pread(fd, &head, sizeof head, 0) != sizeof head || head.bytes != (uint64_t)st.st_size)
        return err_set(-EBADMSG, "%s: not an index, or not a whole one", path);
    auto_free uint8_t *block = malloc((size_t)st.st_size);
    if (!block)
        return err_set(-ENOMEM, "%s: no memory for its %lld bytes", path, (long long)st.st_size);
    int r = read_whole(fd, path, block, (size_t)st.st_size);
    if (r < 0)
        return r;
    *ret = take_ptr(&block);
    *ret_bytes = (size_t)st.st_size;
    return 0;
}

static bool as_it_was(const struct listed_watch *w, const struct stat *st)
{
    const bool is_folder = S_ISDIR(st->st_mode);
    return (w->is_folder != 0) == is_folder && (is_folder || S_ISREG(st->st_mode)) &&
           w->inode == (uint64_t)st->st_ino && w->mtime_s == st->st_mtim.tv_sec &&
           w->mtime_ns == (uint32_t)st->st_mtim.tv_nsec &&
           (is_folder || w->size == (uint64_t)st->st_size);
}

static int check_fresh(const struct index *x)
{
    if (x->head->watched == 0)
        return err_set(-EBADMSG, "an index that depends on nothing");
    for (uint64_t i = 0; i < x->head->watched; i++) {
        const struct listed_watch *w = &x->watched[i];
        const char *path = x->names + w->path;
        struct stat st;
        if (stat(path, &st) != 0)
            return err_set(-ESTALE, "%s: %s", path, strerror(errno));
        if (!as_it_was(w, &st))
            return err_set(-ESTALE, "%s has changed since", path);
    }
    return 0;
}

int cache_load(const char *state, const uint8_t key[DIGEST_BYTES], struct index *ret_index,
               struct index_block *ret)
{
    char path[CACHE_PATH_MAX];
    auto_free void *block = NULL;
    size_t bytes = 0;
    int r = path_of(state, key, path);
    if (r == 0)
        r = read_block(path, &block, &bytes);
    if (r < 0)
        return r;
    struct index index;
    r = index_view(block, bytes, &index);
    if (r < 0)
        return err_set(r, "%s: %s", path, err_text());
    if (memcmp(index.head->key, key, DIGEST_BYTES) != 0)
        return err_set(-EBADMSG, "%s: the index of another declaration", path);
    r = check_fresh(&index);
    if (r < 0)
        return r;
    *ret_index = index;
    *ret = (struct index_block){take_ptr(&block), bytes, free_block};
    return 0;
}

/* --- writing --- */

static bool is_settled(const struct listed_watch *w, const struct timespec *begun)
{
    const int64_t tick_ns = w->mtime_ns % COARSE_UNIT_NS ? TICK_NS : COARSE_TICK_NS;
    const int64_t since_ns = begun->tv_nsec - tick_ns; /* of the second of begun; below 0 */
    const int64_t s = begun->tv_sec + (since_ns < 0 ? -((999999999 - since_ns) / 1000000000) : 0);
    const int64_t ns = since_ns + (begun->tv_sec - s) * 1000000000;
    return w->mtime_s < s || (w->mtime_s == s && w->mtime_ns < ns);
}

/* Who changed something a moment before it was listed may have changed it again right after, at the
 * same time by its clock. */
static int check_settled(const struct index *x, const struct timespec *begun)
{
    for (uint64_t i = 0; i < x->head->watched; i++) {
        const struct listed_watch *w = &x->watched[i];
        if (!is_settled(w, begun))
            return err_set(-EAGAIN, "%s was changed only a moment before it was listed",
                           x->names + w->path);
    }
    return 0;
}

/* One process at a time writes into a folder, so that what a killed one left can be swept away. The
 * lock ends with its holder. */
static int lock_folder(const char *state, int *ret_fd)
{
    char path[CACHE_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/lock", state) >= (int)sizeof path)
        return err_set(-ENAMETOOLONG, "%.64s...: too long a path", state);
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(errno == EWOULDBLOCK ? -EBUSY : -errno, "%s: %s", path,
                       errno == EWOULDBLOCK ? "another loader is writing here" : strerror(errno));
    *ret_fd = take_fd(&fd);
    return 0;
}

int cache_store(const char *state, const struct timespec *begun, const struct index *index)
{
    char path[CACHE_PATH_MAX];
    auto_close int lock = -1;
    int r = check_settled(index, begun);
    if (r == 0)
        r = path_of(state, index->head->key, path);
    const bool fresh = r == 0 && access(state, F_OK) != 0;
    if (r == 0)
        r = file_mkdirs(state);
    if (r == 0 && fresh && chmod(state, 0700) != 0)
        r = err_set(-errno, "%s: %s", state, strerror(errno));
    if (r == 0)
        r = lock_folder(state, &lock);
    if (r == 0)
        r = file_sweep(state);
    struct file_write w = {0};
    struct stat st;
    /* What else bears the name in our own folder, a pipe or a link that leads out of it, is not
     * written through. A folder stays, and is told. */
    if (r == 0 && lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
        unlink(path) != 0)
        r = err_set(-errno, "%s: %s", path, strerror(errno));
    if (r == 0)
        r = file_write_begin(&w, path);
    if (r < 0)
        return r;
    if (fwrite(index->head, 1, index->head->bytes, w.out) != index->head->bytes) {
        const int code = errno ? -errno : -EIO;
        file_write_abort(&w);
        return err_set(code, "%s: cannot write: %s", path, strerror(-code));
    }
    return file_write_commit(&w);
}
