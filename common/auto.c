/* SPDX-License-Identifier: Apache-2.0 */
/* auto: the cleanup functions behind the attributes of auto.h. */
#include "common/auto.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void auto_free_fn(void *p)
{
    free(*(void **)p);
}

void auto_close_fn(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

void auto_fclose_fn(void *file)
{
    FILE *f = *(FILE **)file;
    if (f)
        fclose(f);
}

void auto_closedir_fn(void *dir)
{
    DIR *d = *(DIR **)dir;
    if (d)
        closedir(d);
}
