/* SPDX-License-Identifier: Apache-2.0 */
/* paper: the figures of Lee et al., "Improving Transferability of Representations via
 * Augmentation-Aware Self-Supervision", NeurIPS 2021, to stand beside ours where the setting of a
 * figure is the same. Data and a lookup; draws nothing. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_PAPER_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAPER_NAME                                                                                 \
    "Lee et al., Improving Transferability of Representations via Augmentation-Aware "             \
    "Self-Supervision, NeurIPS 2021"

/* Which heads a backbone was trained with: {crop, color}. */
enum paper_heads {
    PAPER_NONE,
    PAPER_CROP,
    PAPER_COLOR,
    PAPER_BOTH,
    PAPER_OTHER, /* a head that the paper's tables have not */
};
extern const char *const paper_heads_names[PAPER_OTHER + 1]; /* "none", "crop", ... */

struct paper_query {
    const char *method; /* as in a recipe: "simsiam" */
    enum paper_heads heads;
    const char *dataset; /* "flowers" */
    const char *score;   /* of a verb: "linear_top1", "linear_mean_per_class", "l2_error" */
};

struct paper_figure {
    double value;
    const char *unit;
    bool setting; /* measured in paper_setting_text()'s setting; false: the table does not tell */
};

/* false: the paper has no such figure. */
bool paper_find(const struct paper_query *query, struct paper_figure *ret);

/* The name of a dataset that has figures, by index; NULL behind the last. */
const char *paper_dataset(size_t i);

/* "ResNet-18 pre-trained on STL10 for 200 epochs, 96 pixels, batch 256" */
const char *paper_setting_text(void);

/* How a backbone was trained, of what the paper's setting tells. */
struct paper_setting {
    const char *backbone, *dataset;
    int64_t width, size, epochs, batch;
};

/* Writes in what `ours` differs: "data flowers, not STL10; 1 epoch, not 200"; "" where it does
 * not. Cut to cap. */
void paper_differs(const struct paper_setting *ours, size_t cap, char *ret);

#endif
