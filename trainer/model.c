/* SPDX-License-Identifier: Apache-2.0 */
/* model: see model.h. Takes pixels and omega from memory, gives losses, gradients, new weights and
 * features. Thread: the one that trains. Owner: train, or a test. Knows no socket, file or clock.
 * Everything is made in model_new; a step allocates nothing. */
#include "trainer/model.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/augself.h"
#include "trainer/condition.h"
#include "trainer/method/method.h"
#include "trainer/optim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct model {
    struct net *net;
    struct encoder *encoder;
    const struct method *method;
    void *method_state;
    struct condition *condition; /* NULL: no projector is conditioned */
    struct augself *augself;
    struct loss loss;
    struct optim optim;
    uint32_t batches, batch; /* whose gradients make a step; how many of them are there */
    model_watch_fn *watch;   /* or NULL */
    void *watch_arg;
};

/* --- building --- */

int model_backend(const struct recipe *recipe, struct ops **ret)
{
    struct ops *ops = NULL;
    const char *key = "device.ops";
    int rc = ops_open(recipe->device.ops, (int)recipe->device.threads, &ops);
    if (rc == 0) {
        key = "device.dtype";
        rc = ops_set_dtype(ops, (enum dtype)recipe->device.dtype);
    }
    if (rc == 0) {
        *ret = ops;
        return 0;
    }
    ops_close(ops);
    char why[ERR_TEXT_MAX];
    snprintf(why, sizeof why, "%s", err_text());
    /* not supported: the recipe asks for what this program or machine has not got */
    return err_set(rc == -ENOTSUP ? -EINVAL : rc, "%s: %s", key, why);
}

static int encoder_build(struct model *m, const struct recipe *recipe, const struct spec *spec)
{
    bool small = recipe->views.small.count > 0;
    struct encoder_config config = {
        .backbone =
            {
                .arch = &resnet_archs[recipe->model.backbone],
                .width = (int32_t)recipe->model.width,
                .cifar_stem = recipe->model.stem == STEM_CIFAR,
                .zero_init_residual = true,
            },
        .n = (int32_t)recipe->data.batch,
        .size = (int32_t)recipe->views.size,
        .small_size = small ? (int32_t)spec->views[spec->n_views - 1].size : 0,
        .large_views = (int32_t)recipe->views.count,
        .small_views = (int32_t)recipe->views.small.count,
        .trained_views = m->method->trained_views,
        .target_views = m->method->target_views,
    };
    for (int c = 0; c < 3; c++) {
        config.mean[c] = (float)recipe->views.mean[c];
        config.std[c] = (float)recipe->views.std[c];
    }
    return encoder_new(m->net, &config, &m->encoder);
}

static int condition_build(struct model *m, const struct recipe *recipe, const struct spec *spec)
{
    if (recipe->method.condition.dim == 0)
        return 0;
    const struct condition_config config = {
        .n = (int32_t)recipe->data.batch,
        .large_views = (int32_t)recipe->views.count,
        .small_views = (int32_t)recipe->views.small.count,
        .trained_views = m->method->trained_views,
        .target_views = m->method->target_views,
        .law = spec->views,
    };
    return condition_new(m->net, &config, &m->condition);
}

static int augself_build(struct model *m, const struct recipe *recipe, const struct spec *spec)
{
    struct augself_config config = {
        .rows = METHOD_LARGE_VIEWS * (int32_t)recipe->data.batch,
        .features = model_features(m),
        .hidden = (int32_t)recipe->augself.hidden,
        .law = {&spec->views[0], &spec->views[1]},
    };
    for (int kind = 0; kind < AUGSELF_KINDS; kind++)
        config.weight[kind] = (float)recipe_augself_weight(recipe, (enum augself_kind)kind);
    return augself_new(m->net, &m->loss, &config, &m->augself);
}

static int optim_build(struct model *m, const struct recipe *recipe)
{
    m->batches = (uint32_t)recipe->optim.accumulate;
    if (m->batches > 1)
        net_accumulate(m->net);
    return optim_init(&m->optim, m->net,
                      &(struct optim_config){
                          .lars = recipe->optim.name == OPTIM_LARS,
                          .trust = (float)recipe->optim.trust,
                          .momentum = (float)recipe->optim.momentum,
                          .weight_decay = (float)recipe->optim.weight_decay,
                          .decay_weights_only = recipe->optim.decay == DECAY_WEIGHTS,
                          .gradient_scale = 1 / (float)m->batches,
                      });
}

static int modules_new(struct model *m, const struct recipe *recipe, const struct spec *spec)
{
    m->method = method_of(recipe);
    int r = loss_init(&m->loss, m->net);
    if (r >= 0)
        r = encoder_build(m, recipe, spec);
    if (r < 0)
        return r;
    r = m->method->build(
        &(struct method_config){
            .net = m->net,
            .loss = &m->loss,
            .recipe = recipe,
            .n = (int32_t)recipe->data.batch,
            .views = encoder_views(m->encoder),
            .targets = m->method->target_views,
            .features = model_features(m),
        },
        &m->method_state);
    if (r >= 0)
        r = condition_build(m, recipe, spec);
    if (r >= 0)
        r = augself_build(m, recipe, spec);
    return r < 0 ? r : optim_build(m, recipe);
}

static void free_at(struct model **model)
{
    model_free(*model);
}

