/* SPDX-License-Identifier: Apache-2.0 */
/* loss: see loss.h. Takes names and weights; gives places to write to, and the values. Thread: the
 * one that trains. Owner: the model. Computes no loss: ops does. */
#include "trainer/loss.h"

#include "common/err.h"

#include <errno.h>
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
    snprintf(loss->item[index].name, LOSS_NAME_MAX, "%s", name);
    loss->item[index].weight = weight;
    loss->item[index].scale = 1;
    loss->item[index].offset = 0;
    return index;
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
    for (uint32_t i = 0; i < loss->n; i++)
        loss->sum[i] = (loss->batches ? loss->sum[i] : 0) + (double)host[i];
    loss->batches++;
    return 0;
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
        double mean = (double)host[i];
        if (loss->batches)
            mean = (loss->sum[i] + mean) / batches;
        double value = (double)loss->item[i].scale * mean + (double)loss->item[i].offset;
        loss->item[i].value = (float)value;
        if (loss->item[i].weight != 0)
            total += (double)loss->item[i].weight * value;
    }
    loss->batches = 0;
    *ret_total = (float)total;
    return 0;
}
