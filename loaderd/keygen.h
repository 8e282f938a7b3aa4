/* SPDX-License-Identifier: Apache-2.0 */
/* keygen: the verb that makes a pair of keys, of a loader or of a client. */
#ifndef AUGSTREAM_LOADERD_KEYGEN_H
#define AUGSTREAM_LOADERD_KEYGEN_H

#include "common/usage.h"

extern const struct usage keygen_usage;

/* argv[0] is the verb. Writes the files, and to standard output what to do with them; the exit
 * code. */
int keygen_run(int argc, char **argv);

#endif
