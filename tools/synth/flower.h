/* SPDX-License-Identifier: Apache-2.0 */
/* flower: procedural photographs of flowers, for the demo and the tests. Kinds differ from one
 * another in one thing at a time - petal colour, petal count, size, place - so features that throw
 * colour or position away cannot tell them apart. */
#ifndef AUGSTREAM_TOOLS_FLOWER_H
#define AUGSTREAM_TOOLS_FLOWER_H

#include <stddef.h>
#include <stdint.h>

struct flower_kind {
    const char *name;
    float hue, saturation, value; /* petals; hue a fraction of a turn */
    int petals;
    float radius; /* of the blossom, as a fraction of the shorter side */
    float x, y;   /* of its centre, fractions of width and height */
};

extern const struct flower_kind flower_kinds[];
extern const size_t flower_kinds_n;

/* Draws picture `number` of a kind into rgb [h][w][3]: a pure function of its arguments. Place,
 * size, colour, background, light and stem vary within the kind. */
void flower_draw(const struct flower_kind *kind, uint64_t seed, uint32_t number, uint32_t w,
                 uint32_t h, uint8_t *rgb);

#endif
