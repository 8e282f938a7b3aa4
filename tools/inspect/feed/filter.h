/* SPDX-License-Identifier: Apache-2.0 */
/* filter: which views are meant: of a dataset, of a session, of samples, of views, and those whose
 * parameters are within bounds. What is said of different things must all hold; of the samples and
 * of the views that are named, one. Any thread. */
#ifndef AUGSTREAM_TOOLS_INSPECT_FEED_FILTER_H
#define AUGSTREAM_TOOLS_INSPECT_FEED_FILTER_H

#include "common/usage.h"
#include "tools/inspect/feed/param.h"

enum { FILTER_TERMS_MAX = 16, FILTER_RANGES_MAX = 64 };

enum filter_op { FILTER_LE, FILTER_GE, FILTER_NE, FILTER_LT, FILTER_GT, FILTER_EQ, FILTER_OPS };

/* Zero-initialised: all views. */
struct filter {
    const char *dataset;           /* NULL: any; a loan */
    uint8_t session[DIGEST_BYTES]; /* what its name begins with ... */
    uint32_t session_digits;       /* ... so many hexadecimal digits of it */
    uint32_t n_samples;            /* ranges, both ends included; 0: any sample */
    uint32_t samples[FILTER_RANGES_MAX][2];
    uint32_t views; /* bit v: view v; 0: any view */
    uint32_t n_terms;
    struct filter_term {
        const struct view_param *param;
        enum filter_op op;
        double number;
    } terms[FILTER_TERMS_MAX];
};

/* The options that every filtering verb has, for its rows; filter_option takes one of them: 1 when
 * it was one, 0 when it is the verb's own, -EINVAL. Their keys are capital letters. */
#define FILTER_OPTIONS                                                                             \
    {"dataset", "NAME", 'D', "only views of this dataset"},                                        \
        {"session", "HEX", 'H', "only views of the session whose name begins so"},                 \
        {"sample", "I[-J]", 'I', "only views of sample I, or of I to J; repeated: or of these",    \
         USAGE_REPEATED},                                                                          \
        {"view", "V[-W]", 'V', "only view number V, or V to W, from 0; repeated: or these",        \
         USAGE_REPEATED},                                                                          \
    {                                                                                              \
        "where", "TERM", 'W',                                                                      \
            "only views of which this holds: NAME OP NUMBER, as 'blur.sigma>1.5'; repeated: and "  \
            "this",                                                                                \
            USAGE_REPEATED                                                                         \
    }
/* For the verb's usage.about: what TERM means. */
#define FILTER_ABOUT                                                                               \
    "A term compares a parameter with a number by <, <=, >, >=, = or !=. Parameters are called "   \
    "as "                                                                                          \
    "in docs/protocol.md, those of a group after a dot: jitter.brightness, source.w, crop.top; "   \
    "bits are 0 or 1; "                                                                            \
    "and as shares of the source crop.cy, crop.cx, crop.h, crop.w, crop.area; and crop.ratio "     \
    "(w/h). Of a view whose step "                                                                 \
    "was not applied no term on that step's values holds."
int filter_option(struct filter *filter, int key, const char *arg);

/* Whether view, one of tap's, is meant. */
bool filter_view(const struct filter *filter, const struct wire_message *tap,
                 const struct param_view *view);

/* Whether anything is said at all. */
bool filter_any(const struct filter *filter);

#endif
