/* SPDX-License-Identifier: Apache-2.0 */
/* gallery: takes samples, gives places of their pictures; takes answers, remembers what was put. A
 * chunk is filled from its beginning, by one task at a time, and its `used` moves only when that
 * task's answer has come: whatever else was written there is not there. Owns the shared memory and
 * the directory, all made at the start. It reads and writes no pixel. */
#include "loaderd/crew/gallery.h"

#include "common/err.h"
#include "common/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALIGN = 64,
    ENTRY_BYTES =
        4096, /* room for one entry for so many bytes: smaller pictures run out of these */
    OWNERS = WIRE_DATASETS_MAX,
    NONE = -1,
};

struct entry {
    int32_t next;       /* in its bucket, or of the free ones */
    int32_t chunk_next; /* in its chunk */
    uint32_t sample;
    uint8_t owner, chunk;
    uint8_t reduction;  /* its place in task_reductions */
    uint8_t reduce_max; /* the picture's */
    uint16_t w, h;      /* the picture's, not reduced */
    uint64_t offset;    /* in the whole memory */
    uint64_t bytes;
};

struct chunk {
    int32_t owner; /* NONE: free */
    int32_t first; /* entry */
    uint32_t pins; /* tasks that may read or write it */
    bool filling;  /* by a task in flight */
    bool misfit;   /* a picture was larger than what is left */
    size_t used;   /* bytes */
};

struct owner {
    bool known;
    uint8_t dataset[DIGEST_BYTES]; /* its key */
    uint64_t last_ms;              /* when it was asked for */
    uint32_t chunks;
    uint32_t flying; /* offers to be settled */
};

struct gallery {
    struct metrics *metrics;
    struct pool *memory; /* a slot is a chunk; nothing is counted by it */
    size_t chunk_bytes;
    struct chunk chunks[GALLERY_CHUNKS];
    struct owner owners[OWNERS];
    uint32_t n_entries, n_buckets; /* n_buckets: a power of two */
    int32_t free;
    int32_t *buckets; /* [n_buckets] */
    struct entry *entries;
};

static const uint32_t reductions[TASK_REDUCTIONS] = {1, 2, 4, 8};

int gallery_new(size_t bytes, struct metrics *metrics, struct gallery **ret)
{
    struct gallery *gallery = calloc(1, sizeof *gallery);
    if (!gallery)
        return err_set(-ENOMEM, "gallery: no memory");
    gallery->metrics = metrics;
    int r = pool_new(
        &(struct pool_config){.slots = GALLERY_CHUNKS, .slot_bytes = bytes / GALLERY_CHUNKS},
        &gallery->memory);
    if (r < 0) {
        gallery_free(gallery);
        return r;
    }
    gallery->chunk_bytes = pool_slot_bytes(gallery->memory);
    const size_t entries = bytes / ENTRY_BYTES + 1;
    gallery->n_entries = entries < INT32_MAX / 2 ? (uint32_t)entries : INT32_MAX / 2;
    for (gallery->n_buckets = 1; gallery->n_buckets < gallery->n_entries;)
        gallery->n_buckets *= 2;
    gallery->entries = malloc(gallery->n_entries * sizeof gallery->entries[0]);
    gallery->buckets = malloc(gallery->n_buckets * sizeof gallery->buckets[0]);
    if (!gallery->entries || !gallery->buckets) {
        gallery_free(gallery);
        return err_set(-ENOMEM, "gallery: no memory for a directory of %zu pictures", entries);
    }
    memset(gallery->buckets, 0xff, gallery->n_buckets * sizeof gallery->buckets[0]); /* NONE */
    for (uint32_t i = 0; i < gallery->n_entries; i++)
        gallery->entries[i].next = i + 1 < gallery->n_entries ? (int32_t)i + 1 : NONE;
    for (int i = 0; i < GALLERY_CHUNKS; i++)
        gallery->chunks[i] = (struct chunk){.owner = NONE, .first = NONE};
    *ret = gallery;
    return 0;
}

void gallery_free(struct gallery *gallery)
{
    if (!gallery)
        return;
    pool_free(gallery->memory);
    free(gallery->buckets);
    free(gallery->entries);
    free(gallery);
}

int gallery_fd(const struct gallery *gallery)
{
    return pool_fd(gallery->memory);
}

size_t gallery_chunk_bytes(const struct gallery *gallery)
{
    return gallery->chunk_bytes;
}

static int32_t *bucket_of(struct gallery *gallery, uint32_t owner, uint32_t sample)
{
    uint64_t key = ((uint64_t)owner << 32 | sample) * UINT64_C(0x9e3779b97f4a7c15);
    return &gallery->buckets[(key >> 32) & (gallery->n_buckets - 1)];
}

/* --- owners --- */

/* The dataset's number; NONE when there are too many datasets. One that has nothing here makes way.
 */
