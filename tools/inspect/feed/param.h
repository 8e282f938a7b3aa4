/* SPDX-License-Identifier: Apache-2.0 */
/* param: the named numbers of a view, a row each. The names are the keys of its line of JSON
 * (omega_json), those of a group after a dot: "blur.sigma"; then what follows from them. Filters,
 * columns, statistics and sweeps all go by these rows. Any thread; keeps nothing. */
#ifndef AUGSTREAM_TOOLS_INSPECT_FEED_PARAM_H
#define AUGSTREAM_TOOLS_INSPECT_FEED_PARAM_H

#include "common/omega.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One view of a batch; loans. */
struct param_view {
    const struct omega *omega;
    const struct view_spec *law; /* it was drawn from; NULL: not known */
    uint32_t epoch, batch, view; /* view: its number in the session, from 0 */
    uint32_t size;               /* pixels */
    int64_t label;               /* -1 = none */
};

enum param_kind {
    PARAM_REAL, /* a float's value; what follows from whole numbers (crop.area) is rounded to one */
    PARAM_WHOLE, /* exact up to 2^53 */
    PARAM_BIT,   /* 0 or 1 */
};

struct view_param {
    const char *name;
    const char *unit; /* "" without one */
    enum param_kind kind;
    double (*get)(const struct param_view *view); /* where applied says so; else as it was drawn */
    bool (*applied)(const struct param_view *view); /* NULL: always */
    /* NULL: not to be set. Turns on the step that reads it, so that the value counts. -EINVAL for a
     * value that it cannot have, or not beside the others (omega_check); omega is then as it was.
     */
    int (*set)(struct omega *omega, double value);
};
extern const struct view_param params[];
extern const size_t params_n;

const struct view_param *param_find(const char *name); /* NULL: none is called so */

/* What may have been meant by a name that none has: "blur.sigma"; all of a group. */
void param_nearest(const char *name, char *ret, size_t cap);

bool param_applied(const struct view_param *param, const struct param_view *view);

/* View i of a tap's batch, which are view after view: [n_views][n_samples]. */
void param_view_at(const struct wire_message *tap, uint32_t i, struct param_view *ret);

#endif
