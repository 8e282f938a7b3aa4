/* SPDX-License-Identifier: Apache-2.0 */
/* drawn: takes a record, gives what its law draws in its place, and the names of what differs.
 * Pure; any thread. */
#include "tools/inspect/replay/drawn.h"

#include <stdio.h>
#include <string.h>

void drawn_omega(const struct wire_message *tap, uint32_t view, uint32_t i, struct omega *ret)
{
    const struct wire_batch *b = &tap->tap.batch;
    const struct omega *recorded = &b->omega[view * b->n_samples + i];
    const struct omega_key key = {.seed = tap->tap.spec.seed,
                                  .epoch = b->epoch,
                                  .batch = b->index,
                                  .sample = recorded->sample,
                                  .view = view};
    omega_draw(&tap->tap.spec.views[view], &key, recorded->source_w, recorded->source_h, ret);
}

/* What is drawn, and not counted from what is drawn. */
static bool is_own(const struct view_param *param)
{
    static const char *const follow[] = {"crop.cy", "crop.cx",   "crop.h",
                                         "crop.w",  "crop.area", "crop.ratio"};
    for (size_t i = 0; i < sizeof follow / sizeof *follow; i++)
        if (strcmp(param->name, follow[i]) == 0)
            return false;
    return true;
}

const struct view_param *drawn_differs(const struct omega *a, const struct omega *b, int *ret_n)
{
    const struct param_view views[2] = {{.omega = a}, {.omega = b}};
    const struct view_param *first = NULL;
    *ret_n = 0;
    for (size_t i = 0; i < params_n; i++) {
        if (!is_own(&params[i]) || params[i].get(&views[0]) == params[i].get(&views[1]))
            continue;
        first = first ? first : &params[i];
        ++*ret_n;
    }
    return first;
}

void drawn_text(const struct omega *recorded, const struct omega *drawn, char *ret, size_t cap)
{
    int n;
    const struct view_param *param = drawn_differs(recorded, drawn, &n);
    ret[0] = 0;
    if (!param)
        return;
    const double values[2] = {param->get(&(struct param_view){.omega = recorded}),
                              param->get(&(struct param_view){.omega = drawn})};
    char text[2][32], more[32] = "";
    for (int digits = 5; digits <= 9; digits += 4) { /* more, where fewer look alike */
        for (int i = 0; i < 2; i++)
            snprintf(text[i], sizeof text[i], "%.*g", param->kind == PARAM_REAL ? digits : 12,
                     values[i]);
        if (strcmp(text[0], text[1]) != 0)
            break;
    }
    if (n > 1)
        snprintf(more, sizeof more, ", and %d more", n - 1);
    snprintf(ret, cap, "%s %s in the record, %s drawn%s", param->name, text[0], text[1], more);
}
