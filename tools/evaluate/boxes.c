/* SPDX-License-Identifier: Apache-2.0 */
/* boxes: see boxes.h. Takes a table, gives targets and overlaps. The caller's thread. */
#include "tools/evaluate/boxes.h"

#include "common/err.h"
#include "common/rng.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int boxes_of(const struct table *t, struct boxes *ret)
{
    struct boxes b = {.table = t};
    if (!t->boxes)
        return err_set(-ENODATA, "%s: holds no boxes", t->name);
    b.y = malloc(t->f.n * 4 * sizeof *b.y);
    b.rows = malloc(t->f.n * sizeof *b.rows);
    if (!b.y || !b.rows) {
        boxes_done(&b);
        return err_set(-ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < t->f.n; i++) {
        for (size_t k = 0; k < 4; k++)
            b.y[4 * i + k] = (double)t->boxes[4 * i + k];
        if (!isnan(t->boxes[4 * i]))
            b.rows[b.n++] = (uint32_t)i;
    }
    if (!b.n) {
        boxes_done(&b);
        return err_set(-ENODATA, "%s: none of %zu rows has a box", t->name, t->f.n);
    }
    *ret = b;
    return 0;
}

void boxes_done(struct boxes *b)
{
    free(b->y);
    free(b->rows);
    *b = (struct boxes){.n = 0};
}

struct ridge_rows boxes_rows(const struct boxes *b)
{
    return (struct ridge_rows){b->table->f.x, b->y, b->rows, b->n, b->table->f.d, 4};
}

void boxes_shuffle(struct boxes *b, uint64_t seed)
{
    const struct rng_key key = {.seed = seed, .purpose = RNG_HOLD_OUT};
    struct rng rng;
    rng_init(&rng, &key);
    for (uint32_t i = 0; i < b->n; i++) {
        const uint32_t other = i + rng_below(&rng, (uint32_t)b->n - i), held = b->rows[i];
        b->rows[i] = b->rows[other];
        b->rows[other] = held;
    }
}

double box_overlap(const double a[4], const double b[4])
{
    double shared = 1, area_a = 1, area_b = 1;
    for (size_t k = 0; k < 2; k++) {
        const double side_a = fmax(a[2 + k], 0), side_b = fmax(b[2 + k], 0);
        shared *= fmax(fmin(a[k] + side_a, b[k] + side_b) - fmax(a[k], b[k]), 0);
        area_a *= side_a;
        area_b *= side_b;
    }
    const double whole = area_a + area_b - shared;
    return whole > 0 ? shared / whole : 0;
}

double boxes_overlap(const struct boxes *b, const struct ridge *r)
{
    double sum = 0, told[4];
    for (size_t i = 0; i < b->n; i++) {
        ridge_tell(r, b->table->f.x + (size_t)b->rows[i] * b->table->f.d, told);
        sum += box_overlap(told, b->y + 4 * (size_t)b->rows[i]);
    }
    return sum / (double)b->n;
}

void boxes_mean(const struct boxes *a, const struct boxes *b, double ret[4])
{
    double sum[4] = {0};
    const struct boxes *const sides[] = {a, b};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < sides[side]->n; i++)
            for (size_t k = 0; k < 4; k++)
                sum[k] += sides[side]->y[4 * (size_t)sides[side]->rows[i] + k];
    for (size_t k = 0; k < 4; k++)
        ret[k] = sum[k] / (double)(a->n + b->n);
}

void boxes_beside(const struct boxes *b, const double box[4], double ret_error_iou[2])
{
    double error = 0, iou = 0;
    for (size_t i = 0; i < b->n; i++) {
        const double *y = b->y + 4 * (size_t)b->rows[i];
        iou += box_overlap(box, y);
        for (size_t k = 0; k < 4; k++)
            error += (box[k] - y[k]) * (box[k] - y[k]) / 4;
    }
    ret_error_iou[0] = error / (double)b->n;
    ret_error_iou[1] = iou / (double)b->n;
}
