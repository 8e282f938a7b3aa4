/* SPDX-License-Identifier: Apache-2.0 */
/* tell_json: takes rows, gives one JSON object. Numbers that are not there are null. */
#include "tools/inspect/figures/tell.h"

#include "common/digest.h"
#include "common/err.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *whole(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* The figures of a row of none are null. */
static json_t *figure(const struct tally_row *row, double value)
{
    return row->n ? number(value) : json_null();
}

static json_t *quantiles(const struct tally_row *row, const double *value)
{
    static const char *const names[TALLY_QUANTILES] = {"5", "25", "50", "75", "95"};
    json_t *ret = json_object();
    for (size_t i = 0; i < TALLY_QUANTILES; i++)
        json_object_set_new(ret, names[i], figure(row, value[i]));
    return ret;
}

static json_t *bars(const struct tally_row *row)
{
    if (row->bars == 0)
        return json_null();
    json_t *ret = json_object(), *count = json_array(), *law = json_array();
    double sum = 0;
    for (size_t i = 0; i < row->bars; i++) {
        json_array_append_new(count, whole(row->bar[i]));
        json_array_append_new(law, json_real(row->expected[i]));
        sum += row->expected[i];
    }
    json_object_set_new(ret, "low", number(row->law.low));
    json_object_set_new(ret, "high",
                        number(row->law.classes ? (double)row->law.classes - 1 : row->law.high));
    json_object_set_new(ret, "count", count);
    json_object_set_new(ret, "outside", whole(row->outside));
    if (sum > 0)
        json_object_set(ret, "expected", law);
    else
        json_object_set_new(ret, "expected", json_null());
    json_decref(law);
    return ret;
}

static json_t *row_json(const struct tally_row *row)
{
    const bool tested = row->test != TALLY_UNTESTED;
    json_t *ret = json_object();
    json_object_set_new(ret, "name", json_string(row->name));
    json_object_set_new(ret, "views", whole(row->views));
    json_object_set_new(ret, "n", whole(row->n));
    json_object_set_new(ret, "mean", figure(row, row->mean));
    json_object_set_new(ret, "deviation", figure(row, row->deviation));
    if (row->view == TALLY_PAIR)
        json_object_set_new(ret, "variance", figure(row, row->variance));
    json_object_set_new(ret, "min", figure(row, row->min));
    json_object_set_new(ret, "max", figure(row, row->max));
    const bool known = row->law.kind == LAW_UNIFORM || row->law.kind == LAW_DRAWN;
    json_object_set_new(ret, "quantiles", quantiles(row, row->quantile));
    json_object_set_new(ret, "law_quantiles",
                        known ? quantiles(row, row->expected_quantile) : json_null());
    json_object_set_new(ret, "histogram", bars(row));
    json_object_set_new(ret, "law",
                        row->law.kind == LAW_NONE ? json_null() : json_string(row->words));
    json_object_set_new(ret, "test",
                        tested ? json_string(tally_test_name(row->test)) : json_null());
    json_object_set_new(ret, "tested", tested ? whole(row->tested) : json_null());
    json_object_set_new(ret, "distance", tested ? number(row->gap) : json_null());
    json_object_set_new(ret, "p", tested ? number(row->p) : json_null());
    json_object_set_new(ret, "wrong", json_boolean(row->wrong));
    return ret;
}

static json_t *rows_json(const struct tell_session *s, int32_t view)
{
    json_t *ret = json_array();
    for (size_t i = 0; i < s->n_rows; i++)
        if (s->rows[i].view == view)
            json_array_append_new(ret, row_json(&s->rows[i]));
    return ret;
}

static json_t *views_json(const struct tell_session *s)
{
    json_t *ret = json_array();
    for (uint32_t v = 0; v < s->n_views; v++) {
        json_t *view = json_object();
        json_object_set_new(view, "view", json_integer(v));
        json_object_set_new(view, "size", json_integer(s->sizes[v]));
        json_object_set_new(view, "parameters", rows_json(s, (int32_t)v));
        json_array_append_new(ret, view);
    }
    return ret;
}

static json_t *pair_json(const struct tell_session *s)
{
    json_t *ret = json_object(), *trivial = json_object();
    for (int k = 0; k < AUGSELF_KINDS; k++)
        json_object_set_new(trivial, augself_kind_name((enum augself_kind)k),
                            number(s->trivial[k]));
    json_object_set_new(ret, "targets", rows_json(s, TALLY_PAIR));
    json_object_set_new(ret, "constant_loss", trivial);
    return ret;
}

static json_t *session_json(const struct tell_session *s)
{
    char name[2 * DIGEST_BYTES + 1];
    json_t *ret = json_object();
    digest_hex(s->session, name);
    json_object_set_new(ret, "dataset", json_string(s->dataset));
    json_object_set_new(ret, "session", json_string(name));
    json_object_set_new(ret, "law", s->law ? json_string(s->law) : json_null());
    json_object_set_new(ret, "batches", whole(s->info.batches));
    json_object_set_new(ret, "views", whole(s->info.views));
    json_object_set_new(ret, "repeated_batches", whole(s->info.repeated));
    json_object_set_new(ret, "stand_ins", whole(s->info.stand_ins));
    json_object_set_new(ret, "by_view", views_json(s));
    json_object_set_new(ret, "pair", isnan(s->trivial[AUGSELF_CROP]) ? json_null() : pair_json(s));
    return ret;
}

static json_t *wrong_json(const struct tell *t)
{
    json_t *ret = json_array();
    for (size_t s = 0; s < t->n_sessions; s++)
        for (size_t i = 0; i < t->sessions[s].n_rows; i++) {
            const struct tally_row *row = &t->sessions[s].rows[i];
            if (!row->wrong)
                continue;
            json_t *one = json_object();
            json_object_set_new(one, "session", json_integer((json_int_t)s));
            json_object_set_new(one, "view",
                                row->view == TALLY_PAIR ? json_null() : json_integer(row->view));
            json_object_set_new(one, "name", json_string(row->name));
            json_object_set_new(one, "p", number(row->p));
            json_array_append_new(ret, one);
        }
    return ret;
}

int tell_json(const struct tell *t, FILE *out)
{
    json_t *root = json_object(), *sessions = json_array();
    for (size_t i = 0; i < t->n_sessions; i++)
        json_array_append_new(sessions, session_json(&t->sessions[i]));
    json_object_set_new(root, "sessions", sessions);
    json_object_set_new(root, "gaps", whole(t->gaps));
    json_object_set_new(root, "other_batches", whole(t->others));
    json_object_set_new(root, "selected", json_boolean(t->selected));
    json_object_set_new(root, "level", json_real(t->level));
    json_object_set_new(root, "tests", whole(t->tests));
    json_object_set_new(root, "wrong", wrong_json(t));
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    if (!text)
        return err_set(-ENOMEM, "out of memory");
    fprintf(out, "%s\n", text);
    free(text);
    return 0;
}
