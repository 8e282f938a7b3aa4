/* SPDX-License-Identifier: Apache-2.0 */
/* plant: takes a name, spoils one function. */
#include "tests/sim/plant.h"

#include "common/crc32c.h"
#include "loaderd/serve/parcel.h"
#include "loaderd/serve/request.h"
#include "proto/wire.h"
#include "trainer/loader.h"
#include "trainer/ring.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum planted {
    LATE,
    WINDOW,
    CRC,
    STRANGER,
    DEADLINE,
    SLOT,
    LEAK,
    CANCEL,
    BYTES,
    PLANTS,
};
static int planted = -1;

const struct plant plants[] = {
    [LATE] = {"late", "an answer to what is held already is taken"},
    [WINDOW] = {"window", "a trainer asks for one batch more than the window"},
    [CRC] = {"crc", "no checksum is looked at"},
    [STRANGER] = {"stranger", "a loader with another dataset is welcome"},
    [DEADLINE] = {"deadline", "no request is ever overdue"},
    [SLOT] = {"slot", "a slot is free again before its frames have left"},
    [LEAK] = {"leak", "a slot is not given back, now and then"},
    [CANCEL] = {"cancel", "a cancelled request ends without its batch"},
    [BYTES] = {"bytes", "a loader counts no batch before it is sent"},
    [PLANTS] = {NULL, NULL},
};

int plant(const char *name)
{
    for (int i = 0; i < PLANTS; i++)
        if (strcmp(plants[i].name, name) == 0) {
            planted = i;
            return 0;
        }
    return -ENOENT;
}

const char *plant_planted(void)
{
    return planted < 0 ? NULL : plants[planted].name;
}

#define WRAPPED(type, name, ...)                                                                   \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

WRAPPED(bool, ring_misses, const struct ring *ring, uint32_t epoch, uint32_t index, uint64_t *ret)
{
    if (planted != LATE)
        return __real_ring_misses(ring, epoch, index, ret);
    uint64_t position = epoch * ring->batches + index;
    if (index >= ring->batches || position < ring->next || position >= ring_end(ring))
        return false;
    *ret = position;
    return true;
}

WRAPPED(uint32_t, loader_choose, const struct loader *loaders, uint32_t n, uint32_t avoid)
{
    struct loader wide[CONF_LIST_MAX];
    if (planted != WINDOW)
        return __real_loader_choose(loaders, n, avoid);
    for (uint32_t i = 0; i < n; i++) {
        wide[i] = loaders[i];
        wide[i].window++;
    }
    return __real_loader_choose(wide, n, avoid);
}

WRAPPED(uint32_t, crc32c, uint32_t crc, const void *bytes, size_t len)
{
    return planted == CRC ? 0 : __real_crc32c(crc, bytes, len);
}

WRAPPED(int, loader_agrees, const struct loader *loader, const char *dataset,
        const struct recv_info *ours)
{
    return planted == STRANGER ? 0 : __real_loader_agrees(loader, dataset, ours);
}

WRAPPED(double, slot_deadline, const struct slot *slot, double deadline_s)
{
    return planted == DEADLINE ? INFINITY : __real_slot_deadline(slot, deadline_s);
}

WRAPPED(void, pool_ref, struct pool *pool, uint32_t slot)
{
    if (planted != SLOT)
        __real_pool_ref(pool, slot);
}

WRAPPED(void, pool_unref, struct pool *pool, uint32_t slot)
{
    static unsigned n;
    if (planted != LEAK || ++n % 64 != 0)
        __real_pool_unref(pool, slot);
}

WRAPPED(void, request_end, struct requests *requests, struct request *request)
{
    if (planted == CANCEL && request->stage == REQUEST_WORKING)
        request->batch = NULL;
    __real_request_end(requests, request);
}

WRAPPED(size_t, spec_batch_bytes, const struct spec *spec)
{
    return planted == BYTES ? 0 : __real_spec_batch_bytes(spec);
}
