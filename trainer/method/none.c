/* SPDX-License-Identifier: Apache-2.0 */
/* none: no objective of its own, for augself.only: the backbone learns from the AugSelf heads alone
 * (Lee et al. 2021, section 4.3). Gives a gradient of zeros. Thread: the one that trains. */
#include "trainer/method/method.h"

static int none_build(const struct method_config *config, void **ret_state)
{
    *ret_state = config->net; /* a loan */
    return 0;
}

static int none_forward(void *state, const struct method_input *in)
{
    (void)state;
    (void)in;
    return 0;
}

static int none_backward(void *state, const struct method_input *in, struct tensor *dy)
{
    (void)in;
    const struct ops *ops = ((const struct net *)state)->ops;
    return ops->fill(ops, dy->data, tensor_count(dy), 0);
}

static void none_free(void *state)
{
    (void)state;
}

const struct method method_none = {
    .name = "augself.only",
    .trained_views = 2,
    .build = none_build,
    .forward = none_forward,
    .backward = none_backward,
    .free = none_free,
};
