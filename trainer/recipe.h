/* SPDX-License-Identifier: Apache-2.0 */
/* recipe: one YAML file = one experiment. The option table (recipe.c) is its documentation:
 * augstream-trainer --help prints it. */
#ifndef AUGSTREAM_TRAINER_RECIPE_H
#define AUGSTREAM_TRAINER_RECIPE_H

#include "common/conf.h"
#include "common/omega.h"
#include "proto/wire.h"

#define RECIPE_EMBEDDED "embedded" /* in place of endpoints: a private loader of our own */

enum recipe_schedule { SCHEDULE_COSINE, SCHEDULE_CONSTANT };
enum recipe_schedule_unit { SCHEDULE_EPOCH, SCHEDULE_STEP };
enum recipe_optim { OPTIM_SGD, OPTIM_LARS };
enum recipe_decay { DECAY_ALL, DECAY_WEIGHTS };
enum recipe_stem { STEM_IMAGENET, STEM_CIFAR };
enum recipe_momentum { MOMENTUM_AUTO, MOMENTUM_CONSTANT, MOMENTUM_COSINE };
enum recipe_queue_source { QUEUE_KEY, QUEUE_QUERY };
enum recipe_guard { GUARD_STOP, GUARD_WARN, GUARD_OFF };

/* What --resume makes of an option that is not as the checkpoint's recipe has it: each row's mark.
 * A row that says nothing is fixed. */
enum recipe_resume {
    RESUME_FIXED,   /* another experiment: refused */
    RESUME_BATCHES, /* fine while the loaders' session, a digest of what batches are made of, is the
                     * same: a dataset may have moved, a law be inherited or spelt out */
    RESUME_FREE,    /* may change */
};

/* What is drawn for a view (struct view_spec without its size). */
struct recipe_law {
    struct {
        double scale[2], ratio[2];
    } crop;
    double flip;
    struct {
        double p, brightness, contrast, saturation, hue;
        int order; /* 0 image, 1 batch */
    } jitter;
    double grayscale;
    struct {
        double p, sigma[2];
        int64_t kernel;
    } blur;
    struct {
        double p, threshold;
    } solarize;
    double rotation;
};

/* Of tcp loaders; both empty: they want no key. */
struct recipe_keys {
    struct conf_strs server;   /* their public keys, or files with them: one for all, or for each */
    char secret[CONF_STR_MAX]; /* file of our key pair; "" = a fresh one, for clients: any */
};

