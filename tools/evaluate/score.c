/* SPDX-License-Identifier: Apache-2.0 */
/* score: takes figures, gives lines on standard output and a JSON file. The caller's thread. */
#include "tools/evaluate/score.h"

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

int scores_add(struct scores *s, const char *name, double value, double plus_minus,
               const char *unit)
{
    if (s->n == SCORES_MAX || strlen(name) >= SCORE_NAME_MAX || strlen(unit) >= SCORE_UNIT_MAX)
        return err_set(-E2BIG, "score %s: too many, or its name or unit is too long", name);
    if (!isfinite(value) || isinf(plus_minus))
        return err_set(-ERANGE, "score %s: %f +- %f is no figure", name, value, plus_minus);
    struct score *to = &s->v[s->n++];
    *to = (struct score){.value = value, .plus_minus = plus_minus};
    snprintf(to->name, sizeof to->name, "%s", name);
    snprintf(to->unit, sizeof to->unit, "%s", unit);
    return 0;
}

int scores_note(struct scores *s, const char *key, const char *text)
{
    if (s->n_notes == SCORES_MAX || strlen(key) >= SCORE_NAME_MAX)
        return err_set(-E2BIG, "note %s: too many, or its key is too long", key);
    struct note *to = &s->note[s->n_notes++];
    snprintf(to->key, sizeof to->key, "%s", key);
    snprintf(to->text, sizeof to->text, "%s", text);
    return 0;
}

static void json_decref_fn(json_t **json)
{
    json_decref(*json);
}

/* A path may be no UTF-8, which JSON wants: then its bytes beyond ASCII show as '?'. */
static json_t *as_text(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    char ascii[SCORE_TEXT_MAX];
    snprintf(ascii, sizeof ascii, "%s", text);
    for (char *c = ascii; *c; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    return json_string(ascii);
}

/* NULL where memory is out. */
static json_t *as_json(const struct scores *s, const char *verb)
{
    json_t *list = json_array(), *notes = json_object();
    json_t *top = json_pack("{s:s, s:o, s:o}", "verb", verb, "scores", list, "notes", notes);
    bool fine = top != NULL;
    for (size_t i = 0; fine && i < s->n; i++) {
        const struct score *v = &s->v[i];
        json_t *around = isnan(v->plus_minus) ? json_null() : json_real(v->plus_minus);
        fine = !json_array_append_new(list,
                                      json_pack("{s:s, s:f, s:o, s:s}", "name", v->name, "value",
                                                v->value, "plus_minus", around, "unit", v->unit));
    }
    for (size_t i = 0; fine && i < s->n_notes; i++)
        fine = !json_object_set_new(notes, s->note[i].key, as_text(s->note[i].text));
    if (fine)
        return top;
    json_decref(top);
    return NULL;
}

static int write_json(const struct scores *s, const char *verb, const char *path)
{
    auto_with(json_decref_fn) json_t *json = as_json(s, verb);
    auto_free char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    if (!text)
        return err_set(-EINVAL, "%s: a score cannot be written as JSON", path);
    struct file_write w = {0};
    int rc = file_write_begin(&w, path);
    if (rc < 0)
        return rc;
    fprintf(w.out, "%s\n", text);
    return file_write_commit(&w);
}

int scores_tell(const struct scores *s, const char *verb, const char *json)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct score *v = &s->v[i];
        printf("%s %.6g", v->name, v->value);
        if (!isnan(v->plus_minus))
            printf(" +- %.3g", v->plus_minus);
        printf("%s%s\n", v->unit[0] ? " " : "", v->unit);
    }
    for (size_t i = 0; i < s->n_notes; i++)
        printf("%s: %s\n", s->note[i].key, s->note[i].text);
    return json ? write_json(s, verb, json) : 0;
}
