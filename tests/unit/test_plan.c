/* SPDX-License-Identifier: Apache-2.0 */
/* plan: parameters are torchvision's published numbers, arithmetic is what one gets by hand, memory
 * is what a step of the real back end takes. Every method can be planned, and the words say it. */
#include "test.h"

#include "trainer/method/method.h"
#include "trainer/model.h"
#include "trainer/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static struct recipe r; /* too large for a stack */

static void load(const char *const *sets, size_t n)
{
    const char *all[24] = {"run.name=r", "data.dataset=d", "data.loaders=tcp://127.0.0.1:1",
                           "data.retry=.1"};
    for (size_t i = 0; i < n; i++)
        all[4 + i] = sets[i];
    if (recipe_load(&r, NULL, all, 4 + n) < 0)
        fail_msg("%s", err_text());
}

static struct plan plan_of(const char *const *sets, size_t n)
{
    struct plan plan;
    load(sets, n);
    if (plan_model(&r, &plan) < 0)
        fail_msg("%s", err_text());
    return plan;
}

/* The published classifiers: 11 689 512 parameters and 1.814 GFLOPS, 25 557 032 and 4.089, where
 * torchvision counts a multiply-add once (its meta["_ops"]). By hand, ResNet-18 at 224 pixels:
 *   conv1   112^2 * 64 * 3 * 49                                      118 013 952
 *   layer1   56^2 * 64 * 64 * 9 * 4                                  462 422 016
 *   layer2   28^2 * 128 * (64 * 9 + 128 * 9 * 3 + 64)                411 041 792
 *   layer3, layer4: the same with half the side and twice the width  411 041 792 each
 *   fc      512 * 1000                                                   512 000 */
static void test_torchvision(void **state)
{
    (void)state;
    static const struct {
        const char *backbone;
        uint64_t parameters, macs, fc_macs;
    } nets[] = {
        {"model.backbone=resnet18", 11689512, 118013952ull + 462422016 + 3 * 411041792ull, 512000},
        {"model.backbone=resnet34", 21797672, 0, 512000},
        {"model.backbone=resnet50", 25557032, 0, 2048000},
    };
    static const double published[] = {1.814, 3.664, 4.089};
    for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
        const char *const sets[] = {nets[i].backbone,      "views.size=224",
                                    "data.batch=2",        "method.name=supervised",
                                    "method.classes=1000", "augself={crop: 0, color: 0}"};
        struct plan p = plan_of(sets, ARRAY_LEN(sets));
        assert_int_equal(p.backbone + p.heads, nets[i].parameters);
        assert_int_equal(p.momentum, 0);
        if (nets[i].macs)
            assert_int_equal(p.macs_image, nets[i].macs);
        double giga = (double)(p.macs_image + nets[i].fc_macs) / 1e9;
        if (giga < published[i] - .0006 || giga > published[i] + .0006)
            fail_msg("%s: %.4f GMAC", nets[i].backbone, giga);
    }
}

/* A step of the classifier: 4 rows (2 images, 2 views), three passes of everything, but for the
 * gradient of the pixels, which nobody wants. */
static void test_step(void **state)
{
    (void)state;
    const char *const sets[] = {"views.size=224", "data.batch=2", "method.name=supervised",
                                "method.classes=1000", "augself={crop: 0, color: 0}"};
    struct plan p = plan_of(sets, ARRAY_LEN(sets));
    assert_int_equal(p.macs_step, 4 * (3 * (p.macs_image + 512000) - 118013952ull));
    assert_int_equal(p.macs_augself, 0);
    const char *const twice[] = {"views.size=224",
                                 "data.batch=2",
                                 "method.name=supervised",
                                 "method.classes=1000",
                                 "augself={crop: 0, color: 0}",
                                 "optim.accumulate=2"};
    assert_int_equal(plan_of(twice, ARRAY_LEN(twice)).macs_step, 2 * p.macs_step);
    /* a head: 1024 -> 512 -> 512 -> 4, three passes of 4 rows */
    const char *const heads[] = {"views.size=224", "data.batch=2", "method.name=supervised",
                                 "method.classes=1000"};
    struct plan h = plan_of(heads, ARRAY_LEN(heads));
    assert_int_equal(h.macs_augself, 2ull * 3 * 4 * (1024 * 512 + 512 * 512 + 512 * 4));
    assert_int_equal(h.macs_step - p.macs_step, h.macs_augself);
    assert_int_equal(h.heads - p.heads,
                     2 * (1024 * 512 + 512 * 512 + 4 * 512 /* two norms */ + 512 * 4 + 4));
}

