/* SPDX-License-Identifier: Apache-2.0 */
/* program: where the worker's program lies: beside this one (a build tree), or where it was
 * installed. Any thread. */
#ifndef AUGSTREAM_LOADERD_PROGRAM_H
#define AUGSTREAM_LOADERD_PROGRAM_H

#include <stddef.h>

enum { PROGRAM_PATH_MAX = 4096 };

/* -ENOENT names both places. */
int program_find(const char *name, const char *installed_dir, char ret[PROGRAM_PATH_MAX]);

#endif
