/* SPDX-License-Identifier: Apache-2.0 */
/* Crops against torchvision's RandomResizedCrop: two samples of one law, in area and aspect jointly
 * and in the place of the centre, for sources of many shapes (tools/gold/crops.py drew theirs).
 * Seeds are fixed on both sides, so a p-value is a number that stays; one below P_LEAST is an
 * error. */
#include "tests/gold/chance.h"
#include "tests/gold/gold.h"

#include "common/omega.h"

#include <stdlib.h>

enum { CASES_MAX = 16, CELLS_MAX = 256, SIDE_MAX = 16, DRAWS = 200000, LEAST = 20 };
static const double P_LEAST = 0.01;

/* Of two values; their edges, and how often each cell came. */
struct table {
    uint32_t rows, columns;
    double row_edge[SIDE_MAX], column_edge[SIDE_MAX];
    uint32_t theirs[CELLS_MAX], ours[CELLS_MAX];
};

static struct crops {
    const char *name;
    uint32_t w, h, draws;
    struct view_spec law;
    struct table shape, place; /* area and aspect; centre y and x */
} cases[CASES_MAX];
static uint32_t n_cases;

static void table_read(struct gold *gold, struct table *t)
{
    t->rows = gold_u32(gold);
    t->columns = gold_u32(gold);
    assert_true(t->rows <= SIDE_MAX && t->columns <= SIDE_MAX);
    for (uint32_t i = 0; i + 1 < t->rows; i++)
        t->row_edge[i] = gold_f64(gold);
    for (uint32_t i = 0; i + 1 < t->columns; i++)
        t->column_edge[i] = gold_f64(gold);
    for (uint32_t i = 0; i < t->rows * t->columns; i++)
        t->theirs[i] = gold_u32(gold);
}

static int set_up(void **state)
{
    (void)state;
    static struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/crops.gold", "AUGCROP1");
    n_cases = gold_u32(&gold);
    assert_in_range(n_cases, 10, CASES_MAX);
    for (uint32_t i = 0; i < n_cases; i++) {
        struct crops *c = &cases[i];
        c->name = gold_take(&gold, 32);
        c->w = gold_u32(&gold);
        c->h = gold_u32(&gold);
        c->law = (struct view_spec){.size = 1};
        for (int k = 0; k < 4; k++)
            (k < 2 ? c->law.scale : c->law.ratio)[k % 2] = gold_f64(&gold);
        c->draws = gold_u32(&gold);
        table_read(&gold, &c->shape);
        table_read(&gold, &c->place);
        assert_int_equal(view_spec_check(&c->law), 0);
    }
    assert_int_equal(gold.at, gold.len);
    return 0; /* the names lie in its bytes: they live as long as the test */
}

/* The cell: how many edges are at most as large. */
static uint32_t cell(double value, const double *edges, uint32_t n)
{
    uint32_t i = 0;
    while (i < n && edges[i] <= value)
        i++;
    return i;
}

static void count(struct table *t, double row, double column)
{
    t->ours[cell(row, t->row_edge, t->rows - 1) * t->columns +
            cell(column, t->column_edge, t->columns - 1)]++;
}

/* Our draws under `law`, which should be, and in test_planted is not, the case's own. */
static void draw(struct crops *c, const struct view_spec *law)
{
    const double w = c->w, h = c->h;
    memset(c->shape.ours, 0, sizeof c->shape.ours);
    memset(c->place.ours, 0, sizeof c->place.ours);
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct omega o;
        omega_draw(law, &(struct omega_key){.seed = 1, .sample = i}, c->w, c->h, &o);
        count(&c->shape, (double)o.crop_height * o.crop_width / (h * w),
              (double)o.crop_width / o.crop_height);
        count(&c->place, (o.crop_top + o.crop_height / 2.0) / h,
              (o.crop_left + o.crop_width / 2.0) / w);
    }
}

static double likeness(const struct table *t)
{
    return chance_two(t->theirs, t->ours, t->rows * t->columns, LEAST);
}

static void test_crops(void **state)
{
    (void)state;
    int wrong = 0;
    for (uint32_t i = 0; i < n_cases; i++) {
        struct crops *c = &cases[i];
        draw(c, &c->law);
        const double shape = likeness(&c->shape), place = likeness(&c->place);
        print_message("%-14s area and aspect p %.3f   place p %.3f\n", c->name, shape, place);
        wrong += shape < P_LEAST || place < P_LEAST;
    }
    assert_int_equal(wrong, 0);
}

static struct crops *find(const char *name)
{
    for (uint32_t i = 0; i < n_cases; i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    fail_msg("no case '%s'", name);
    return NULL;
}

/* Laws that are nearly right are told apart: what passes above is not what anything passes. */
static void test_planted(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double scale[2], ratio[2];
    } rows[] = {
        {"square", {0.21, 1}, {0.75, 4.0 / 3}},
        {"square", {0.2, 0.95}, {0.75, 4.0 / 3}},
        {"photograph", {0.2, 1}, {0.76, 4.0 / 3}},
        {"photograph", {0.2, 1}, {0.75, 1.35}},
        {"two to one", {0.2, 1}, {0.75, 1.35}},
        {"five to one", {0.2, 1}, {0.75, 1.35}}, /* the fallback's box, too */
        {"ten to one", {0.2, 1}, {0.75, 1.25}},
        {"small crops", {0.05, 0.142}, {0.75, 4.0 / 3}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct crops *c = find(rows[i].name);
        struct view_spec law = c->law;
        memcpy(law.scale, rows[i].scale, sizeof law.scale);
        memcpy(law.ratio, rows[i].ratio, sizeof law.ratio);
        draw(c, &law);
        const double shape = likeness(&c->shape);
        print_message("%-14s [%g, %g] [%g, %g]: p %.1g\n", c->name, law.scale[0], law.scale[1],
                      law.ratio[0], law.ratio[1], shape);
        assert_true(shape < 1e-6);
    }
    /* Another place: boxes of the right shape that all lie to the left. */
    struct crops *c = find("small crops");
    draw(c, &c->law);
    for (uint32_t y = 0; y < c->place.rows; y++) {
        uint32_t *row = c->place.ours + y * c->place.columns;
        row[0] += row[c->place.columns - 1] / 4;
        row[c->place.columns - 1] -= row[c->place.columns - 1] / 4;
    }
    assert_true(likeness(&c->place) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crops),
        cmocka_unit_test(test_planted),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
