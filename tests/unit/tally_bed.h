/* SPDX-License-Identifier: Apache-2.0 */
/* tally_bed: views as a loader makes them, drawn by omega_draw under their own law or under another
 * one than is told, tallied and judged; for the tests of tallies. */
#ifndef AUGSTREAM_TESTS_TALLY_BED_H
#define AUGSTREAM_TESTS_TALLY_BED_H

#include "test.h"

#include "tools/inspect/figures/tally.h"

#include "trainer/recipe.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

static struct omega omega[OMEGA_VIEWS_MAX * BATCH];
static struct wire_substitution substituted[BATCH];

/* Sources of three sizes. */
static inline void draw_batch(const struct view_spec *laws, uint32_t n_views, uint64_t seed,
                              uint32_t index, struct wire_batch *ret)
{
    static const uint32_t sizes[][2] = {{500, 375}, {64, 64}, {333, 500}};
    *ret = (struct wire_batch){.session = {7, (uint8_t)seed},
                               .epoch = 2,
                               .index = index,
                               .n_samples = BATCH,
                               .n_views = n_views,
                               .omega = omega,
                               .substituted = substituted};
    for (uint32_t v = 0; v < n_views; v++)
        for (uint32_t i = 0; i < BATCH; i++) {
            const uint32_t sample = index * BATCH + i, *size = sizes[sample % ARRAY_LEN(sizes)];
            const struct omega_key key = {
                .seed = seed, .epoch = 2, .batch = index, .sample = sample, .view = v};
            omega_draw(&laws[v], &key, size[0], size[1], &omega[v * BATCH + i]);
        }
}

/* The laws of a recipe that is given as assignments, NULL at its end. Returns how many. */
static inline uint32_t laws_of(const char *const *more, struct view_spec ret[OMEGA_VIEWS_MAX])
{
    const char *sets[8] = {"run.name=laws", "data={dataset: laws, path: none}"};
    size_t n = 2;
    while (*more)
        sets[n++] = *more++;
    static struct recipe recipe;
    struct spec spec;
    if (recipe_load(&recipe, NULL, sets, n) < 0)
        fail_msg("%s", err_text());
    recipe_spec(&recipe, &spec);
    memcpy(ret, spec.views, sizeof spec.views);
    return spec.n_views;
}

struct outcome {
    struct tally_row *rows;
    size_t n, tests, wrong;
};

static inline void outcome_done(struct outcome *outcome)
{
    free(outcome->rows);
}

static inline const struct tally_row *row_of(const struct outcome *outcome, int32_t view,
                                             const char *name)
{
    for (size_t i = 0; i < outcome->n; i++)
        if (outcome->rows[i].view == view && strcmp(outcome->rows[i].name, name) == 0)
            return &outcome->rows[i];
    fail_msg("no row %s of view %d", name, view);
    return NULL;
}

static const char *const simsiam[] = {NULL};

#endif
