/* SPDX-License-Identifier: Apache-2.0 */
/* photos: takes a folder or a tar, gives the paths and bytes of its JPEG files. One thread. Does
 * not look into the files. */
#include "tests/bench/photos.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PHOTO_BYTES_MAX = 64 << 20, FOLDERS_OPEN_MAX = 16 };

static struct photos *walked; /* nftw hands its visitor no hint */

static int is_jpeg(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static int keep_path(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (flag != FTW_F || !is_jpeg(path))
        return 0;
    struct photo *list = realloc(walked->list, (walked->n + 1) * sizeof *list);
    if (!list)
        return -1;
    walked->list = list;
    list[walked->n] = (struct photo){.path = strdup(path)};
    return list[walked->n].path ? (int)(walked->n++, 0) : -1;
}

static int remove_path(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct photo *)a)->path, ((const struct photo *)b)->path);
}

static int unpack(const char *tar, struct photos *photos)
{
    snprintf(photos->scratch, sizeof photos->scratch, "/tmp/augstream-bench-XXXXXX");
    if (!mkdtemp(photos->scratch)) {
        photos->scratch[0] = 0;
        return err_set(-errno, "no scratch folder in /tmp: %s", strerror(errno));
    }
    const pid_t pid = fork();
    if (pid < 0)
        return err_set(-errno, "fork: %s", strerror(errno));
    if (pid == 0) {
        execlp("tar", "tar", "-xf", tar, "-C", photos->scratch, (char *)NULL);
        _exit(127);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return err_set(-EBADMSG, "%s: tar could not unpack it", tar);
    return 0;
}

/* Every k-th, so that all of a set's folders have their share. */
static void thin(struct photos *photos, uint32_t most)
{
    const uint32_t step = (photos->n + most - 1) / most;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < photos->n; i++) {
        if (i % step == 0)
            photos->list[kept++] = photos->list[i];
        else
            free(photos->list[i].path);
    }
    photos->n = kept;
}

int photos_open(const char *path, uint32_t most, struct photos *ret)
{
    *ret = (struct photos){0};
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    int rc = S_ISDIR(st.st_mode) ? 0 : unpack(path, ret);
    if (rc < 0)
        return rc;
    walked = ret;
    if (nftw(ret->scratch[0] ? ret->scratch : path, keep_path, FOLDERS_OPEN_MAX, FTW_PHYS) != 0)
        return err_set(errno ? -errno : -EIO, "%s: cannot be listed", path);
    if (ret->n == 0)
        return err_set(-ENODATA, "%s: no JPEG files", path);
    qsort(ret->list, ret->n, sizeof ret->list[0], by_path);
    thin(ret, most);
    for (uint32_t i = 0; rc == 0 && i < ret->n; i++) {
        struct photo *photo = &ret->list[i];
        rc = file_read(photo->path, PHOTO_BYTES_MAX, &photo->bytes, &photo->len);
    }
    return rc;
}

void photos_close(struct photos *photos)
{
    for (uint32_t i = 0; i < photos->n; i++) {
        free(photos->list[i].path);
        free(photos->list[i].bytes);
    }
    free(photos->list);
    if (photos->scratch[0])
        nftw(photos->scratch, remove_path, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
    *photos = (struct photos){0};
}
