/* SPDX-License-Identifier: Apache-2.0 */
/* omega_read: takes JSON, gives a record. One row a key says where its value goes and its bounds;
 * what is true only of several values together is omega_check's. The caller's thread. */
#include "tools/inspect/replay/omega_read.h"

#include "common/auto.h"
#include "common/conf_table.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that a text can tell. */
struct told {
    struct omega omega;
    struct omega_place place;
};

enum kind { WHOLE_I64, WHOLE_U32, WHOLE_I32, WHOLE_U8, REAL, BIT };

enum { VALUES_MAX = 4 };

struct row {
    const char *name;
    enum kind kind;
    size_t offset; /* into struct told; of an array, its first */
    int count;     /* of an array's; 0: a value by itself */
    double low, high;
};

#define PLACE(field) offsetof(struct told, place.field)
#define OMEGA(field) offsetof(struct told, omega.field)

/* Bounds of floats are what omega_check takes at most; it looks closer. source and crop are in the
 * order of the fields. */
static const struct row rows[] = {
    {"epoch", WHOLE_U32, PLACE(epoch), 0, 0, UINT32_MAX},
    {"batch", WHOLE_U32, PLACE(batch), 0, 0, UINT32_MAX},
    {"sample", WHOLE_U32, OMEGA(sample), 0, 0, UINT32_MAX},
    {"view", WHOLE_U32, PLACE(view), 0, 0, OMEGA_VIEWS_MAX - 1},
    {"label", WHOLE_I64, PLACE(label), 0, -1, INT32_MAX},
    {"source", WHOLE_U32, OMEGA(source_w), 2, 1, OMEGA_SIDE_MAX},
    {"crop", WHOLE_I32, OMEGA(crop_top), 4, 0, OMEGA_SIDE_MAX},
    {"size", WHOLE_U32, PLACE(size), 0, 1, OMEGA_VIEW_MAX},
    {"flip", BIT, OMEGA(flip), 0, 0, 1},
    {"jitter.applied", BIT, OMEGA(jitter.applied), 0, 0, 1},
    {"jitter.brightness", REAL, OMEGA(jitter.brightness), 0, 0, 101},
    {"jitter.contrast", REAL, OMEGA(jitter.contrast), 0, 0, 101},
    {"jitter.saturation", REAL, OMEGA(jitter.saturation), 0, 0, 101},
    {"jitter.hue", REAL, OMEGA(jitter.hue), 0, -0.5, 0.5},
    {"jitter.order", WHOLE_U8, OMEGA(jitter.order), JITTER_OPS, 0, JITTER_OPS - 1},
    {"grayscale", BIT, OMEGA(grayscale), 0, 0, 1},
    {"blur.applied", BIT, OMEGA(blur.applied), 0, 0, 1},
    {"blur.sigma", REAL, OMEGA(blur.sigma), 0, 0, OMEGA_VIEW_MAX},
    {"blur.kernel", WHOLE_U8, OMEGA(blur.kernel), 0, 0, OMEGA_KERNEL_MAX},
    {"solarize.applied", BIT, OMEGA(solarize.applied), 0, 0, 1},
    {"solarize.threshold", REAL, OMEGA(solarize.threshold), 0, 0, 1},
    {"rotation", WHOLE_U8, OMEGA(rotation), 0, 0, 3},
};
enum { ROWS = ARRAY_LEN(rows) };
_Static_assert(OMEGA(source_h) == OMEGA(source_w) + sizeof(uint32_t), "as the rows take it");
_Static_assert(OMEGA(crop_width) == OMEGA(crop_top) + 3 * sizeof(int32_t), "as the rows take it");

static const size_t sizes[] = {
    [WHOLE_I64] = sizeof(int64_t), [WHOLE_U32] = sizeof(uint32_t), [WHOLE_I32] = sizeof(int32_t),
    [WHOLE_U8] = sizeof(uint8_t),  [REAL] = sizeof(float),         [BIT] = sizeof(bool),
};

/* --- one value --- */

static int unfit(const struct row *row, const char *what)
{
    return err_set(-EBADMSG, "%s: %s", row->name, what);
}

