/* SPDX-License-Identifier: Apache-2.0 */
/* numbers: what a command line says in numbers: "5", or some with commas between, "1,5". */
#ifndef AUGSTREAM_TOOLS_EVALUATE_NUMBERS_H
#define AUGSTREAM_TOOLS_EVALUATE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* One to max numbers, each from low to high, none twice. -EINVAL naming the option and the text. */
struct numbers_law {
    const char *option; /* without its dashes */
    uint64_t low, high;
    size_t max;
};
int numbers_of(const struct numbers_law *law, const char *text, uint64_t *ret, size_t *ret_n);

/* The same of reals: finite, above zero. */
int numbers_positive(const char *option, const char *text, size_t max, double *ret, size_t *ret_n);

#endif
