/* SPDX-License-Identifier: Apache-2.0 */
/* numbers: see numbers.h. Takes an option's text. Any thread. */
#include "tools/evaluate/numbers.h"

#include "common/err.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int wrong(const struct numbers_law *law, const char *text)
{
    return err_set(-EINVAL, "--%s %s: %s from %" PRIu64 " to %" PRIu64 "%s", law->option, text,
                   law->max > 1 ? "different whole numbers" : "a whole number", law->low, law->high,
                   law->max > 1 ? " with commas between" : "");
}

int numbers_of(const struct numbers_law *law, const char *text, uint64_t *ret, size_t *ret_n)
{
    size_t n = 0;
    for (const char *at = text;; at++) {
        char *end = NULL;
        errno = 0;
        const bool digit = *at >= '0' && *at <= '9'; /* strtoull takes signs and spaces */
        const uint64_t value = digit ? strtoull(at, &end, 10) : 0;
        if (!digit || errno || (*end && *end != ',') || value < law->low || value > law->high ||
            n == law->max)
            return wrong(law, text);
        for (size_t i = 0; i < n; i++)
            if (ret[i] == value)
                return wrong(law, text);
        ret[n++] = value;
        at = end;
        if (!*at)
            break;
    }
    *ret_n = n;
    return 0;
}

int numbers_positive(const char *option, const char *text, size_t max, double *ret, size_t *ret_n)
{
    size_t n = 0;
    for (const char *at = text;; at++) {
        char *end = NULL;
        const bool digit = (*at >= '0' && *at <= '9') || *at == '.';
        const double value = digit ? strtod(at, &end) : 0;
        if (!digit || (*end && *end != ',') || !isfinite(value) || value <= 0 || n == max)
            return err_set(-EINVAL, "--%s %s: at most %zu numbers above 0 with commas between",
                           option, text, max);
        ret[n++] = value;
        at = end;
        if (!*at)
            break;
    }
    *ret_n = n;
    return 0;
}