static void store(enum kind kind, double value, void *to)
{
    switch (kind) {
    case WHOLE_I64:
        *(int64_t *)to = (int64_t)value;
        break;
    case WHOLE_U32:
        *(uint32_t *)to = (uint32_t)value;
        break;
    case WHOLE_I32:
        *(int32_t *)to = (int32_t)value;
        break;
    case WHOLE_U8:
        *(uint8_t *)to = (uint8_t)value;
        break;
    case REAL:
        *(float *)to = (float)value;
        break;
    case BIT:
        *(bool *)to = value != 0;
        break;
    }
}

static int value_read(const struct row *row, const json_t *value, void *to)
{
    if (row->kind == BIT) {
        if (!json_is_boolean(value))
            return unfit(row, "true or false is wanted");
        store(BIT, json_is_true(value), to);
        return 0;
    }
    if (row->kind == REAL ? !json_is_number(value) : !json_is_integer(value))
        return unfit(row, row->kind == REAL ? "a number is wanted" : "a whole number is wanted");
    const double number = json_number_value(value);
    if (!(number >= row->low && number <= row->high))
        return err_set(-EBADMSG, "%s: %.10g is not in %.10g..%.10g", row->name, number, row->low,
                       row->high);
    store(row->kind, number, to);
    return 0;
}

static int row_read(const struct row *row, const json_t *value, struct told *told)
{
    char *to = (char *)told + row->offset;
    if (row->kind == WHOLE_I64 && json_is_null(value)) { /* no label */
        store(WHOLE_I64, -1, to);
        return 0;
    }
    if (row->count == 0)
        return value_read(row, value, to);
    if (!json_is_array(value) || json_array_size(value) != (size_t)row->count)
        return err_set(-EBADMSG, "%s: an array of %d is wanted", row->name, row->count);
    int rc = 0;
    for (int i = 0; !rc && i < row->count; i++)
        rc = value_read(row, json_array_get(value, (size_t)i), to + (size_t)i * sizes[row->kind]);
    return rc;
}

/* --- all of them --- */

static int unknown(const char *name)
{
    struct conf_option options[ROWS] = {0};
    for (size_t i = 0; i < ROWS; i++)
        options[i].name = rows[i].name;
    char nearest[CONF_KEY_MAX];
    conf_key_nearest(&(struct conf_table){.options = options, .n_options = ROWS}, name, nearest);
    return err_set(-EBADMSG, "%.64s: no key of a record; the nearest known one is '%s'", name,
                   nearest);
}

static int find(const char *name)
{
    for (int i = 0; i < (int)ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    return -1;
}

static bool is_group(const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < ROWS; i++)
        if (strncmp(rows[i].name, name, len) == 0 && rows[i].name[len] == '.')
            return true;
    return false;
}

static int pair_read(const char *name, const json_t *value, struct told *told, bool seen[ROWS])
{
    const int i = find(name);
    if (i < 0)
        return unknown(name);
    if (seen[i])
        return err_set(-EBADMSG, "%s: told twice", name);
    seen[i] = true;
    return row_read(&rows[i], value, told);
}

