/* SPDX-License-Identifier: Apache-2.0 */
/* again: takes what `augstream-inspect batch` wrote and the folder that the images came from,
 * renders every view again from its line of JSON alone, compares byte for byte. Tells how many
 * views differ; exit 0 when none does, 1 when some do, another code when it could not find out.
 *   again FOLDER BATCH.safetensors OMEGA.jsonl RECIPE [--set a.b=v ...]
 * A part of again.sh. */
#include "common/auto.h"
#include "common/err.h"
#include "loaderd/render.h"
#include "loaderd/source/source.h"
#include "trainer/recipe.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIFFERENT = 1, BROKEN = 2, LINE_BYTES = 1024 };

/* What the batch file holds: views before `large` in one tensor, the others in another. */
struct file {
    struct safetensors *st;
    uint32_t n, large, views;
    const uint8_t *pixels[2];
};

static int file_open(const char *path, const struct recipe *recipe, const struct spec *spec,
                     struct file *ret)
{
    int rc = safetensors_open(path, &ret->st);
    const struct safetensor *samples = rc < 0 ? NULL : safetensors_find(ret->st, "samples");
    if (!samples)
        return rc < 0 ? rc : err_set(-EBADMSG, "%s: no samples", path);
    ret->n = (uint32_t)samples->shape[0];
    ret->views = spec->n_views;
    ret->large = (uint32_t)recipe->views.count;
    const int64_t k[] = {ret->large, ret->views - ret->large};
    static const char *const names[] = {"views", "small"};
    for (int i = 0; i < 2 && rc == 0; i++) {
        const int64_t side = i ? spec->views[spec->n_views - 1].size : spec->views[0].size;
        const int64_t shape[] = {k[i], ret->n, side, side, 3};
        const void *data = NULL;
        if (k[i] > 0)
            rc = safetensors_expect(ret->st, names[i], ST_U8, 5, shape, &data);
        else if (safetensors_find(ret->st, names[i]))
            rc = err_set(-EBADMSG, "%s: %s, where the recipe has none", path, names[i]);
        ret->pixels[i] = data;
    }
    return rc;
}

/* One line; nothing in it is left over, so that nothing may be told that is not used. */
static int line_read(const char *text, struct omega_place *place, struct omega *o)
{
    json_error_t error;
    json_t *line = json_loads(text, 0, &error), *label;
    int flip, jitter, gray, blur, solarize, order[JITTER_OPS], kernel, rotation, numbers[7];
    double brightness, contrast, saturation, hue, sigma, threshold;
    int rc = json_unpack_ex(
        line, &error, JSON_STRICT,
        "{s:i,s:i,s:i,s:i,s:o,s:[ii],s:[iiii],s:i,s:b,s:{s:b,s:F,s:F,s:F,s:F,s:[iiii]},s:b,"
        "s:{s:b,s:F,s:i},s:{s:b,s:F},s:i}",
        "epoch", &numbers[0], "batch", &numbers[1], "sample", &numbers[2], "view", &numbers[3],
        "label", &label, "source", &numbers[4], &numbers[5], "crop", &o->crop_top, &o->crop_left,
        &o->crop_height, &o->crop_width, "size", &numbers[6], "flip", &flip, "jitter", "applied",
        &jitter, "brightness", &brightness, "contrast", &contrast, "saturation", &saturation, "hue",
        &hue, "order", &order[0], &order[1], &order[2], &order[3], "grayscale", &gray, "blur",
        "applied", &blur, "sigma", &sigma, "kernel", &kernel, "solarize", "applied", &solarize,
        "threshold", &threshold, "rotation", &rotation);
    json_decref(line);
    if (rc < 0)
        return err_set(-EBADMSG, "%s in %s", error.text, text);
    place->epoch = (uint32_t)numbers[0];
    place->batch = (uint32_t)numbers[1];
    place->view = (uint32_t)numbers[3];
    place->size = (uint32_t)numbers[6];
    o->sample = (uint32_t)numbers[2];
    o->source_w = (uint32_t)numbers[4];
    o->source_h = (uint32_t)numbers[5];
    o->flip = flip;
    o->jitter.applied = jitter;
    o->jitter.brightness = (float)brightness;
    o->jitter.contrast = (float)contrast;
    o->jitter.saturation = (float)saturation;
    o->jitter.hue = (float)hue;
    for (int i = 0; i < JITTER_OPS; i++)
        o->jitter.order[i] = (uint8_t)order[i];
    o->grayscale = gray;
    o->blur.applied = blur;
    o->blur.sigma = (float)sigma;
    o->blur.kernel = (uint8_t)kernel;
    o->solarize.applied = solarize;
    o->solarize.threshold = (float)threshold;
    o->rotation = (uint8_t)rotation;
    return 0;
}

