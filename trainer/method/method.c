/* SPDX-License-Identifier: Apache-2.0 */
/* method: the table of methods, and what a recipe's zeros stand for. Owner: nobody, it is constant.
 * Holds no code of a method. */
#include "trainer/method/method.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/resnet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

const struct method *const methods[METHODS] = {
    [METHOD_SIMSIAM] = &method_simsiam, [METHOD_MOCO] = &method_moco,
    [METHOD_SIMCLR] = &method_simclr,   [METHOD_BYOL] = &method_byol,
    [METHOD_SWAV] = &method_swav,       [METHOD_SUPERVISED] = &method_supervised,
};
const char *const method_names[METHODS + 1] = {
    [METHOD_SIMSIAM] = "simsiam", [METHOD_MOCO] = "moco", [METHOD_SIMCLR] = "simclr",
    [METHOD_BYOL] = "byol",       [METHOD_SWAV] = "swav", [METHOD_SUPERVISED] = "supervised",
};

const struct method *method_of(const struct recipe *recipe)
{
    return recipe->augself.only ? &method_none : methods[recipe->method.name];
}

static void resolve_int(int64_t *option, int64_t def)
{
    if (*option == 0)
        *option = def;
}

static void resolve_float(double *option, double def)
{
    if (!(*option > 0))
        *option = def;
}

void method_resolve(struct recipe *r)
{
    const struct method_defaults *d = &methods[r->method.name]->defaults;
    resolve_int(&r->method.projector.layers, d->projector_layers);
    resolve_int(&r->method.projector.dim, d->projector_dim);
    int64_t hidden = d->projector_hidden;
    if (hidden == METHOD_WIDTH_FEATURES)
        hidden = resnet_features(&resnet_archs[r->model.backbone], (int32_t)r->model.width);
    if (hidden == METHOD_WIDTH_DIM)
        hidden = r->method.projector.dim;
    resolve_int(&r->method.projector.hidden, hidden);
    resolve_int(&r->method.predictor.dim, d->predictor_dim);
    resolve_float(&r->method.temperature, d->temperature);
    resolve_float(&r->method.momentum, d->momentum);
    if (r->method.momentum_schedule == MOMENTUM_AUTO)
        r->method.momentum_schedule = d->momentum_cosine ? MOMENTUM_COSINE : MOMENTUM_CONSTANT;
    resolve_int(&r->method.queue.size, d->queue);
    resolve_int(&r->method.prototypes.count, d->prototypes);
    resolve_int(&r->method.prototypes.frozen, d->prototypes_frozen);
}

__attribute__((format(printf, 3, 4))) static int blame(const char *key, const char **ret_key,
                                                       const char *format, ...)
{
    char what[ERR_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (ret_key)
        *ret_key = key;
    return err_set(-EINVAL, "%s: %s", key, what);
}

int method_check(const struct recipe *r, const char **ret_key)
{
    const struct method *m = method_of(r);
    const char *name = m->name;
    if (r->views.count != METHOD_LARGE_VIEWS)
        return blame("views.count", ret_key, "%" PRId64 "; %s takes %d views of an image",
                     r->views.count, name, METHOD_LARGE_VIEWS);
    if (r->views.small.count > 0 && !m->small_views)
        return blame("views.small.count", ret_key, "%" PRId64 "; %s takes no small views",
                     r->views.small.count, name);
    if (r->method.condition.dim > 0 && m->defaults.projector_layers == 0)
        return blame("method.condition.dim", ret_key,
                     "%" PRId64 "; %s has no projector to condition", r->method.condition.dim,
                     name);
    if (m->labels && r->method.classes < 2)
        return blame("method.classes", ret_key, "%s needs the number of classes", name);
    if (m->defaults.queue > 0 && r->method.queue.size % r->data.batch != 0)
        return blame("method.queue.size", ret_key,
                     "%" PRId64 " keys are no whole number of batches of %" PRId64,
                     r->method.queue.size, r->data.batch);
    return 0;
}

int method_check_classes(const struct recipe *r, uint32_t classes)
{
    if (!method_of(r)->labels || (uint64_t)r->method.classes == classes)
        return 0;
    return err_set(-EINVAL, "method.classes: %" PRId64 "; the dataset %s has %" PRIu32 " classes",
                   r->method.classes, r->data.dataset, classes);
}

bool method_warning(const struct recipe *r, uint64_t samples, char *ret, size_t cap)
{
    if (method_of(r)->defaults.queue == 0 || (uint64_t)r->method.queue.size <= samples)
        return false;
    snprintf(ret, cap,
             "method.queue.size: %" PRId64 " keys of the %" PRIu64 " images of %s: from the second "
             "epoch on the queue holds an image's own earlier keys among its negatives",
             r->method.queue.size, samples, r->data.dataset);
    return true;
}
