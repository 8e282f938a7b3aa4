/* SPDX-License-Identifier: Apache-2.0 */
/* group: takes names, gives their groups. Knows ckpt.h's names and PyTorch's. */
#include "tools/inspect/tensors/group.h"

#include "common/auto.h"

#include <stdio.h>
#include <string.h>

static const char momentum[] = "optim.momentum.";

/* In front of what a group is named for; "" for all others. */
static const char *const prefixes[] = {"augself.", ""};

size_t group_length(const char *name)
{
    size_t skip = strncmp(name, momentum, strlen(momentum)) == 0 ? strlen(momentum) : 0;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        const size_t prefix = strlen(prefixes[i]);
        if (strncmp(name + skip, prefixes[i], prefix) != 0)
            continue;
        const char *dot = strchr(name + skip + prefix, '.');
        if (dot)
            return (size_t)(dot - name);
    }
    return skip ? skip - 1 : 0;
}

static bool is_statistic(const char *name)
{
    static const char *const ends[] = {"running_mean", "running_var", "num_batches_tracked"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strcmp(dot ? dot + 1 : name, ends[i]) == 0)
            return true;
    return false;
}

static bool is_real(enum safetensors_dtype dtype)
{
    static const bool real[ST_DTYPES] = {
        [ST_F64] = true,  [ST_F32] = true,     [ST_F16] = true,
        [ST_BF16] = true, [ST_F8_E5M2] = true, [ST_F8_E4M3] = true};
    return real[dtype];
}

bool group_momenta(const struct safetensors *st)
{
    for (size_t i = 0; i < safetensors_n(st); i++)
        if (strncmp(safetensors_at(st, i)->name, momentum, strlen(momentum)) == 0)
            return true;
    return false;
}

bool group_trained(const struct safetensors *st, bool momenta, const struct safetensor *tensor)
{
    char name[SAFETENSORS_NAME_MAX + sizeof momentum];
    if (strncmp(tensor->name, "optim.", strlen("optim.")) == 0)
        return false;
    if (!momenta)
        return is_real(tensor->dtype) && !is_statistic(tensor->name);
    snprintf(name, sizeof name, "%s%s", momentum, tensor->name);
    return safetensors_find(st, name) != NULL;
}
