/* SPDX-License-Identifier: Apache-2.0 */
/* figure: takes one view's omega, or two, gives their numbers. Pure: any thread. Knows no law
 * (law.h) and adds nothing up (tally.h). */
#include "tools/inspect/figures/figure.h"

static const char *const names[FIGURES] = {
    [FIGURE_AREA] = "crop.area",
    [FIGURE_RATIO] = "crop.ratio",
    [FIGURE_CY] = "crop.cy",
    [FIGURE_CX] = "crop.cx",
    [FIGURE_FLIP] = "flip",
    [FIGURE_JITTER] = "jitter.applied",
    [FIGURE_BRIGHTNESS] = "jitter.brightness",
    [FIGURE_CONTRAST] = "jitter.contrast",
    [FIGURE_SATURATION] = "jitter.saturation",
    [FIGURE_HUE] = "jitter.hue",
    [FIGURE_ORDER] = "jitter.order",
    [FIGURE_GRAYSCALE] = "grayscale",
    [FIGURE_BLUR] = "blur.applied",
    [FIGURE_SIGMA] = "blur.sigma",
    [FIGURE_KERNEL] = "blur.kernel",
    [FIGURE_SOLARIZE] = "solarize.applied",
    [FIGURE_THRESHOLD] = "solarize.threshold",
    [FIGURE_ROTATION] = "rotation",
};

const char *figure_name(enum figure figure)
{
    return names[figure];
}

void figures_init(struct figures *ret)
{
    for (int f = 0; f < FIGURES; f++)
        ret->param[f] = param_find(names[f]);
}

/* Its place among the 24. */
static double order(const struct omega *o)
{
    static const uint8_t weight[JITTER_OPS] = {6, 2, 1, 0};
    unsigned number = 0;
    for (int i = 0; i < JITTER_OPS; i++)
        for (int j = i + 1; j < JITTER_OPS; j++)
            number += o->jitter.order[j] < o->jitter.order[i] ? weight[i] : 0;
    return number;
}

bool figure_read(const struct figures *figures, enum figure figure, const struct omega *omega,
                 double *ret)
{
    const struct param_view view = {.omega = omega};
    const struct view_param *param = figures->param[figure];
    if (!param) { /* the order, of which params[] has its four numbers */
        *ret = order(omega);
        return omega->jitter.applied;
    }
    if (!param_applied(param, &view))
        return false;
    *ret = param->get(&view);
    return true;
}

static const struct {
    const char *name;
    enum augself_kind kind;
} targets[TARGETS] = {
    {"target.crop.cy", AUGSELF_CROP},
    {"target.crop.cx", AUGSELF_CROP},
    {"target.crop.h", AUGSELF_CROP},
    {"target.crop.w", AUGSELF_CROP},
    {"target.color.brightness", AUGSELF_COLOR},
    {"target.color.contrast", AUGSELF_COLOR},
    {"target.color.saturation", AUGSELF_COLOR},
    {"target.color.hue", AUGSELF_COLOR},
    {"target.flip", AUGSELF_FLIP},
    {"target.blur", AUGSELF_BLUR},
    {"target.rotation", AUGSELF_ROTATION},
    {"target.solarize", AUGSELF_SOLARIZE},
};

const char *target_name(size_t target)
{
    return targets[target].name;
}

enum augself_kind target_kind(size_t target)
{
    return targets[target].kind;
}

void target_read(const struct omega *a, const struct view_spec *law_a, const struct omega *b,
                 const struct view_spec *law_b, float ret[TARGETS])
{
    for (size_t i = 0; i < TARGETS; i += augself_target_len(targets[i].kind))
        omega_difference(targets[i].kind, a, law_a, b, law_b, ret + i);
}
