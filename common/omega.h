/* SPDX-License-Identifier: Apache-2.0 */
/* omega: the augmentation parameters of one view; the law they are drawn from; the normalised
 * differences of two views that AugSelf predicts (Lee et al., NeurIPS 2021, arXiv 2111.09613).
 * The one place where these are defined: loader, trainer, inspect and tests all call here. */
#ifndef AUGSTREAM_COMMON_OMEGA_H
#define AUGSTREAM_COMMON_OMEGA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OMEGA_SCHEMA = 1,
    OMEGA_VIEWS_MAX = 16,   /* views of one sample */
    OMEGA_SIDE_MAX = 65535, /* pixels, sources */
    OMEGA_VIEW_MAX = 1024,  /* pixels, output views */
    OMEGA_KERNEL_MAX = 127, /* blur kernel, pixels, odd */
    OMEGA_TARGET_MAX = 4,   /* numbers of the longest target */
    OMEGA_CODE_LEN = 17,    /* numbers of a code */
};

/* Colour operations, torchvision's numbering in ColorJitter. */
enum { JITTER_BRIGHTNESS, JITTER_CONTRAST, JITTER_SATURATION, JITTER_HUE, JITTER_OPS };

/* One view's parameters: physical values, apply-bits apart from values. The values of an operation
 * that was not applied are what was drawn for it: read them only where the bit is set. */
struct omega {
    uint32_t sample;                 /* index of the source image in its dataset */
    uint32_t source_w, source_h;     /* pixels, after EXIF orientation */
    int32_t crop_top, crop_left;     /* source pixels */
    int32_t crop_height, crop_width; /* source pixels, >= 1 */
    bool flip;                       /* horizontal */
    struct {
        bool applied;
        float brightness, contrast, saturation; /* factors, 1 = unchanged */
        float hue;                              /* fraction of a turn, 0 = unchanged */
        uint8_t order[JITTER_OPS];              /* a permutation of JITTER_* */
    } jitter;
    bool grayscale;
    struct {
        bool applied;
        float sigma;    /* pixels of the output view */
        uint8_t kernel; /* pixels, odd */
    } blur;
    struct {
        bool applied;
        float threshold; /* [0,1]; pixels >= threshold are inverted */
    } solarize;
    uint8_t rotation; /* quarter turns counter-clockwise, 0..3 */
};

enum crop_mode {
    CROP_RANDOM, /* torchvision RandomResizedCrop: 10 tries, then the centre fallback */
    CROP_CENTER, /* evaluation: shorter side to crop_resize pixels, centre size x size */
};

/* The law of one view: everything that is drawn, and the size that is rendered. */
struct view_spec {
    uint32_t size; /* output pixels, square */
    enum crop_mode crop;
    uint32_t crop_resize; /* CROP_CENTER: the shorter side is resized to this; >= size */
    double scale[2];      /* area fraction, uniform */
    double ratio[2];      /* width / height, log-uniform */
    double flip;          /* probability */
    struct {
        double p;                                /* probability */
        double brightness, contrast, saturation; /* factor in U(max(0,1-x), 1+x) */
        double hue;                              /* U(-x, x), x <= 0.5 */
        bool order_per_batch;                    /* one order for the whole batch */
    } jitter;
    double grayscale; /* probability */
    struct {
        double p, sigma[2];
        uint32_t kernel;
    } blur;
    struct {
        double p, threshold;
    } solarize;
    double rotation; /* probability; then k uniform in 0..3 */
};

/* Where a view is drawn: with the law this fixes omega. */
struct omega_key {
    uint64_t seed;
    uint32_t epoch;
    uint32_t batch; /* only read where jitter.order_per_batch */
    uint32_t sample;
    uint32_t view;
};

/* -EINVAL with the field named when a law is out of bounds (probabilities in [0,1], low <= high,
 * size 1..OMEGA_VIEW_MAX, odd kernel, ...). */
int view_spec_check(const struct view_spec *law);

/* All probabilities 0, centre crop, resize = size: the identity law for evaluation. */
void view_spec_eval(struct view_spec *law, uint32_t size, uint32_t resize);

/* Draws omega for a source of w x h pixels. Every parameter consumes the same numbers of the stream
 * whether applied or not, so changing one probability leaves the other draws as they were. */
void omega_draw(const struct view_spec *law, const struct omega_key *key, uint32_t w, uint32_t h,
                struct omega *ret);

/* -EBADMSG with the field named when a record cannot be true (crop outside its source, order not
 * a permutation, non-finite values, ...). Law may be NULL; with it, ranges are checked as well. */
int omega_check(const struct omega *omega, const struct view_spec *law);

/* The augmentations that AugSelf can predict. */
enum augself_kind {
    AUGSELF_CROP,     /* 4 numbers: cy, cx, h, w differences, fractions of the source */
    AUGSELF_COLOR,    /* 4 numbers in [-1,1]: brightness, contrast, saturation, hue */
    AUGSELF_FLIP,     /* 1 number: 1 where both views have the same flip, else 0 */
    AUGSELF_BLUR,     /* 1 number: sigma difference, 0 where not applied */
    AUGSELF_ROTATION, /* 1 number: the class (k1 - k2) mod 4 */
    AUGSELF_SOLARIZE, /* 1 number: threshold difference, 1 where not applied */
    AUGSELF_KINDS,
};

const char *augself_kind_name(enum augself_kind kind); /* crop color flip blur rotation solarize */
size_t augself_target_len(enum augself_kind kind);

/* The target of the ordered pair (a, b). Crop: in a's frame (where a is flipped both centres' cx
 * become 1 - cx). Colour: each view normalised by the width of its own law's range (0 where that is
 * empty). Writes augself_target_len(kind) numbers. */
void omega_difference(enum augself_kind kind, const struct omega *a, const struct view_spec *law_a,
                      const struct omega *b, const struct view_spec *law_b, float *ret);

/* One view's own omega as numbers of about unit size, for a network to read:
 *   0..3    crop: cy, cx, h, w, fractions of the source, as it was cut (not mirrored)
 *   4       flip, 0 or 1
 *   5       whether colour jitter was applied; 6..9 its four numbers as omega_difference has them
 *   10      grayscale, 0 or 1
 *   11      sigma of the blur as a share of the law's largest, 0 where not applied
 *   12      solarize: 1 - threshold, 0 where not applied
 *   13..16  rotation: 1 at its quarter turns, else 0
 */
void omega_encode(const struct omega *omega, const struct view_spec *law,
                  float ret[OMEGA_CODE_LEN]);

/* One line of JSON without a newline; the format is in docs/protocol.md. Returns the length, as
 * snprintf. Numbers read back to the same floats: the line and the source image are enough to
 * render the view again. */
struct omega_place {
    uint32_t epoch, batch, view;
    uint32_t size; /* of the view, pixels */
    int64_t label; /* -1 = none */
};
int omega_json(const struct omega *omega, const struct omega_place *place, char *ret, size_t cap);

#endif