static int32_t owner_of(struct gallery *gallery, const uint8_t *dataset)
{
    int32_t place = NONE;
    for (int32_t i = 0; i < OWNERS; i++) {
        const struct owner *owner = &gallery->owners[i];
        if (owner->known && memcmp(owner->dataset, dataset, DIGEST_BYTES) == 0)
            return i;
        if (place == NONE && owner->chunks == 0 && owner->flying == 0)
            place = i;
    }
    if (place != NONE) {
        gallery->owners[place] = (struct owner){.known = true};
        memcpy(gallery->owners[place].dataset, dataset, DIGEST_BYTES);
    }
    return place;
}

/* --- chunks --- */

static void forget_entry(struct gallery *gallery, int32_t at)
{
    struct entry *entry = &gallery->entries[at];
    int32_t *link = bucket_of(gallery, entry->owner, entry->sample);
    while (*link != at)
        link = &gallery->entries[*link].next;
    *link = entry->next;
    entry->next = gallery->free;
    gallery->free = at;
    gallery->metrics->cache_bytes -= entry->bytes;
    gallery->metrics->cache_evictions++;
}

static void clear_chunk(struct gallery *gallery, struct chunk *chunk)
{
    while (chunk->first != NONE) {
        const int32_t at = chunk->first;
        chunk->first = gallery->entries[at].chunk_next;
        forget_entry(gallery, at);
    }
    gallery->owners[chunk->owner].chunks--;
    *chunk = (struct chunk){.owner = NONE, .first = NONE};
}

/* A chunk of the dataset that was left alone for longest, and for long; NULL when all are in use.
 */
static struct chunk *idle_chunk(struct gallery *gallery, uint64_t now_ms)
{
    struct chunk *best = NULL;
    for (int i = 0; i < GALLERY_CHUNKS; i++) {
        struct chunk *chunk = &gallery->chunks[i];
        const struct owner *owner = &gallery->owners[chunk->owner];
        if (chunk->pins == 0 && now_ms - owner->last_ms > GALLERY_IDLE_MS &&
            (!best || owner->last_ms < gallery->owners[best->owner].last_ms))
            best = chunk;
    }
    return best;
}

static struct chunk *new_chunk(struct gallery *gallery, int32_t owner, uint64_t now_ms)
{
    struct chunk *chunk = NULL;
    for (int i = 0; i < GALLERY_CHUNKS && !chunk; i++)
        if (gallery->chunks[i].owner == NONE)
            chunk = &gallery->chunks[i];
    if (!chunk) {
        chunk = idle_chunk(gallery, now_ms);
        if (chunk)
            clear_chunk(gallery, chunk);
    }
    if (chunk) {
        chunk->owner = owner;
        gallery->owners[owner].chunks++;
    }
    return chunk;
}

/* Where the next picture of this dataset may go: the owner's chunk with most room, or a new one
 * where that has little. A chunk has one writer at a time. NULL: nowhere. */
static struct chunk *chunk_to_fill(struct gallery *gallery, int32_t owner, uint64_t now_ms)
{
    if (gallery->free == NONE)
        return NULL;
    struct chunk *best = NULL;
    for (int i = 0; i < GALLERY_CHUNKS; i++) {
        struct chunk *chunk = &gallery->chunks[i];
        if (chunk->owner == owner && !chunk->filling && (!best || chunk->used < best->used))
            best = chunk;
    }
    if (!best || best->misfit || gallery->chunk_bytes - best->used < gallery->chunk_bytes / 4) {
        struct chunk *other = new_chunk(gallery, owner, now_ms);
        best = other ? other : best;
    }
    return best && best->used < gallery->chunk_bytes ? best : NULL;
}

/* --- offers --- */

static void pin(struct gallery *gallery, struct gallery_ticket *ticket, uint32_t chunk)
{
    const uint32_t bit = UINT32_C(1) << chunk;
    gallery->chunks[chunk].pins += !(ticket->pinned & bit);
    ticket->pinned |= bit;
}

