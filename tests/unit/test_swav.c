/* SPDX-License-Identifier: Apache-2.0 */
/* test_swav: prototypes are of length 1 in every step and stand still when told; scores that are
 * all alike lose log P for each view, with and without small views; the gradients are those of the
 * loss with its codes held still. */
#include "method_bed.h"

#include <string.h>

enum { DIM = 4, PROTOTYPES = 5 };

static struct method_bed bed;
static struct recipe recipe = {.method = {.projector = {2, 8, DIM},
                                          .temperature = 0.1,
                                          .prototypes = {PROTOTYPES, 0},
                                          .sinkhorn = {0.05, 3}}};

static void unit_prototypes(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_swav, &recipe, 0);
    const struct param *w = net_find_param(bed.net, "prototypes.weight");
    assert_int_equal(w->group, PARAM_LATE);
    for (size_t i = 0; i < w->count; i++)
        w->w[i] *= 7;
    method_bed_loss(&bed);
    for (size_t i = 0; i < PROTOTYPES; i++)
        assert_true(fabs(dot(w->w + i * DIM, w->w + i * DIM, DIM) - 1) < 1e-6);
    method_bed_done(&bed);
}

static void even_scores(void **state)
{
    (void)state;
    for (int32_t small = 0; small <= 3; small += 3) {
        method_bed_make(&bed, &method_swav, &recipe, small);
        const struct param *w = net_find_param(bed.net, "prototypes.weight");
        for (size_t i = 0; i < w->count; i++)
            w->w[i] = 1; /* every prototype is the same: every code and every share is 1/P */
        assert_true(fabs(method_bed_loss(&bed) - log(PROTOTYPES)) < 1e-6);
        method_bed_done(&bed);
    }
}

/* A very soft Sinkhorn gives codes of 1/P whatever the scores are: then nothing is stopped. */
static void gradients(void **state)
{
    (void)state;
    recipe.method.sinkhorn.epsilon = 1e6;
    for (int32_t small = 0; small <= 2; small += 2) {
        method_bed_make(&bed, &method_swav, &recipe, small);
        method_bed_loss(&bed);
        assert_int_equal(method_swav.backward(bed.state, &bed.in, &bed.dy), 0);
        size_t count = tensor_count(&bed.dy);
        assert_true(gradcheck_along(bed.y.data, bed.dy.data, count, 1e-3, method_bed_loss, &bed) <
                    0.02);
        struct param *w = net_find_param(bed.net, "projector.0.weight");
        assert_true(gradcheck_along(w->w, w->d, w->count, 1e-3, method_bed_loss, &bed) < 0.02);
        method_bed_done(&bed);
    }
    recipe.method.sinkhorn.epsilon = 0.05;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_prototypes),
        cmocka_unit_test(even_scores),
        cmocka_unit_test(gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
