/* SPDX-License-Identifier: Apache-2.0 */
/* number: takes an option's text, gives its number. Any thread. Owns nothing. */
#include "tools/inspect/number.h"

#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int number_whole(const char *name, const char *text, int64_t low, int64_t high, int64_t *ret)
{
    const char *digits = text + (*text == '-' || *text == '+');
    errno = 0;
    const long long value = strtoll(text, NULL, 10);
    if (errno || !*digits || digits[strspn(digits, "0123456789")] || value < low || value > high)
        return err_set(-EINVAL, "--%s %s: a whole number from %lld to %lld is wanted", name, text,
                       (long long)low, (long long)high);
    *ret = value;
    return 0;
}

bool number_read(const char *text, double *ret)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789.eE+-")]) /* strtod takes more than these */
        return false;
    const double value = strtod(text, &end);
    if (*end || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

int number_real(const char *name, const char *text, const struct number_bounds *bounds, double *ret)
{
    double value;
    if (number_read(text, &value) && value <= bounds->high &&
        (bounds->above ? value > bounds->low : value >= bounds->low)) {
        *ret = value;
        return 0;
    }
    if (isinf(bounds->low) && isinf(bounds->high))
        return err_set(-EINVAL, "--%s %s: a number is wanted", name, text);
    if (bounds->above)
        return err_set(-EINVAL, "--%s %s: a number above %g and up to %g is wanted", name, text,
                       bounds->low, bounds->high);
    return err_set(-EINVAL, "--%s %s: a number from %g to %g is wanted", name, text, bounds->low,
                   bounds->high);
}
