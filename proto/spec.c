/* SPDX-License-Identifier: Apache-2.0 */
/* spec: takes what a batch is a function of, gives its bounds, its name and its sizes. Pure
 * functions; any thread. Draws nothing and knows no dataset but by its fingerprint. */
#include "proto/wire.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Opens the digest. To be raised whenever the same spec would give other bytes, so that loaders of
 * two versions never pass for one another. */
static const char spec_version[] = "augstream spec 2";

static size_t image_bytes(const struct view_spec *law)
{
    return (size_t)law->size * law->size * 3;
}

static uint64_t spec_frames(const struct spec *spec)
{
    uint64_t frames = 0;
    for (uint32_t v = 0; v < spec->n_views; v++) {
        uint64_t images = WIRE_FRAME_MAX / image_bytes(&spec->views[v]);
        frames += (spec->batch + images - 1) / images;
    }
    return frames;
}

static_assert(OMEGA_VIEW_MAX * OMEGA_VIEW_MAX * 3 <= WIRE_FRAME_MAX, "a frame holds an image");

int spec_check(const struct spec *spec)
{
    if (!memchr(spec->dataset, 0, sizeof spec->dataset))
        return err_set(-EINVAL, "dataset: the name is longer than %d bytes", WIRE_NAME_MAX - 1);
    if (!spec->dataset[0])
        return err_set(-EINVAL, "dataset: the name is empty");
    if (spec->batch < 1 || spec->batch > WIRE_BATCH_MAX)
        return err_set(-EINVAL, "batch: %u is outside 1..%d", spec->batch, WIRE_BATCH_MAX);
    if (spec->n_views < 1 || spec->n_views > OMEGA_VIEWS_MAX)
        return err_set(-EINVAL, "views: %u is outside 1..%d", spec->n_views, OMEGA_VIEWS_MAX);
    if (spec->batch * spec->n_views > WIRE_OMEGAS_MAX)
        return err_set(-EINVAL, "batch: %u samples of %u views are more than %d images",
                       spec->batch, spec->n_views, WIRE_OMEGAS_MAX);
    for (uint32_t v = 0; v < spec->n_views; v++)
        if (view_spec_check(&spec->views[v]) < 0)
            return err_set(-EINVAL, "view %u: %s", v, err_text());
    if (spec_frames(spec) > WIRE_FRAMES_MAX)
        return err_set(-EINVAL, "batch: %u samples fill more than %d frames of %d MiB", spec->batch,
                       WIRE_FRAMES_MAX, WIRE_FRAME_MAX >> 20);
    return 0;
}

static void law_digest(struct digest *d, const struct view_spec *law)
{
    const uint64_t whole[] = {law->size, law->crop, law->crop_resize, law->jitter.order_per_batch,
                              law->blur.kernel};
    const double real[] = {
        law->scale[0],
        law->scale[1],
        law->ratio[0],
        law->ratio[1],
        law->flip,
        law->jitter.p,
        law->jitter.brightness,
        law->jitter.contrast,
        law->jitter.saturation,
        law->jitter.hue,
        law->grayscale,
        law->blur.p,
        law->blur.sigma[0],
        law->blur.sigma[1],
        law->solarize.p,
        law->solarize.threshold,
        law->rotation,
    };
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        digest_add_u64(d, whole[i]);
    for (size_t i = 0; i < ARRAY_LEN(real); i++)
        digest_add_f64(d, real[i]);
}

void spec_digest(const struct spec *spec, const uint8_t fingerprint[DIGEST_BYTES],
                 uint8_t ret[DIGEST_BYTES])
{
    struct digest d;
    digest_init(&d);
    digest_add_str(&d, spec_version);
    digest_add_u64(&d, OMEGA_SCHEMA);
    digest_add(&d, fingerprint, DIGEST_BYTES);
    digest_add_str(&d, spec->dataset);
    const uint64_t whole[] = {spec->seed,    spec->batch,  spec->shuffle,
                              spec->partial, spec->reduce, spec->n_views};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        digest_add_u64(&d, whole[i]);
    for (uint32_t v = 0; v < spec->n_views; v++)
        law_digest(&d, &spec->views[v]);
    digest_end(&d, ret);
}

uint64_t spec_batches(const struct spec *spec, uint64_t samples)
{
    uint64_t whole = samples / spec->batch;
    return whole + (spec->partial && samples % spec->batch);
}

size_t spec_batch_bytes(const struct spec *spec)
{
    size_t bytes = 0;
    for (uint32_t v = 0; v < spec->n_views; v++)
        bytes += image_bytes(&spec->views[v]) * spec->batch;
    return bytes;
}
