/* SPDX-License-Identifier: Apache-2.0 */
/* auto: the cleanup functions behind the attributes of auto.h. */
#include "common/auto.h"

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
