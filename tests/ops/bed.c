/* SPDX-License-Identifier: Apache-2.0 */
/* bed: see bed.h. Owner of all memory that a case uses, host's and back end's; one thread. */
#include "bed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trainer/ops/cpu_bf16_half.h"

static const uint8_t guard_byte = 0xa5;

void bed_init_ops(struct bed *bed, struct ops *take_ops)
{
    *bed = (struct bed){.ops = take_ops};
    rng_init(&bed->rng, &(struct rng_key){.seed = 1, .purpose = RNG_TEST});
}

void bed_init(struct bed *bed, const char *back_end, const char *title)
{
    struct ops *ops = NULL;
    if (ops_open(back_end, 0, &ops) < 0)
        fail_msg("%s: %s", back_end, err_text());
    bed_init_ops(bed, ops);
    bed->title = title;
}

static void check_guard(struct bed *bed, size_t i)
{
    uint8_t guard[BED_GUARD];
    const uint8_t *end = (const uint8_t *)bed->piece[i].p + bed->piece[i].bytes;
    assert_int_equal(bed->ops->download(bed->ops, guard, end, sizeof(guard)), 0);
    for (size_t k = 0; k < sizeof(guard); k++)
        if (guard[k] != guard_byte)
            fail_msg("%s wrote behind piece %zu of %zu bytes", bed->ops->name, i,
                     bed->piece[i].bytes);
}

void bed_done(struct bed *bed)
{
    for (size_t i = 0; i < bed->n_pieces; i++) {
        check_guard(bed, i);
        bed->ops->mem_free(bed->ops, bed->piece[i].p);
    }
    for (size_t i = 0; i < bed->n_host; i++)
        free(bed->host[i]);
    ops_close(bed->ops);
}

float *bed_host(struct bed *bed, size_t count)
{
    assert_true(bed->n_host < BED_PIECES_MAX);
    float *p = calloc(count, sizeof(*p));
    assert_non_null(p);
    bed->host[bed->n_host++] = p;
    return p;
}

float *bed_random(struct bed *bed, size_t count, float low, float high)
{
    float *p = bed_host(bed, count);
    for (size_t i = 0; i < count; i++)
        p[i] = (float)rng_range(&bed->rng, low, high);
    for (size_t i = 0; bed->rounds && i < count; i++)
        p[i] = bf16_widen(bf16_round(p[i]));
    return p;
}

float *bed_levels(struct bed *bed, size_t count, uint32_t levels)
{
    float *p = bed_host(bed, count);
    for (size_t i = 0; i < count; i++)
        p[i] = (float)rng_below(&bed->rng, levels);
    return p;
}

float *bed_two_humps(struct bed *bed, size_t count, size_t channels)
{
    float *p = bed_random(bed, count, 0.5f, 1.0f);
    for (size_t i = 0; i < count; i++)
        if ((i / channels + i % channels) % 2)
            p[i] = -p[i];
    return p;
}

void *bed_bytes(struct bed *bed, size_t bytes)
{
    uint8_t guard[BED_GUARD];
    assert_true(bed->n_pieces < BED_PIECES_MAX);
    uint8_t *p = bed->ops->mem_new(bed->ops, bytes + sizeof(guard));
    assert_non_null(p);
    memset(guard, guard_byte, sizeof(guard));
    assert_int_equal(bed->ops->upload(bed->ops, p + bytes, guard, sizeof(guard)), 0);
    bed->piece[bed->n_pieces].p = p;
    bed->piece[bed->n_pieces++].bytes = bytes;
    return p;
}

float *bed_floats(struct bed *bed, const float *host, size_t count)
{
    float *p = bed_bytes(bed, count * sizeof(*p));
    if (host)
        assert_int_equal(bed->ops->upload(bed->ops, p, host, count * sizeof(*p)), 0);
    return p;
}

struct tensor bed_tensor(struct bed *bed, const float *host, struct tensor shape)
{
    if (shape.h == 1 && shape.w == 1 && shape.dtype == DTYPE_FP32) {
        shape.data = bed_floats(bed, host, tensor_count(&shape));
        return shape;
    }
    shape.data = bed_bytes(bed, tensor_count(&shape) * dtype_bytes(shape.dtype));
    if (host)
        assert_int_equal(bed->ops->tensor_import(bed->ops, host, &shape), 0);
    return shape;
}

static float *result_new(struct bed *bed, const char *name, size_t count, double tolerance)
{
    assert_true(bed->n_results < BED_RESULTS_MAX);
    float *data = bed_host(bed, count);
    bed->result[bed->n_results++] =
        (struct bed_result){.name = name, .data = data, .count = count, .tolerance = tolerance};
    return data;
}

void bed_keep(struct bed *bed, const char *name, const float *data, size_t count, double tolerance)
{
    float *to = result_new(bed, name, count, tolerance);
    assert_int_equal(bed->ops->download(bed->ops, to, data, count * sizeof(*to)), 0);
}

