/* SPDX-License-Identifier: Apache-2.0 */
/* table: takes a features file, which may come from anyone, gives arrays that are whole and finite;
 * and the other way. The caller's thread; the caller owns the table. Does not know how features
 * come about. */
#include "tools/evaluate/table.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/source/source.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How far beyond the view a box may end: what single floats lose in x + w. */
static const float BOX_SLACK = 1e-5f;

void table_done(struct table *table)
{
    features_done(&table->f);
    free(table->boxes);
    *table = (struct table){0};
}

/* --- what is true of every table --- */

static int check_features(const struct table *t)
{
    const struct features *f = &t->f;
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->d; k++)
            if (!isfinite(f->x[i * f->d + k]))
                return err_set(-EBADMSG, "%s: row %zu, column %zu of features is %f", t->name, i, k,
                               (double)f->x[i * f->d + k]);
    return 0;
}

static int check_labels(const struct table *t)
{
    for (size_t i = 0; i < t->f.n; i++)
        if (t->f.labels[i] < -1 || t->f.labels[i] >= (int64_t)t->f.classes)
            return err_set(-EBADMSG, "%s: row %zu has label %" PRId64 " of %" PRIu32 " classes",
                           t->name, i, t->f.labels[i], t->f.classes);
    return 0;
}

static int check_boxes(const struct table *t)
{
    for (size_t i = 0; t->boxes && i < t->f.n; i++) {
        const float *b = t->boxes + 4 * i;
        if (isnan(b[0]) && isnan(b[1]) && isnan(b[2]) && isnan(b[3]))
            continue;
        /* so written that a NaN fails it */
        if (!(b[0] >= 0 && b[1] >= 0 && b[2] > 0 && b[3] > 0 && b[0] + b[2] <= 1 + BOX_SLACK &&
              b[1] + b[3] <= 1 + BOX_SLACK))
            return err_set(-EBADMSG,
                           "%s: row %zu: box x %g, y %g, w %g, h %g is not inside the view",
                           t->name, i, (double)b[0], (double)b[1], (double)b[2], (double)b[3]);
    }
    return 0;
}

static int check_names(const struct table *t)
{
    for (uint32_t c = 0; t->f.class_names && c < t->f.classes; c++)
        if (class_name_check(-EBADMSG, c, t->f.class_names[c]) < 0)
            return err_set(-EBADMSG, "%s: %s", t->name, err_text());
    return 0;
}

static int check(const struct table *t)
{
    int rc = check_features(t);
    if (!rc)
        rc = check_labels(t);
    if (!rc)
        rc = check_boxes(t);
    return rc ? rc : check_names(t);
}

int table_labelled(const struct table *t)
{
    for (size_t i = 0; i < t->f.n; i++)
        if (t->f.labels[i] < 0)
            return err_set(-EBADMSG, "%s: row %zu (sample %" PRId64 ") has no label", t->name, i,
                           t->f.samples[i]);
    return 0;
}

const char *table_class(const struct table *t, int64_t label)
{
    const bool known = t->f.class_names && label >= 0 && label < (int64_t)t->f.classes;
    return known ? t->f.class_names[label] : NULL;
}

const char *table_class_words(const struct table *t, int64_t label, char ret[TABLE_CLASS_MAX])
{
    const char *name = table_class(t, label);
    snprintf(ret, TABLE_CLASS_MAX, "%" PRId64 "%s%s%s", label, name ? " (" : "", name ? name : "",
             name ? ")" : "");
    return ret;
}

int table_several(const struct table *t)
{
    for (size_t i = 1; i < t->f.n; i++)
        if (t->f.labels[i] != t->f.labels[0])
            return 0;
    char class[TABLE_CLASS_MAX];
    return err_set(-EBADMSG, "%s: all %zu rows are of class %s: there is nothing to tell apart",
                   t->name, t->f.n, table_class_words(t, t->f.labels[0], class));
}

int table_fits(const struct table *t)
{
    const size_t d = t->f.d;
    for (size_t i = 0; i < t->f.n * d; i++)
        if (fabsf(t->f.x[i]) > TABLE_FIT_MAX)
            return err_set(-EBADMSG,
                           "%s: row %zu, column %zu of features is %g: beyond %g no classifier can "
                           "be fitted well; scale the features down",
                           t->name, i / d, i % d, (double)t->f.x[i], (double)TABLE_FIT_MAX);
    return 0;
}

