/* SPDX-License-Identifier: Apache-2.0 */
/* model: see model.h. Takes pixels and omega from memory, gives losses, gradients, new weights and
 * features. Thread: the one that trains. Owner: train, or a test. Knows no socket, file or clock.
 * Everything is made in model_new; a step allocates nothing. */
#include "trainer/model.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/augself.h"
#include "trainer/method/method.h"
#include "trainer/optim.h"
#include "trainer/resnet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { VIEWS = 2 };

struct model {
    struct ops *ops; /* a loan */
    struct net *net;
    struct resnet *backbone;
    const struct method *method;
    void *method_state;
    struct augself *augself;
    struct loss loss;
    struct optim optim;
    int32_t rows, size; /* V * batch, pixels of a side */
    float mean[3], std[3];
    struct tensor x;  /* [2N,S,S,3] */
    struct tensor dy; /* [2N,D], gradient of the backbone's output */
};

/* --- building --- */

static int backbone_new(struct model *m, const struct recipe *recipe)
{
    int r = arena_add_tensor(&m->net->acts, &m->x, m->rows, m->size, m->size, 3);
    if (r < 0)
        return r;
    r = resnet_new(m->net,
                   &(struct resnet_config){
                       .arch = &resnet_archs[recipe->model.backbone],
                       .rows = m->rows,
                       .size = m->size,
                       .width = (int32_t)recipe->model.width,
                       .groups = VIEWS,
                       .cifar_stem = recipe->model.stem == STEM_CIFAR,
                       .zero_init_residual = true,
                   },
                   &m->backbone);
    if (r < 0)
        return r;
    return arena_add_tensor(&m->net->acts, &m->dy, m->rows, 1, 1, resnet_output(m->backbone)->c);
}

static int augself_build(struct model *m, const struct recipe *recipe, const struct spec *spec)
{
    struct augself_config config = {
        .rows = m->rows,
        .features = model_features(m),
        .hidden = (int32_t)recipe->augself.hidden,
        .law = {&spec->views[0], &spec->views[1]},
    };
    for (int kind = 0; kind < AUGSELF_KINDS; kind++)
        config.weight[kind] = (float)recipe_augself_weight(recipe, (enum augself_kind)kind);
    return augself_new(m->net, &m->loss, &config, &m->augself);
}

static int modules_new(struct model *m, const struct recipe *recipe, const struct spec *spec)
{
    int r = loss_init(&m->loss, m->net);
    if (r >= 0)
        r = backbone_new(m, recipe);
    if (r < 0)
        return r;
    m->method = methods[recipe->method.name];
    r = m->method->build(
        &(struct method_config){
            .net = m->net,
            .loss = &m->loss,
            .recipe = recipe,
            .rows = m->rows,
            .features = model_features(m),
        },
        &m->method_state);
    if (r >= 0)
        r = augself_build(m, recipe, spec);
    if (r >= 0)
        r = optim_init(&m->optim, m->net, (float)recipe->optim.momentum,
                       (float)recipe->optim.weight_decay);
    return r;
}

static void free_at(struct model **model)
{
    model_free(*model);
}

int model_new(const struct recipe *recipe, struct ops *ops, struct model **ret)
{
    struct spec spec;
    recipe_spec(recipe, &spec);
    if (recipe->views.count != VIEWS || recipe->views.small.count != 0)
        return err_set(-EINVAL,
                       "views.count is %" PRId64 " and views.small.count %" PRId64
                       ": %s takes %d views of one size and no small ones",
                       recipe->views.count, recipe->views.small.count,
                       method_names[recipe->method.name], VIEWS);
    auto_with(free_at) struct model *m = calloc(1, sizeof(*m));
    if (!m)
        return err_set(-ENOMEM, "model: out of memory");
    m->ops = ops;
    m->rows = VIEWS * (int32_t)recipe->data.batch;
    m->size = (int32_t)recipe->views.size;
    for (int c = 0; c < 3; c++) {
        m->mean[c] = (float)recipe->views.mean[c];
        m->std[c] = (float)recipe->views.std[c];
    }
    int r = net_new(ops, &m->net);
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
    if (m->method)
        m->method->free(m->method_state);
    resnet_free(m->backbone);
    net_free(m->net);
    free(m);
}

struct net *model_net(struct model *m)
{
    return m->net;
}

int32_t model_rows(const struct model *m)
{
    return m->rows;
}

int32_t model_features(const struct model *m)
{
    return resnet_output(m->backbone)->c;
}

/* --- training --- */

/* Normalises the runs into the first rows of x; -EINVAL unless they are at least low and at most
 * all of x's rows. */
static int runs_load(struct model *m, const struct model_run *runs, uint32_t n_runs, int32_t low,
                     int32_t *ret_rows)
{
    int32_t first = 0;
    for (uint32_t i = 0; i < n_runs; i++) {
        if (runs[i].rows < 0 || runs[i].rows > m->rows - first)
            return err_set(-EINVAL, "model: more than %" PRId32 " images", m->rows);
        int r = m->ops->input_normalize(m->ops, runs[i].pixels, runs[i].rows, m->mean, m->std,
                                        &m->x, first);
        if (r < 0)
            return r;
        first += runs[i].rows;
    }
    if (first < low)
        return err_set(-EINVAL, "model: %" PRId32 " images where %" PRId32 " belong", first, low);
    *ret_rows = first;
    return 0;
}

int model_gradients(struct model *m, const struct model_batch *batch)
{
    int32_t rows;
    int r = runs_load(m, batch->run, batch->n_runs, m->rows, &rows);
    if (r < 0)
        return r;
    const struct tensor *y = resnet_output(m->backbone);
    r = resnet_forward(m->backbone, &m->x, false);
    if (r >= 0)
        r = m->method->forward(m->method_state, y);
    if (r >= 0)
        r = augself_forward(m->augself, batch->omega, y);
    if (r >= 0)
        r = m->method->backward(m->method_state, y, &m->dy);
    if (r >= 0)
        r = augself_backward(m->augself, &m->dy);
    if (r >= 0)
        r = resnet_backward(m->backbone, &m->x, &m->dy);
    return r;
}

int model_update(struct model *m, float lr, float lr_constant)
{
    const float rates[PARAM_GROUPS] = {
        [PARAM_SCHEDULED] = lr,
        [PARAM_CONSTANT] = lr_constant,
    };
    return optim_step(&m->optim, rates);
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
    ret->item[ret->n++].value = total;
    for (uint32_t i = 0; i < m->loss.n; i++) {
        ret->item[ret->n].name = m->loss.item[i].name;
        ret->item[ret->n++].value = m->loss.item[i].value;
    }
    return 0;
}

/* --- evaluation --- */

/* Rows behind the images hold an earlier batch, or zeros: inference mixes no rows, so they cost
 * time and change nothing. */
int model_infer(struct model *m, const struct model_run *runs, uint32_t n_runs, float *ret_features)
{
    int32_t rows;
    int r = runs_load(m, runs, n_runs, 0, &rows);
    if (r < 0)
        return r;
    const struct tensor *y = resnet_output(m->backbone);
    r = resnet_forward(m->backbone, &m->x, true);
    if (r >= 0)
        r = m->ops->download(m->ops, ret_features, y->data,
                             (size_t)rows * (size_t)y->c * sizeof(float));
    return r;
}