void bed_keep_host(struct bed *bed, const char *name, const float *host, size_t count,
                   double tolerance)
{
    memcpy(result_new(bed, name, count, tolerance), host, count * sizeof(*host));
}

void bed_keep_tensor(struct bed *bed, const char *name, const struct tensor *t, double tolerance)
{
    if (t->h == 1 && t->w == 1 && t->dtype == DTYPE_FP32) {
        bed_keep(bed, name, t->data, tensor_count(t), tolerance);
        return;
    }
    float *to = result_new(bed, name, tensor_count(t), tolerance);
    assert_int_equal(bed->ops->tensor_export(bed->ops, t, to), 0);
}

void bed_terms(struct bed *bed, double terms)
{
    assert_true(bed->n_results > 0);
    bed->result[bed->n_results - 1].terms = terms;
}

static void compare(const struct bed_result *want, const struct bed_result *got, double tolerance,
                    const char *back_end)
{
    double most = want->terms, worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < want->count; i++)
        most = fmax(most, fabs(want->data[i]));
    for (size_t i = 0; i < want->count; i++) {
        double off = fabs((double)got->data[i] - want->data[i]);
        if (!(off <= worst)) { /* a NaN counts as the worst */
            worst = isnan(off) ? INFINITY : off;
            where = i;
        }
    }
    if (worst > tolerance * most)
        fail_msg("%s, %s: element %zu of %zu is %.9g, not %.9g; off by %.3g of the largest, "
                 "allowed %.3g",
                 back_end, want->name, where, want->count, (double)got->data[where],
                 (double)want->data[where], worst / most, tolerance);
}

void bed_compare(const struct bed *want, const struct bed *got, bool same_bits)
{
    assert_int_equal(want->n_results, got->n_results);
    assert_true(want->n_results > 0);
    for (size_t i = 0; i < want->n_results; i++) {
        const struct bed_result *a = &want->result[i], *b = &got->result[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->count, b->count);
        compare(a, b, same_bits ? 0 : a->tolerance, got->ops->name);
    }
}

void bed_compare_norms(const struct bed *want, const struct bed *got, double tolerance)
{
    assert_int_equal(want->n_results, got->n_results);
    assert_true(want->n_results > 0);
    for (size_t i = 0; i < want->n_results; i++) {
        const struct bed_result *a = &want->result[i], *b = &got->result[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->count, b->count);
        double off = 0, all = 0;
        for (size_t k = 0; k < a->count; k++) {
            double error = (double)b->data[k] - (double)a->data[k];
            off += error * error;
            all += (double)a->data[k] * (double)a->data[k];
        }
        all = fmax(all, a->terms * a->terms * (double)a->count);
        if (!(sqrt(off) <= tolerance * sqrt(all)))
            fail_msg("%s, %s: off by %.3g of its norm, allowed %.3g", got->ops->name, a->name,
                     sqrt(off / all), tolerance);
    }
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct bed_clock bed_clock_start(void)
{
    double now = now_s();
    return (struct bed_clock){.first_s = now, .last_s = now, .best_s = INFINITY};
}

/* Until a run takes no memory: OpenMP's threads, which come with the first run, take theirs
 * whenever they get to it. A slot that allocates does so every time. */
static bool count_again(const struct bed *bed, const char *slot, struct bed_clock *clock)
{
    enum { RUNS_MOST = 20 };
    unsigned long now = bed->allocations(), taken = now - clock->allocations;
    clock->allocations = now;
    if (!clock->runs++)
        return true;
    if (taken && clock->runs == RUNS_MOST)
        fail_msg("%s, %s: every run takes memory, the last one %lu times", bed->ops->name, slot,
                 taken);
    return taken != 0;
}

/* The best of many runs is what the machine can do; the others tell of its other work. The first
 * run, which touches fresh memory, is not counted. */
bool bed_clock_again(const struct bed *bed, const char *slot, struct bed_clock *clock)
{
    static const double least_s = 0.1;
    enum { RUNS_LEAST = 5 };
    if (bed->allocations)
        return count_again(bed, slot, clock);
    if (!bed->title)
        return false;
    double now = now_s(), took = now - clock->last_s;
    if (clock->runs++ && took < clock->best_s)
        clock->best_s = took;
    clock->last_s = now;
    if (clock->runs <= RUNS_LEAST || now - clock->first_s < least_s) {
        clock->last_s = now_s();
        return true;
    }
    printf("%s.%s.%s %.4f ms\n", bed->ops->name, bed->title, slot, 1e3 * clock->best_s);
    return false;
}

void bed_slot_must(int code, const char *slot)
{
    if (code < 0)
        fail_msg("%s gives %d: %s", slot, code, err_text());
}