/* --- reading --- */

/* A copy of the tensor `name` of that dtype and shape, fresh memory. */
static int read_tensor(const struct safetensors *st, const char *name, enum safetensors_dtype dtype,
                       int ndim, const int64_t *shape, void **ret)
{
    const void *data = NULL;
    size_t bytes = safetensors_dtype_bytes(dtype);
    int rc = safetensors_expect(st, name, dtype, ndim, shape, &data);
    if (rc < 0)
        return rc == -ENOENT ? -EBADMSG : rc;
    for (int i = 0; i < ndim; i++)
        bytes *= (size_t)shape[i]; /* safetensors has bounded the product by the file */
    *ret = malloc(bytes);
    if (!*ret)
        return err_set(-ENOMEM, "%s: out of memory", name);
    memcpy(*ret, data, bytes);
    return 0;
}

static int read_size(const struct safetensors *st, struct table *t)
{
    const struct safetensor *x = safetensors_find(st, "features");
    if (!x)
        return err_set(-EBADMSG, "%s: lacks the tensor features: is no file of features", t->name);
    if (x->dtype != ST_F32 || x->ndim != 2)
        return err_set(-EBADMSG, "%s: features is not F32 [N,D]", t->name);
    if (x->shape[0] == 0)
        return err_set(-ENODATA, "%s: has no rows", t->name);
    if (x->shape[0] > TABLE_ROWS_MAX || x->shape[1] < 1 || x->shape[1] > TABLE_FEATURES_MAX)
        return err_set(-EBADMSG,
                       "%s: features is [%" PRId64 ",%" PRId64 "], at most [%d,%d], at least [1,1]",
                       t->name, x->shape[0], x->shape[1], TABLE_ROWS_MAX, TABLE_FEATURES_MAX);
    t->f.n = (size_t)x->shape[0];
    t->f.d = (size_t)x->shape[1];
    return 0;
}

/* A whole number from 0 to max; `otherwise` where the key is missing. */
static int read_count(const struct safetensors *st, const struct table *t, const char *key,
                      uint64_t max, uint64_t otherwise, uint64_t *ret)
{
    const char *text = safetensors_get_meta(st, key);
    char *end = NULL;
    *ret = otherwise;
    if (!text)
        return 0;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    if (errno || text[0] < '0' || text[0] > '9' || *end || *ret > max)
        return err_set(-EBADMSG, "%s: metadata %s is '%s', not a number up to %" PRIu64, t->name,
                       key, text, max);
    return 0;
}

/* A JSON array of one text a class; what the texts may be is check's. */
static int read_names(const struct safetensors *st, struct table *t)
{
    const char *text = safetensors_get_meta(st, "class_names");
    if (!text)
        return 0;
    json_t *list = json_loads(text, 0, NULL);
    const size_t n = json_array_size(list); /* 0 of what is no array */
    int rc = 0;
    const char **names auto_free = calloc(n + 1, sizeof *names);
    if (!names)
        rc = err_set(-ENOMEM, "%s: out of memory: %zu names", t->name, n);
    else if (n != t->f.classes || n == 0)
        rc = err_set(-EBADMSG,
                     "%s: metadata class_names is no JSON array of %" PRIu32 " texts, one a class",
                     t->name, t->f.classes);
    for (size_t i = 0; !rc && i < n; i++) {
        names[i] = json_string_value(json_array_get(list, i));
        if (!names[i])
            rc = err_set(-EBADMSG, "%s: metadata class_names: class %zu: no text", t->name, i);
    }
    if (!rc)
        rc = features_name(&t->f, names);
    json_decref(list);
    return rc;
}

static int read_meta(const struct safetensors *st, struct table *t)
{
    int64_t last = -1;
    for (size_t i = 0; i < t->f.n; i++)
        last = t->f.labels[i] > last ? t->f.labels[i] : last;
    if (last >= SOURCE_CLASSES_MAX)
        return err_set(-EBADMSG, "%s: a label is %" PRId64 ", at most %d", t->name, last,
                       SOURCE_CLASSES_MAX - 1);
    uint64_t classes, substituted;
    int rc = read_count(st, t, "classes", SOURCE_CLASSES_MAX, (uint64_t)(last + 1), &classes);
    if (!rc)
        rc = read_count(st, t, "substituted", t->f.n, 0, &substituted);
    if (rc)
        return rc;
    t->f.classes = (uint32_t)classes;
    t->f.substituted = (size_t)substituted;
    const char *const texts[] = {safetensors_get_meta(st, "mean"), safetensors_get_meta(st, "std")};
    double *const to[] = {t->mean, t->std};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i] && sscanf(texts[i], "%lf %lf %lf", to[i], to[i] + 1, to[i] + 2) != 3)
            return err_set(-EBADMSG, "%s: metadata mean or std is '%s', not three numbers", t->name,
                           texts[i]);
    return 0;
}

