/* SPDX-License-Identifier: Apache-2.0 */
/* tell: takes the desk's state, gives JSON. Any thread that may read the state; keeps nothing. */
#include "tools/inspect/serve/tell.h"

#include "common/auto.h"
#include "common/digest.h"
#include "tools/inspect/feed/param.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text of anybody's. Where it is no UTF-8, each byte that is no ASCII is a question mark. */
static json_t *text(const char *from)
{
    json_t *json = json_string(from);
    char clean[ERR_TEXT_MAX];
    if (json)
        return json;
    snprintf(clean, sizeof clean, "%s", from);
    for (char *c = clean; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return json_string(clean);
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *name_of(const uint8_t digest[DIGEST_BYTES])
{
    char name[2 * DIGEST_BYTES + 1];
    digest_hex(digest, name);
    return json_string(name);
}

/* --- the state --- */

static json_t *rate(const struct pace *pace, double at)
{
    struct pace_rate rate;
    if (!pace_rate(pace, at, &rate))
        return json_null();
    return json_pack("{s:f,s:f,s:f}", "batches", rate.batches, "views", rate.views, "seconds",
                     rate.seconds);
}

/* Views of each stretch, the oldest first; up to now, or to the record's end. */
static json_t *history(const struct pace *pace, double now)
{
    json_t *views = json_array();
    const double end = pace->whole ? pace->last : now;
    const double n = pace->begun ? floor((end - pace->origin) / pace->width) + 1 : 0;
    const double from = fmax(0, n - PACE_STRETCHES);
    for (double i = from; i < n; i++)
        json_array_append_new(
            views,
            json_integer(i < PACE_STRETCHES ? (json_int_t)pace->stretches[(uint32_t)i].views : 0));
    return json_pack("{s:f,s:f,s:o}", "from", pace->origin + from * pace->width, "width",
                     pace->width, "views", views);
}

static json_t *session_told(const struct state_session *s)
{
    json_t *sizes = json_array();
    for (uint32_t v = 0; v < s->spec.n_views; v++)
        json_array_append_new(sizes, json_integer(s->sizes[v]));
    char seed[24]; /* larger than what a script's numbers hold */
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->spec.seed);
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:f}", "session", name_of(s->name),
                     "dataset", text(s->spec.dataset), "sizes", sizes, "seed",
                     s->told_spec ? json_string(seed) : json_null(), "batch",
                     s->told_spec ? json_integer(s->spec.batch) : json_null(), "epoch",
                     (json_int_t)s->epoch, "index", (json_int_t)s->index, "batches",
                     (json_int_t)s->batches, "views", (json_int_t)s->views, "substituted",
                     (json_int_t)s->substituted, "last", s->last);
}

static json_t *event_told(const struct state_event *event)
{
    static const char *const kinds[STATE_EVENTS_KINDS] = {"gap", "restart", "substituted"};
    if (event->kind != STATE_SUBSTITUTED)
        return json_pack("{s:s,s:f,s:I}", "kind", kinds[event->kind], "at", event->at, "batches",
                         (json_int_t)event->batches);
    return json_pack("{s:s,s:f,s:o,s:I,s:I,s:I,s:I,s:s}", "kind", kinds[event->kind], "at",
                     event->at, "dataset", text(event->dataset), "epoch", (json_int_t)event->epoch,
                     "index", (json_int_t)event->index, "bad", (json_int_t)event->bad, "sample",
                     (json_int_t)event->sample, "reason", wire_fault_name(event->fault));
}

static json_t *record_told(const struct desk *desk)
{
    if (!desk->reel)
        return json_null();
    const struct record_info *info = reel_info(desk->reel);
    return json_pack("{s:I,s:I,s:I,s:I,s:b,s:b,s:b}", "first", (json_int_t)info->first, "last",
                     (json_int_t)info->last, "batches", (json_int_t)info->batches, "views",
                     (json_int_t)info->views, "cut", info->cut, "damaged", info->damaged, "read",
                     desk->read);
}

