/* SPDX-License-Identifier: Apache-2.0 */
/* test_profile: moments that were chosen give sums, shares and a report worked out by hand; off, it
 * keeps and says nothing; on, a model marks its own phases. */
#include "test.h"

#include "trainer/watch/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *report(const struct profile *p)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    profile_report(p, out);
    fclose(out);
    return text;
}

static void step(struct profile *p, double at, double slower)
{
    profile_begin_at(p, at);
    profile_mark_at(p, PROFILE_DATA, at += 0.010 * slower);
    profile_mark_at(p, PROFILE_FORWARD, at += 0.020 * slower);
    profile_mark_at(p, PROFILE_AUGSELF, at += 0.001 * slower);
    profile_mark_at(p, PROFILE_BACKWARD, at += 0.010 * slower);
    profile_mark_at(p, PROFILE_AUGSELF, at += 0.004 * slower);
    profile_mark_at(p, PROFILE_BACKWARD, at += 0.040 * slower);
    profile_mark_at(p, PROFILE_OPTIM, at += 0.010 * slower);
    profile_mark_at(p, PROFILE_REST, at += 0.005 * slower);
    profile_end(p);
}

static void test_report(void **state)
{
    (void)state;
    struct profile p = {.on = true};
    step(&p, 100, 1);
    assert_true(fabs(p.step_s[PROFILE_AUGSELF] - 0.005) < 1e-9);
    assert_true(fabs(p.step_s[PROFILE_BACKWARD] - 0.05) < 1e-9);
    step(&p, 200, 1); /* what lies between two steps is nobody's */
    step(&p, 300, 4);
    char *text = report(&p);
    assert_string_equal(text, "profile 3 steps of 200.00 ms (deviation 173.21, longest 400.00)\n"
                              "        data          20.00 ms   10.0 %\n"
                              "        forward       40.00 ms   20.0 %\n"
                              "        augself       10.00 ms    5.0 %\n"
                              "        backward     100.00 ms   50.0 %\n"
                              "        optim         20.00 ms   10.0 %\n"
                              "        rest          10.00 ms    5.0 %\n");
    free(text);
}

static void test_off(void **state)
{
    (void)state;
    struct profile p = {0}, nothing = {0};
    profile_begin(&p);
    profile_mark(&p, PROFILE_DATA);
    profile_end(&p);
    assert_memory_equal(&p, &nothing, sizeof p);
    char *text = report(&p);
    assert_string_equal(text, "");
    free(text);
}

enum { N = 2, SIZE = 16 };

/* Every phase of the model takes some time, and together all of the step that is the model's. */
static void test_model(void **state)
{
    (void)state;
    static struct recipe recipe;
    static uint8_t pixels[2 * N * SIZE * SIZE * 3];
    static struct omega omega[2 * N];
    const char *const sets[] = {"run.name=t",      "data.dataset=d",         "data.path=p",
                                "data.batch=2",    "views.size=16",          "model.width=8",
                                "device.ops=ref",  "method.projector.dim=8", "optim.accumulate=2",
                                "augself.hidden=8"};
    if (recipe_load(&recipe, NULL, sets, ARRAY_LEN(sets)) < 0)
        fail_msg("%s", err_text());
    for (int i = 0; i < 2 * N; i++)
        omega[i] =
            (struct omega){.source_w = 9, .source_h = 9, .crop_height = 9 - i, .crop_width = 9 - i};
    const struct model_batch batch = {.n_runs = 1, .run = {{pixels, 2 * N}}, .omega = omega};
    struct ops *ops;
    struct model *model;
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(model_new(&recipe, ops, &model), 0);
    struct profile p = {0};
    profile_start(&p, model);
    for (int i = 0; i < 2; i++) {
        profile_begin(&p);
        profile_mark(&p, PROFILE_DATA);
        for (int k = 0; k < 2; k++)
            assert_int_equal(model_gradients(model, &batch), 0);
        assert_int_equal(model_update(model, &(struct rates){.lr = 0.1F}), 0);
        profile_end(&p);
        double sum = 0;
        for (int k = 0; k < PROFILE_PHASES; k++)
            sum += p.step_s[k];
        assert_true(fabs(sum - (p.since_s - p.begin_s)) < 1e-9);
        static const enum profile_phase busy[] = {PROFILE_FORWARD, PROFILE_AUGSELF,
                                                  PROFILE_BACKWARD, PROFILE_OPTIM};
        for (size_t k = 0; k < ARRAY_LEN(busy); k++)
            assert_true(p.step_s[busy[k]] > 0);
        assert_true(p.step_s[PROFILE_BACKWARD] > p.step_s[PROFILE_AUGSELF]);
        assert_true(p.step_s[PROFILE_REST] == 0);
    }
    assert_int_equal(p.whole_s.count, 2);
    model_free(model);
    ops_close(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
