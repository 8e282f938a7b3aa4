/* SPDX-License-Identifier: Apache-2.0 */
/* tensor: shape + pointer. The shape letters, once for the whole trainer:
 *   N rows (images; both views of a batch stacked: view 1's rows, then view 2's)   V views
 *   H W C height, width, channels    D features    K queue
 * A tensor is [N,H,W,C] by meaning. How its elements lie in memory is the back end's own affair
 * (see ops.h); only that row n begins at n*H*W*C elements is promised. [N,D] is [N,1,1,D], and
 * always plain and fp32. Memory belongs to an arena. */
#ifndef AUGSTREAM_TRAINER_TENSOR_H
#define AUGSTREAM_TRAINER_TENSOR_H

#include <stddef.h>
#include <stdint.h>

/* How an element is kept. Sums, statistics, parameters, gradients of parameters, features and
 * losses are fp32 always; images between convolutions, and their gradients, may be bf16. */
enum dtype {
    DTYPE_FP32,
    DTYPE_BF16, /* the upper half of an fp32, rounded to nearest even */
    DTYPE_AUTO, /* a wish only: bf16 where the back end has it */
};

static inline size_t dtype_bytes(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? sizeof(uint16_t) : sizeof(float);
}

struct tensor {
    int32_t n, h, w, c;
    float *data; /* of bf16: only tensor_bf16 is read and written */
    enum dtype dtype;
};

static inline uint16_t *tensor_bf16(const struct tensor *t)
{
    return (uint16_t *)t->data;
}

static inline size_t tensor_count(const struct tensor *t)
{
    return (size_t)t->n * (size_t)t->h * (size_t)t->w * (size_t)t->c;
}

/* The n rows from row `first`: a loan of the same memory. */
static inline struct tensor tensor_rows(const struct tensor *t, int32_t first, int32_t n)
{
    struct tensor rows = *t;
    size_t before = (size_t)first * (size_t)t->h * (size_t)t->w * (size_t)t->c;
    rows.n = n;
    rows.data = (float *)((char *)t->data + before * dtype_bytes(t->dtype));
    return rows;
}

/* arena: one block of a back end's memory. Users first say how much they want and where the pointer
 * goes; one commit makes the block, zeroed, and fills in every pointer. Pieces are 64-byte aligned
 * and lie in the order they were asked for. The struct that holds the pointer must not move. */
struct ops;
struct arena {
    const struct ops *ops;
    void *base;
    size_t bytes;
    struct arena_piece *piece;
    size_t n, capacity;
};
void arena_init(struct arena *arena, const struct ops *ops);
int arena_add(struct arena *arena, size_t bytes, void *where); /* where: a T ** */
int arena_add_tensor(struct arena *arena, struct tensor *t, int32_t n, int32_t h, int32_t w,
                     int32_t c); /* sets the shape now, data at commit */
/* The same, of the type that the back end was told to keep images in (ops_set_dtype). */
int arena_add_image(struct arena *arena, struct tensor *t, int32_t n, int32_t h, int32_t w,
                    int32_t c);
int arena_commit(struct arena *arena);
void arena_done(struct arena *arena);

#endif