int model_new(const struct recipe *recipe, struct ops *ops, struct model **ret)
{
    struct spec spec;
    int r = method_check(recipe, NULL);
    if (r < 0)
        return r;
    recipe_spec(recipe, &spec);
    auto_with(free_at) struct model *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(-ENOMEM, "model: out of memory");
    r = net_new(ops, &m->net);
    if (r >= 0)
        r = modules_new(m, recipe, &spec);
    if (r >= 0)
        r = net_commit(m->net);
    if (r >= 0)
        r = net_init(m->net, (uint64_t)recipe->run.seed);
    if (r < 0)
        return r;
    *ret = take_ptr(&m);
    return 0;
}

void model_free(struct model *m)
{
    if (!m)
        return;
    augself_free(m->augself);
    condition_free(m->condition);
    if (m->method)
        m->method->free(m->method_state);
    encoder_free(m->encoder);
    net_free(m->net);
    free(m);
}

struct net *model_net(struct model *m)
{
    return m->net;
}

int32_t model_rows(const struct model *m)
{
    return encoder_rows(m->encoder);
}

int32_t model_features(const struct model *m)
{
    return encoder_features(m->encoder);
}

/* --- training --- */

/* Behind one of the batches of a step: what must not be lost when the next one comes. */
static int add_up(struct model *m)
{
    bool first = m->batch == 0, last = ++m->batch == m->batches;
    int r = net_add_up(m->net, first, last);
    if (last)
        m->batch = 0;
    return r < 0 || last ? r : loss_add_up(&m->loss);
}

void model_watch(struct model *m, model_watch_fn *watch, void *arg)
{
    m->watch = watch;
    m->watch_arg = arg;
}

/* r of what was done last. A device is waited for by fetching a number from it. */
static int done(const struct model *m, int r, enum model_phase phase)
{
    if (r < 0 || !m->watch)
        return r;
    float number;
    r = m->net->ops->download(m->net->ops, &number, m->loss.device, sizeof(number));
    m->watch(m->watch_arg, phase);
    return r;
}

int model_gradients(struct model *m, const struct model_batch *batch)
{
    int r = encoder_forward(m->encoder, batch->run, batch->n_runs);
    if (r >= 0 && m->condition)
        r = condition_send(m->condition, batch->omega);
    if (r < 0)
        return r;
    const struct method_input in = {
        .y = encoder_y(m->encoder),
        .t = encoder_t(m->encoder),
        .labels = batch->labels,
        .code_y = m->condition ? condition_y(m->condition) : NULL,
        .code_t = m->condition ? condition_t(m->condition) : NULL,
    };
    r = done(m, m->method->forward(m->method_state, &in), MODEL_FORWARD);
    if (r >= 0)
        r = done(m, augself_forward(m->augself, batch->omega, encoder_pair(m->encoder)),
                 MODEL_AUGSELF);
    if (r >= 0)
        r = done(m, m->method->backward(m->method_state, &in, encoder_dy(m->encoder)),
                 MODEL_BACKWARD);
    if (r >= 0)
        r = done(m, augself_backward(m->augself, encoder_dpair(m->encoder)), MODEL_AUGSELF);
    if (r >= 0)
        r = encoder_backward(m->encoder);
    if (r >= 0 && m->method->after_batch)
        r = m->method->after_batch(m->method_state);
    if (r >= 0 && m->batches > 1)
        r = add_up(m);
    return done(m, r, MODEL_BACKWARD);
}

int model_update(struct model *m, const struct rates *rates)
{
    const float lr[PARAM_GROUPS] = {
        [PARAM_SCHEDULED] = rates->lr,
        [PARAM_CONSTANT] = rates->lr_first,
        [PARAM_LATE] = rates->lr,
    };
    int r = optim_step(&m->optim, lr, rates->hold_late);
    if (r >= 0 && m->method->target_views > 0)
        r = net_follow(m->net, rates->momentum);
    return done(m, r, MODEL_UPDATE);
}

int model_losses(struct model *m, struct model_losses *ret)
{
    _Static_assert(LOSS_MAX + 1 <= MODEL_LOSSES_MAX, "the total and every loss");
    float total;
    int r = loss_fetch(&m->loss, &total);
    if (r < 0)
        return r;
    ret->n = 0;
    ret->item[ret->n].name = "loss";
    ret->item[ret->n].score = false;
    ret->item[ret->n++].value = total;
    for (uint32_t i = 0; i < m->loss.n; i++) {
        ret->item[ret->n].name = m->loss.item[i].name;
        ret->item[ret->n].score = m->loss.item[i].score;
        ret->item[ret->n++].value = m->loss.item[i].value;
    }
    return 0;
}

int model_view_features(const struct model *m, int32_t n, float *ret_features)
{
    const struct tensor *y = encoder_y(m->encoder);
    if (n > y->n)
        return err_set(-EINVAL, "model: features of %" PRId32 " images; a batch has %" PRId32, n,
                       y->n);
    return m->net->ops->download(m->net->ops, ret_features, y->data,
                                 (size_t)n * (size_t)y->c * sizeof(float));
}

/* --- evaluation --- */

int model_infer(struct model *m, const struct encoder_run *runs, uint32_t n_runs,
                float *ret_features)
{
    return encoder_infer(m->encoder, runs, n_runs, ret_features);
}