json_t *tell_state(const struct desk *desk, double now)
{
    const struct state *state = desk->state;
    json_t *sessions = json_array(), *events = json_array();
    for (uint32_t i = 0; i < state->n_sessions; i++)
        json_array_append_new(sessions, session_told(state->sessions[i]));
    const uint64_t n = state->n_events < STATE_EVENTS ? state->n_events : STATE_EVENTS;
    for (uint64_t i = 1; i <= n; i++) /* the last one first */
        json_array_append_new(events,
                              event_told(&state->events[(state->n_events - i) % STATE_EVENTS]));
    json_t *ret = json_pack("{s:s,s:f,s:f,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "version",
                            AUGSTREAM_VERSION, "began", desk->began, "now", now, "from",
                            text(desk->from), "there", desk->there, "trouble", text(desk->trouble),
                            "record", record_told(desk), "rate", rate(&state->pace, now), "history",
                            history(&state->pace, now), "sessions", sessions, "events", events);
    json_t *counts = json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "batches", (json_int_t)state->batches, "views",
        (json_int_t)state->views, "gaps", (json_int_t)state->gaps, "gap_batches",
        (json_int_t)state->gap_batches, "restarts", (json_int_t)state->restarts, "substituted",
        (json_int_t)state->substituted, "forgotten", (json_int_t)state->forgotten);
    json_object_set_new(ret, "counts", counts);
    return ret;
}

/* --- a batch --- */

/* Every parameter's value, null where it was not applied; the page has the names from params. */
static json_t *view_told(const struct shown *shown, const struct shown_sample *sample, uint32_t v)
{
    const struct param_view view = {
        &sample->omega[v], shown_law(shown, v), shown->epoch, shown->index, v,
        shown->sizes[v],   sample->label};
    json_t *values = json_array();
    for (size_t i = 0; i < params_n; i++)
        json_array_append_new(
            values, param_applied(&params[i], &view) ? number(params[i].get(&view)) : json_null());
    return values;
}

static json_t *params_told(void)
{
    static const char *const kinds[] = {
        [PARAM_REAL] = "real", [PARAM_WHOLE] = "whole", [PARAM_BIT] = "bit"};
    json_t *list = json_array();
    for (size_t i = 0; i < params_n; i++)
        json_array_append_new(
            list, json_pack("[s,s,s]", params[i].name, params[i].unit, kinds[params[i].kind]));
    return list;
}

/* What AugSelf would have to predict of views 0 and 1. */
static json_t *targets_told(const struct shown *shown, const struct shown_sample *sample)
{
    if (shown->spec.n_views < 2 || !shown->told_spec)
        return json_null();
    float target[TARGETS];
    target_read(&sample->omega[0], shown_law(shown, 0), &sample->omega[1], shown_law(shown, 1),
                target);
    json_t *list = json_array();
    for (size_t i = 0; i < TARGETS; i++)
        json_array_append_new(list, json_pack("[s,o]", target_name(i), number(target[i])));
    return list;
}

static json_t *sample_told(const struct desk *desk, const struct shown *shown,
                           const struct shown_sample *sample)
{
    char name[256], class[128];
    pictures_names(desk->pictures, shown, sample, name, sizeof name, class, sizeof class);
    json_t *views = json_array();
    for (uint32_t v = 0; v < shown->spec.n_views; v++)
        json_array_append_new(views, view_told(shown, sample, v));
    const struct omega *omega = &sample->omega[0];
    json_t *box = sample->box[2] && sample->box[3]
                      ? json_pack("[i,i,i,i]", (int)sample->box[0], (int)sample->box[1],
                                  (int)sample->box[2], (int)sample->box[3])
                      : json_null();
    json_t *instead = sample->bad ? json_pack("{s:I,s:s}", "sample", (json_int_t)sample->instead_of,
                                              "reason", wire_fault_name(sample->bad))
                                  : json_null();
    return json_pack("{s:I,s:I,s:o,s:o,s:o,s:[I,I],s:o,s:o,s:o,s:o}", "position",
                     (json_int_t)sample->position, "sample", (json_int_t)omega->sample, "label",
                     sample->label < 0 ? json_null() : json_integer(sample->label), "class",
                     text(class), "name", text(name), "source", (json_int_t)omega->source_w,
                     (json_int_t)omega->source_h, "box", box, "instead_of", instead, "views", views,
                     "targets", targets_told(shown, sample));
}

