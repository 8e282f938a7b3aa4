/* SPDX-License-Identifier: Apache-2.0 */
/* test_model: a step from memory. It allocates nothing, repeats bit for bit, lowers the loss;
 * inference pads; bad batches are refused. (Its numbers against PyTorch's: tests/gold.) */
#include "test.h"

#include "gradcheck.h"
#include "trainer/method/method.h"
#include "trainer/model.h"

#include <errno.h>
#include <inttypes.h>

enum { BATCH = 6, ROWS = 2 * BATCH, SIZE = 32, PIXELS = SIZE * SIZE * 3, FEATURES = 32 };

/* --- every allocation of the program and its static libraries, by the linker's --wrap --- */

static size_t allocations;
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
int __real_posix_memalign(void **p, size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_posix_memalign(void **p, size_t align, size_t size);

void *__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t size)
{
    allocations++;
    return __real_realloc(p, size);
}
void *__wrap_aligned_alloc(size_t align, size_t size)
{
    allocations++;
    return __real_aligned_alloc(align, size);
}
int __wrap_posix_memalign(void **p, size_t align, size_t size)
{
    allocations++;
    return __real_posix_memalign(p, align, size);
}

/* --- a tiny model and one batch --- */

static struct fixture {
    struct ops *ops;
    struct model *model;
    struct recipe recipe;
    uint8_t pixels[ROWS][PIXELS];
    struct omega omega[ROWS];
    struct model_batch batch;
} f;

static void recipe_fill(struct recipe *r)
{
    r->run.seed = 1;
    r->data.batch = BATCH;
    r->optim.accumulate = 1;
    r->views.size = SIZE;
    r->views.count = 2;
    for (int c = 0; c < 3; c++) {
        r->views.mean[c] = 0.45;
        r->views.std[c] = 0.25;
    }
    r->views.law.crop.scale[0] = 0.2;
    r->views.law.crop.scale[1] = 1;
    r->views.law.crop.ratio[0] = 0.75;
    r->views.law.crop.ratio[1] = 1.3333;
    r->views.law.flip = 0.5;
    r->views.law.jitter.p = 0.8;
    r->views.law.jitter.brightness = r->views.law.jitter.contrast = 0.4;
    r->views.law.jitter.saturation = 0.4;
    r->views.law.jitter.hue = 0.1;
    r->views.second = r->views.law;
    r->model.width = 4;
    r->method.projector.layers = 2;
    r->method.projector.hidden = r->method.projector.dim = 16;
    r->method.predictor.dim = 8;
    r->augself.crop = 1;
    r->augself.color = 0.5;
    r->augself.rotation = 0.5;
    r->augself.hidden = 8;
    r->optim.momentum = 0.9;
    r->optim.weight_decay = 5e-4;
}

static void batch_fill(void)
{
    struct spec spec;
    struct rng rng;
    recipe_spec(&f.recipe, &spec);
    rng_init(&rng, &(struct rng_key){.seed = 2, .purpose = RNG_TEST});
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < PIXELS; k++)
            f.pixels[i][k] = (uint8_t)rng_below(&rng, 256);
        const struct omega_key key = {
            .seed = 1, .sample = (uint32_t)(i % BATCH), .view = (uint32_t)(i / BATCH)};
        omega_draw(&spec.views[0], &key, 200, 150, &f.omega[i]);
    }
    f.batch = (struct model_batch){
        .n_runs = 2, /* of unequal length, across the border of the views */
        .run = {{f.pixels[0], BATCH + 1}, {f.pixels[BATCH + 1], BATCH - 1}},
        .omega = f.omega,
    };
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    recipe_fill(&f.recipe);
    batch_fill();
    assert_int_equal(ops_open("ref", 1, &f.ops), 0);
    assert_int_equal(model_new(&f.recipe, f.ops, &f.model), 0);
    assert_int_equal(model_rows(f.model), ROWS);
    assert_int_equal(model_features(f.model), FEATURES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_free(f.model);
    ops_close(f.ops);
    return 0;
}