void gallery_offer(struct gallery *gallery, const uint8_t dataset[DIGEST_BYTES], uint32_t sample,
                   uint64_t now_ms, struct gallery_ticket *ret_ticket, struct task_cache *ret)
{
    *ret = (struct task_cache){.have = 0};
    *ret_ticket = (struct gallery_ticket){.offered = false};
    const int32_t owner = owner_of(gallery, dataset);
    if (owner == NONE)
        return;
    struct gallery_ticket ticket = {.offered = true, .owner = (uint32_t)owner, .sample = sample};
    gallery->owners[owner].last_ms = now_ms;
    gallery->owners[owner].flying++;
    for (int32_t at = *bucket_of(gallery, ticket.owner, sample); at != NONE;) {
        const struct entry *entry = &gallery->entries[at];
        if (entry->owner == owner && entry->sample == sample) {
            ret->have |= UINT32_C(1) << entry->reduction;
            ret->at[entry->reduction] = entry->offset;
            ret->w = entry->w;
            ret->h = entry->h;
            ret->reduce_max = entry->reduce_max;
            pin(gallery, &ticket, entry->chunk);
        }
        at = entry->next;
    }
    struct chunk *chunk = chunk_to_fill(gallery, owner, now_ms);
    if (chunk) {
        const uint32_t number = (uint32_t)(chunk - gallery->chunks);
        chunk->filling = true;
        pin(gallery, &ticket, number);
        ticket.fill = number + 1;
        ret->fill = number * gallery->chunk_bytes + chunk->used;
        ret->fill_bytes = gallery->chunk_bytes - chunk->used;
    }
    *ret_ticket = ticket;
}

/* Its place in reductions, or NONE. */
static int32_t reduction_of(uint32_t reduce)
{
    for (int32_t i = 0; i < TASK_REDUCTIONS; i++)
        if (reductions[i] == reduce)
            return i;
    return NONE;
}

static bool is_possible(const struct task_cached *answer, size_t room)
{
    if (answer->w < 1 || answer->w > TASK_SIDE_MAX || answer->h < 1 || answer->h > TASK_SIDE_MAX ||
        reduction_of(answer->reduce) == NONE || reduction_of(answer->reduce_max) == NONE ||
        answer->reduce > answer->reduce_max)
        return false;
    const uint64_t w = (answer->w + answer->reduce - 1) / answer->reduce;
    const uint64_t h = (answer->h + answer->reduce - 1) / answer->reduce;
    return answer->filled == 3 * w * h && answer->filled <= room;
}

static bool is_there(struct gallery *gallery, const struct gallery_ticket *ticket,
                     int32_t reduction)
{
    for (int32_t at = *bucket_of(gallery, ticket->owner, ticket->sample); at != NONE;) {
        const struct entry *entry = &gallery->entries[at];
        if (entry->owner == ticket->owner && entry->sample == ticket->sample &&
            entry->reduction == reduction)
            return true;
        at = entry->next;
    }
    return false;
}

/* Another task may have been quicker with the same picture: then this one's is not there. */
static void enter(struct gallery *gallery, const struct gallery_ticket *ticket,
                  const struct task_cached *answer)
{
    struct chunk *chunk = &gallery->chunks[ticket->fill - 1];
    const int32_t reduction = reduction_of(answer->reduce), at = gallery->free;
    if (at == NONE || is_there(gallery, ticket, reduction))
        return;
    struct entry *entry = &gallery->entries[at];
    int32_t *bucket = bucket_of(gallery, ticket->owner, ticket->sample);
    gallery->free = entry->next;
    *entry = (struct entry){
        .next = *bucket,
        .chunk_next = chunk->first,
        .sample = ticket->sample,
        .owner = (uint8_t)ticket->owner,
        .chunk = (uint8_t)(ticket->fill - 1),
        .reduction = (uint8_t)reduction,
        .reduce_max = (uint8_t)answer->reduce_max,
        .w = (uint16_t)answer->w,
        .h = (uint16_t)answer->h,
        .offset = (ticket->fill - 1) * gallery->chunk_bytes + chunk->used,
        .bytes = answer->filled,
    };
    *bucket = chunk->first = at;
    const size_t used = chunk->used + (answer->filled + ALIGN - 1) / ALIGN * ALIGN;
    chunk->used = used < gallery->chunk_bytes ? used : gallery->chunk_bytes;
    gallery->metrics->cache_bytes += answer->filled;
}

bool gallery_settle(struct gallery *gallery, const struct gallery_ticket *ticket,
                    const struct task_cached *answer)
{
    if (!ticket->offered)
        return !answer || (!answer->used && answer->filled == 0);
    assert(gallery->owners[ticket->owner].flying > 0);
    gallery->owners[ticket->owner].flying--;
    for (uint32_t i = 0; i < GALLERY_CHUNKS; i++)
        gallery->chunks[i].pins -= ticket->pinned >> i & 1;
    struct chunk *chunk = ticket->fill ? &gallery->chunks[ticket->fill - 1] : NULL;
    if (chunk)
        chunk->filling = false;
    if (!answer)
        return true;
    gallery->metrics->cache_hits += answer->used != 0;
    gallery->metrics->cache_misses += answer->used == 0;
    if (chunk && answer->wanted > gallery->chunk_bytes - chunk->used &&
        answer->wanted <= gallery->chunk_bytes)
        chunk->misfit = true;
    if (answer->filled == 0)
        return true;
    if (!chunk || !is_possible(answer, gallery->chunk_bytes - chunk->used))
        return false;
    enter(gallery, ticket, answer);
    return true;
}
