/* SPDX-License-Identifier: Apache-2.0 */
/* worker: the loop of one worker process: reads a task, renders its sample into the shared slot,
 * answers. Single-threaded. */
#ifndef AUGSTREAM_LOADERD_WORKER_H
#define AUGSTREAM_LOADERD_WORKER_H

#include <stddef.h>
#include <stdint.h>

struct worker_config {
    int socket;          /* SOCK_SEQPACKET, the daemon's other end */
    unsigned char *base; /* the pool, mapped */
    uint32_t slots;
    size_t slot_bytes;
    unsigned char *cache; /* decoded pictures, mapped; NULL: there is none */
    size_t cache_bytes;
    uint64_t cpu_ms; /* processor time for one image, then TASK_DEADLINE_SIGNAL; 0: no end */
};

/* Serves until the socket's end. 0, or -errno: the renderer does not start, the socket breaks, or
 * the daemon sent what makes no sense (-EBADMSG). */
int worker_run(const struct worker_config *config);

#endif
