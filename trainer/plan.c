/* SPDX-License-Identifier: Apache-2.0 */
/* plan: see plan.h. Takes a checked recipe, gives counts, and prints them. One thread. Trains
 * nothing, writes no file. */
#include "trainer/plan.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/import.h"
#include "trainer/loaders.h"
#include "trainer/method/method.h"
#include "trainer/model.h"
#include "trainer/ops/dry.h"
#include "trainer/recv.h"
#include "trainer/resnet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the model --- */

static void ops_done(struct ops **ops)
{
    ops_close(*ops);
}

static void model_done(struct model **model)
{
    model_free(*model);
}

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void count_parameters(const struct net *net, const struct recipe *r, struct plan *plan)
{
    enum { PASSES = 3 }; /* forward, and backward to the input and to the weights */
    uint64_t rows = METHOD_LARGE_VIEWS * (uint64_t)r->data.batch * (uint64_t)r->optim.accumulate;
    for (size_t i = 0; i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        uint64_t *to = p->group == PARAM_TARGET       ? &plan->momentum
                       : begins(p->name, "backbone.") ? &plan->backbone
                                                      : &plan->heads;
        *to += p->count;
        if (begins(p->name, "augself.") && p->ndim == 2)
            plan->macs_augself += PASSES * rows * p->count;
    }
}

static void count_memory(const struct net *net, const struct recipe *r, struct plan *plan)
{
    struct spec spec;
    recipe_spec(r, &spec);
    uint64_t loaders = recipe_embedded(r) ? 1 : r->data.loaders.n;
    uint64_t batches = loaders * (uint64_t)r->data.window + 1;
    plan->bytes[PLAN_WEIGHTS] = net->params.bytes;
    plan->bytes[PLAN_GRADIENTS] = net->grads.bytes + net->sums.bytes;
    plan->bytes[PLAN_MOMENTA] = net->momenta.bytes;
    plan->bytes[PLAN_STATE] = net->state.bytes;
    plan->bytes[PLAN_ACTIVATIONS] = net->acts.bytes;
    plan->bytes[PLAN_BATCHES] = batches * spec_batch_bytes(&spec);
    plan->bytes[PLAN_CHECKPOINT] = net->params.bytes + net->momenta.bytes + net->state.bytes;
}

/* What a batch looks like where nobody reads its pixels: enough for the step to go its way. */
static int step_dry(const struct recipe *r, struct model *model)
{
    struct spec spec;
    recipe_spec(r, &spec);
    size_t n = spec.batch, large = (size_t)r->views.count * n;
    auto_free struct omega *omega = calloc(spec.n_views * n, sizeof *omega);
    auto_free int64_t *labels = calloc(n, sizeof *labels);
    if (!omega || !labels)
        return err_set(-ENOMEM, "out of memory");
    for (size_t i = 0; i < spec.n_views * n; i++)
        omega_draw(&spec.views[i / n],
                   &(struct omega_key){.sample = (uint32_t)(i % n), .view = (uint32_t)(i / n)}, 500,
                   375, &omega[i]);
    const struct model_batch batch = {
        .n_runs = r->views.small.count > 0 ? 2 : 1,
        .run = {{NULL, (int32_t)large}, {NULL, (int32_t)(spec.n_views * n - large)}},
        .omega = omega,
        .labels = labels,
    };
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < r->optim.accumulate; i++)
        rc = model_gradients(model, &batch);
    return rc < 0 ? rc : model_update(model, &(struct rates){.lr = 0});
}

