/* SPDX-License-Identifier: Apache-2.0 */
/* box: takes a record and a box, gives four shares. A pure function. */
#include "tools/evaluate/box.h"

#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>

/* The part of [from, from + len) that is in the crop [first, first + size), as shares of it. False
 * where there is none. */
static bool share(double from, double len, double first, double size, float *ret_from,
                  float *ret_len)
{
    const double low = fmax((from - first) / size, 0), high = fmin((from + len - first) / size, 1);
    *ret_from = (float)low;
    *ret_len = (float)(high - low);
    return high > low;
}

int box_share(const char *set, const struct omega *o, const uint32_t box[4], float ret[4])
{
    for (int i = 0; i < 4; i++)
        ret[i] = NAN;
    if (box[2] == 0)
        return 0;
    if ((uint64_t)box[0] + box[2] > (uint64_t)o->source_w + 1 ||
        (uint64_t)box[1] + box[3] > (uint64_t)o->source_h + 1)
        return err_set(-EBADMSG,
                       "%s: sample %u: the box x %u, y %u, w %u, h %u is outside its image of "
                       "%ux%u pixels",
                       set, o->sample, box[0], box[1], box[2], box[3], o->source_w, o->source_h);
    float x, y, w, h;
    if (!share(box[0], box[2], o->crop_left, o->crop_width, &x, &w) ||
        !share(box[1], box[3], o->crop_top, o->crop_height, &y, &h))
        return 0;
    ret[0] = x;
    ret[1] = y;
    ret[2] = w;
    ret[3] = h;
    return 0;
}
