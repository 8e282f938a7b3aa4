/* SPDX-License-Identifier: Apache-2.0 */
/* truth: what a batch must be, said without the code that makes it: the order, the stand-ins, the
 * omegas and the pixels, all from (dataset, spec, epoch, index). Workers of the simulator paint
 * with it and its trainers compare with it. */
#ifndef AUGSTREAM_TESTS_SIM_TRUTH_H
#define AUGSTREAM_TESTS_SIM_TRUTH_H

#include "loaderd/source/dataset.h"
#include "proto/wire.h"
#include "trainer/recv.h"

#include <stdbool.h>

enum { TRUTH_VIEW_BYTES_MAX = 16 * 16 * 3 };

/* One dataset of the world. Loaders of one flavour agree; each flavour has its own bytes. */
struct flavour {
    uint32_t samples;
    uint32_t number; /* which one: its fingerprint and its pixels */
    bool some_bad;   /* about one sample in ten */
};

void truth_dataset(const struct flavour *flavour, struct dataset *ret); /* end: dataset_done */
void truth_fingerprint(const struct flavour *flavour, uint8_t ret[DIGEST_BYTES]);

enum wire_fault truth_fault(const struct flavour *flavour, uint32_t sample);

/* One view of one sample: spec->views[view].size ^ 2 * 3 bytes, and its omega. */
struct truth_view {
    const struct flavour *flavour;
    const struct spec *spec;
    uint32_t epoch, sample, view;
};
void truth_paint(const struct truth_view *view, unsigned char *ret);
void truth_omega(const struct truth_view *view, struct omega *ret);

/* NULL, or what of it is not as it must be. */
const char *truth_check(const struct flavour *flavour, const struct spec *spec, uint32_t epoch,
                        uint32_t index, const struct recv_batch *batch);

#endif
