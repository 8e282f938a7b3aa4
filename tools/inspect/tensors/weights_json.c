/* SPDX-License-Identifier: Apache-2.0 */
/* weights_json: takes one file's weights, or two beside each other, prints one JSON object. What is
 * not finite is null. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/tensors/element.h"
#include "tools/inspect/tensors/group.h"
#include "tools/inspect/tensors/weights.h"
#include "trainer/recipe_difference.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void add_meta(void *hint, const char *key, const char *value)
{
    json_object_set_new(hint, key, json_string(value));
}

static json_t *file_json(const struct weights *w)
{
    static const char *const seals[] = {
        [WEIGHTS_SEALED] = "whole", [WEIGHTS_UNSEALED] = "none", [WEIGHTS_BROKEN] = "broken"};
    json_t *metadata = json_object();
    safetensors_each_meta(w->st, add_meta, metadata);
    return json_pack("{s:s, s:I, s:s, s:o}", "file", w->path, "bytes", (json_int_t)w->bytes, "seal",
                     seals[w->seal], "metadata", metadata);
}

static json_t *shape_json(const struct safetensor *t)
{
    json_t *shape = json_array();
    for (int i = 0; i < t->ndim; i++)
        json_array_append_new(shape, json_integer(t->shape[i]));
    return shape;
}

/* Prints and frees. NULL, or a hole in it: there was no memory, or a path is not UTF-8. */
static int print(json_t *top, FILE *out)
{
    int rc = 0;
    if (!top || json_dumpf(top, out, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) < 0)
        rc = err_set(-EILSEQ, "it cannot be told as JSON: no memory, or a path that is not UTF-8");
    else if (fputc('\n', out) == EOF)
        rc = err_set(-EIO, "output: write failed");
    json_decref(top);
    return rc;
}

/* --- one file --- */

static json_t *weight_json(const struct weights *w, const struct weight *row)
{
    const struct safetensor *t = row->tensor;
    const struct sums *s = &row->sums;
    const bool any = !isnan(s->mean);
    return json_pack("{s:s, s:o, s:s, s:o, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}",
                     "name", t->name, "group", json_stringn(t->name, group_length(t->name)), "type",
                     safetensors_dtype_name(t->dtype), "shape", shape_json(t), "numbers",
                     (json_int_t)s->n, "trained", group_trained(w->st, w->momenta, t), "min",
                     real(s->min), "max", real(s->max), "mean", real(s->mean), "deviation",
                     real(s->deviation), "norm", real(any ? s->norm : (double)NAN), "zeros",
                     (json_int_t)s->zeros, "nan", (json_int_t)s->nan, "infinite",
                     (json_int_t)s->infinite);
}

int weights_json(const struct weights *weights, FILE *out)
{
    json_t *top = file_json(weights), *tensors = json_array();
    json_int_t numbers = 0, trained = 0;
    for (size_t i = 0; i < weights->n; i++) {
        const struct weight *row = &weights->weight[i];
        json_array_append_new(tensors, weight_json(weights, row));
        numbers += (json_int_t)row->sums.n;
        if (group_trained(weights->st, weights->momenta, row->tensor))
            trained += (json_int_t)row->sums.n;
    }
    json_object_set_new(top, "numbers", json_integer(numbers));
    json_object_set_new(top, "trained", json_integer(trained));
    if (json_object_set_new(top, "tensors", tensors) < 0) {
        json_decref(top);
        top = NULL;
    }
    return print(top, out);
}

/* --- two files --- */

static json_t *value_json(const char *value, size_t len)
{
    return value ? json_stringn(value, len) : json_null();
}

static void add_part(void *hint, const struct recipe_part *part)
{
    json_array_append_new(hint, json_pack("{s:s, s:o, s:o}", "option", part->key, "a",
                                          value_json(part->there, part->there_bytes), "b",
                                          value_json(part->here, part->here_bytes)));
}

static json_t *side_json(const struct safetensor *t)
{
    return t ? json_pack("{s:s, s:o}", "type", safetensors_dtype_name(t->dtype), "shape",
                         shape_json(t))
             : json_null();
}

static json_t *row_json(const struct weights_row *row)
{
    json_t *o = json_pack("{s:s, s:o, s:o, s:b}", "name", row->a ? row->a->name : row->b->name, "a",
                          side_json(row->a), "b", side_json(row->b), "same", row->apart.same);
    if (row->shape_same) {
        json_object_set_new(o, "max", real(row->apart.max));
        json_object_set_new(o, "relative", real(row->apart.relative));
        json_object_set_new(o, "cosine", real(row->apart.cosine));
        json_object_set_new(o, "skipped", json_integer((json_int_t)row->apart.skipped));
    }
    return o;
}

int weights_pair_json(const struct weights_pair *pair, FILE *out)
{
    json_t *tensors = json_array(), *options = json_null();
    const char *there, *here;
    if (weights_pair_recipes(pair, &there, &here)) {
        options = json_array();
        recipe_compare(there, here, add_part, options);
    }
    for (size_t i = 0; i < pair->n; i++)
        json_array_append_new(tensors, row_json(&pair->row[i]));
    return print(json_pack("{s:o, s:o, s:b, s:o, s:o}", "a", file_json(pair->a), "b",
                           file_json(pair->b), "same", weights_pair_same(pair), "recipe", options,
                           "tensors", tensors),
                 out);
}
