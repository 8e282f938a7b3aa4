/* SPDX-License-Identifier: Apache-2.0 */
/* supervised: a linear classifier on the backbone's features, soft-max cross-entropy on every view.
 * Takes features and labels, gives the loss and the features' gradient. Thread: the one that
 * trains. Owner: the model. */
#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/method.h"
#include "trainer/mlp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct supervised {
    struct net *net;   /* a loan */
    struct loss *loss; /* a loan */
    struct mlp *classifier;
    int32_t n, views, classes;
    float *host;         /* [V*N] */
    float *target;       /* [V*N], back-end memory: the label of each row */
    int index, accuracy; /* of the losses */
};

static void supervised_free(void *state)
{
    struct supervised *s = state;
    if (!s)
        return;
    mlp_free(s->classifier);
    free(s->host);
    free(s);
}

static void free_at(struct supervised **s)
{
    supervised_free(*s);
}

static int supervised_build(const struct method_config *c, void **ret_state)
{
    auto_with(free_at) struct supervised *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(-ENOMEM, "supervised: out of memory");
    s->net = c->net;
    s->loss = c->loss;
    s->n = c->n;
    s->views = c->views;
    s->classes = (int32_t)c->recipe->method.classes;
    size_t bytes = (size_t)(c->views * c->n) * sizeof(float);
    s->host = malloc(bytes);
    if (!s->host)
        return err_set(-ENOMEM, "supervised: out of memory");
    int r = arena_add(&c->net->acts, bytes, &s->target);
    if (r >= 0)
        r = mlp_new(c->net,
                    &(struct mlp_config){
                        .prefix = "classifier",
                        .rows = c->views * c->n,
                        .in = c->features,
                        .out = s->classes,
                        .layers = 1,
                        .groups = 1,
                        .group = PARAM_SCHEDULED,
                    },
                    &s->classifier);
    if (r >= 0)
        r = s->index = loss_add(s->loss, "supervised", 1);
    if (r >= 0)
        r = s->accuracy = loss_add_score(s->loss, "supervised", "accuracy");
    if (r < 0)
        return r;
    *ret_state = take_ptr(&s);
    return 0;
}

/* The labels, once for each view. */
static int targets_send(struct supervised *s, const int64_t *labels)
{
    for (int32_t i = 0; i < s->n; i++) {
        if (labels[i] < 0 || labels[i] >= s->classes)
            return err_set(-EINVAL,
                           "image %" PRId32 " of the batch has label %" PRId64
                           "; method.classes is %" PRId32,
                           i, labels[i], s->classes);
        for (int32_t v = 0; v < s->views; v++)
            s->host[v * s->n + i] = (float)labels[i];
    }
    const struct ops *ops = s->net->ops;
    return ops->upload(ops, s->target, s->host, (size_t)(s->views * s->n) * sizeof(float));
}

static int supervised_forward(void *state, const struct method_input *in)
{
    struct supervised *s = state;
    const struct ops *ops = s->net->ops;
    int r = targets_send(s, in->labels);
    if (r >= 0)
        r = mlp_forward(s->classifier, in->y);
    if (r >= 0)
        r = ops->loss_softmax(ops, mlp_output(s->classifier), s->target, 1,
                              mlp_doutput(s->classifier), s->loss->device + s->index);
    if (r >= 0)
        r = ops->accuracy(ops, mlp_output(s->classifier), s->target, s->loss->device + s->accuracy);
    return r;
}

static int supervised_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    struct supervised *s = state;
    return mlp_backward(s->classifier, in->y, dy, false);
}

const struct method method_supervised = {
    .name = "supervised",
    .trained_views = 2,
    .labels = true,
    .build = supervised_build,
    .forward = supervised_forward,
    .backward = supervised_backward,
    .free = supervised_free,
};
