/* SPDX-License-Identifier: Apache-2.0 */
/* decode_gold: holds the decoders against the cases of decode.gold whose names begin with a prefix.
 */
#ifndef AUGSTREAM_TESTS_DECODE_GOLD_H
#define AUGSTREAM_TESTS_DECODE_GOLD_H

#include "loaderd/decode/decode.h"
#include "tests/gold/gold.h"
#include "tests/unit/picture.h"

#include <stdio.h>
#include <stdlib.h>

static inline int farthest(const uint8_t *a, const uint8_t *b, size_t n)
{
    int most = 0;
    for (size_t i = 0; i < n; i++) {
        const int difference = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        most = difference > most ? difference : most;
    }
    return most;
}

/* Returns how many cases it held. */
static inline int decode_gold_check(const char *prefix)
{
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/decode.gold", "AUGDEC01");
    struct image image = {0};
    int held = 0;
    for (uint32_t left = gold_u32(&gold); left > 0; left--) {
        const char *name = gold_take(&gold, 32);
        const uint32_t fault = gold_u32(&gold), w = gold_u32(&gold), h = gold_u32(&gold);
        const uint32_t tolerance = gold_u32(&gold), len = gold_u32(&gold);
        const uint8_t *bytes = gold_take(&gold, len);
        const uint8_t *rgb = gold_take(&gold, fault ? 0 : 3 * (size_t)w * h);
        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        held++;
        enum wire_fault found = FAULT_NONE;
        const int rc = picture_decode(bytes, len, &image, &found);
        if (found != fault)
            fail_msg("%s: fault %d, not %u: %s", name, found, fault, rc ? err_text() : "decoded");
        if (fault)
            continue;
        assert_int_equal(rc, 0);
        if (image.w != w || image.h != h)
            fail_msg("%s: %ux%u, not %ux%u", name, image.w, image.h, w, h);
        const int most = farthest(image.rgb, rgb, 3 * (size_t)w * h);
        if (most > (int)tolerance)
            fail_msg("%s: differs by %d, more than %u", name, most, tolerance);
    }
    image_done(&image);
    free(gold.bytes);
    return held;
}

#endif
