/* SPDX-License-Identifier: Apache-2.0 */
/* program: takes a program's name, gives its path. Starts nothing. */
#include "loaderd/crew/program.h"

#include "common/err.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool runs(const char *dir, size_t dir_len, const char *name, char ret[PROGRAM_PATH_MAX])
{
    int n = snprintf(ret, PROGRAM_PATH_MAX, "%.*s/%s", (int)dir_len, dir, name);
    return n > 0 && n < PROGRAM_PATH_MAX && access(ret, X_OK) == 0;
}

int program_find(const char *name, const char *installed_dir, char ret[PROGRAM_PATH_MAX])
{
    char self[PROGRAM_PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    const char *slash = strrchr(self, '/');
    if ((slash && runs(self, (size_t)(slash - self), name, ret)) ||
        runs(installed_dir, strlen(installed_dir), name, ret))
        return 0;
    return err_set(-ENOENT, "%s is neither beside this program nor in %s", name, installed_dir);
}
