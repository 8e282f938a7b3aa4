/* SPDX-License-Identifier: Apache-2.0 */
/* drawn: whether a record's omega is what its law draws: omega is a pure function of the spec's
 * seed, the epoch, the sample and the view's number. */
#ifndef AUGSTREAM_TOOLS_INSPECT_DRAWN_H
#define AUGSTREAM_TOOLS_INSPECT_DRAWN_H

#include "tools/inspect/feed/param.h"

/* The omega that sample `i` of a tap's batch has in view `view` by its law, for a source of the
 * recorded size. The tap has told its spec. */
void drawn_omega(const struct wire_message *tap, uint32_t view, uint32_t i, struct omega *ret);

/* The first parameter, in the order of params[], whose value in a is not b's; NULL: they are the
 * same. *ret_n: how many differ. Not those that follow from others. */
const struct view_param *drawn_differs(const struct omega *a, const struct omega *b, int *ret_n);

/* "blur.sigma 1.2345 in the record, 1.1111 drawn, and 2 more"; "" where they are the same. */
void drawn_text(const struct omega *recorded, const struct omega *drawn, char *ret, size_t cap);

#endif
