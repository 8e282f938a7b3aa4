/* SPDX-License-Identifier: Apache-2.0 */
/* recipe: takes YAML and --set, gives a checked struct recipe. The table below is the list of every
 * option and its documentation; what needs more than one value is checked in recipe_check.c. Any
 * thread. Defaults: SimSiam with AugSelf {crop, color} on STL10 as the paper trains it. Does not
 * open what the recipe names. */
#include "trainer/recipe.h"

#include "common/auto.h"
#include "trainer/method/method.h"
#include "trainer/resnet.h"

#include <string.h>

static const char *const stems[] = {"imagenet", "cifar", NULL};
static const char *const jitter_orders[] = {"image", "batch", NULL};
static const char *const schedules[] = {"cosine", "constant", NULL};
static const char *const momentum_schedules[] = {"auto", "constant", "cosine", NULL};
static const char *const optim_names[] = {"sgd", "lars", NULL};
static const char *const decays[] = {"all", "weights", NULL};
static const char *const queue_sources[] = {"key", "query", NULL};
static const char *const guards[] = {"stop", "warn", "off", NULL};
static const char *const schedule_units[] = {"epoch", "step", NULL};
static const char *const dtypes[] = {"fp32", "bf16", "auto", NULL}; /* enum dtype */

#define AT(field) offsetof(struct recipe, field)

/* What is drawn for a view, once for each group of views. def and from name the macros that give
 * the default, and the option that is inherited with the row's mark. */
// clang-format off
#define LAW(group, place, def, from, whose)                                                        \
    {group ".crop.scale", CONF_FLOATS, AT(place.crop.scale), def("[.2, 1]"), 1e-4, 1, NULL,        \
     "area of the crop, fraction of the image" whose, NULL, 2, from(".crop.scale")},               \
    {group ".crop.ratio", CONF_FLOATS, AT(place.crop.ratio), def("[.75, 1.3333333333333333]"),     \
     1e-2, 100, NULL, "width / height of the crop" whose, NULL, 2, from(".crop.ratio")},           \
    {group ".flip", CONF_FLOAT, AT(place.flip), def(".5"), 0, 1, NULL,                             \
     "probability of a horizontal flip" whose, NULL, 0, from(".flip")},                            \
    {group ".jitter.p", CONF_FLOAT, AT(place.jitter.p), def(".8"), 0, 1, NULL,                     \
     "probability of colour jitter" whose, NULL, 0, from(".jitter.p")},                            \
    {group ".jitter.brightness", CONF_FLOAT, AT(place.jitter.brightness), def(".4"), 0, 10, NULL,  \
     "factor of brightness, within 1 +- this" whose, NULL, 0, from(".jitter.brightness")},         \
    {group ".jitter.contrast", CONF_FLOAT, AT(place.jitter.contrast), def(".4"), 0, 10, NULL,      \
     "factor of contrast, within 1 +- this" whose, NULL, 0, from(".jitter.contrast")},             \
    {group ".jitter.saturation", CONF_FLOAT, AT(place.jitter.saturation), def(".4"), 0, 10, NULL,  \
     "factor of saturation, within 1 +- this" whose, NULL, 0, from(".jitter.saturation")},         \
    {group ".jitter.hue", CONF_FLOAT, AT(place.jitter.hue), def(".1"), 0, .5, "turns",             \
     "shift of hue, within +- this" whose, NULL, 0, from(".jitter.hue")},                          \
    {group ".jitter.order", CONF_ENUM, AT(place.jitter.order), def("image"), 0, 0, NULL,           \
     "the four operations' order is drawn per image or per batch" whose, jitter_orders, 0,         \
     from(".jitter.order")},                                                                       \
    {group ".grayscale", CONF_FLOAT, AT(place.grayscale), def(".2"), 0, 1, NULL,                   \
     "probability of grayscale" whose, NULL, 0, from(".grayscale")},                               \
    {group ".blur.p", CONF_FLOAT, AT(place.blur.p), def(".5"), 0, 1, NULL,                         \
     "probability of blur" whose, NULL, 0, from(".blur.p")},                                       \
    {group ".blur.sigma", CONF_FLOATS, AT(place.blur.sigma), def("[.1, 2]"), 1e-3, 100, "pixels",  \
     "standard deviation of the Gaussian" whose, NULL, 2, from(".blur.sigma")},                    \
    {group ".blur.kernel", CONF_INT, AT(place.blur.kernel), def("9"), 1, OMEGA_KERNEL_MAX,         \
     "pixels", "width of that Gaussian, odd (9 at 96 pixels, 23 at 224)" whose, NULL, 0,           \
     from(".blur.kernel")},                                                                        \
    {group ".solarize.p", CONF_FLOAT, AT(place.solarize.p), def("0"), 0, 1, NULL,                  \
     "probability of solarization" whose, NULL, 0, from(".solarize.p")},                           \
    {group ".solarize.threshold", CONF_FLOAT, AT(place.solarize.threshold), def(".5"), 0, 1,       \
     NULL, "solarization inverts brighter pixels" whose, NULL, 0, from(".solarize.threshold")},    \
    {group ".rotation", CONF_FLOAT, AT(place.rotation), def("0"), 0, 1, NULL,                      \
     "probability of a rotation by quarter turns" whose, NULL, 0, from(".rotation")}
