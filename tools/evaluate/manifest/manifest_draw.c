/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_draw: takes the rows of one split, moves some of each class to another at random. The
 * stream of a class is named by the seed, the class and the new split; its rows are drawn from in
 * the order of their paths: so neither the order of rows nor the other classes matter. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "common/rng.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row of the split, sortable by class, then path. */
struct candidate {
    const char *label, *path;
    size_t row;
};

struct stratum {
    struct candidate *rows;
    size_t n, take;
    double remainder;
};

static int candidate_order(const void *a, const void *b)
{
    const struct candidate *p = a, *q = b;
    int r = strcmp(p->label, q->label);
    return r ? r : strcmp(p->path, q->path);
}

/* The largest remainder first; of equal ones the class that comes first. */
static int remainder_order(const void *a, const void *b)
{
    const struct stratum *p = *(struct stratum *const *)a, *q = *(struct stratum *const *)b;
    if (p->remainder != q->remainder)
        return p->remainder > q->remainder ? -1 : 1;
    return strcmp(p->rows->label, q->rows->label);
}

/* How many of each: the whole part of its share, and one more for the largest remainders until the
 * sum is the share of all. */
static int apportion(struct stratum *strata, size_t n, size_t rows, double share)
{
    auto_free struct stratum **order = calloc(n + 1, sizeof *order);
    if (!order)
        return err_set(-ENOMEM, "no memory for %zu classes", n);
    size_t left = (size_t)llround(share * (double)rows);
    for (size_t i = 0; i < n; i++) {
        const double exact = share * (double)strata[i].n;
        strata[i].take = (size_t)exact;
        strata[i].remainder = exact - floor(exact);
        left -= strata[i].take < left ? strata[i].take : left;
        order[i] = &strata[i];
    }
    qsort(order, n, sizeof *order, remainder_order);
    for (size_t i = 0; i < n && left > 0; i++, left--)
        order[i]->take++;
    return 0;
}

static void draw(struct manifest *m, const struct stratum *s, uint32_t to, uint32_t stream)
{
    const char *label = s->rows->label;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = m->seed,
                                     .epoch = crc32c(0, label, strlen(label)),
                                     .sample = stream,
                                     .purpose = RNG_SPLIT});
    for (size_t i = 0; i < s->take; i++) {
        const size_t other = i + rng_below(&rng, (uint32_t)(s->n - i));
        const struct candidate chosen = s->rows[other];
        s->rows[other] = s->rows[i];
        s->rows[i] = chosen;
        m->rows[chosen.row].split = to;
    }
}

static size_t collect(const struct manifest *m, uint32_t from, struct candidate *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_kept *row = &m->rows[i];
        if (row->split == from)
            rows[n++] = (struct candidate){
                row->label == UINT32_MAX ? "" : m->labels.word[row->label], m->text + row->path, i};
    }
    qsort(rows, n, sizeof *rows, candidate_order);
    return n;
}

int manifest_draw(struct manifest *m, const struct manifest_part_drawn *drawn)
{
    const int64_t from = manifest_words_find(&m->splits, drawn->from);
    int64_t to = manifest_words_find(&m->splits, drawn->to);
    auto_free struct candidate *rows = calloc(m->n + 1, sizeof *rows);
    auto_free struct stratum *strata = calloc(m->labels.n + 2, sizeof *strata);
    if (!rows || !strata)
        return err_set(-ENOMEM, "no memory for %zu rows", m->n);
    const size_t n = from < 0 ? 0 : collect(m, (uint32_t)from, rows);
    if (n == 0)
        return manifest_fail(m, -ENODATA, "no image is of split '%s'", drawn->from);
    uint32_t place = (uint32_t)to;
    int r = to < 0 ? manifest_words_add(&m->splits, drawn->to, &place) : 0;
    size_t classes = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(rows[i].label, rows[i - 1].label) != 0)
            strata[classes++] = (struct stratum){.rows = &rows[i], .take = drawn->each};
        strata[classes - 1].n++;
    }
    if (r == 0 && drawn->each == 0)
        r = apportion(strata, classes, n, drawn->share);
    for (size_t i = 0; r == 0 && i < classes; i++)
        if (strata[i].take >= strata[i].n)
            r = manifest_fail(m, -EBADMSG,
                              "class '%.60s' has %zu images of split '%s': %zu are taken for '%s', "
                              "and none would be left",
                              strata[i].rows->label, strata[i].n, drawn->from, strata[i].take,
                              drawn->to);
    const uint32_t stream = crc32c(0, drawn->to, strlen(drawn->to));
    for (size_t i = 0; r == 0 && i < classes; i++)
        draw(m, &strata[i], place, stream);
    return r;
}
