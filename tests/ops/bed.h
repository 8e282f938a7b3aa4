/* SPDX-License-Identifier: Apache-2.0 */
/* bed: what a test of the wall stands on: one back end, numbers to feed it (the same on every bed),
 * pieces of its memory with a guard behind each, and the results taken back as plain host arrays.
 * On a timing bed every run of a slot is repeated and its time printed; on a counting bed it is
 * repeated until a run takes no memory. Failures end the cmocka test. */
#ifndef AUGSTREAM_TESTS_OPS_BED_H
#define AUGSTREAM_TESTS_OPS_BED_H

#include "../unit/test.h"

#include <stdbool.h>

#include "common/rng.h"
#include "trainer/ops/ops.h"

enum {
    BED_PIECES_MAX = 64,
    BED_RESULTS_MAX = 32,
    BED_GUARD = 64, /* bytes behind each piece that no slot may touch */
};

struct bed_result {
    const char *name; /* a loan */
    float *data;
    size_t count;
    double tolerance; /* largest error allowed, in units of the largest magnitude wanted... */
    double terms;     /* ...or of this, the size of the terms that it is a difference of */
};

struct bed {
    struct ops *ops;
    const char *title;                  /* timing: prefix of the lines; NULL = no timing */
    unsigned long (*allocations)(void); /* counting: of the program so far; NULL = no counting */
    enum dtype dtype;                   /* of images */
    bool rounds; /* random numbers are bf16's: then an fp32 bed and a bf16 one get the same */
    struct rng rng;
    void *host[BED_PIECES_MAX];
    size_t n_host;
    struct {
        void *p;
        size_t bytes;
    } piece[BED_PIECES_MAX];
    size_t n_pieces;
    struct bed_result result[BED_RESULTS_MAX];
    size_t n_results;
};

void bed_init(struct bed *bed, const char *back_end, const char *title);
void bed_init_ops(struct bed *bed, struct ops *take_ops);
void bed_done(struct bed *bed); /* checks the guards; the results go with it */

/* Host numbers, until bed_done. */
float *bed_host(struct bed *bed, size_t count);                          /* zeros */
float *bed_random(struct bed *bed, size_t count, float low, float high); /* uniform */
float *bed_levels(struct bed *bed, size_t count, uint32_t levels);       /* 0..levels-1 */
/* Values of magnitude 0.5..1 whose sign alternates along a channel's pixels: a batch norm of them
 * has no output near 0, so that rounding cannot turn a ReLU over. */
float *bed_two_humps(struct bed *bed, size_t count, size_t channels);

/* Back-end memory, until bed_done. host may be NULL: zeros. */
void *bed_bytes(struct bed *bed, size_t bytes);
float *bed_floats(struct bed *bed, const float *host, size_t count);
/* [N,1,1,D] in fp32 goes up and down as it is: such tensors are row-major on every back end. */
struct tensor bed_tensor(struct bed *bed, const float *host, struct tensor shape);

/* A result, brought to the host; both beds of a comparison keep the same ones in the same order. */
void bed_keep(struct bed *bed, const char *name, const float *data, size_t count, double tolerance);
void bed_keep_host(struct bed *bed, const char *name, const float *host, size_t count,
                   double tolerance);
void bed_keep_tensor(struct bed *bed, const char *name, const struct tensor *t, double tolerance);
/* The result kept last may be all but 0 as a difference of terms of this size. */
void bed_terms(struct bed *bed, double terms);

/* Every result of got against the one of want; tolerances apply, or none at all (same bits). */
void bed_compare(const struct bed *want, const struct bed *got, bool same_bits);

/* By norms: |got - want| is at most `tolerance` of |want| (or of as many times the terms), result
 * by result. */
void bed_compare_norms(const struct bed *want, const struct bed *got, double tolerance);

/* Runs a slot once; on a counting bed twice or more; on a timing bed often, and prints "TITLE.SLOT
 * best-time ms". */
#define BED_RUN(bed, slot, call)                                                                   \
    do {                                                                                           \
        struct bed_clock clock_ = bed_clock_start();                                               \
        do {                                                                                       \
            bed_slot_must((call), (slot));                                                         \
        } while (bed_clock_again((bed), (slot), &clock_));                                         \
    } while (0)

struct bed_clock {
    double first_s, last_s, best_s;
    size_t runs;
    unsigned long allocations; /* after the last run */
};
struct bed_clock bed_clock_start(void);
bool bed_clock_again(const struct bed *bed, const char *slot, struct bed_clock *clock);
void bed_slot_must(int code, const char *slot);

#endif