int plan_model(const struct recipe *r, struct plan *ret)
{
    auto_with(ops_done) struct ops *real = NULL, *ops = NULL;
    auto_with(model_done) struct model *model = NULL;
    struct plan plan = {0};
    struct dry_counts before, after;
    int rc = model_backend(r, &real);
    if (rc == 0)
        rc = dry_open(&ops);
    if (rc == 0) {
        ops->dtype = real->dtype;
        rc = model_new(r, ops, &model);
    }
    if (rc == 0)
        rc = import_weights(model_net(model), r);
    if (rc == 0)
        rc = model_infer(model, NULL, 0, NULL);
    if (rc < 0)
        return rc;
    dry_counts(ops, &before);
    plan.macs_image = before.macs / (uint64_t)model_rows(model);
    count_parameters(model_net(model), r, &plan);
    count_memory(model_net(model), r, &plan);
    plan.bytes[PLAN_SCRATCH] = before.plan_bytes;
    rc = step_dry(r, model);
    if (rc < 0)
        return rc;
    dry_counts(ops, &after);
    plan.macs_step = after.macs - before.macs;
    *ret = plan;
    return 0;
}

/* --- the data --- */

static void loaders_done(struct loaders *loaders)
{
    loaders_close(loaders);
}

int plan_data(const struct recipe *r, const volatile int *stop, struct plan *plan)
{
    auto_with(loaders_done) struct loaders loaders = {0};
    struct spec spec;
    recipe_spec(r, &spec);
    int rc = loaders_open(r, stop, &loaders);
    if (rc < 0)
        return rc;
    struct recv *recv = NULL;
    const struct recv_config config = {
        .spec = &spec,
        .endpoints = &loaders.endpoints,
        .keys = &r->data.curve,
        .window = 1,
        .deadline_s = r->data.deadline,
        .retry_s = r->data.retry < PLAN_PATIENCE_S ? r->data.retry : PLAN_PATIENCE_S,
        .epochs = 1,
        .stop = stop,
        .embed = loaders.embed,
    };
    rc = recv_open(&config, &recv);
    if (rc == -ETIMEDOUT && !loaders.embed)
        return 0;
    if (rc < 0)
        return rc;
    plan->data_known = true;
    plan->samples = recv_info(recv)->samples;
    plan->batches = recv_info(recv)->batches;
    rc = method_check_classes(r, recv_info(recv)->classes);
    if (rc == 0)
        rc = schedule_steps(r, plan->batches, &plan->steps);
    recv_close(recv);
    return rc;
}

/* --- printing --- */

/* "1.81 G", "934" */
static const char *scaled(double value, char ret[32])
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t u = 0;
    for (; value >= 1000 && u + 1 < ARRAY_LEN(units); u++)
        value /= 1000;
    snprintf(ret, 32, u ? "%.3g %s" : "%.0f%s", value, units[u]);
    return ret;
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void print_heads(const struct recipe *r, FILE *out)
{
    const char *before = ", AugSelf";
    for (int kind = 0; kind < AUGSELF_KINDS; kind++) {
        double weight = recipe_augself_weight(r, (enum augself_kind)kind);
        if (weight <= 0)
            continue;
        fprintf(out, "%s %s %g", before, augself_kind_name((enum augself_kind)kind), weight);
        before = ",";
    }
    fputs(r->augself.only ? ", nothing else\n" : "\n", out);
}

static void print_model(const struct recipe *r, const struct plan *p, FILE *out)
{
    const struct resnet_arch *arch = &resnet_archs[r->model.backbone];
    fprintf(out, "recipe      %s: %s", r->run.name, method_names[r->method.name]);
    print_heads(r, out);
    fprintf(out, "model       %s, width %" PRId64 ", %s stem: %" PRId32 " features", arch->name,
            r->model.width, r->model.stem == STEM_CIFAR ? "cifar" : "imagenet",
            resnet_features(arch, (int32_t)r->model.width));
    if (r->model.weights[0])
        fprintf(out, ", begins with %s", r->model.weights);
    fprintf(out, "\nbatch       %" PRId64 " images, %" PRId64 " views of %" PRId64 " pixels",
            r->data.batch, r->views.count, r->views.size);
    if (r->views.small.count > 0) {
        struct spec spec;
        recipe_spec(r, &spec);
        fprintf(out, ", %" PRId64 " of %" PRIu32, r->views.small.count,
                spec.views[spec.n_views - 1].size);
    }
    if (r->optim.accumulate > 1)
        fprintf(out, "; %" PRId64 " batches a step", r->optim.accumulate);
    fprintf(out, "\nparameters  %" PRIu64 " trained: %" PRIu64 " backbone, %" PRIu64 " heads",
            p->backbone + p->heads, p->backbone, p->heads);
    if (p->momentum > 0)
        fprintf(out, "; %" PRIu64 " that follow (momentum encoder)", p->momentum);
    fputc('\n', out);
}

