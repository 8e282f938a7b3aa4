/* SPDX-License-Identifier: Apache-2.0 */
/* parcel: takes a sealed batch, gives frames that keep its slot. Sends nothing. */
#include "loaderd/serve/parcel.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int parcels_init(struct parcels *parcels, uint32_t n)
{
    parcels->all = calloc(n, sizeof *parcels->all);
    if (!parcels->all)
        return err_set(-ENOMEM, "no memory for %u parcels", n);
    TAILQ_INIT(&parcels->out);
    TAILQ_INIT(&parcels->idle);
    for (uint32_t i = 0; i < n; i++)
        TAILQ_INSERT_TAIL(&parcels->idle, &parcels->all[i], next);
    return 0;
}

void parcels_done(struct parcels *parcels)
{
    if (parcels->all)
        parcels_collect(parcels);
    assert(!parcels->all || TAILQ_EMPTY(&parcels->out));
    free(parcels->all);
    parcels->all = NULL;
}

int parcel_begin(struct parcels *parcels, struct peer *peer, const struct batch *batch,
                 struct link_frame ret_frames[WIRE_FRAMES_MAX])
{
    struct parcel *parcel = TAILQ_FIRST(&parcels->idle);
    if (!parcel)
        return err_set(-EAGAIN, "too many batches are on their way");
    TAILQ_REMOVE(&parcels->idle, parcel, next);
    TAILQ_INSERT_TAIL(&parcels->out, parcel, next);
    parcel->parcels = parcels;
    parcel->slot = batch->slot;
    parcel->peer = peer;
    parcel->bytes = 0;
    for (uint32_t i = 0; i < batch->header.n_frames; i++)
        parcel->bytes += batch->header.frames[i].bytes;
    peer->holding++;
    peer->held_bytes += parcel->bytes;
    pool_ref(parcels->pool, parcel->slot);
    atomic_store(&parcel->frames, batch->header.n_frames);
    unsigned char *slot = pool_data(parcels->pool, parcel->slot);
    for (uint32_t i = 0; i < batch->header.n_frames; i++)
        ret_frames[i] = (struct link_frame){.data = slot + batch->frame_at[i],
                                            .len = batch->header.frames[i].bytes,
                                            .free = parcel_frame_back,
                                            .hint = parcel};
    return 0;
}

void parcel_frame_back(void *data, void *hint)
{
    (void)data;
    struct parcel *parcel = hint;
    const struct parcels *parcels = parcel->parcels;
    uint32_t slot = parcel->slot; /* after the last frame the parcel may be another one */
    if (atomic_fetch_sub(&parcel->frames, 1) > 1)
        return;
    pool_unref(parcels->pool, slot);
    if (!atomic_load(&parcel->trying))
        parcels->wake(parcels->hint);
}

void parcel_try(struct parcel *parcel)
{
    atomic_store(&parcel->trying, true);
}

/* Those that have left before the send returned have woken nobody. */
void parcel_tried(struct parcel *parcel, bool sent)
{
    atomic_store(&parcel->trying, false);
    if (sent && atomic_load(&parcel->frames) == 0)
        parcel->parcels->wake(parcel->parcels->hint);
}

void parcels_collect(struct parcels *parcels)
{
    struct parcel *parcel = TAILQ_FIRST(&parcels->out);
    while (parcel) {
        struct parcel *next = TAILQ_NEXT(parcel, next);
        if (atomic_load(&parcel->frames) == 0) {
            parcels->arrived++;
            if (parcel->peer) {
                parcel->peer->holding--;
                parcel->peer->held_bytes -= parcel->bytes;
            }
            TAILQ_REMOVE(&parcels->out, parcel, next);
            TAILQ_INSERT_TAIL(&parcels->idle, parcel, next);
        }
        parcel = next;
    }
}

void parcels_forget(struct parcels *parcels, struct peer *peer)
{
    struct parcel *parcel;
    TAILQ_FOREACH(parcel, &parcels->out, next)
    if (parcel->peer == peer) {
        parcel->peer = NULL;
        peer->holding--;
        peer->held_bytes -= parcel->bytes;
    }
}
