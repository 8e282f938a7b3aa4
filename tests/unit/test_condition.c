/* SPDX-License-Identifier: Apache-2.0 */
/* test_condition: the code of each view lies at the rows of its features: trained large views, then
 * small ones; the target's apart. Each is made by the law of its own view. */
#include "test.h"

#include "trainer/condition.h"

#include <math.h>
#include <string.h>

enum { N = 3, LARGE = 2, SMALL = 2, ALL = LARGE + SMALL };

/* View v of image i is blurred by (10 v + i + 1) / 100; view v's law allows v + 1 at most. */
static void expect(const struct tensor *t, int row, int view)
{
    for (int i = 0; i < N; i++) {
        const float *code = t->data + (size_t)(row + i) * OMEGA_CODE_LEN;
        double want = (10 * view + i + 1) / 100.0 / (view + 1);
        assert_true(fabs((double)code[11] - want) < 1e-6);
        assert_true(code[13] == 1 && code[14] == 0);
    }
}

static void rows(void **state)
{
    (void)state;
    struct view_spec law[ALL] = {{0}};
    struct omega omega[ALL * N];
    for (int v = 0; v < ALL; v++) {
        law[v].blur.sigma[1] = v + 1;
        for (int i = 0; i < N; i++)
            omega[v * N + i] =
                (struct omega){.source_w = 4,
                               .source_h = 4,
                               .crop_width = 4,
                               .crop_height = 4,
                               .blur = {.applied = true, .sigma = (float)(10 * v + i + 1) / 100}};
    }
    static const struct {
        int32_t small, trained, targets;
        int y[ALL], t[LARGE]; /* views, in the order of rows */
    } cases[] = {
        {0, 2, 0, {0, 1}, {0}},           /* simsiam, simclr */
        {SMALL, 2, 0, {0, 1, 2, 3}, {0}}, /* swav */
        {0, 1, 1, {0}, {1}},              /* moco */
        {0, 2, 2, {0, 1}, {0, 1}},        /* byol */
        {SMALL, 1, 1, {0, 2, 3}, {1}},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct ops *ops;
        struct net *net;
        struct condition *condition;
        assert_int_equal(ops_open("ref", 1, &ops), 0);
        assert_int_equal(net_new(ops, &net), 0);
        const struct condition_config config = {
            N, LARGE, cases[c].small, cases[c].trained, cases[c].targets, law};
        assert_int_equal(condition_new(net, &config, &condition), 0);
        assert_int_equal(net_commit(net), 0);
        assert_int_equal(condition_send(condition, omega), 0);
        const struct tensor *y = condition_y(condition), *t = condition_t(condition);
        int32_t views = cases[c].trained + cases[c].small;
        assert_true(y->n == views * N && y->c == OMEGA_CODE_LEN);
        for (int v = 0; v < views; v++)
            expect(y, v * N, cases[c].y[v]);
        assert_int_equal(t->data != NULL, cases[c].targets > 0);
        for (int v = 0; v < cases[c].targets; v++)
            expect(t, v * N, cases[c].t[v]);
        condition_free(condition);
        net_free(net);
        ops_close(ops);
    }
    condition_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
