/* SPDX-License-Identifier: Apache-2.0 */
/* filter: takes options and views, says which views are meant. Owns nothing. */
#include "tools/inspect/feed/filter.h"

#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/number.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- from text --- */

/* A whole number from 0 to most at *text, which is moved behind it. */
static bool number_take(const char **text, uint64_t most, uint32_t *ret)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    errno = 0;
    const unsigned long long value = strtoull(*text, &end, 10);
    if (errno || value > most)
        return false;
    *text = end;
    *ret = (uint32_t)value;
    return true;
}

/* "I" or "I-J". */
static int range_parse(const char *name, const char *arg, uint32_t most, uint32_t ret[2])
{
    const char *text = arg;
    bool good = number_take(&text, most, &ret[0]);
    ret[1] = ret[0];
    if (good && *text == '-') {
        text++;
        good = number_take(&text, most, &ret[1]);
    }
    if (!good || *text)
        return err_set(-EINVAL, "--%s %s: a number from 0 to %u, or two with - between, is wanted",
                       name, arg, most);
    if (ret[0] > ret[1])
        return err_set(-EINVAL, "--%s %s: it ends before it begins", name, arg);
    return 0;
}

static int sample_option(struct filter *filter, const char *arg)
{
    if (filter->n_samples == FILTER_RANGES_MAX)
        return err_set(-EINVAL, "--sample: at most %d times", FILTER_RANGES_MAX);
    int rc = range_parse("sample", arg, UINT32_MAX, filter->samples[filter->n_samples]);
    filter->n_samples += rc == 0;
    return rc;
}

static int view_option(struct filter *filter, const char *arg)
{
    uint32_t range[2];
    int rc = range_parse("view", arg, OMEGA_VIEWS_MAX - 1, range);
    for (uint32_t v = range[0]; !rc && v <= range[1]; v++)
        filter->views |= 1u << v;
    return rc;
}

static int dataset_option(struct filter *filter, const char *arg)
{
    if (filter->dataset)
        return err_set(-EINVAL, "--dataset: once");
    if (!*arg || strlen(arg) >= WIRE_NAME_MAX)
        return err_set(-EINVAL, "--dataset %s: no dataset can be called so", arg);
    filter->dataset = arg;
    return 0;
}

static int session_option(struct filter *filter, const char *arg)
{
    const size_t digits = strlen(arg);
    if (filter->session_digits)
        return err_set(-EINVAL, "--session: once");
    if (digits < 1 || digits > 2 * DIGEST_BYTES || arg[strspn(arg, "0123456789abcdefABCDEF")])
        return err_set(-EINVAL, "--session %s: 1 to %d hexadecimal digits are wanted", arg,
                       2 * DIGEST_BYTES);
    memset(filter->session, 0, sizeof filter->session);
    for (size_t i = 0; i < digits; i++) {
        const char digit[2] = {arg[i], 0};
        filter->session[i / 2] |= (uint8_t)(strtoul(digit, NULL, 16) << (i % 2 ? 0 : 4));
    }
    filter->session_digits = (uint32_t)digits;
    return 0;
}

/* The longer ones first: "<=" begins with "<". */
static const char *const ops[FILTER_OPS] = {"<=", ">=", "!=", "<", ">", "="};

static int term_find(const char *arg, const char *name, const struct view_param **ret)
{
    char nearest[ERR_TEXT_MAX / 2];
    *ret = param_find(name);
    if (*ret)
        return 0;
    param_nearest(name, nearest, sizeof nearest);
    return err_set(-EINVAL, "--where '%s': no parameter is called '%s'; nearest: %s", arg, name,
                   nearest);
}

