/* SPDX-License-Identifier: Apache-2.0 */
/* profile: see profile.h. Takes moments, gives means and shares. Knows the model by its
 * phases alone. */
#include "trainer/watch/profile.h"

#include <inttypes.h>
#include <string.h>

const char *const profile_names[PROFILE_PHASES] = {
    [PROFILE_DATA] = "data",         [PROFILE_FORWARD] = "forward", [PROFILE_AUGSELF] = "augself",
    [PROFILE_BACKWARD] = "backward", [PROFILE_OPTIM] = "optim",     [PROFILE_REST] = "rest",
};

static void on_phase(void *arg, enum model_phase done)
{
    static const enum profile_phase phases[] = {
        [MODEL_FORWARD] = PROFILE_FORWARD,
        [MODEL_AUGSELF] = PROFILE_AUGSELF,
        [MODEL_BACKWARD] = PROFILE_BACKWARD,
        [MODEL_UPDATE] = PROFILE_OPTIM,
    };
    profile_mark(arg, phases[done]);
}

void profile_start(struct profile *p, struct model *model)
{
    p->on = true;
    model_watch(model, on_phase, p);
}

void profile_begin_at(struct profile *p, double now_s)
{
    memset(p->step_s, 0, sizeof p->step_s);
    p->begin_s = p->since_s = now_s;
}

void profile_begin(struct profile *p)
{
    if (p->on)
        profile_begin_at(p, stat_now());
}

void profile_mark_at(struct profile *p, enum profile_phase phase, double now_s)
{
    p->step_s[phase] += now_s - p->since_s;
    p->since_s = now_s;
}

void profile_mark(struct profile *p, enum profile_phase phase)
{
    if (p->on)
        profile_mark_at(p, phase, stat_now());
}

void profile_end(struct profile *p)
{
    if (!p->on)
        return;
    for (int i = 0; i < PROFILE_PHASES; i++)
        stat_add(&p->phase_s[i], p->step_s[i]);
    stat_add(&p->whole_s, p->since_s - p->begin_s);
}

void profile_report(const struct profile *p, FILE *out)
{
    const struct stat_mean *whole = &p->whole_s;
    if (whole->count == 0)
        return;
    fprintf(out, "profile %" PRIu64 " steps of %.2f ms (deviation %.2f, longest %.2f)\n",
            whole->count, 1e3 * whole->mean, 1e3 * stat_deviation(whole), 1e3 * whole->max);
    for (int i = 0; i < PROFILE_PHASES; i++)
        fprintf(out, "        %-9s %9.2f ms %6.1f %%\n", profile_names[i], 1e3 * p->phase_s[i].mean,
                whole->mean > 0 ? 100 * p->phase_s[i].mean / whole->mean : 0.0);
}
