/* SPDX-License-Identifier: Apache-2.0 */
/* single: one image file under an omega that the command line tells. For render and grid. */
#ifndef AUGSTREAM_TOOLS_INSPECT_SINGLE_H
#define AUGSTREAM_TOOLS_INSPECT_SINGLE_H

#include "tools/inspect/replay/omega_read.h"
#include "tools/inspect/replay/renderer.h"

struct single_options {
    const char *image, *omega; /* omega NULL: as the picture is */
    int64_t size, kernel;      /* 0: not told */
    bool reduce;
};

/* Rows that both verbs have; single_option takes one of them: 1 when it was one, 0 when it is the
 * verb's own, -EINVAL. */
#define SINGLE_OPTIONS                                                                             \
    {"image", "FILE", 'i', "a JPEG, PNG or WebP file", USAGE_REQUIRED},                            \
        {"omega", "JSON", 'j',                                                                     \
         "what is done to it, an object as stream prints one for each view, or @FILE with one; "   \
         "what it leaves out stays as it is, what it tells is done (default: the whole picture)"}, \
        {"size", "N", 'n',                                                                         \
         "side of the view in pixels, 1 to 1024 (default: what omega says, else 224)"},            \
        {"kernel", "N", 'k',                                                                       \
         "of a blur that tells none: pixels, odd, 1 to 127 (default: about a tenth of the side)"}, \
    {                                                                                              \
        "reduce", NULL, 'u', "decode a JPEG at 1/2, 1/4 or 1/8 as views.reduce of a recipe does"   \
    }
int single_option(struct single_options *o, int key, const char *arg);

struct single {
    struct renderer *renderer;
    struct omega omega;
    uint32_t size;
    bool reduce;
};

/* -EBADMSG for an image or an omega that is none. single_done is fine after a failure, and on a
 * zeroed one. */
int single_open(const struct single_options *o, struct single *ret);
void single_done(struct single *single);

/* The view under an omega, which may differ from single's in anything but sample and source:
 * [size][size][3]. */
int single_view(struct single *single, const struct omega *omega, uint8_t *ret);

#endif
