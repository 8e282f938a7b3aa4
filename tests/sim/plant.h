/* SPDX-License-Identifier: Apache-2.0 */
/* plant: faults that can be planted in the code under simulation, to see that the simulator finds
 * them. Each stands at a function that the linker calls in place of the real one (--wrap), which
 * does as the real one does unless its fault is planted. */
#ifndef AUGSTREAM_TESTS_SIM_PLANT_H
#define AUGSTREAM_TESTS_SIM_PLANT_H

struct plant {
    const char *name, *what;
};
extern const struct plant plants[]; /* ends with a NULL name */

int plant(const char *name);     /* -ENOENT: there is none of this name */
const char *plant_planted(void); /* NULL: none */

#endif
