/* SPDX-License-Identifier: Apache-2.0 */
/* real_data: the folder of real images: AUGSTREAM_DATA, or shared/data beside the project. A test
 * that wants them and finds none says why and exits with REAL_DATA_SKIP. Needs TESTS_DIR. */
#ifndef AUGSTREAM_TESTS_REAL_DATA_H
#define AUGSTREAM_TESTS_REAL_DATA_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REAL_DATA_SKIP = 77, REAL_DATA_PATH_MAX = 4096 };

static inline const char *real_data_folder(void)
{
    const char *named = getenv("AUGSTREAM_DATA");
    return named && named[0] ? named : TESTS_DIR "/../../shared/data";
}

/* The path of one of its files; NULL, and the reason on standard output, where it is absent. */
static inline const char *real_data(const char *file)
{
    static char path[REAL_DATA_PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", real_data_folder(), file);
    if (len < (int)sizeof path && access(path, R_OK) == 0)
        return path;
    printf("skipped: %s is not in %s (AUGSTREAM_DATA names the folder of real images)\n", file,
           real_data_folder());
    return NULL;
}

#endif