static int read_all(const struct safetensors *st, struct table *t)
{
    int rc = read_size(st, t);
    const int64_t n = (int64_t)t->f.n, d = (int64_t)t->f.d;
    if (!rc)
        rc = read_tensor(st, "features", ST_F32, 2, (int64_t[]){n, d}, (void **)&t->f.x);
    if (!rc)
        rc = read_tensor(st, "labels", ST_I64, 1, &n, (void **)&t->f.labels);
    if (!rc)
        rc = read_tensor(st, "samples", ST_I64, 1, &n, (void **)&t->f.samples);
    if (!rc && safetensors_find(st, "boxes"))
        rc = read_tensor(st, "boxes", ST_F32, 2, (int64_t[]){n, 4}, (void **)&t->boxes);
    if (!rc)
        rc = read_meta(st, t);
    if (!rc)
        rc = read_names(st, t);
    if (!rc)
        rc = check(t);
    return rc;
}

int table_read(const char *path, struct table *ret)
{
    struct safetensors *st = NULL;
    int rc = safetensors_open(path, &st);
    if (rc < 0)
        return rc;
    struct table t = {0};
    snprintf(t.name, sizeof t.name, "%s", path);
    rc = read_all(st, &t);
    safetensors_close(st);
    if (rc < 0)
        table_done(&t);
    else
        *ret = t;
    return rc;
}

/* --- writing --- */

static int add_names(struct safetensors_out *out, const struct table *t)
{
    json_t *list = json_array();
    bool fine = list;
    for (uint32_t c = 0; fine && c < t->f.classes; c++)
        fine = json_array_append_new(list, json_string(t->f.class_names[c])) == 0;
    char *text auto_free = fine ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text ? safetensors_meta(out, "class_names", text)
                : err_set(-ENOMEM, "out of memory: names of %" PRIu32 " classes", t->f.classes);
}

static int add_meta(struct safetensors_out *out, const struct table *t)
{
    char text[96];
    snprintf(text, sizeof text, "%" PRIu32, t->f.classes);
    int rc = safetensors_meta(out, "classes", text);
    if (!rc)
        rc = safetensors_meta(out, "dataset", t->name);
    if (!rc && t->f.class_names)
        rc = add_names(out, t);
    snprintf(text, sizeof text, "%zu", t->f.substituted);
    if (!rc)
        rc = safetensors_meta(out, "substituted", text);
    const double *const triples[] = {t->mean, t->std};
    static const char *const keys[] = {"mean", "std"};
    for (size_t i = 0; !rc && t->std[0] > 0 && i < ARRAY_LEN(keys); i++) {
        const double *v = triples[i];
        snprintf(text, sizeof text, "%.9g %.9g %.9g", v[0], v[1], v[2]);
        rc = safetensors_meta(out, keys[i], text);
    }
    return rc;
}

int table_write(const struct table *t, const uint8_t *views, int64_t side, const char *path)
{
    const int64_t n = (int64_t)t->f.n, d = (int64_t)t->f.d;
    struct safetensors_out *out = NULL;
    int rc = check(t);
    if (!rc)
        rc = safetensors_out_new(&out);
    if (!rc)
        rc = safetensors_add(out, "features", ST_F32, 2, (int64_t[]){n, d}, t->f.x);
    if (!rc)
        rc = safetensors_add(out, "labels", ST_I64, 1, &n, t->f.labels);
    if (!rc)
        rc = safetensors_add(out, "samples", ST_I64, 1, &n, t->f.samples);
    if (!rc && t->boxes)
        rc = safetensors_add(out, "boxes", ST_F32, 2, (int64_t[]){n, 4}, t->boxes);
    if (!rc && views)
        rc = safetensors_add(out, "views", ST_U8, 5, (int64_t[]){1, n, side, side, 3}, views);
    if (!rc)
        rc = add_meta(out, t);
    if (!rc)
        rc = safetensors_write(out, path);
    safetensors_out_free(out);
    return rc;
}