/* MoCo's momentum encoder has the backbone's and the projector's parameters; its queue is state. */
static void test_momentum(void **state)
{
    (void)state;
    const char *const sets[] = {"method.name=moco", "data.batch=16", "method.queue.size=4096",
                                "augself={crop: 0, color: 0}"};
    struct plan p = plan_of(sets, ARRAY_LEN(sets));
    assert_int_equal(p.backbone, 11176512);
    assert_int_equal(p.momentum, p.backbone + p.heads);
    assert_true(p.bytes[PLAN_STATE] >= 4096 * 128 * sizeof(float));
}

/* --- memory --- */

static uint64_t peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss << 10;
}

/* A real step of the model that the recipe describes. */
static void real_step(void)
{
    struct ops *ops;
    struct model *model;
    struct spec spec;
    recipe_spec(&r, &spec);
    size_t rows = spec.batch * spec.n_views,
           image = (size_t)spec.views[0].size * spec.views[0].size * 3;
    uint8_t *pixels = calloc(rows, image);
    struct omega *omega = calloc(rows, sizeof *omega);
    assert_non_null(pixels);
    assert_non_null(omega);
    for (size_t i = 0; i < rows; i++)
        omega_draw(&spec.views[0], &(struct omega_key){.sample = (uint32_t)i}, 500, 375, &omega[i]);
    const struct model_batch batch = {
        .n_runs = 1, .run = {{pixels, (int32_t)rows}}, .omega = omega};
    assert_int_equal(ops_open("auto", 1, &ops), 0);
    assert_int_equal(model_new(&r, ops, &model), 0);
    assert_int_equal(model_gradients(model, &batch), 0);
    assert_int_equal(model_update(model, &(struct rates){.lr = .1f}), 0);
    model_free(model);
    ops_close(ops);
    free(pixels);
    free(omega);
}

/* What the process grows by, beside what the plan says. Within a tenth: the back end's code and its
 * primitives are not planned (about 15 MiB), pages are whole. A sanitizer keeps a byte of its own
 * for each eight, and what was freed. */
static void test_memory(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const double most = 1.6;
#else
    const double most = 1.1;
#endif
    const char *const sets[] = {"views.size=64", "data.batch=48", "device.threads=1"};
    struct plan p = plan_of(sets, ARRAY_LEN(sets));
    uint64_t planned = 0;
    for (int i = 0; i < PLAN_BATCHES; i++)
        planned += p.bytes[i];
    planned += 48 * 2 * 64 * 64 * 3;
    uint64_t before = peak_bytes();
    real_step();
    uint64_t grown = peak_bytes() - before;
    double ratio = (double)grown / (double)planned;
    print_message("memory_vs_plan %.3f ratio (%.1f MiB, planned %.1f)\n", ratio,
                  (double)grown / (1 << 20), (double)planned / (1 << 20));
    if (ratio < .9 || ratio > most)
        fail_msg("it took %.3f of what was planned", ratio);
}

/* --- every method, and the words --- */

static char *printed(const struct plan *p)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    plan_print(&r, p, out);
    fclose(out);
    return text;
}

static void test_every_method(void **state)
{
    (void)state;
    static const char *const methods_of[] = {
        "method={name: simsiam}", "method={name: moco, queue: {size: 64}}",
        "method={name: simclr}",  "method={name: byol}",
        "method={name: swav}",    "method={name: supervised, classes: 10}",
    };
    _Static_assert(ARRAY_LEN(methods_of) == METHODS, "a method is missing");
    for (size_t i = 0; i < METHODS; i++) {
        const char *const sets[] = {methods_of[i], "data.batch=4", "views.size=32", "model.width=8",
                                    "augself={crop: 1, color: 1, flip: 1, blur: 1}"};
        struct plan p = plan_of(sets, ARRAY_LEN(sets));
        assert_true(p.macs_step > 4 * p.macs_image && p.heads > 0);
        assert_int_equal(p.momentum > 0, i == METHOD_MOCO || i == METHOD_BYOL);
        char *text = printed(&p);
        assert_non_null(strstr(text, method_names[i]));
        assert_non_null(strstr(text, "AugSelf crop 1, color 1, flip 1, blur 1"));
        free(text);
    }
    const char *const small[] = {"method.name=swav", "data.batch=4", "views.size=32",
                                 "model.width=8", "views.small={count: 4, size: 16}"};
    struct plan with = plan_of(small, 5), without = plan_of(small, 4);
    assert_true(with.macs_image == without.macs_image && with.macs_step > without.macs_step);
    const char *const only[] = {"augself.only=true", "data.batch=4", "views.size=32"};
    struct plan p = plan_of(only, ARRAY_LEN(only));
    char *text = printed(&p);
    assert_non_null(strstr(text, "color 1, nothing else\n"));
    free(text);
}

