/* SPDX-License-Identifier: Apache-2.0 */
/* batch: fetches one batch as the trainer would and writes what came: tensors `views` U8
 * [V,N,H,W,3] and, where the recipe has small views, `small`, `labels` I64 [N], `samples` I64 [N],
 * and omega as JSON lines, view after view. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "tools/inspect/inspect.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

struct options {
    struct fetch_options fetch;
    const char *out, *omega;
};

static const struct usage_option rows[] = {
    FETCH_OPTIONS,
    {"out", "FILE", 'o',
     "safetensors: views U8 [V,N,H,W,3], labels I64 [N], samples I64 [N]; small views apart: small "
     "U8 [K,N,h,w,3]",
     USAGE_REQUIRED},
    {"omega", "FILE", 'j',
     "omega too, one JSON object a view, view after view; numbers go on from views to small ones"},
};

const struct usage inspect_batch_usage = {
    .name = "batch",
    .program = "augstream-inspect",
    .summary = "one batch as the trainer gets it, into a safetensors file",
    .operands = "ENDPOINT",
    .about = "Fetches one batch as the trainer would and writes what came. " FETCH_ENDPOINT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_batch_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : fetch_option(&o->fetch, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'o')
            o->out = optarg;
        else if (key == 'j')
            o->omega = optarg;
    }
    if (optind + 1 != argc || !o->fetch.recipe || !o->out)
        return err_set(-EINVAL, "batch needs ENDPOINT, --recipe and --out");
    o->fetch.endpoint = argv[optind];
    return 0;
}

/* A tensor of n views from `first` on, all of one size; its pixels are kept in *ret_pixels until
 * the file is written. */
static int views_add(struct safetensors_out *out, const char *name, const struct fetch *fetch,
                     const uint32_t range[2], uint8_t **ret_pixels)
{
    const struct wire_batch *h = fetch->batch.header;
    const struct sheet_batch batch = fetch_sheet(fetch);
    uint32_t side = h->sizes[range[0]], n = range[1] - range[0];
    size_t image = (size_t)side * side * 3;
    uint8_t *to = *ret_pixels = malloc(n * h->n_samples * image);
    if (!to)
        return err_set(-ENOMEM, "out of memory: %zu bytes of pixels", n * h->n_samples * image);
    for (uint32_t v = range[0]; v < range[1]; v++)
        for (uint32_t i = 0; i < h->n_samples; i++, to += image)
            memcpy(to, sheet_image(&batch, v, i), image);
    return safetensors_add(out, name, ST_U8, 5, (int64_t[]){n, h->n_samples, side, side, 3},
                           *ret_pixels);
}

static int tensors_write(const struct fetch *fetch, const char *path)
{
    const struct wire_batch *h = fetch->batch.header;
    const uint32_t large = (uint32_t)fetch->recipe.views.count;
    auto_free uint8_t *views = NULL, *small = NULL;
    auto_free int64_t *samples = malloc(h->n_samples * sizeof *samples);
    if (!samples)
        return err_set(-ENOMEM, "out of memory");
    for (uint32_t i = 0; i < h->n_samples; i++)
        samples[i] = h->omega[i].sample;
    const int64_t n = h->n_samples;
    struct safetensors_out *out;
    int rc = safetensors_out_new(&out);
    if (rc)
        return rc;
    rc = views_add(out, "views", fetch, (uint32_t[]){0, large}, &views);
    if (!rc && large < h->n_views)
        rc = views_add(out, "small", fetch, (uint32_t[]){large, h->n_views}, &small);
    if (!rc)
        rc = safetensors_add(out, "labels", ST_I64, 1, &n, h->labels);
    if (!rc)
        rc = safetensors_add(out, "samples", ST_I64, 1, &n, samples);
    if (!rc)
        rc = safetensors_write(out, path);
    safetensors_out_free(out);
    return rc;
}

/* All of it into out, which is not yet in its place. */
static int omega_begin(const struct fetch *fetch, const char *path, struct file_write *out)
{
    const struct wire_batch *h = fetch->batch.header;
    int rc = file_write_begin(out, path);
    for (uint32_t i = 0; !rc && i < h->n_views * h->n_samples; i++) {
        char line[LINE_MAX_BYTES];
        const struct omega_place place = {h->epoch, h->index, i / h->n_samples,
                                          h->sizes[i / h->n_samples], h->labels[i % h->n_samples]};
        omega_json(&h->omega[i], &place, line, sizeof line);
        if (fprintf(out->out, "%s\n", line) < 0)
            rc = err_set(-EIO, "%s: write failed", path);
    }
    return rc;
}

/* Both files or neither. */
static int files_write(const struct fetch *fetch, const struct options *o)
{
    struct file_write omega = {0};
    int rc = o->omega ? omega_begin(fetch, o->omega, &omega) : 0;
    if (!rc)
        rc = tensors_write(fetch, o->out);
    if (!rc && o->omega) {
        rc = file_write_commit(&omega);
        if (rc)
            unlink(o->out);
    }
    file_write_abort(&omega);
    return rc;
}

/* One line of what it is, and one for each position where another sample stands in for a bad one.
 */
static void tell(const char *out, const struct wire_batch *header)
{
    printf("%s: epoch %u batch %u, %u views of %u samples, %u substituted\n", out, header->epoch,
           header->index, header->n_views, header->n_samples, header->n_substituted);
    for (uint32_t i = 0; i < header->n_substituted; i++)
        printf("position %u: another in place of sample %u, which is bad: %s\n",
               header->substituted[i].position, header->substituted[i].sample,
               wire_fault_name(header->substituted[i].fault));
}

int inspect_batch(int argc, char **argv)
{
    struct options o = {0};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    struct fetch *fetch = calloc(1, sizeof *fetch);
    rc = fetch ? fetch_open(fetch, &o.fetch) : err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = files_write(fetch, &o);
    if (!rc)
        tell(o.out, fetch->batch.header);
    if (fetch)
        fetch_done(fetch);
    free(fetch);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
