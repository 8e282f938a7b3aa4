/* SPDX-License-Identifier: Apache-2.0 */
/* conf_value: takes YAML scalars, checks them against one option and stores the value; prints it
 * back. Any thread; no state. Does not parse YAML (conf_yaml does) or look options up (conf_table).
 */
#include "common/conf_value.h"
#include "common/auto.h"
#include "common/conf_inherit.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int conf_fail(const struct conf_where *where, const char *format, ...)
{
    char body[ERR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(body, sizeof body, format, args);
    va_end(args);
    const char *colon = where->key[0] ? ": " : "";
    if (where->path)
        return err_set(-EINVAL, "%s:%d: %s%s%s", where->path, where->line, where->key, colon, body);
    return err_set(-EINVAL, "%s %s: %s", where->source, where->key, body);
}

bool conf_scalar_null(const struct conf_scalar *scalar)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; scalar->plain && i < ARRAY_LEN(nulls); i++)
        if (strcmp(scalar->text, nulls[i]) == 0)
            return true;
    return false;
}

static bool bounded(const struct conf_option *o)
{
    return o->min != 0 || o->max != 0;
}

void conf_value_range(const struct conf_option *o, char *ret, size_t cap)
{
    ret[0] = 0;
    if (bounded(o))
        snprintf(ret, cap, "%.10g..%.10g", o->min, o->max);
}

static void join_choices(const struct conf_option *o, char *ret, size_t cap)
{
    size_t used = 0;
    ret[0] = 0;
    for (size_t i = 0; o->choices[i] && used < cap; i++)
        used += (size_t)snprintf(ret + used, cap - used, "%s%s", i ? " | " : "", o->choices[i]);
}

void conf_value_takes(const struct conf_option *o, char *ret, size_t cap)
{
    char range[64], noun[256];
    conf_value_range(o, range, sizeof range);
    switch (o->type) {
    case CONF_BOOL:
        snprintf(noun, sizeof noun, "true or false");
        break;
    case CONF_INT:
        snprintf(noun, sizeof noun, "an integer");
        break;
    case CONF_FLOAT:
        snprintf(noun, sizeof noun, "a number");
        break;
    case CONF_STR:
        snprintf(noun, sizeof noun, "a text");
        break;
    case CONF_ENUM:
        join_choices(o, noun, sizeof noun);
        break;
    case CONF_FLOATS:
        snprintf(noun, sizeof noun, "a list of %zu numbers", o->count);
        break;
    case CONF_STRS:
        snprintf(noun, sizeof noun, "a list of texts");
        break;
    }
    bool unit = o->unit != NULL;
    snprintf(ret, cap, "%s%s%s%s%s%s", noun, range[0] ? " in " : "", range, unit ? " " : "",
             unit ? o->unit : "", o->inherits ? " or " CONF_INHERIT : "");
}

static int wrong(const struct conf_option *o, const struct conf_scalar *s,
                 const struct conf_where *where)
{
    char takes[512];
    conf_value_takes(o, takes, sizeof takes);
    return conf_fail(where, "'%.64s' is not %s%s", s->text, o->type == CONF_ENUM ? "one of " : "",
                     takes);
}

/* Decimal only: strtod by itself would also read hexadecimal, inf, nan and leading space. */
static bool number_of(const char *text, double *ret)
{
    char *end;
    if (!text[0] || text[strspn(text, "0123456789.eE+-")])
        return false;
    *ret = strtod(text, &end);
    return *end == 0 && isfinite(*ret);
}

static bool in_bounds(const struct conf_option *o, double value)
{
    return !bounded(o) || (value >= o->min && value <= o->max);
}

static bool set_bool(const struct conf_scalar *s, void *field)
{
    bool yes = strcmp(s->text, "true") == 0;
    if (!yes && strcmp(s->text, "false") != 0)
        return false;
    *(bool *)field = yes;
    return true;
}

static bool set_int(const struct conf_option *o, const struct conf_scalar *s, void *field)
{
    char *end;
    if (!s->text[0] || s->text[strspn(s->text, "0123456789+-")])
        return false;
    errno = 0;
    long long value = strtoll(s->text, &end, 10);
    if (errno != 0 || *end != 0 || !in_bounds(o, (double)value))
        return false;
    *(int64_t *)field = value;
    return true;
}

static bool set_enum(const struct conf_option *o, const struct conf_scalar *s, void *field)
{
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], s->text) != 0)
            continue;
        *(int *)field = i;
        return true;
    }
    return false;
}