/* Every line, [views][n]. */
static int lines_read(const char *path, const struct spec *spec, uint32_t n, struct omega *ret)
{
    FILE *in = fopen(path, "r");
    if (!in)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    char text[LINE_BYTES];
    int rc = 0;
    uint32_t i = 0;
    for (; rc == 0 && fgets(text, sizeof text, in); i++) {
        struct omega_place place = {0};
        if (i == spec->n_views * n)
            rc = err_set(-EBADMSG, "%s: more than %u lines", path, i);
        else
            rc = line_read(text, &place, &ret[i]);
        if (rc == 0 && (place.view != i / n || place.size != spec->views[place.view].size))
            rc = err_set(-EBADMSG, "%s:%u: view %u of %u pixels", path, i + 1, place.view,
                         place.size);
    }
    fclose(in);
    if (rc == 0 && i < spec->n_views * n)
        rc =
            err_set(-EBADMSG, "%s: %u lines for %u views of %u samples", path, i, spec->n_views, n);
    return rc;
}

/* Renders a sample's views from their records; how many are not as the file has them. */
static int sample_again(struct render *render, const struct source *source, const struct spec *spec,
                        const struct file *file, struct omega *omega, uint32_t i)
{
    static uint8_t out[OMEGA_VIEWS_MAX][OMEGA_VIEW_MAX * OMEGA_VIEW_MAX * 3];
    struct item item;
    source->item(source, omega[i].sample, &item);
    struct render_task task = {.item = &item, .spec = spec, .recorded = true};
    for (uint32_t v = 0; v < spec->n_views; v++) {
        task.out[v] = out[v];
        task.omega[v] = &omega[v * file->n + i];
    }
    enum wire_fault fault;
    int rc = render_sample(render, &task, &fault);
    if (rc < 0)
        return rc;
    int different = 0;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        const bool small = v >= file->large;
        const size_t image = (size_t)spec->views[v].size * spec->views[v].size * 3;
        const size_t row = (size_t)(small ? v - file->large : v) * file->n + i;
        different += memcmp(out[v], file->pixels[small] + row * image, image) != 0;
    }
    return different;
}

static int again(char **argv, const struct recipe *recipe)
{
    struct spec spec;
    struct file file = {0};
    recipe_spec(recipe, &spec);
    int rc = file_open(argv[2], recipe, &spec, &file);
    if (rc < 0)
        return rc;
    auto_free struct omega *omega = calloc((size_t)spec.n_views * file.n, sizeof *omega);
    struct source *source = NULL;
    struct render *render = NULL;
    rc = omega ? lines_read(argv[3], &spec, file.n, omega) : err_set(-ENOMEM, "out of memory");
    if (rc == 0)
        rc = source_open(&(struct source_spec){.format = "folder", .path = argv[1]}, &source);
    if (rc == 0)
        rc = render_new(&render);
    int different = 0;
    for (uint32_t i = 0; rc >= 0 && i < file.n; i++) {
        rc = sample_again(render, source, &spec, &file, omega, i);
        different += rc > 0 ? rc : 0;
    }
    if (rc >= 0)
        printf("%u views again, %d differ\n", spec.n_views * file.n, different);
    render_free(render);
    source_free(source);
    safetensors_close(file.st);
    return rc < 0 ? rc : different;
}

int main(int argc, char **argv)
{
    static struct recipe recipe;
    const char *sets[CONF_LIST_MAX];
    size_t n_sets = 0;
    for (int i = 5; i + 1 < argc && n_sets < CONF_LIST_MAX; i += 2)
        sets[n_sets++] = argv[i + 1];
    int rc = argc >= 5 ? recipe_load(&recipe, argv[4], sets, n_sets)
                       : err_set(-EINVAL, "FOLDER, BATCH, OMEGA and RECIPE are needed");
    if (rc == 0)
        rc = again(argv, &recipe);
    if (rc < 0)
        fprintf(stderr, "again: %s\n", err_text());
    return rc < 0 ? BROKEN : rc > 0 ? DIFFERENT : 0;
}