struct recipe {
    struct {
        char name[CONF_STR_MAX];
        int64_t seed;
        char dir[CONF_STR_MAX]; /* run folders are made in here: dir/name */
        bool omega;             /* a record of every batch is kept in there */
    } run;
    struct {
        char dataset[CONF_STR_MAX]; /* a name that the loaders know; embedded: any name */
        int64_t batch;              /* images a step */
        struct conf_strs loaders;   /* endpoints, or "embedded" alone */
        char path[CONF_STR_MAX];    /* embedded: the dataset's place */
        char format[CONF_STR_MAX];  /* embedded: its format */
        char split[CONF_STR_MAX];   /* embedded: which part of it, "" = the format's usual one */
        char classes[CONF_STR_MAX]; /* embedded: a file of class names, "" = all */
        double fraction;            /* embedded: of each class's samples */
        int64_t workers;            /* embedded: worker processes, 0 = one per core */
        double bad_rate_max;        /* embedded: its bad_rate_max */
        int64_t window;             /* batches asked ahead, per loader */
        double deadline;            /* s, until a batch is asked for again */
        double retry;               /* s, without any loader until giving up */
        struct recipe_keys curve;
    } data;
    struct {
        int64_t size, count; /* of the large views */
        bool reduce;         /* struct spec's */
        double mean[3], std[3];
        struct recipe_law law;    /* of every view; where the two below inherit, theirs too */
        struct recipe_law second; /* of the second view (BYOL's asymmetry) */
        struct {
            int64_t count, size;
            struct recipe_law law;
        } small; /* crops beside the large views (SwAV's multi-crop) */
    } views;
    struct {
        int backbone;               /* index into resnet_archs: resnet18, ... */
        int stem;                   /* enum recipe_stem */
        int64_t width;              /* channels of the first stage, 64 */
        char weights[CONF_STR_MAX]; /* a file that the backbone begins with; "" = none */
    } model;
    struct {
        int name; /* index into methods */
        /* below, 0 has become the method's own default */
        struct {
            int64_t layers, hidden, dim;
        } projector;
        struct {
            int64_t dim; /* hidden width */
        } predictor;
        struct {
            int64_t dim, layers; /* dim 0 = the projector reads features alone */
        } condition;
        double temperature;
        double momentum; /* of a momentum encoder */
        int momentum_schedule;
        struct {
            int64_t size; /* keys */
            int source;
        } queue;
        struct {
            int64_t count, frozen; /* frozen: steps */
        } prototypes;
        struct {
            double epsilon;
            int64_t iterations;
        } sinkhorn;
        int64_t classes; /* of a supervised objective; 0 = not told */
    } method;
    struct {
        double crop, color, flip, blur, rotation, solarize; /* weights, 0 = no head */
        int64_t hidden;
        bool only; /* no objective but these heads */
    } augself;
    struct {
        int64_t epochs;
        int64_t accumulate; /* batches a step */
        int name;           /* enum recipe_optim */
        double trust;       /* LARS's coefficient */
        double base_lr;     /* lr = base_lr * batch * accumulate / 256 */
        double weight_decay, momentum;
        int decay; /* enum recipe_decay */
        int schedule, schedule_unit;
        double warmup; /* epochs */
    } optim;
    struct {
        int64_t every;            /* epochs, 0 = never */
        char train[CONF_STR_MAX]; /* the labelled bank: dataset name; embedded: path */
        char test[CONF_STR_MAX];  /* the queries, same */
    } knn;
    struct {
        int64_t every, keep; /* steps between checkpoints (0 = each epoch); newest kept */
    } checkpoint;
    struct {
        int non_finite, collapse; /* enum recipe_guard */
        double spread, rank;      /* below: collapsed */
        int64_t every;            /* steps from one rank to the next, 0 = never */
    } guard;
    struct {
        int64_t histograms; /* epochs from one to the next, 0 = never */
        int64_t pairs;      /* images of the first batch whose views are shown */
    } board;
    struct {
        char ops[CONF_STR_MAX];
        int dtype; /* enum dtype: what images are kept in between operations */
        int64_t threads;
    } device;
};

extern const struct conf_table recipe_table;

/* Defaults, file (may be NULL), assignments in order, then every cross-field check. -EINVAL. */
int recipe_load(struct recipe *recipe, const char *path, const char *const *sets, size_t n_sets);

/* --- recipe_check.c --- */

/* recipe_load's checks across options: the same arguments, once the values are there. -EINVAL. */
int recipe_check(const struct recipe *recipe, const char *path, const char *const *sets,
                 size_t n_sets);

/* What a training run asks beyond that: the method must be able to use it (method_check). The same
 * arguments, after a recipe_load that was fine. -EINVAL. */
int recipe_trainable(const struct recipe *recipe, const char *path, const char *const *sets,
                     size_t n_sets);

/* What they ask who take the recipe's own images, and not others as evaluate does: embedded loaders
 * must know where they are. The same arguments; -EINVAL. */
int recipe_fed(const struct recipe *recipe, const char *path, const char *const *sets,
               size_t n_sets);

/* An error that shows only when the run begins, and whose err_text begins with an option's name and
 * ": ": puts the option's place before it. Every other text stays as it is. The same arguments;
 * returns code. */
int recipe_place(int code, const char *path, const char *const *sets, size_t n_sets);

/* Puts the place of an option before err_text, for what shows only when loaders answer: the same
 * arguments. Returns code. */
int recipe_blame(int code, const char *key, const char *path, const char *const *sets,
                 size_t n_sets);

/* --- recipe_spec.c: what the other rooms read from a recipe --- */

/* The training spec that loaders are asked for: views.count large views, then views.small.count
 * small ones; and that of an evaluation pass over a dataset: one view, shorter side resized to
 * size, centre crop, dataset order, last batch partial. */
void recipe_spec(const struct recipe *recipe, struct spec *ret);
void recipe_eval_spec(const struct recipe *recipe, const char *dataset, struct spec *ret);

/* The group of options that view v's law comes from: "views", "views.second" or "views.small". */
const char *recipe_view_group(const struct recipe *recipe, uint32_t view);

bool recipe_embedded(const struct recipe *recipe);
bool recipe_knn(const struct recipe *recipe); /* nearest-neighbour scores are wanted */

/* {crop, color, ...} in the order of enum augself_kind. */
double recipe_augself_weight(const struct recipe *recipe, enum augself_kind kind);

#endif
