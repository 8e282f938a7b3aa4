/* SPDX-License-Identifier: Apache-2.0 */
/* weights: a safetensors file, and those of its tensors that were asked for; told as a page or as
 * JSON, alone or beside another. One thread. */
#ifndef AUGSTREAM_TOOLS_INSPECT_WEIGHTS_H
#define AUGSTREAM_TOOLS_INSPECT_WEIGHTS_H

#include "tools/inspect/tensors/sums.h"

#include <stdint.h>
#include <stdio.h>

enum weights_order {
    WEIGHTS_BY_NAME, /* in groups; numbers in names by their value: layer2 before layer10 */
    WEIGHTS_BY_FILE, /* as they lie there */
    WEIGHTS_BY_SIZE, /* this and all below: the largest first */
    WEIGHTS_BY_NORM,
    WEIGHTS_BY_DEVIATION,
    WEIGHTS_BY_MAX,        /* of |x|; of two files: of |a - b| */
    WEIGHTS_BY_DIFFERENCE, /* two files: the norm of a - b over that of a */
    WEIGHTS_ORDERS
};
extern const char *const weights_orders[WEIGHTS_ORDERS + 1]; /* their names, then NULL */

/* Whether one file, or two, may be told in that order. */
bool weights_order_fits(enum weights_order order, int files);

enum weights_seal { WEIGHTS_SEALED, WEIGHTS_UNSEALED, WEIGHTS_BROKEN };

struct weight {
    const struct safetensor *tensor; /* a loan of the file */
    struct sums sums;                /* where weights_weigh was called */
};

struct weights {
    const char *path; /* the caller's */
    struct safetensors *st;
    uint64_t bytes;
    enum weights_seal seal;
    char why[1024]; /* BROKEN: what err_text said */
    bool momenta;   /* the file keeps some */
    struct weight *weight;
    size_t n;
};

/* name: a glob that names of tensors must match, or NULL. A broken seal is no error here.
 * safetensors_open's errors. Zero-initialise; done is fine on a half-made one. */
int weights_open(struct weights *weights, const char *path, const char *name);
void weights_done(struct weights *weights);
void weights_weigh(struct weights *weights);

/* Puts them in order; weighed, where the order is one of sums. */
void weights_sort(struct weights *weights, enum weights_order order);

/* A page of at most 100 columns, or one JSON object; -EIO, -ENOMEM. */
int weights_tell(const struct weights *weights, enum weights_order order, FILE *out);
int weights_json(const struct weights *weights, FILE *out);

/* "sealed, and as it was written" */
const char *weights_seal_text(const struct weights *weights);

/* --- two files --- */

struct weights_pair {
    const struct weights *a, *b;
    struct weights_row {
        const struct safetensor *a, *b; /* NULL: only the other has it */
        bool shape_same;
        struct apart apart; /* where the shape is the same */
    } * row;
    size_t n;
};

/* Weighs a against b. Rows in a's order and then what only b has; by MAX and DIFFERENCE: the
 * farthest apart first. a and b: loans until done. -ENOMEM. */
int weights_pair_new(const struct weights *a, const struct weights *b, enum weights_order order,
                     struct weights_pair *ret);
void weights_pair_done(struct weights_pair *pair);
bool weights_pair_same(const struct weights_pair *pair); /* every tensor, bit for bit */
/* Both recipes, NULL where a file keeps none; whether they can be compared by recipe_compare. */
bool weights_pair_recipes(const struct weights_pair *pair, const char **ret_a, const char **ret_b);
int weights_pair_tell(const struct weights_pair *pair, FILE *out);
int weights_pair_json(const struct weights_pair *pair, FILE *out);

#endif
