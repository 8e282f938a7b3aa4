/* SPDX-License-Identifier: Apache-2.0 */
/* box: a box of a picture, as a share of the view that was cut out of it. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_BOX_H
#define AUGSTREAM_TOOLS_EVALUATE_BOX_H

#include "common/omega.h"

/* box: x, y, w, h in pixels of the upright source, w 0: none (wire_batch.boxes). ret: x, y, w, h in
 * shares of the sides of omega's view, cut at its edges; four NaN where there is none, or nothing
 * of it is in the view. The view is of the evaluation law: neither flipped nor turned. -EBADMSG
 * naming the set where the box leaves its source by more than a pixel, which is a rounding's. */
int box_share(const char *set, const struct omega *omega, const uint32_t box[4], float ret[4]);

#endif
