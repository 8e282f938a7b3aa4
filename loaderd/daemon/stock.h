/* SPDX-License-Identifier: Apache-2.0 */
/* stock: what a loader has in store before anybody asks: its datasets, the slots of shared memory,
 * the cache of decoded pictures, the table of sessions and the batches being made. The daemon's
 * thread; without loop, sockets and processes. */
#ifndef AUGSTREAM_LOADERD_STOCK_H
#define AUGSTREAM_LOADERD_STOCK_H

#include "common/pool.h"
#include "loaderd/batch/dispatch.h"
#include "loaderd/batch/session.h"
#include "loaderd/config.h"
#include "loaderd/crew/gallery.h"
#include "loaderd/monitor/metrics.h"
#include "loaderd/source/dataset.h"

#include <stdio.h>

struct stock {
    struct dataset datasets[WIRE_DATASETS_MAX];
    size_t n_datasets;
    struct pool *pool;
    struct sessions *sessions;
    struct dispatch *dispatch;
    struct gallery *gallery; /* NULL: none is wanted */
};

/* Each on a zeroed struct, datasets first; on failure what is open stays for stock_close. slot_back
 * is pool_config's on_free. */
int stock_datasets(struct stock *stock, const struct config *config);
int stock_memory(struct stock *stock, const struct config *config, struct metrics *metrics,
                 void (*slot_back)(void *hint), void *hint);
/* Logs every dataset and begins its figures. */
void stock_tell(const struct stock *stock, struct metrics *metrics);
void stock_close(struct stock *stock); /* every slot must be back; fine when half open */

/* Opens every dataset and writes a line for each: name, samples, classes, ignored files. */
int stock_check(const struct config *config, FILE *out);

/* That line, without its end. */
enum { STOCK_LINE_MAX = 256 };
void stock_line(const struct dataset *dataset, char ret[STOCK_LINE_MAX]);

#endif
