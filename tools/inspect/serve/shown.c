/* SPDX-License-Identifier: Apache-2.0 */
/* shown: takes a tap's message, gives a bounded copy. Any thread; allocates nothing. */
#include "tools/inspect/serve/shown.h"

#include <string.h>

static bool passes(const struct wire_message *tap, const struct filter *filter, uint32_t position)
{
    const struct wire_batch *b = &tap->tap.batch;
    if (!filter)
        return true;
    for (uint32_t v = 0; v < b->n_views; v++) {
        struct param_view view;
        param_view_at(tap, v * b->n_samples + position, &view);
        if (filter_view(filter, tap, &view))
            return true;
    }
    return false;
}

static void sample_take(const struct wire_batch *b, uint32_t position, struct shown_sample *ret)
{
    *ret = (struct shown_sample){.position = position, .label = b->labels[position]};
    if (b->boxes)
        memcpy(ret->box, &b->boxes[4 * position], sizeof ret->box);
    for (uint32_t v = 0; v < b->n_views; v++) {
        ret->omega[v] = b->omega[v * b->n_samples + position];
        if (b->checks)
            ret->checks[v] = b->checks[v * b->n_samples + position];
    }
    for (uint32_t i = 0; i < b->n_substituted; i++)
        if (b->substituted[i].position == position) {
            ret->bad = b->substituted[i].fault;
            ret->instead_of = b->substituted[i].sample;
        }
}

void shown_take(const struct wire_message *tap, const struct filter *filter, uint32_t from,
                struct shown *ret)
{
    const struct wire_batch *b = &tap->tap.batch;
    *ret = (struct shown){
        .number = tap->tap.sequence,
        .sequence = tap->tap.sequence,
        .at_us = tap->tap.at_us,
        .told_spec = tap->tap.told_spec,
        .epoch = b->epoch,
        .index = b->index,
        .of = b->n_samples,
        .from = from,
        .told_checks = b->checks != NULL,
    };
    if (ret->told_spec)
        ret->spec = tap->tap.spec;
    memcpy(ret->spec.dataset, tap->tap.dataset, sizeof ret->spec.dataset);
    ret->spec.n_views = b->n_views;
    memcpy(ret->session, b->session, sizeof ret->session);
    memcpy(ret->fingerprint, tap->tap.fingerprint, sizeof ret->fingerprint);
    memcpy(ret->sizes, b->sizes, sizeof ret->sizes);
    for (uint32_t i = 0; i < b->n_samples; i++) {
        if (!passes(tap, filter, i))
            continue;
        if (ret->matched++ >= from && ret->n < SHOWN_SAMPLES)
            sample_take(b, i, &ret->samples[ret->n++]);
    }
}

const struct view_spec *shown_law(const struct shown *shown, uint32_t view)
{
    return shown->told_spec ? &shown->spec.views[view] : NULL;
}

const struct shown_sample *shown_at(const struct shown *shown, uint32_t position)
{
    for (uint32_t i = 0; i < shown->n; i++)
        if (shown->samples[i].position == position)
            return &shown->samples[i];
    return NULL;
}
