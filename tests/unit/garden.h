/* SPDX-License-Identifier: Apache-2.0 */
/* garden: a scratch folder with class folders of small JPEGs (and, where asked for, bad files among
 * them), and the means to find and stop the processes of a test. */
#ifndef AUGSTREAM_TESTS_GARDEN_H
#define AUGSTREAM_TESTS_GARDEN_H

#include "test.h"

#include "tools/synth/flower.h"
#include "tools/synth/jpeg.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GARDEN_SIDE = 40, GARDEN_CLASSES = 2 };

struct garden {
    char root[64];
};

static inline const char *garden_path(const struct garden *garden, const char *name)
{
    static char path[2][256]; /* two may be in one expression */
    static int which;
    which = !which;
    snprintf(path[which], sizeof path[which], "%s/%s", garden->root, name);
    return path[which];
}

static inline void garden_new(struct garden *garden)
{
    snprintf(garden->root, sizeof garden->root, "/tmp/augstream-garden-XXXXXX");
    assert_non_null(mkdtemp(garden->root));
}

static int garden_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static inline void garden_done(struct garden *garden)
{
    nftw(garden->root, garden_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* folder/class-0/000.jpg ... : n pictures over GARDEN_CLASSES classes. */
static inline void garden_plant(const struct garden *garden, const char *folder, uint32_t n)
{
    char name[128];
    uint8_t rgb[GARDEN_SIDE * GARDEN_SIDE * 3];
    assert_int_equal(mkdir(garden_path(garden, folder), 0777), 0);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t class = i % GARDEN_CLASSES;
        snprintf(name, sizeof name, "%s/class-%u", folder, class);
        mkdir(garden_path(garden, name), 0777);
        snprintf(name, sizeof name, "%s/class-%u/%03u.jpg", folder, class, i / GARDEN_CLASSES);
        flower_draw(&flower_kinds[class], 1, i, GARDEN_SIDE, GARDEN_SIDE, rgb);
        assert_int_equal(jpeg_write(garden_path(garden, name), rgb, GARDEN_SIDE, GARDEN_SIDE, 90),
                         0);
    }
}

static inline void garden_write(const struct garden *garden, const char *name, const char *text)
{
    FILE *f = fopen(garden_path(garden, name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* Leaves the first half of a file. */
static inline void garden_truncate(const struct garden *garden, const char *name)
{
    struct stat st;
    assert_int_equal(stat(garden_path(garden, name), &st), 0);
    assert_int_equal(truncate(garden_path(garden, name), st.st_size / 2), 0);
}

/* A program of the build tree, found from this test's own place in it (tests/SUITE/test). */
static inline const char *built_program(const char *name)
{
    static char path[4096];
    char self[2048];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = 0;
    snprintf(path, sizeof path, "%s/../../%s", dirname(self), name);
    assert_int_equal(access(path, X_OK), 0);
    return path;
}

/* The children of a process, at most cap; zombies are not counted. */
static inline uint32_t children_of(pid_t parent, pid_t *ret, uint32_t cap)
{
    uint32_t n = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *e; (e = readdir(proc)) && n < cap;) {
        char path[300], state = 0;
        int pid = 0, ppid = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *f = fopen(path, "r"); /* gone by now, or no process at all */
        if (!f)
            continue;
        int fields = fscanf(f, "%d (%*[^)]) %c %d", &pid, &state, &ppid);
        fclose(f);
        if (fields == 3 && ppid == parent && state != 'Z')
            ret[n++] = pid;
    }
    closedir(proc);
    return n;
}

#endif