static int where_option(struct filter *filter, const char *arg)
{
    struct filter_term *term = &filter->terms[filter->n_terms];
    char name[64];
    if (filter->n_terms == FILTER_TERMS_MAX)
        return err_set(-EINVAL, "--where: at most %d times", FILTER_TERMS_MAX);
    const char *from = arg + strspn(arg, " \t");
    const char *at = from + strcspn(from, "<>=!");
    size_t len = (size_t)(at - from);
    while (len > 0 && isspace((unsigned char)from[len - 1]))
        len--;
    enum filter_op op = 0;
    while (op < FILTER_OPS && strncmp(at, ops[op], strlen(ops[op])) != 0)
        op++;
    if (op == FILTER_OPS || len == 0 || len >= sizeof name)
        return err_set(-EINVAL,
                       "--where '%s': NAME OP NUMBER is wanted, OP one of < <= > >= = !=", arg);
    memcpy(name, from, len);
    name[len] = 0;
    int rc = term_find(arg, name, &term->param);
    if (rc < 0)
        return rc;
    char text[64];
    const char *told = at + strlen(ops[op]);
    const char *first = told + strspn(told, " \t");
    size_t digits = strlen(first);
    while (digits > 0 && strchr(" \t", first[digits - 1]))
        digits--;
    term->op = op;
    snprintf(text, sizeof text, "%.*s", (int)(digits < sizeof text ? digits : 0), first);
    if (!number_read(text, &term->number))
        return err_set(-EINVAL, "--where '%s': '%s' is not a number", arg, told);
    filter->n_terms++;
    return 0;
}

int filter_option(struct filter *filter, int key, const char *arg)
{
    int rc = 0;
    switch (key) {
    case 'D':
        rc = dataset_option(filter, arg);
        break;
    case 'H':
        rc = session_option(filter, arg);
        break;
    case 'I':
        rc = sample_option(filter, arg);
        break;
    case 'V':
        rc = view_option(filter, arg);
        break;
    case 'W':
        rc = where_option(filter, arg);
        break;
    default:
        return 0;
    }
    return rc < 0 ? rc : 1;
}

bool filter_any(const struct filter *filter)
{
    return filter->dataset || filter->session_digits || filter->n_samples || filter->views ||
           filter->n_terms;
}

/* --- of views --- */

static bool session_begins(const struct filter *filter, const uint8_t session[DIGEST_BYTES])
{
    const size_t whole = filter->session_digits / 2;
    return memcmp(session, filter->session, whole) == 0 &&
           (filter->session_digits % 2 == 0 ||
            (session[whole] & 0xf0) == (filter->session[whole] & 0xf0));
}

static bool sample_named(const struct filter *filter, uint32_t sample)
{
    for (uint32_t i = 0; i < filter->n_samples; i++)
        if (sample >= filter->samples[i][0] && sample <= filter->samples[i][1])
            return true;
    return filter->n_samples == 0;
}

/* Floats are compared as floats: 0.1 is then the 0.1 that a line prints, and its own equal. */
static bool term_holds(const struct filter_term *term, const struct param_view *view)
{
    if (!param_applied(term->param, view))
        return false;
    const double value = term->param->get(view);
    const double number =
        term->param->kind == PARAM_REAL ? (double)(float)term->number : term->number;
    switch (term->op) {
    case FILTER_LE:
        return value <= number;
    case FILTER_GE:
        return value >= number;
    case FILTER_NE:
        return value != number;
    case FILTER_LT:
        return value < number;
    case FILTER_GT:
        return value > number;
    case FILTER_EQ:
    case FILTER_OPS:
        break;
    }
    return value == number;
}

bool filter_view(const struct filter *filter, const struct wire_message *tap,
                 const struct param_view *view)
{
    if ((filter->dataset && strcmp(filter->dataset, tap->tap.dataset) != 0) ||
        (filter->session_digits && !session_begins(filter, tap->tap.batch.session)) ||
        (filter->views && !(filter->views >> view->view & 1)) ||
        !sample_named(filter, view->omega->sample))
        return false;
    for (uint32_t i = 0; i < filter->n_terms; i++)
        if (!term_holds(&filter->terms[i], view))
            return false;
    return true;
}
