/* SPDX-License-Identifier: Apache-2.0 */
/* record: takes and gives JSON files (jansson). One thread; the caller owns the records. */
#include "tools/evaluate/report/record.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

static const char *const states[] = {"missing", "done", "failed"};

static void unref(json_t **json)
{
    json_decref(*json);
}

static int read_json(const char *path, json_t **ret)
{
    auto_free char *text = NULL;
    size_t len;
    int rc = file_read_regular(path, FILE_MAX, &text, &len);
    if (rc < 0)
        return rc;
    json_error_t error;
    *ret = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    return *ret ? 0 : err_set(-EBADMSG, "%s:%d: %s", path, error.line, error.text);
}

/* False where it is no text, or too long. */
static bool take_text(const json_t *json, size_t cap, char *ret)
{
    const char *text = json_string_value(json);
    return text && (size_t)snprintf(ret, cap, "%s", text) < cap;
}

static bool take_score(const json_t *json, struct score *ret)
{
    const json_t *value = json_object_get(json, "value"),
                 *around = json_object_get(json, "plus_minus");
    *ret = (struct score){.value = json_number_value(value), .plus_minus = NAN};
    if (json_is_number(around))
        ret->plus_minus = json_number_value(around);
    return json_is_number(value) && (json_is_number(around) || json_is_null(around)) &&
           take_text(json_object_get(json, "name"), sizeof ret->name, ret->name) && ret->name[0] &&
           take_text(json_object_get(json, "unit"), sizeof ret->unit, ret->unit);
}

static int take_scores(const json_t *top, const char *path, struct scores *ret)
{
    *ret = (struct scores){0};
    const json_t *list = json_object_get(top, "scores");
    const size_t n = json_array_size(list);
    if (!json_is_array(list) || n > SCORES_MAX)
        return err_set(-EBADMSG, "%s: no list of at most %d scores", path, SCORES_MAX);
    for (; ret->n < n; ret->n++)
        if (!take_score(json_array_get(list, ret->n), &ret->v[ret->n]))
            return err_set(-EBADMSG, "%s: score %zu is none", path, ret->n + 1);
    const char *key;
    json_t *text;
    json_object_foreach(json_object_get(top, "notes"), key, text)
    {
        struct note *note = &ret->note[ret->n_notes];
        if (ret->n_notes == SCORES_MAX || strlen(key) >= sizeof note->key ||
            !take_text(text, sizeof note->text, note->text))
            return err_set(-EBADMSG, "%s: note %s is none, or one too many", path, key);
        snprintf(note->key, sizeof note->key, "%s", key);
        ret->n_notes++;
    }
    return 0;
}

int record_scores(const char *path, struct scores *ret)
{
    auto_with(unref) json_t *top = NULL;
    int rc = read_json(path, &top);
    if (!rc)
        rc = take_scores(top, path, ret);
    if (!rc && ret->n == 0)
        rc = err_set(-EBADMSG, "%s: there is no score in it", path);
    return rc;
}

int record_read(const char *path, struct record *ret)
{
    *ret = (struct record){0};
    auto_with(unref) json_t *top = NULL;
    int rc = read_json(path, &top);
    if (rc < 0)
        return rc;
    struct record r = {.seconds = json_number_value(json_object_get(top, "seconds"))};
    char state[16];
    if (!take_text(json_object_get(top, "digest"), sizeof r.digest, r.digest) ||
        !take_text(json_object_get(top, "error"), sizeof r.error, r.error) ||
        !take_text(json_object_get(top, "state"), sizeof state, state))
        return err_set(-EBADMSG, "%s: this is no record of report's", path);
    for (size_t i = RECORD_DONE; i < ARRAY_LEN(states); i++)
        if (strcmp(states[i], state) == 0)
            r.state = (enum record_state)i;
    if (r.state == RECORD_MISSING)
        return err_set(-EBADMSG, "%s: there is no state '%s'", path, state);
    rc = take_scores(top, path, &r.scores);
    if (!rc)
        *ret = r;
    return rc;
}

/* JSON is UTF-8; a line that a program said need not be. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    char ascii[RECORD_ERROR_MAX];
    snprintf(ascii, sizeof ascii, "%s", text);
    for (char *c = ascii; *c; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    return json_string(ascii);
}

static json_t *score_json(const struct score *s)
{
    json_t *around = isnan(s->plus_minus) ? json_null() : json_real(s->plus_minus);
    return json_pack("{s:o, s:f, s:o, s:o}", "name", text_json(s->name), "value", s->value,
                     "plus_minus", around, "unit", text_json(s->unit));
}

/* NULL: out of memory. */
static json_t *record_json(const struct record *r)
{
    json_t *scores = json_array(), *notes = json_object();
    json_t *top = json_pack("{s:s, s:s, s:o, s:f, s:o, s:o}", "digest", r->digest, "state",
                            states[r->state], "error", text_json(r->error), "seconds", r->seconds,
                            "scores", scores, "notes", notes);
    if (!top)
        return NULL;
    int rc = 0;
    for (size_t i = 0; !rc && i < r->scores.n; i++)
        rc = json_array_append_new(scores, score_json(&r->scores.v[i]));
    for (size_t i = 0; !rc && i < r->scores.n_notes; i++)
        rc = json_object_set_new(notes, r->scores.note[i].key, text_json(r->scores.note[i].text));
    if (!rc)
        return top;
    json_decref(top);
    return NULL;
}

int record_write(const struct record *record, const char *path)
{
    auto_with(unref) json_t *top = record_json(record);
    auto_free char *text = top ? json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    if (!text)
        return err_set(-ENOMEM, "%s: out of memory", path);
    struct file_write w;
    int rc = file_write_begin(&w, path);
    if (rc < 0)
        return rc;
    fprintf(w.out, "%s\n", text);
    return file_write_commit(&w);
}
