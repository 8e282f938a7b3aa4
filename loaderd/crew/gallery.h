/* SPDX-License-Identifier: Apache-2.0 */
/* gallery: decoded pictures in memory that all workers share, so that one picture is decoded once
 * for trainers of different seeds and for later epochs. Only its directory is here: which picture
 * lies where, and who may use or write what. Workers lock nothing: a task says "it is there" or
 * "there is room", the answer says what was done, and what a dead worker had begun is forgotten.
 * Keyed by dataset, sample and reduction.
 *
 * An epoch is a permutation, so the least recently used picture is no better a choice to drop than
 * any other: pictures stay (as in CoorDL's MinIO cache: Mohan et al., "Analyzing and Mitigating
 * Data Stalls in DNN Training", PVLDB 14(5), 2021), and make room only when their dataset is not
 * used any more and another one is. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_GALLERY_H
#define AUGSTREAM_LOADERD_GALLERY_H

#include "loaderd/crew/task.h"
#include "loaderd/monitor/metrics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GALLERY_CHUNKS =
        32, /* the memory's parts: no picture is larger than one, one dataset owns it */
    GALLERY_IDLE_MS = 60000, /* after which a dataset is not in use */
};

struct gallery;

/* bytes: of pictures, at least a MiB. Takes the memory's addresses now, its pages when used. */
int gallery_new(size_t bytes, struct metrics *metrics, struct gallery **ret);
void gallery_free(struct gallery *gallery); /* NULL is fine */

/* What a worker maps: pool_map(fd, GALLERY_CHUNKS, gallery_chunk_bytes). */
int gallery_fd(const struct gallery *gallery);
size_t gallery_chunk_bytes(const struct gallery *gallery);

/* What a task in flight holds of the cache. Zeroed: nothing. */
struct gallery_ticket {
    bool offered;
    uint32_t owner, sample;
    uint32_t pinned; /* chunks, a bit each, that are not given up meanwhile */
    uint32_t fill;   /* the chunk that it may write to, and one more; 0: none */
};

/* A task on a sample of the dataset of this key (struct dataset's): what it may use and where it
 * may put what it decodes. Each offer is settled once, before anything that it pins is given up. */
void gallery_offer(struct gallery *gallery, const uint8_t dataset[DIGEST_BYTES], uint32_t sample,
                   uint64_t now_ms, struct gallery_ticket *ret_ticket, struct task_cache *ret);

/* What became of it: the worker's answer, or NULL where it gave none. False, and nothing kept, when
 * the answer cannot be true. */
bool gallery_settle(struct gallery *gallery, const struct gallery_ticket *ticket,
                    const struct task_cached *answer);

#endif