// clang-format on
#define GIVEN(text) text
#define INHERIT(text) CONF_INHERIT
#define NOBODY(name) NULL, RESUME_BATCHES
#define VIEWS(name) "views" name, RESUME_BATCHES

/* name, type, place, default, min, max, unit, help, choices, count, inherits, mark */
static const struct conf_option options[] = {
    {"run.name", CONF_STR, AT(run.name), NULL, 0, 0, NULL, "the run folder's name",
     .mark = RESUME_FREE},
    {"run.seed", CONF_INT, AT(run.seed), "1", 0, 1e15, NULL,
     "fixes order, augmentation and initial weights"},
    {"run.dir", CONF_STR, AT(run.dir), "runs", 0, 0, NULL, "run folders are made in here",
     .mark = RESUME_FREE},
    {"run.omega", CONF_BOOL, AT(run.omega), "false", 0, 0, NULL,
     "keep omega of every view in the run folder: omega/step-NNNNNNNN.omega", .mark = RESUME_FREE},

    {"data.dataset", CONF_STR, AT(data.dataset), NULL, 0, 0, NULL,
     "a name that the loaders know; embedded: any name"},
    {"data.batch", CONF_INT, AT(data.batch), "256", 2, WIRE_BATCH_MAX, "images",
     "images of a step"},
    {"data.loaders", CONF_STRS, AT(data.loaders), "[embedded]", 0, 0, NULL,
     "endpoints (tcp://host:port, ipc://path), or embedded alone", .mark = RESUME_FREE},
    {"data.path", CONF_STR, AT(data.path), "\"\"", 0, 0, NULL, "embedded: where the dataset is",
     .mark = RESUME_BATCHES},
    {"data.format", CONF_STR, AT(data.format), "folder", 0, 0, NULL, "embedded: its format",
     .mark = RESUME_BATCHES},
    {"data.split", CONF_STR, AT(data.split), "\"\"", 0, 0, NULL,
     "embedded: which part of it: train, test, and what else the format has; empty: the usual one",
     .mark = RESUME_BATCHES},
    {"data.classes", CONF_STR, AT(data.classes), "\"\"", 0, 0, NULL,
     "embedded: a file of class names, one a line: only these, numbered as there; empty: all",
     .mark = RESUME_BATCHES},
    {"data.fraction", CONF_FLOAT, AT(data.fraction), "1", 1e-6, 1, NULL,
     "embedded: of each class's samples", .mark = RESUME_BATCHES},
    {"data.workers", CONF_INT, AT(data.workers), "0", 0, 256, NULL,
     "embedded: worker processes; 0: one for each core", .mark = RESUME_FREE},
    {"data.bad_rate_max", CONF_FLOAT, AT(data.bad_rate_max), ".1", 0, 1, NULL,
     "embedded: the run ends when more than this fraction of its samples are bad images",
     .mark = RESUME_FREE},
    {"data.window", CONF_INT, AT(data.window), "4", 1, 64, "batches",
     "asked for ahead at each loader", .mark = RESUME_FREE},
    {"data.deadline", CONF_FLOAT, AT(data.deadline), "30", 0.05, 3600, "s",
     "a batch that has not come by then is asked for again", .mark = RESUME_FREE},
    {"data.retry", CONF_FLOAT, AT(data.retry), "60", 0.05, 86400, "s",
     "the run gives up after so long without any loader", .mark = RESUME_FREE},
    {"data.curve.server", CONF_STRS, AT(data.curve.server), "[]", 0, 0, NULL,
     "public key of tcp loaders with CURVE, or its file: one for all, or one for each",
     .mark = RESUME_FREE},
    {"data.curve.secret", CONF_STR, AT(data.curve.secret), "\"\"", 0, 0, NULL,
     "file of our secret key (augstream-loaderd keygen) for these; empty: a fresh one, which only "
     "loaders that let in any key take",
     .mark = RESUME_FREE},

    {"views.size", CONF_INT, AT(views.size), "96", 8, OMEGA_VIEW_MAX, "pixels",
     "side of a square view"},
    {"views.count", CONF_INT, AT(views.count), "2", 1, OMEGA_VIEWS_MAX, NULL, "views of an image"},
    {"views.reduce", CONF_BOOL, AT(views.reduce), "false", 0, 0, NULL,
     "decode a JPEG at 1/2, 1/4 or 1/8 where every crop still has as many pixels as its view: "
     "faster, not to the bit what a full decode gives"},
    {"views.mean", CONF_FLOATS, AT(views.mean), "[.43, .42, .39]", 0, 1, NULL,
     "subtracted from red, green and blue, which are in [0,1]", NULL, 3},
    {"views.std", CONF_FLOATS, AT(views.std), "[.27, .26, .27]", 1e-3, 10, NULL,
     "they are divided by these then", NULL, 3},
    LAW("views", views.law, GIVEN, NOBODY, ""),
    LAW("views.second", views.second, INHERIT, VIEWS, ", second view"),
    {"views.small.count", CONF_INT, AT(views.small.count), "0", 0, OMEGA_VIEWS_MAX - 1, NULL,
     "small views of an image, after the others (multi-crop)"},
    {"views.small.size", CONF_INT, AT(views.small.size), CONF_INHERIT, 8, OMEGA_VIEW_MAX, "pixels",
     "side of a small view", .inherits = "views.size", .mark = RESUME_BATCHES},
    LAW("views.small", views.small.law, INHERIT, VIEWS, ", small views"),

    {"model.backbone", CONF_ENUM, AT(model.backbone), "resnet18", 0, 0, NULL,
     "what is trained and kept", resnet_names},
    {"model.stem", CONF_ENUM, AT(model.stem), "imagenet", 0, 0, NULL,
     "7x7 stride 2 and max pooling, or 3x3 for small images", stems},
    {"model.width", CONF_INT, AT(model.width), "64", 8, 512, "channels",
     "of the first stage; the others have 2, 4 and 8 times as many"},
    {"model.weights", CONF_STR, AT(model.weights), "\"\"", 0, 0, NULL,
     "a backbone to begin with, a safetensors file: torchvision's names, or a state_dict of MoCo, "
     "SimSiam, solo-learn, lightly or AugSelf"},

    {"method.name", CONF_ENUM, AT(method.name), "simsiam", 0, 0, NULL, "the objective",
     method_names},
    {"method.projector.layers", CONF_INT, AT(method.projector.layers), "0", 0, 4, NULL,
     "linear layers of the projector; 0, here and below: the method's own (2; SimSiam on ImageNet: "
     "3)"},
    {"method.projector.hidden", CONF_INT, AT(method.projector.hidden), "0", 0, 16384, "features",
     "width of the projector's hidden layers"},
    {"method.projector.dim", CONF_INT, AT(method.projector.dim), "0", 0, 16384, "features",
     "output width of the projector"},
    {"method.predictor.dim", CONF_INT, AT(method.predictor.dim), "0", 0, 16384, "features",
     "hidden width of the predictor"},
    {"method.condition.dim", CONF_INT, AT(method.condition.dim), "0", 0, 4096, "features",
     "width of the encoding of a view's own augmentation that the projector reads beside the "
     "features (CASSLE); 0: it reads features alone"},
    {"method.condition.layers", CONF_INT, AT(method.condition.layers), "2", 1, 4, NULL,
     "linear layers of the network that makes that encoding"},
    {"method.temperature", CONF_FLOAT, AT(method.temperature), "0", 0, 100, NULL,
     "what logits are divided by (moco, simclr, swav)"},
    {"method.momentum", CONF_FLOAT, AT(method.momentum), "0", 0, 1, NULL,
     "momentum of the momentum encoder (moco, byol)"},
    {"method.momentum_schedule", CONF_ENUM, AT(method.momentum_schedule), "auto", 0, 0, NULL,
     "that momentum stays, or rises to 1 by a cosine", momentum_schedules},
    {"method.queue.size", CONF_INT, AT(method.queue.size), "0", 0, 1 << 24, "keys",
     "moco's queue; a multiple of data.batch"},
    {"method.queue.source", CONF_ENUM, AT(method.queue.source), "key", 0, 0, NULL,
     "the momentum encoder's keys, or the queries as in AugSelf's published code", queue_sources},
    {"method.prototypes.count", CONF_INT, AT(method.prototypes.count), "0", 0, 1 << 20, NULL,
     "swav's prototypes"},
    {"method.prototypes.frozen", CONF_INT, AT(method.prototypes.frozen), "0", 0, 1e9, "steps",
     "swav's prototypes stand still for so long at first"},
    {"method.sinkhorn.epsilon", CONF_FLOAT, AT(method.sinkhorn.epsilon), ".05", .025, 10, NULL,
     "sharpness of swav's codes; below, exp(-2 / epsilon) is no float any more"},
    {"method.sinkhorn.iterations", CONF_INT, AT(method.sinkhorn.iterations), "3", 1, 100, NULL,
     "rounds of balancing swav's codes"},
    {"method.classes", CONF_INT, AT(method.classes), "0", 0, 1 << 20, NULL,
     "number of labels (supervised)"},

    {"augself.crop", CONF_FLOAT, AT(augself.crop), "1", 0, 1e3, NULL,
     "weight of predicting the difference of two views' crops; 0: no head"},
    {"augself.color", CONF_FLOAT, AT(augself.color), "1", 0, 1e3, NULL,
     "weight of predicting the difference of their colours"},
    {"augself.flip", CONF_FLOAT, AT(augself.flip), "0", 0, 1e3, NULL,
     "weight of predicting the difference of their flips"},
    {"augself.blur", CONF_FLOAT, AT(augself.blur), "0", 0, 1e3, NULL,
     "weight of predicting the difference of their blur"},
    {"augself.rotation", CONF_FLOAT, AT(augself.rotation), "0", 0, 1e3, NULL,
     "weight of predicting the difference of their rotations"},
    {"augself.solarize", CONF_FLOAT, AT(augself.solarize), "0", 0, 1e3, NULL,
     "weight of predicting the difference of their solarization"},
    {"augself.hidden", CONF_INT, AT(augself.hidden), "512", 8, 16384, "features",
     "hidden width of these heads"},
    {"augself.only", CONF_BOOL, AT(augself.only), "false", 0, 0, NULL,
     "train by these heads alone, without the method's objective"},

    {"optim.epochs", CONF_INT, AT(optim.epochs), "200", 1, 1e6, NULL, "passes over the dataset",
     .mark = RESUME_FREE},
    {"optim.accumulate", CONF_INT, AT(optim.accumulate), "1", 1, 4096, "batches",
     "whose gradients are added up for a step"},
    {"optim.name", CONF_ENUM, AT(optim.name), "sgd", 0, 0, NULL,
     "sgd, or lars (not on norms and biases)", optim_names},
    {"optim.trust", CONF_FLOAT, AT(optim.trust), "1e-3", 1e-6, 1, NULL, "lars's coefficient"},
    {"optim.base_lr", CONF_FLOAT, AT(optim.base_lr), ".03", 0, 1e3, NULL,
     "learning rate for 256 images a step; scaled with what a step takes"},
    {"optim.weight_decay", CONF_FLOAT, AT(optim.weight_decay), "5e-4", 0, 1, NULL,
     "pulls weights to 0"},
    {"optim.decay", CONF_ENUM, AT(optim.decay), "all", 0, 0, NULL,
     "weight decay on all parameters, or not on norms and biases", decays},
    {"optim.momentum", CONF_FLOAT, AT(optim.momentum), ".9", 0, .9999, NULL,
     "momentum of the optimiser"},
    {"optim.schedule", CONF_ENUM, AT(optim.schedule), "cosine", 0, 0, NULL,
     "course of the learning rate; SimSiam's predictor keeps the first one", schedules},
    {"optim.schedule_unit", CONF_ENUM, AT(optim.schedule_unit), "epoch", 0, 0, NULL,
     "the learning rate changes with each epoch or with each step", schedule_units},
    {"optim.warmup", CONF_FLOAT, AT(optim.warmup), "0", 0, 1e6, "epochs",
     "the learning rate rises from near 0 at first"},

    {"knn.every", CONF_INT, AT(knn.every), "1", 0, 1e6, "epochs",
     "from one nearest-neighbour score to the next; 0: never", .mark = RESUME_FREE},
    {"knn.train", CONF_STR, AT(knn.train), "\"\"", 0, 0, NULL,
     "labelled images to find neighbours in: a dataset's name; embedded: its path",
     .mark = RESUME_FREE},
    {"knn.test", CONF_STR, AT(knn.test), "\"\"", 0, 0, NULL,
     "labelled images whose neighbours tell their class; named likewise", .mark = RESUME_FREE},

    {"checkpoint.every", CONF_INT, AT(checkpoint.every), "0", 0, 1e9, "steps",
     "from one checkpoint to the next; 0: one after each epoch", .mark = RESUME_FREE},
    {"checkpoint.keep", CONF_INT, AT(checkpoint.keep), "2", 1, 1e6, NULL,
     "newest checkpoints that stay; that of step 0 always does", .mark = RESUME_FREE},

    {"guard.non_finite", CONF_ENUM, AT(guard.non_finite), "stop", 0, 0, NULL,
     "when a loss is no number: end the run, say so once, or nothing", guards, .mark = RESUME_FREE},
    {"guard.collapse", CONF_ENUM, AT(guard.collapse), "warn", 0, 0, NULL,
     "when the features collapse: the same choice", guards, .mark = RESUME_FREE},
    {"guard.spread", CONF_FLOAT, AT(guard.spread), ".1", 0, 1, NULL,
     "they have when their spread is below this: 1 is healthy, 0 one point", .mark = RESUME_FREE},
    {"guard.rank", CONF_FLOAT, AT(guard.rank), "2", 0, 16384, "directions",
     "they have when their effective rank is below this", .mark = RESUME_FREE},
    {"guard.every", CONF_INT, AT(guard.every), "100", 0, 1e9, "steps",
     "from one effective rank (RankMe) of the features to the next; 0: never", .mark = RESUME_FREE},

    {"board.histograms", CONF_INT, AT(board.histograms), "1", 0, 1e6, "epochs",
     "from one histogram of each weight to the next, for TensorBoard; 0: never",
     .mark = RESUME_FREE},
    {"board.pairs", CONF_INT, AT(board.pairs), "12", 0, 256, "images",
     "of the first batch whose views TensorBoard shows; 0: none", .mark = RESUME_FREE},

    {"device.ops", CONF_STR, AT(device.ops), "auto", 0, 0, NULL, "back end: auto, onednn, ref",
     .mark = RESUME_FREE},
    {"device.dtype", CONF_ENUM, AT(device.dtype), "fp32", 0, 0, NULL,
     "activations and their products: fp32, bf16, or auto: bf16 where the machine has it", dtypes,
     .mark = RESUME_FREE},
    {"device.threads", CONF_INT, AT(device.threads), "0", 0, 1024, NULL,
     "of the back end; 0: one for each core", .mark = RESUME_FREE},
};

const struct conf_table recipe_table = {
    .options = options,
    .n_options = ARRAY_LEN(options),
    .base = "another recipe, as seen from this one's folder, whose keys hold where this one gives "
            "none; the first key of the file",
};

int recipe_load(struct recipe *recipe, const char *path, const char *const *sets, size_t n_sets)
{
    int rc = conf_defaults(&recipe_table, recipe);
    if (rc == 0 && path)
        rc = conf_load(&recipe_table, recipe, path);
    for (size_t i = 0; i < n_sets && rc == 0; i++)
        rc = conf_set(&recipe_table, recipe, sets[i]);
    if (rc == 0)
        rc = conf_complete(&recipe_table, recipe, path ? path : "recipe");
    if (rc == 0)
        rc = recipe_check(recipe, path, sets, n_sets);
    if (rc == 0)
        method_resolve(recipe);
    return rc;
}

bool recipe_embedded(const struct recipe *recipe)
{
    return recipe->data.loaders.n == 1 && strcmp(recipe->data.loaders.v[0], RECIPE_EMBEDDED) == 0;
}

bool recipe_knn(const struct recipe *recipe)
{
    return recipe->knn.every > 0 && recipe->knn.train[0];
}
