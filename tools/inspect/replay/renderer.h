/* SPDX-License-Identifier: Apache-2.0 */
/* renderer: records + the images that they are of -> the views again, to the bit (loaderd/render);
 * and the images themselves, upright, for people to look at. What the images are is told by options
 * that verbs share (SOURCE_OPTIONS).
 * A renderer is one thread's at a time; renderer_twin makes more of them, one for each thread. */
#ifndef AUGSTREAM_TOOLS_INSPECT_RENDERER_H
#define AUGSTREAM_TOOLS_INSPECT_RENDERER_H

#include "common/conf.h"
#include "common/usage.h"
#include "proto/wire.h"
#include "tools/picture.h"
#include "trainer/recipe.h"

/* --- which images: one of data, recipe and config --- */

struct source_options {
    const char *data;                /* PATH[:SPLIT] */
    const char *format;              /* NULL: by what lies there; with data, as the next three */
    const char *split, *classes;     /* NULL: as struct source_spec */
    double fraction;                 /* 0: all */
    const char *recipe;              /* its data.* says where */
    const char *sets[CONF_LIST_MAX]; /* --set a.b=v, with recipe */
    size_t n_sets;
    const char *config; /* loaderd.yaml */
};

/* Of usage_option, apart from every letter. */
enum source_key {
    SOURCE_DATA = 1000,
    SOURCE_FORMAT,
    SOURCE_SPLIT,
    SOURCE_CLASSES,
    SOURCE_FRACTION,
    SOURCE_CONFIG,
    SOURCE_RECIPE,
    SOURCE_SET,
};

/* Rows of a verb. The first macro is for verbs that have --recipe and --set of their own, which
 * then put them into source_options; the second one is all rows. */
#define SOURCE_FORMATS "folder manifest cifar10 cifar100 cifar100-coarse stl10 tar"
#define SOURCE_PLACE_OPTIONS                                                                       \
    {"data", "PATH[:SPLIT]", SOURCE_DATA,                                                          \
     "where the images are: a class folder, a manifest (.csv), a tar, a folder of CIFAR's or "     \
     "STL10's files"},                                                                             \
        {"format", "NAME", SOURCE_FORMAT, "of --data (default: by what lies there)",               \
         USAGE_OPTIONAL, SOURCE_FORMATS},                                                          \
        {"split", "NAME", SOURCE_SPLIT,                                                            \
         "of --data: which part (default: the format's usual one)"},                               \
        {"classes", "FILE", SOURCE_CLASSES,                                                        \
         "of --data: only the classes named in FILE, numbered as there (default: all)"},           \
        {"fraction", "X", SOURCE_FRACTION, "of --data: of each class's samples (default 1)"},      \
    {                                                                                              \
        "config", "FILE", SOURCE_CONFIG,                                                           \
            "loaderd.yaml in place of --data: the dataset of the record's name"                    \
    }
#define SOURCE_OPTIONS                                                                             \
    SOURCE_PLACE_OPTIONS,                                                                          \
        {"recipe", "FILE", SOURCE_RECIPE,                                                          \
         "a recipe with data.path in place of --data, as a run folder's recipe.yaml"},             \
    {                                                                                              \
        "set", "KEY=VALUE", SOURCE_SET, "override one key of --recipe; VALUE is YAML",             \
            USAGE_REPEATED, NULL, &recipe_table                                                    \
    }
#define SOURCE_ABOUT                                                                               \
    "The images are told by --data, by a recipe's data.path or by loaderd.yaml: exactly one of "   \
    "them. They must be the ones that the record is of, which their fingerprint tells."

/* 1 when key was one of these, 0 when it is the verb's own, -EINVAL. */
int source_option(struct source_options *o, int key, const char *arg);

bool source_told(const struct source_options *o); /* whether there is anything in it */

/* -EINVAL when not exactly one place is told, or --format and its like without --data. */
int source_check(const struct source_options *o, const char *verb);

/* --- */

struct renderer;

/* dataset: the record's name of it, for config (NULL: config has but one). fingerprint: NULL for
 * any; -EBADMSG when that of the images is another. Else source_open's errors, or the file's. */
int renderer_open(const struct source_options *o, const char *dataset, const uint8_t *fingerprint,
                  struct renderer **ret);

/* Of one image file: it is every sample. Its bytes are read when they are needed, not here. */
int renderer_image(const char *path, struct renderer **ret);

/* The same images for another thread; to be closed before the one that it is of. */
int renderer_twin(const struct renderer *of, struct renderer **ret);
void renderer_close(struct renderer *renderer); /* takes NULL */

uint64_t renderer_samples(const struct renderer *renderer);
const uint8_t *renderer_fingerprint(const struct renderer *renderer); /* NULL: of one image */

/* A sample's file, or its name within the dataset, for messages; "" above the last sample. */
void renderer_name(const struct renderer *renderer, uint32_t sample, char *ret, size_t cap);
/* A label's name, or NULL where it has none. */
const char *renderer_class(const struct renderer *renderer, int64_t label);

/* One sample's views, from its records omega[spec->n_views], which name the sample, into
 * out[spec->n_views], [size][size][3] each. All views of a sample are needed, since they share one
 * decoded picture. 0; -EBADMSG for a fault of the image (*ret_fault says which, err_text() more);
 * -EINVAL for a record that is not of this picture and this spec, *ret_fault FAULT_NONE: above all
 * an image whose size has changed since. */
int renderer_views(struct renderer *renderer, const struct spec *spec,
                   const struct omega *const *omega, uint8_t *const *out,
                   enum wire_fault *ret_fault);

/* Pixels of the upright picture. Errors as renderer_views'. */
int renderer_size(struct renderer *renderer, uint32_t sample, uint32_t *ret_w, uint32_t *ret_h);

/* The picture, upright, its longer side at most side_max (>= 1); it is never enlarged. Each pixel
 * is the mean of those of the source that it covers. A place (x, y) of the source is at
 * (x * canvas.w / w, y * canvas.h / h) where w, h is the source's size; *ret_w, *ret_h tell it. */
int renderer_source(struct renderer *renderer, uint32_t sample, uint32_t side_max,
                    struct canvas *ret, uint32_t *ret_w, uint32_t *ret_h);

#endif