static void print_work(const struct recipe *r, const struct plan *p, FILE *out)
{
    char macs[32], flops[32];
    fprintf(out,
            "forward     %sMAC an image of %" PRId64 " pixels, backbone alone (1 MAC = a "
            "multiply-add = 2 FLOP)\n",
            scaled((double)p->macs_image, macs), r->views.size);
    fprintf(out, "step        %sMAC = %sFLOP, backward included; AugSelf's heads %.2f %% of it\n",
            scaled((double)p->macs_step, macs), scaled(2 * (double)p->macs_step, flops),
            100 * (double)p->macs_augself / (double)p->macs_step);
}

static void print_memory(const struct plan *p, FILE *out)
{
    static const char *const kinds[PLAN_MEMORY] = {
        [PLAN_WEIGHTS] = "weights",         [PLAN_GRADIENTS] = "gradients",
        [PLAN_MOMENTA] = "optimiser",       [PLAN_STATE] = "averages and queue",
        [PLAN_ACTIVATIONS] = "activations", [PLAN_SCRATCH] = "scratch",
        [PLAN_BATCHES] = "batches",         [PLAN_CHECKPOINT] = "checkpoint",
    };
    uint64_t sum = 0;
    for (int i = 0; i < PLAN_MEMORY; i++)
        sum += p->bytes[i];
    fprintf(out, "memory      %.0f MiB:", mib(sum));
    for (int i = 0; i < PLAN_MEMORY; i++)
        fprintf(out, "%s %s %.0f", i ? "," : "", kinds[i], mib(p->bytes[i]));
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0 && (uint64_t)pages * (uint64_t)page < sum)
        fprintf(out, "; this machine has %.0f", mib((uint64_t)pages * (uint64_t)page));
    fputc('\n', out);
}

static void print_data(const struct recipe *r, const struct plan *p, FILE *out)
{
    fprintf(out, "data        %s: ", r->data.dataset);
    if (!p->data_known) {
        fprintf(out, "unknown, no loader answers: steps an epoch are floor(images / %" PRId64 ")\n",
                r->data.batch * r->optim.accumulate);
        return;
    }
    fprintf(out, "%" PRIu64 " images, %.6g steps an epoch, %" PRIu64 " in %" PRId64 " epochs\n",
            p->samples, (double)p->batches / (double)r->optim.accumulate, p->steps,
            r->optim.epochs);
    char warning[ERR_TEXT_MAX];
    if (method_warning(r, p->samples, warning, sizeof warning))
        fprintf(out, "warning     %s\n", warning);
}

static void print_optim(const struct recipe *r, FILE *out)
{
    struct schedule schedule;
    schedule_init(&schedule, r, 1); /* the peak does not depend on the batches of an epoch */
    fprintf(out, "optimiser   %s, learning rate %g (%g for 256 images), weight decay %g\n",
            r->optim.name == OPTIM_LARS ? "lars" : "sgd", schedule.lr, r->optim.base_lr,
            r->optim.weight_decay);
}

void plan_print(const struct recipe *recipe, const struct plan *plan, FILE *out)
{
    print_model(recipe, plan, out);
    print_work(recipe, plan, out);
    print_memory(plan, out);
    print_optim(recipe, out);
    print_data(recipe, plan, out);
}
