/* SPDX-License-Identifier: Apache-2.0 */
/* truth: takes names, gives bytes. Pure but for the dataset that it makes. */
#include "tests/sim/truth.h"

#include "loaderd/order.h"
#include "tests/sim/dice.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCE_W = 40, SOURCE_H = 30, LABELS = 10 };

static void item(const struct source *source, uint32_t sample, struct item *ret)
{
    assert(sample < source->samples);
    ret->sample = sample;
    ret->label = (int32_t)(sample % LABELS);
    ret->coding = ITEM_FILE;
    ret->offset = ret->length = 0;
    snprintf(ret->path, sizeof ret->path, "sample/%u", sample);
}

static void source_end(struct source *source)
{
    free(source);
}

void truth_fingerprint(const struct flavour *flavour, uint8_t ret[DIGEST_BYTES])
{
    memset(ret, 0, DIGEST_BYTES);
    ret[0] = (uint8_t)(1 + flavour->number);
    ret[1] = (uint8_t)flavour->samples;
}

void truth_dataset(const struct flavour *flavour, struct dataset *ret)
{
    *ret = (struct dataset){.source = calloc(1, sizeof(struct source)),
                            .faults = calloc(flavour->samples, 1)};
    assert(ret->source && ret->faults);
    snprintf(ret->name, sizeof ret->name, "flowers");
    ret->source->samples = flavour->samples;
    ret->source->classes = LABELS;
    ret->source->item = item;
    ret->source->free = source_end;
    truth_fingerprint(flavour, ret->source->fingerprint);
}

enum wire_fault truth_fault(const struct flavour *flavour, uint32_t sample)
{
    uint64_t h = dice_mix(flavour->number * 1000003u + sample);
    if (!flavour->some_bad || h % 10 != 0)
        return FAULT_NONE;
    return h / 10 % 2 ? FAULT_NOT_IMAGE : FAULT_TRUNCATED;
}

void truth_paint(const struct truth_view *view, unsigned char *ret)
{
    size_t side = view->spec->views[view->view].size;
    uint64_t dice = dice_mix(view->flavour->number) ^ dice_mix(view->spec->seed + 1);
    dice = dice_mix(dice ^ view->epoch) ^ dice_mix((uint64_t)view->sample << 8 | view->view);
    for (size_t i = 0; i < side * side * 3; i += 8) {
        uint64_t word = dice_next(&dice);
        memcpy(ret + i, &word, 8);
    }
}

void truth_omega(const struct truth_view *view, struct omega *ret)
{
    const struct omega_key key = {
        .seed = view->spec->seed, .epoch = view->epoch, .sample = view->sample, .view = view->view};
    omega_draw(&view->spec->views[view->view], &key, SOURCE_W, SOURCE_H, ret);
}

static const char *check_view(const struct truth_view *view, const struct omega *omega,
                              const unsigned char *pixels)
{
    struct omega right;
    unsigned char painted[TRUTH_VIEW_BYTES_MAX];
    size_t side = view->spec->views[view->view].size, bytes = side * side * 3;
    assert(bytes <= sizeof painted);
    memset(&right, 0, sizeof right);
    truth_omega(view, &right);
    if (memcmp(omega, &right, sizeof right) != 0)
        return "an omega is wrong";
    truth_paint(view, painted);
    return memcmp(pixels, painted, bytes) ? "pixels are wrong" : NULL;
}

const char *truth_check(const struct flavour *flavour, const struct spec *spec, uint32_t epoch,
                        uint32_t index, const struct recv_batch *batch)
{
    const struct wire_batch *b = batch->header;
    if (b->epoch != epoch || b->index != index)
        return "it is another batch";
    uint32_t left = flavour->samples - index * spec->batch, substituted = 0;
    if (b->n_samples != (left < spec->batch ? left : spec->batch))
        return "its number of samples is wrong";
    struct order order;
    order_init(&order, flavour->samples, spec->seed, epoch, spec->shuffle);
    for (uint32_t i = 0; i < b->n_samples; i++) {
        uint32_t scheduled = order_sample(&order, index * spec->batch + i), sample = scheduled;
        for (uint32_t n = 1; truth_fault(flavour, sample) != FAULT_NONE; n++)
            sample = order_substitute(&order, scheduled, n);
        if (sample != scheduled) {
            const struct wire_substitution *s = &b->substituted[substituted++];
            if (substituted > b->n_substituted || s->position != i || s->sample != scheduled ||
                s->fault != truth_fault(flavour, scheduled))
                return "a bad sample is not named";
        }
        if (b->labels[i] != sample % LABELS || batch->model.labels[i] != b->labels[i])
            return "a label is wrong";
        uint32_t row = 0, run = 0; /* of view 0; views follow each other */
        for (uint32_t v = 0; v < spec->n_views; v++) {
            const struct truth_view view = {flavour, spec, epoch, sample, v};
            while (row + (uint32_t)batch->model.run[run].rows <= v * b->n_samples + i)
                row += (uint32_t)batch->model.run[run++].rows;
            size_t side = spec->views[v].size, at = v * b->n_samples + i - row;
            const char *wrong = check_view(&view, &b->omega[v * b->n_samples + i],
                                           batch->model.run[run].pixels + at * side * side * 3);
            if (wrong)
                return wrong;
        }
    }
    return substituted == b->n_substituted ? NULL : "a good sample is said to be bad";
}
