/* SPDX-License-Identifier: Apache-2.0 */
/* number: one number out of an option's text. Decimal digits alone: no hexadecimal, no inf, no nan,
 * no blanks, nothing behind it. -EINVAL names the option, the text and what is wanted; ret is then
 * as it was. */
#ifndef AUGSTREAM_INSPECT_NUMBER_H
#define AUGSTREAM_INSPECT_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A whole number from low to high. name: without its dashes. */
int number_whole(const char *name, const char *text, int64_t low, int64_t high, int64_t *ret);

/* A number from low to high; above: not low itself. Infinite bounds are none. */
struct number_bounds {
    double low, high;
    bool above;
};
int number_real(const char *name, const char *text, const struct number_bounds *bounds,
                double *ret);

/* Any finite number, as "1.5e-3"; for who has words of his own when it is false. */
bool number_read(const char *text, double *ret);

#endif
