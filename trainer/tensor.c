/* SPDX-License-Identifier: Apache-2.0 */
/* tensor: the arena. Takes sizes and places for pointers; gives one zeroed block of a back end's
 * memory, cut up in the order of asking. Setup only: nothing here runs in the step loop. Owner: the
 * struct that embeds it; one thread. Does not free or move single pieces. */
#include "trainer/tensor.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "trainer/ops/ops.h"

enum { ARENA_ALIGN = 64 }; /* a cache line, and the widest vector register */

struct arena_piece {
    size_t offset;
    void *where; /* a T **, written with memcpy: T is not known here */
};

void arena_init(struct arena *arena, const struct ops *ops)
{
    *arena = (struct arena){.ops = ops};
}

static int arena_grow(struct arena *arena)
{
    size_t capacity = arena->capacity ? 2 * arena->capacity : 64;
    struct arena_piece *piece = realloc(arena->piece, capacity * sizeof(*piece));

    if (!piece)
        return err_set(-ENOMEM, "no memory for a list of %zu arena pieces", capacity);
    arena->piece = piece;
    arena->capacity = capacity;
    return 0;
}

int arena_add(struct arena *arena, size_t bytes, void *where)
{
    assert(!arena->base);
    size_t end;
    if (__builtin_add_overflow(arena->bytes, bytes, &end) || end > SIZE_MAX - ARENA_ALIGN)
        return err_set(-ENOMEM, "an arena of %zu bytes cannot take %zu more", arena->bytes, bytes);
    if (arena->n == arena->capacity) {
        int r = arena_grow(arena);
        if (r < 0)
            return r;
    }
    arena->piece[arena->n++] = (struct arena_piece){arena->bytes, where};
    arena->bytes = (end + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    return 0;
}

static int tensor_add(struct arena *arena, struct tensor *t, struct tensor shape)
{
    int32_t n = shape.n, h = shape.h, w = shape.w, c = shape.c;
    if (n < 1 || h < 1 || w < 1 || c < 1)
        return err_set(-EINVAL, "a tensor cannot have the shape [%d,%d,%d,%d]", n, h, w, c);
    size_t bytes = dtype_bytes(shape.dtype);
    if (__builtin_mul_overflow(bytes, (size_t)n, &bytes) ||
        __builtin_mul_overflow(bytes, (size_t)h, &bytes) ||
        __builtin_mul_overflow(bytes, (size_t)w, &bytes) ||
        __builtin_mul_overflow(bytes, (size_t)c, &bytes))
        return err_set(-ENOMEM, "a tensor [%d,%d,%d,%d] is too big", n, h, w, c);
    *t = shape;
    return arena_add(arena, bytes, &t->data);
}

int arena_add_tensor(struct arena *arena, struct tensor *t, int32_t n, int32_t h, int32_t w,
                     int32_t c)
{
    return tensor_add(arena, t, (struct tensor){.n = n, .h = h, .w = w, .c = c});
}

int arena_add_image(struct arena *arena, struct tensor *t, int32_t n, int32_t h, int32_t w,
                    int32_t c)
{
    const struct tensor shape = {.n = n, .h = h, .w = w, .c = c, .dtype = arena->ops->dtype};
    return tensor_add(arena, t, shape);
}

int arena_commit(struct arena *arena)
{
    assert(!arena->base);
    if (!arena->n)
        return 0;
    /* A piece of zero bytes alone still gets a pointer of its own. */
    arena->base = arena->ops->mem_new(arena->ops, arena->bytes ? arena->bytes : ARENA_ALIGN);
    if (!arena->base)
        return err_set(-ENOMEM, "no memory for an arena of %zu bytes (%s)", arena->bytes,
                       arena->ops->name);
    for (size_t i = 0; i < arena->n; i++) {
        void *p = (char *)arena->base + arena->piece[i].offset;
        memcpy(arena->piece[i].where, &p, sizeof(p));
    }
    return 0;
}

void arena_done(struct arena *arena)
{
    if (arena->base)
        arena->ops->mem_free(arena->ops, arena->base);
    free(arena->piece);
    *arena = (struct arena){.ops = arena->ops};
}