/* All of them, and only when all are good. */
static int set_floats(const struct conf_option *o, const struct conf_scalar *s, size_t n,
                      double *field, const struct conf_where *where)
{
    double values[CONF_LIST_MAX];
    for (size_t i = 0; i < n; i++)
        if (!number_of(s[i].text, &values[i]) || !in_bounds(o, values[i])) {
            struct conf_where at = *where;
            struct conf_option one = *o; /* the message is about one number of the list */
            at.line = s[i].line;
            if (o->type == CONF_FLOATS)
                one.inherits = NULL;
            one.type = CONF_FLOAT;
            return wrong(&one, &s[i], &at);
        }
    memcpy(field, values, n * sizeof values[0]);
    return 0;
}

static void set_strs(const struct conf_scalar *s, size_t n, struct conf_strs *field)
{
    memset(field, 0, sizeof *field);
    field->n = n;
    for (size_t i = 0; i < n; i++)
        memcpy(field->v[i], s[i].text, CONF_STR_MAX);
}

int conf_value_set(const struct conf_option *o, void *field, const struct conf_scalar *s, size_t n,
                   bool list, const struct conf_where *where)
{
    assert(n <= CONF_LIST_MAX);
    struct conf_where at = *where;
    for (size_t i = 0; i < n; i++) {
        at.line = s[i].line;
        if (conf_scalar_null(&s[i])) {
            char takes[512];
            conf_value_takes(o, takes, sizeof takes);
            return conf_fail(&at, "has no value; it takes %s", takes);
        }
    }
    if (o->inherits && n == 1 && !list && strcmp(s->text, CONF_INHERIT) == 0) {
        conf_inherit_set(o, field);
        return 0;
    }
    bool takes_list = o->type == CONF_FLOATS || o->type == CONF_STRS;
    if ((list && !takes_list) || (o->type == CONF_FLOATS && n != o->count)) {
        char takes[512], got[40];
        conf_value_takes(o, takes, sizeof takes);
        snprintf(got, sizeof got, "a list of %zu", n);
        return conf_fail(where, "takes %s%s, not %s", o->type == CONF_ENUM ? "one of " : "", takes,
                         list ? got : "one value");
    }
    switch (o->type) {
    case CONF_BOOL:
        return set_bool(s, field) ? 0 : wrong(o, s, &at);
    case CONF_INT:
        return set_int(o, s, field) ? 0 : wrong(o, s, &at);
    case CONF_FLOAT:
    case CONF_FLOATS:
        return set_floats(o, s, n, field, where);
    case CONF_STR:
        memcpy(field, s->text, CONF_STR_MAX);
        return 0;
    case CONF_ENUM:
        return set_enum(o, s, field) ? 0 : wrong(o, s, &at);
    case CONF_STRS:
        set_strs(s, n, field);
        return 0;
    }
    return conf_fail(where, "is of no known type");
}

/* The shortest of 15 to 17 digits that reads back the same, with a point where there is an exponent
 * (YAML 1.1 readers take "1e-05" for text). */
static void print_float(double value, FILE *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t mantissa = strcspn(text, "e");
    bool point = memchr(text, '.', mantissa) != NULL || text[mantissa] == 0;
    fprintf(out, "%.*s%s%s", (int)mantissa, text, point ? "" : ".0", text + mantissa);
}

/* Always in quotes: no text is then taken for a number, a null or a mapping by any reader. */
static void print_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\x%02x", *p);
        else
            fputc(*p, out);
    }
    fputc('"', out);
}

void conf_value_print(const struct conf_option *o, const void *field, FILE *out)
{
    const struct conf_strs *strs = field;
    if (conf_inherits(o, field)) {
        fputs(CONF_INHERIT, out);
        return;
    }
    switch (o->type) {
    case CONF_BOOL:
        fputs(*(const bool *)field ? "true" : "false", out);
        break;
    case CONF_INT:
        fprintf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case CONF_FLOAT:
        print_float(*(const double *)field, out);
        break;
    case CONF_STR:
        print_text(field, out);
        break;
    case CONF_ENUM:
        fputs(o->choices[*(const int *)field], out);
        break;
    case CONF_FLOATS:
        for (size_t i = 0; i < o->count; i++) {
            fputs(i ? ", " : "[", out);
            print_float(((const double *)field)[i], out);
        }
        fputc(']', out);
        break;
    case CONF_STRS:
        fputc('[', out);
        for (size_t i = 0; i < strs->n; i++) {
            fputs(i ? ", " : "", out);
            print_text(strs->v[i], out);
        }
        fputc(']', out);
        break;
    }
}