json_t *tell_batch(const struct desk *desk, const struct shown *shown)
{
    json_t *samples = json_array(), *sizes = json_array();
    for (uint32_t i = 0; i < shown->n; i++)
        json_array_append_new(samples, sample_told(desk, shown, &shown->samples[i]));
    for (uint32_t v = 0; v < shown->spec.n_views; v++)
        json_array_append_new(sizes, json_integer(shown->sizes[v]));
    const int rc = pictures_can(desk->pictures, shown);
    json_t *ret = json_pack(
        "{s:I,s:I,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:o}", "number", (json_int_t)shown->number,
        "sequence", (json_int_t)shown->sequence, "at",
        shown->at_us ? json_real(1e-6 * (double)shown->at_us) : json_null(), "session",
        name_of(shown->session), "dataset", text(shown->spec.dataset), "epoch",
        (json_int_t)shown->epoch, "index", (json_int_t)shown->index, "of", (json_int_t)shown->of,
        "matched", (json_int_t)shown->matched, "from", (json_int_t)shown->from, "sizes", sizes);
    json_object_set_new(ret, "pictures", json_boolean(!rc));
    json_object_set_new(ret, "why", text(rc ? err_text() : ""));
    json_object_set_new(ret, "untold", json_boolean(rc == -ENODATA));
    json_object_set_new(ret, "checks", json_boolean(shown->told_checks));
    json_object_set_new(ret, "rate",
                        shown->at_us && desk->reel
                            ? rate(&desk->state->pace, 1e-6 * (double)shown->at_us)
                            : json_null());
    json_object_set_new(ret, "params", params_told());
    json_object_set_new(ret, "samples", samples);
    return ret;
}

/* --- figures --- */

static json_t *row_told(const struct tally_row *row)
{
    json_t *bars = json_array(), *expected = json_array();
    double told = 0;
    for (size_t i = 0; i < row->bars; i++) {
        json_array_append_new(bars, json_integer((json_int_t)row->bar[i]));
        json_array_append_new(expected, number(row->expected[i]));
        told += row->expected[i];
    }
    const bool tested = row->test != TALLY_UNTESTED, any = row->n > 0;
    const bool classes = row->law.kind == LAW_BIT || row->law.kind == LAW_CLASSES;
    return json_pack(
        "{s:s,s:i,s:s,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o,s:b,s:o,s:o,s:b}", "name",
        row->name, "view", (int)row->view, "law", row->words, "views", (json_int_t)row->views, "n",
        (json_int_t)row->n, "mean", any ? number(row->mean) : json_null(), "deviation",
        any ? number(row->deviation) : json_null(), "min", any ? number(row->min) : json_null(),
        "max", any ? number(row->max) : json_null(), "low", number(row->law.low), "high",
        number(row->law.high), "classes", classes, "bars", bars, "expected", expected, "known",
        told > 0, "test", tested ? json_string(tally_test_name(row->test)) : json_null(), "p",
        tested ? number(row->p) : json_null(), "wrong", row->wrong);
}

json_t *tell_figures(const struct state_session *session)
{
    /* the chance that any of the session's rows is called wrong while none is */
    static const double level = 1e-3;
    auto_free struct tally_row *rows = NULL;
    size_t n, tests;
    if (!session || tally_rows(session->tally, &rows, &n))
        return json_pack("{s:n}", "rows");
    const size_t wrong = tally_judge(rows, n, level, &tests);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, row_told(&rows[i]));
    const struct tally_info info = tally_info(session->tally);
    return json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:f,s:o}", "session", name_of(session->name),
                     "dataset", text(session->spec.dataset), "batches", (json_int_t)info.batches,
                     "views", (json_int_t)info.views, "repeated", (json_int_t)info.repeated,
                     "wrong", (json_int_t)wrong, "tests", (json_int_t)tests, "level", level, "rows",
                     list);
}
