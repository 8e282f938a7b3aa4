/* SPDX-License-Identifier: Apache-2.0 */
/* loss: see loss.h. Takes names and weights; gives places to write to, and the values. Thread: the
 * one that trains. Owner: the model. Computes no loss: ops does. */
#include "trainer/loss.h"

#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

int loss_init(struct loss *loss, struct net *net)
{
    loss->net = net;
    loss->n = loss->batches = 0;
    return arena_add(&net->acts, LOSS_MAX * sizeof(float), &loss->device);
}

int loss_add(struct loss *loss, const char *name, float weight)
{
    if (loss->n == LOSS_MAX)
        return err_set(-ENOSPC, "loss: more than %d values", LOSS_MAX);
    int index = (int)loss->n++;
    loss->item[index] = (struct loss_item){.weight = weight, .scale = 1, .of = -1};
    snprintf(loss->item[index].name, LOSS_NAME_MAX, "%s", name);
    return index;
}

int loss_add_score(struct loss *loss, const char *name, const char *kind)
{
    char full[LOSS_NAME_MAX];
    snprintf(full, sizeof(full), "%.20s.%.10s", name, kind);
    int index = loss_add(loss, full, 0);
    if (index >= 0)
        loss->item[index].score = true;
    return index;
}

int loss_add_r2(struct loss *loss, int of)
{
    int index = loss_add_score(loss, loss->item[of].name, "r2");
    if (index >= 0)
        loss->item[index].of = of;
    return index;
}

void loss_set_variance(struct loss *loss, int index, double variance)
{
    loss->item[index].variance = variance;
}

int loss_map(struct loss *loss, int index, float scale, float offset)
{
    loss->item[index].scale = scale;
    loss->item[index].offset = offset;
    return 0;
}

int loss_add_up(struct loss *loss)
{
    const struct ops *ops = loss->net->ops;
    float host[LOSS_MAX];
    int r = ops->download(ops, host, loss->device, sizeof(host));
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < loss->n; i++) {
        struct loss_item *item = &loss->item[i];
        loss->sum[i] = (loss->batches ? loss->sum[i] : 0) + (double)host[i];
        item->variance_sum = (loss->batches ? item->variance_sum : 0) + item->variance;
    }
    loss->batches++;
    return 0;
}

/* Behind the values that it is made of: an R2 is added after its loss. */
static double r2_of(const struct loss *loss, const struct loss_item *item)
{
    double batches = loss->batches + 1;
    double variance = (loss->batches ? item->variance_sum : 0) + item->variance;
    return variance > 0 ? 1 - (double)loss->item[item->of].value * batches / variance : (double)NAN;
}

int loss_fetch(struct loss *loss, float *ret_total)
{
    const struct ops *ops = loss->net->ops;
    float host[LOSS_MAX];
    int r = ops->download(ops, host, loss->device, sizeof(host));
    if (r < 0)
        return r;
    double total = 0, batches = loss->batches + 1;
    for (uint32_t i = 0; i < loss->n; i++) {
        struct loss_item *item = &loss->item[i];
        double mean = (double)host[i];
        if (loss->batches)
            mean = (loss->sum[i] + mean) / batches;
        double value = (double)item->scale * mean + (double)item->offset;
        item->value = (float)(item->of >= 0 ? r2_of(loss, item) : value);
        if (item->weight != 0)
            total += (double)item->weight * value;
    }
    loss->batches = 0;
    *ret_total = (float)total;
    return 0;
}
