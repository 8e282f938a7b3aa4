/* SPDX-License-Identifier: Apache-2.0 */
/* shown: what a page may show of one batch: a copy that stays, of a few of its samples. */
#ifndef AUGSTREAM_TOOLS_SERVE_SHOWN_H
#define AUGSTREAM_TOOLS_SERVE_SHOWN_H

#include "proto/wire.h"
#include "tools/inspect/feed/filter.h"

enum { SHOWN_SAMPLES = 12 };

struct shown {
    uint64_t number;   /* by which a page asks for it: of a record its sequence; of a tap's, which
                          begin again with every loader's life, how many came before it, and it */
    uint64_t sequence; /* as it was told; in a trainer's record the step */
    uint64_t at_us;    /* 0: not told */
    uint8_t session[DIGEST_BYTES];
    bool told_spec;
    struct spec spec; /* of told_spec; else its dataset and n_views only */
    uint8_t fingerprint[DIGEST_BYTES];
    uint32_t epoch, index;
    uint32_t sizes[OMEGA_VIEWS_MAX];
    uint32_t of;      /* samples of the batch */
    uint32_t matched; /* of those, that the filter lets through */
    uint32_t from;    /* of those, how many are before the first one here */
    uint32_t n;       /* samples here */
    bool told_checks;
    struct shown_sample {
        uint32_t position; /* in the batch */
        int64_t label;
        uint32_t box[4];     /* x, y, w, h; w and h 0: none */
        enum wire_fault bad; /* FAULT_NONE, or why it stands in another one's place */
        uint32_t instead_of;
        struct omega omega[OMEGA_VIEWS_MAX];
        uint32_t checks[OMEGA_VIEWS_MAX];
    } samples[SHOWN_SAMPLES];
};

/* The samples of which a view passes the filter (NULL: all), without the first `from` of them. */
void shown_take(const struct wire_message *tap, const struct filter *filter, uint32_t from,
                struct shown *ret);

/* The law of a view, or NULL where it is not told. */
const struct view_spec *shown_law(const struct shown *shown, uint32_t view);

/* The sample at a position of the batch, or NULL when it is none of these. */
const struct shown_sample *shown_at(const struct shown *shown, uint32_t position);

#endif