static int object_read(json_t *object, struct told *told, bool seen[ROWS])
{
    const char *key, *inner;
    json_t *value, *number;
    json_object_foreach(object, key, value)
    {
        int rc = 0;
        if (!is_group(key)) {
            rc = pair_read(key, value, told, seen);
        } else if (!json_is_object(value)) {
            rc = err_set(-EBADMSG, "%s: an object is wanted", key);
        } else {
            json_object_foreach(value, inner, number)
            {
                char name[128]; /* a longer one is unknown, as it is when cut */
                snprintf(name, sizeof name, "%s.%s", key, inner);
                rc = pair_read(name, number, told, seen);
                if (rc)
                    break;
            }
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* An operation of which something is said is meant to be done. */
static void apply(struct told *told, const bool seen[ROWS])
{
    const struct {
        const char *group;
        bool *applied;
    } groups[] = {{"jitter.", &told->omega.jitter.applied},
                  {"blur.", &told->omega.blur.applied},
                  {"solarize.", &told->omega.solarize.applied}};
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        char name[32];
        snprintf(name, sizeof name, "%sapplied", groups[g].group);
        if (seen[find(name)])
            continue;
        for (size_t i = 0; i < ROWS; i++)
            if (seen[i] && strncmp(rows[i].name, groups[g].group, strlen(groups[g].group)) == 0)
                *groups[g].applied = true;
    }
}

static int fill(struct told *told, const bool seen[ROWS], const struct omega_given *given)
{
    struct omega *o = &told->omega;
    if (seen[find("source")] && given->w && (o->source_w != given->w || o->source_h != given->h))
        return err_set(-EBADMSG, "source: %ux%u, but the picture has %ux%u", o->source_w,
                       o->source_h, given->w, given->h);
    if (!seen[find("source")]) {
        if (!given->w)
            return err_set(-EBADMSG, "source: its size is told nowhere");
        o->source_w = given->w;
        o->source_h = given->h;
    }
    if (!seen[find("crop")]) {
        o->crop_width = (int32_t)o->source_w;
        o->crop_height = (int32_t)o->source_h;
    }
    if (given->size || !told->place.size)
        told->place.size = given->size ? given->size : given->usual;
    if (!told->place.size)
        return err_set(-EBADMSG, "size: how large the view shall be is told nowhere");
    apply(told, seen);
    if (o->blur.applied && !seen[find("blur.sigma")])
        return err_set(-EBADMSG, "blur.sigma: how much to blur is told nowhere");
    if (!seen[find("blur.kernel")])
        o->blur.kernel = (uint8_t)(given->kernel ? given->kernel : told->place.size / 10 | 1);
    if (o->blur.applied && o->blur.kernel / 2u >= told->place.size)
        return err_set(-EBADMSG, "blur.kernel: %u is too wide for a view of %u pixels",
                       o->blur.kernel, told->place.size);
    return omega_check(o, NULL);
}

static void json_freep(json_t **json)
{
    json_decref(*json);
}

int omega_read(const char *json, const struct omega_given *given, struct omega *ret,
               struct omega_place *ret_place)
{
    json_error_t error;
    auto_with(json_freep) json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!root && json_error_code(&error) == json_error_end_of_input_expected)
        return err_set(-EBADMSG,
                       "not JSON alone: one view's line is wanted, and nothing behind it");
    if (!root)
        return err_set(-EBADMSG, "not JSON: %s (character %d)", error.text, error.position);
    if (!json_is_object(root))
        return err_set(-EBADMSG,
                       "one JSON object is wanted, as stream prints a line for each view");
    struct told told = {
        .place = {.label = -1},
        .omega = {
            .jitter = {.brightness = 1, .contrast = 1, .saturation = 1, .order = {0, 1, 2, 3}},
            .blur = {.sigma = 1},
            .solarize = {.threshold = 1}}};
    bool seen[ROWS] = {0};
    int rc = object_read(root, &told, seen);
    if (!rc)
        rc = fill(&told, seen, given);
    if (rc)
        return rc;
    *ret = told.omega;
    *ret_place = told.place;
    return 0;
}

int omega_text(const char *arg, char **ret)
{
    size_t len;
    if (arg[0] == '@')
        return file_read_regular(arg + 1, OMEGA_TEXT_MAX, ret, &len);
    *ret = strdup(arg);
    return *ret ? 0 : err_set(-ENOMEM, "out of memory");
}

void omega_law(const struct omega *o, uint32_t size, struct view_spec *ret)
{
    *ret = (struct view_spec){.size = size,
                              .scale = {1, 1},
                              .ratio = {1, 1},
                              .flip = .5,
                              .jitter = {.5, 100, 100, 100, .5, false},
                              .grayscale = .5,
                              .blur = {.p = o->blur.applied,
                                       .sigma = {o->blur.sigma, o->blur.sigma},
                                       .kernel = o->blur.kernel},
                              .solarize = {.p = .5, .threshold = o->solarize.threshold},
                              .rotation = .5};
}