static void test_words(void **state)
{
    (void)state;
    const char *const sets[] = {"views.size=224", "data.batch=128", "optim.accumulate=2",
                                "model.stem=imagenet"};
    struct plan p = plan_of(sets, ARRAY_LEN(sets));
    assert_int_equal(plan_data(&r, NULL, &p), 0); /* nobody is there: no error */
    assert_false(p.data_known);
    char *text = printed(&p);
    static const char *const says[] = {
        "recipe      r: simsiam, AugSelf crop 1, color 1\n",
        "model       resnet18, width 64, imagenet stem: 512 features\n",
        "batch       128 images, 2 views of 224 pixels; 2 batches a step\n",
        ": 11176512 backbone, ",
        ("forward     1.81 GMAC an image of 224 pixels, backbone alone "
         "(1 MAC = a multiply-add = 2 FLOP)\n"),
        "sgd, learning rate 0.03 (0.03 for 256 images), weight decay 0.0005\n",
        "data        d: unknown, no loader answers: steps an epoch are floor(images / 256)\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(says); i++)
        if (!strstr(text, says[i]))
            fail_msg("'%s' is not in:\n%s", says[i], text);
    free(text);
    p.data_known = true;
    p.samples = 105000;
    p.batches = 820;
    p.steps = 82000;
    text = printed(&p);
    assert_non_null(strstr(text, "d: 105000 images, 410 steps an epoch, 82000 in 200 epochs\n"));
    free(text);
}

/* What no model can be made of is told as a run would tell it. */
static void test_refused(void **state)
{
    (void)state;
    struct plan p;
    load((const char *const[]){"method={name: moco, queue: {size: 1000}}"}, 1);
    assert_int_equal(plan_model(&r, &p), -EINVAL);
    assert_non_null(strstr(err_text(), "1000 keys are no whole number of batches of 256"));
    load((const char *const[]){"device.ops=abacus"}, 1);
    assert_int_equal(plan_model(&r, &p), -EINVAL);
    assert_non_null(strstr(err_text(), "abacus"));
    load((const char *const[]){"device={ops: ref, dtype: bf16}"}, 1);
    assert_int_equal(plan_model(&r, &p), -EINVAL);
    assert_non_null(strstr(err_text(), "device.dtype: no bf16"));
}

/* What is kept in bf16 is counted as it is kept: less than 0.6 of the activations are left (what
 * is no image stays fp32: features, heads, masks), and nothing else is. */
static void test_bf16(void **state)
{
    (void)state;
    struct plan fp32 = plan_of((const char *const[]){"data.batch=8"}, 1), bf16;
    load((const char *const[]){"data.batch=8", "device.dtype=bf16"}, 2);
    int rc = plan_model(&r, &bf16);
    if (rc == -ENOTSUP) { /* this machine has none */
        assert_non_null(strstr(err_text(), "device.dtype: no bf16"));
        print_message("%s\n", err_text());
        skip();
    }
    assert_int_equal(rc, 0);
    assert_int_equal(bf16.bytes[PLAN_WEIGHTS], fp32.bytes[PLAN_WEIGHTS]);
    assert_int_equal(bf16.bytes[PLAN_MOMENTA], fp32.bytes[PLAN_MOMENTA]);
    assert_true(bf16.bytes[PLAN_ACTIVATIONS] > fp32.bytes[PLAN_ACTIVATIONS] / 2);
    assert_true(10 * bf16.bytes[PLAN_ACTIVATIONS] < 6 * fp32.bytes[PLAN_ACTIVATIONS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory), /* first: the peak of a process only grows */
        cmocka_unit_test(test_torchvision), cmocka_unit_test(test_step),
        cmocka_unit_test(test_momentum),    cmocka_unit_test(test_every_method),
        cmocka_unit_test(test_words),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
