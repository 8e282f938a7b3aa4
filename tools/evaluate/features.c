/* SPDX-License-Identifier: Apache-2.0 */
/* features: a backbone and a dataset -> features.safetensors: `features` F32 [N,D], `labels` I64
 * [N], `samples` I64 [N] and, when asked for, the very pixels that were seen, `views` U8
 * [1,N,S,S,3]. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEWS_BYTES_MAX = 1 << 30 }; /* of --views */

static const struct usage_option rows[] = {
    FROZEN_OPTIONS,
    {"images", "DATASET", 'i', "of which images", USAGE_REQUIRED},
    {"out", "FILE", 'o', "safetensors: features F32 [N,D], labels I64 [N], samples I64 [N]",
     USAGE_REQUIRED},
    {"views", NULL, 'v', "also the pixels that were seen, views U8 [1,N,S,S,3], at most 1 GiB"},
};

const struct usage evaluate_features_usage = {
    .name = "features",
    .program = "augstream-evaluate",
    .summary = "features of every image of a dataset, into a safetensors file",
    .operands = "RECIPE.yaml",
    .about = "Writes the frozen backbone's features of every image of a dataset, in dataset "
             "order. " FROZEN_RECIPE,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    struct frozen_options frozen;
    const char *out;
    bool views;
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&evaluate_features_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : frozen_option(&o->frozen, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'i')
            o->frozen.datasets[0] = optarg;
        else if (key == 'o')
            o->out = optarg;
        else if (key == 'v')
            o->views = true;
    }
    if (optind + 1 != argc || !o->frozen.backbone || !o->frozen.datasets[0] || !o->out)
        return err_set(-EINVAL, "features needs RECIPE.yaml, --backbone, --images and --out");
    o->frozen.recipe = argv[optind];
    o->frozen.n_datasets = 1;
    return 0;
}

/* The pixels that went by, in sample order. */
struct views {
    uint8_t *pixels;
    size_t bytes, image; /* of one image */
};

static int views_add(void *hint, const struct recv_batch *batch, size_t first)
{
    (void)first; /* batches come in order: append */
    struct views *v = hint;
    for (uint32_t i = 0; i < batch->model.n_runs; i++) {
        size_t bytes = (size_t)batch->model.run[i].rows * v->image;
        if (v->bytes + bytes > VIEWS_BYTES_MAX)
            return err_set(-EFBIG, "--views: more than %d bytes of pixels", VIEWS_BYTES_MAX);
        uint8_t *grown = realloc(v->pixels, v->bytes + bytes);
        if (!grown)
            return err_set(-ENOMEM, "--views: out of memory");
        memcpy(grown + v->bytes, batch->model.run[i].pixels, bytes);
        v->pixels = grown;
        v->bytes += bytes;
    }
    return 0;
}

static void meta_triple(const double v[3], char ret[64])
{
    snprintf(ret, 64, "%.9g %.9g %.9g", v[0], v[1], v[2]);
}

static int features_write(const struct frozen *frozen, const struct features *f,
                          const struct views *v, const char *path)
{
    int64_t n = (int64_t)f->n, d = (int64_t)f->d, side = frozen->recipe.views.size;
    char mean[64], std[64];
    meta_triple(frozen->recipe.views.mean, mean);
    meta_triple(frozen->recipe.views.std, std);
    struct safetensors_out *out = NULL;
    int rc = safetensors_out_new(&out);
    if (!rc)
        rc = safetensors_add(out, "features", ST_F32, 2, (int64_t[]){n, d}, f->x);
    if (!rc)
        rc = safetensors_add(out, "labels", ST_I64, 1, &n, f->labels);
    if (!rc)
        rc = safetensors_add(out, "samples", ST_I64, 1, &n, f->samples);
    if (!rc && v->pixels)
        rc = safetensors_add(out, "views", ST_U8, 5, (int64_t[]){1, n, side, side, 3}, v->pixels);
    if (!rc)
        rc = safetensors_meta(out, "mean", mean);
    if (!rc)
        rc = safetensors_meta(out, "std", std);
    if (!rc)
        rc = safetensors_write(out, path);
    safetensors_out_free(out);
    return rc;
}

int evaluate_features(int argc, char **argv)
{
    struct options o = {0};
    int rc = parse(argc, argv, &o);
    if (rc > 0)
        return EXIT_OK;
    if (rc < 0) {
        log_error("%s", err_text());
        return EXIT_USAGE;
    }
    struct features f = {0};
    struct views v = {0};
    struct frozen *frozen = calloc(1, sizeof *frozen);
    rc = frozen ? frozen_open(frozen, &o.frozen) : err_set(-ENOMEM, "out of memory");
    if (!rc) {
        v.image = (size_t)frozen->recipe.views.size * (size_t)frozen->recipe.views.size * 3;
        rc = frozen_features(frozen, &o.frozen, 0, o.views ? views_add : NULL, &v, &f);
    }
    if (!rc)
        rc = features_write(frozen, &f, &v, o.out);
    if (!rc)
        printf("%s: %zu images, %zu features each\n", o.out, f.n, f.d);
    if (!rc)
        features_tell_bad(&f, o.frozen.datasets[0]);
    features_done(&f);
    free(v.pixels);
    if (frozen)
        frozen_done(frozen);
    free(frozen);
    return rc ? evaluate_fail(rc) : EXIT_OK;
}
