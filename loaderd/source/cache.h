/* SPDX-License-Identifier: Apache-2.0 */
/* cache: indexes that outlive the daemon, one file for each dataset's declaration in a folder of
 * state. Whoever may write there decides which files the daemon reads: the folder is the daemon's
 * own. Nothing in it is needed; everything in it may be deleted at any time. One thread. */
#ifndef AUGSTREAM_LOADERD_CACHE_H
#define AUGSTREAM_LOADERD_CACHE_H

#include "loaderd/source/index.h"

#include <time.h>

/* What names a declaration: all of it but spec->state. */
void cache_key(const struct source_spec *spec, uint8_t ret[DIGEST_BYTES]);

/* The block that was kept for this declaration, when it is whole and all that its listing depended
 * on is as it was. -ENOENT: none was kept; -ESTALE: it holds no more; -EBADMSG: damaged, or not for
 * us; others from the file system. The message says what and where. */
int cache_load(const char *state, const uint8_t key[DIGEST_BYTES], struct index *ret_index,
               struct index_block *ret);

/* Keeps an index whose listing began at `begun` (CLOCK_REALTIME): it takes the place of an older
 * one in one step, or nothing changes. -EAGAIN: what was listed had been changed so shortly before
 * that another change would not show. -EBUSY: another process is writing there. Errors of the file
 * system. */
int cache_store(const char *state, const struct timespec *begun, const struct index *index);

#endif