static void step(struct model *model)
{
    assert_int_equal(model_gradients(model, &f.batch), 0);
    assert_int_equal(model_update(model, &(struct rates){.lr = 0.05F, .lr_first = 0.05F}), 0);
}

/* --- tests --- */

static void a_step_allocates_nothing(void **state)
{
    (void)state;
    assert_true(allocations > 100); /* the counter works: the model was made through it */
    size_t before = allocations;
    step(f.model);
    step(f.model);
    assert_int_equal(allocations, before);
}

static void losses_are_named_and_fall(void **state)
{
    (void)state;
    static const char *const names[] = {"loss",
                                        "simsiam",
                                        "spread",
                                        "augself.crop",
                                        "augself.crop.r2",
                                        "augself.color",
                                        "augself.color.r2",
                                        "augself.rotation",
                                        "augself.rotation.accuracy"};
    struct model_losses first, last;
    for (int i = 0; i < 20; i++) {
        step(f.model);
        assert_int_equal(model_losses(f.model, i == 0 ? &first : &last), 0);
    }
    assert_int_equal(first.n, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(first.item[i].name, names[i]);
    double total = (double)first.item[1].value + (double)first.item[3].value +
                   0.5 * (double)first.item[5].value + 0.5 * (double)first.item[7].value;
    for (size_t i = 4; i < ARRAY_LEN(names); i += 2) { /* what 20 steps on one batch teach */
        assert_true(first.item[i].score && !first.item[i - 1].score);
        assert_true(last.item[i].value > first.item[i].value + 0.1F);
    }
    assert_true(fabs(total - (double)first.item[0].value) < 1e-6);
    assert_true(last.item[0].value < first.item[0].value - 0.5F);
}

/* Same recipe, same batches: the same bits, in the same process. */
static void repeats(void **state)
{
    (void)state;
    struct model *twin;
    assert_int_equal(model_new(&f.recipe, f.ops, &twin), 0);
    for (int i = 0; i < 3; i++) {
        step(f.model);
        step(twin);
    }
    struct net *a = model_net(f.model), *b = model_net(twin);
    assert_int_equal(a->params.bytes, b->params.bytes);
    assert_memory_equal(a->params.base, b->params.base, a->params.bytes);
    for (size_t i = 0; i < a->n_buffers; i++) {
        assert_memory_equal(a->buffer[i].data, b->buffer[i].data,
                            (size_t)a->buffer[i].count * sizeof(float));
        assert_int_equal(a->buffer[i].counter, b->buffer[i].counter);
    }
    model_free(twin);
}

/* PyTorch counts a batch at each forward call: two views through backbone, projector and predictor,
 * the doubled batch once through the heads. */
static void batches_are_counted(void **state)
{
    (void)state;
    step(f.model);
    static const struct {
        const char *name;
        int64_t counter;
    } want[] = {
        {"backbone.bn1.num_batches_tracked", 2},
        {"backbone.layer4.0.downsample.1.num_batches_tracked", 2},
        {"projector.4.num_batches_tracked", 2},
        {"predictor.1.num_batches_tracked", 2},
        {"augself.crop.1.num_batches_tracked", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct buffer *b = net_find_buffer(model_net(f.model), want[i].name);
        assert_non_null(b);
        assert_int_equal(b->counter, want[i].counter);
    }
}

/* The predictor alone learns at the constant rate, everything else at the scheduled one. */
static void rates_by_group(void **state)
{
    (void)state;
    struct net *net = model_net(f.model);
    const float *predictor = net_find_param(net, "predictor.0.weight")->w;
    const float *stem = net_find_param(net, "backbone.conv1.weight")->w;
    float before_predictor = predictor[0], before_stem = stem[0];
    assert_int_equal(model_gradients(f.model, &f.batch), 0);
    assert_int_equal(model_update(f.model, &(struct rates){.lr = 0, .lr_first = 0.1F}), 0);
    assert_true(stem[0] == before_stem);
    assert_true(predictor[0] != before_predictor);
    before_predictor = predictor[0];
    assert_int_equal(model_update(f.model, &(struct rates){.lr = 0.1F, .lr_first = 0}), 0);
    assert_true(stem[0] != before_stem);
    assert_true(predictor[0] == before_predictor);
}

static double total_loss(void *arg)
{
    (void)arg;
    struct model_losses losses;
    assert_int_equal(model_gradients(f.model, &f.batch), 0);
    assert_int_equal(model_losses(f.model, &losses), 0);
    return (double)losses.item[1].value + (double)losses.item[3].value +
           0.5 * (double)losses.item[5].value + 0.5 * (double)losses.item[7].value;
}

/* Behind the stopped gradient a difference sees what the gradient must not, so only the predictor
 * and the heads are walked along here; tests/gold holds the rest against PyTorch. */
static void gradients_of_the_ends(void **state)
{
    (void)state;
    struct net *net = model_net(f.model);
    for (size_t i = 0; i < net->n_params; i++) {
        struct param *p = &net->param[i];
        if (strncmp(p->name, "predictor.", 10) != 0 && strncmp(p->name, "augself.", 8) != 0)
            continue;
        total_loss(NULL);
        float *g = malloc(p->count * sizeof(float));
        memcpy(g, p->d, p->count * sizeof(float));
        assert_true(gradcheck_along(p->w, g, p->count, 1e-4, total_loss, NULL) < 0.02);
        free(g);
    }
}

/* Features of an image do not depend on what stands beside it or how runs are cut. */
static void inference(void **state)
{
    (void)state;
    step(f.model);
    float all[ROWS * FEATURES], few[ROWS * FEATURES];
    assert_int_equal(model_infer(f.model, f.batch.run, f.batch.n_runs, all), 0);
    assert_true(dot(all, all, FEATURES) > 0);
    memset(few, 0x7f, sizeof(few));
    const struct encoder_run runs[] = {{f.pixels[3], 1}, {f.pixels[5], 2}};
    assert_int_equal(model_infer(f.model, runs, 2, few), 0);
    assert_memory_equal(few, all + 3 * FEATURES, FEATURES * sizeof(float));
    assert_memory_equal(few + FEATURES, all + 5 * FEATURES, 2 * FEATURES * sizeof(float));
    for (size_t i = 3 * FEATURES * sizeof(float); i < sizeof(few); i++)
        assert_int_equal(((unsigned char *)few)[i], 0x7f); /* nothing behind the last image */
}

static void bad_batches(void **state)
{
    (void)state;
    f.batch.run[1].rows = BATCH;
    assert_int_equal(model_gradients(f.model, &f.batch), -EINVAL);
    f.batch.run[1].rows = BATCH - 2;
    assert_int_equal(model_gradients(f.model, &f.batch), -EINVAL);
    assert_non_null(strstr(err_text(), "11 images where 12 belong"));
    f.batch.run[1].rows = -1;
    assert_int_equal(model_gradients(f.model, &f.batch), -EINVAL);
    float features[ROWS * FEATURES];
    assert_int_equal(model_infer(f.model, f.batch.run, 2, features), -EINVAL);
}

/* What the loader can send is more than SimSiam can use: it says so before anything is made. */
static void other_views(void **state)
{
    (void)state;
    static const struct {
        int64_t count, small;
        const char *says;
    } views[] = {
        {3, 0, "views.count: 3; simsiam takes 2 views of an image"},
        {1, 0, "views.count: 1; simsiam takes 2"},
        {2, 6, "views.small.count: 6; simsiam takes no small views"},
        {1, 1, "views.count: 1; simsiam takes 2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        struct model *model = NULL;
        f.recipe.views.count = views[i].count;
        f.recipe.views.small.count = views[i].small;
        f.recipe.views.small.size = SIZE;
        f.recipe.views.small.law = f.recipe.views.law;
        assert_int_equal(model_new(&f.recipe, f.ops, &model), -EINVAL);
        assert_null(model);
        if (!strstr(err_text(), views[i].says))
            fail_msg("%s", err_text());
    }
}

/* A projector that reads omega: in the checkpoint's names, without memory in a step, and its loss
 * knows one omega from another. A method without a projector refuses. */
static void conditioned(void **state)
{
    (void)state;
    struct model *model = NULL;
    struct model_losses one, other;
    f.recipe.method.condition.dim = 5;
    f.recipe.method.condition.layers = 2;
    assert_int_equal(model_new(&f.recipe, f.ops, &model), 0);
    assert_non_null(net_find_param(model_net(model), "condition.3.bias"));
    assert_int_equal(net_find_param(model_net(model), "projector.0.weight")->shape[1],
                     FEATURES + 5);
    size_t before = allocations;
    step(model);
    assert_int_equal(allocations, before);
    assert_int_equal(model_losses(model, &one), 0);
    assert_int_equal(model_gradients(model, &f.batch), 0);
    assert_int_equal(model_losses(model, &one), 0);
    f.omega[0].flip = !f.omega[0].flip;
    assert_int_equal(model_gradients(model, &f.batch), 0);
    assert_int_equal(model_losses(model, &other), 0);
    assert_string_equal(one.item[1].name, "simsiam");
    assert_true(one.item[1].value != other.item[1].value);
    model_free(model);

    model = NULL;
    f.recipe.method.name = METHOD_SUPERVISED;
    f.recipe.method.classes = 3;
    assert_int_equal(model_new(&f.recipe, f.ops, &model), -EINVAL);
    assert_string_equal(err_text(),
                        "method.condition.dim: 5; supervised has no projector to condition");
    f.recipe.augself.only = true;
    assert_int_equal(model_new(&f.recipe, f.ops, &model), -EINVAL);
    assert_null(model);
}

/* A step of two batches that are the same is the step of one, to the bit; its losses are the means.
 */
static void accumulated(void **state)
{
    (void)state;
    struct model *twice;
    f.recipe.optim.accumulate = 2;
    assert_int_equal(model_new(&f.recipe, f.ops, &twice), 0);
    const struct rates rates = {.lr = 0.05F, .lr_first = 0.05F};
    struct model_losses one, two;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(model_gradients(f.model, &f.batch), 0);
        assert_int_equal(model_update(f.model, &rates), 0);
        assert_int_equal(model_losses(f.model, &one), 0);
        assert_int_equal(model_gradients(twice, &f.batch), 0);
        assert_int_equal(model_gradients(twice, &f.batch), 0);
        assert_int_equal(model_update(twice, &rates), 0);
        assert_int_equal(model_losses(twice, &two), 0);
        const struct net *a = model_net(f.model), *b = model_net(twice);
        assert_memory_equal(a->params.base, b->params.base, a->params.bytes);
        for (uint32_t k = 0; k < one.n; k++)
            assert_true(fabsf(one.item[k].value - two.item[k].value) < 1e-6F);
    }
    model_free(twice);
}

#define with_model(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void test_backend(void **state)
{
    (void)state;
    static struct recipe r;
    static const char *const least[] = {"run.name=t", "data.dataset=d", "data.path=p"};
    struct ops *ops = NULL;
    assert_int_equal(recipe_load(&r, NULL, least, ARRAY_LEN(least)), 0);
    snprintf(r.device.ops, sizeof r.device.ops, "ref");
    assert_int_equal(model_backend(&r, &ops), 0);
    assert_string_equal(ops->name, "ref");
    ops_close(ops);
    ops = NULL;
    r.device.dtype = DTYPE_BF16;
    assert_int_equal(model_backend(&r, &ops), -EINVAL);
    assert_int_equal(strncmp(err_text(), "device.dtype: no bf16: the back end ref", 39), 0);
    snprintf(r.device.ops, sizeof r.device.ops, "abacus");
    assert_int_equal(model_backend(&r, &ops), -EINVAL);
    assert_int_equal(strncmp(err_text(), "device.ops: no back end is called", 33), 0);
    assert_null(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_model(a_step_allocates_nothing),
        with_model(losses_are_named_and_fall),
        with_model(repeats),
        with_model(batches_are_counted),
        with_model(rates_by_group),
        with_model(gradients_of_the_ends),
        with_model(inference),
        with_model(bad_batches),
        with_model(accumulated),
        with_model(conditioned),
        with_model(other_views),
        cmocka_unit_test(test_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
