/* SPDX-License-Identifier: Apache-2.0 */
/* agenda: takes REPORT.yaml, gives a checked struct agenda. */
#include "tools/evaluate/report/agenda.h"

#include "common/auto.h"
#include "common/err.h"
#include "tools/evaluate/report/paper.h"
#include "trainer/method/method.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const agenda_roles[] = {"train", "val", "test", "images"};

enum {
    TRAIN = 1 << ROLE_TRAIN,
    VAL = 1 << ROLE_VAL,
    TEST = 1 << ROLE_TEST,
    IMAGES = 1 << ROLE_IMAGES,
};

static const struct agenda_verb verbs[] = {
    {"knn", TRAIN | TEST, 0, false, false}, {"linear", TRAIN | TEST, VAL, true, false},
    {"fewshot", IMAGES, 0, false, false},   {"localize", TRAIN | TEST, VAL, false, false},
    {"mutual", IMAGES, TEST, false, true},
};

static const char *const metrics[] = {"top1", "mean-per-class"};

/* AGENDA_HEADS_RECIPE, then paper_heads_names without the last. */
static const char *const heads[] = {"recipe", "none", "crop", "color", "both", NULL};

#define BACKBONE(field) offsetof(struct agenda_backbone, field)
#define MEASURE(field) offsetof(struct agenda_measure, field)

static const struct conf_option options[] = {
    {.name = "title",
     .type = CONF_STR,
     .offset = offsetof(struct agenda, title),
     .def = "Evaluation of frozen backbones",
     .help = "of the page"},
    {.name = "set",
     .type = CONF_STRS,
     .offset = offsetof(struct agenda, set),
     .def = "[]",
     .help = "KEY=VALUE, for every backbone's recipe: data.loaders=embedded"},
    {.name = "backbones.*.title",
     .type = CONF_STR,
     .offset = BACKBONE(title),
     .def = "\"\"",
     .help = "what it is called in the tables; empty: its name"},
    {.name = "backbones.*.recipe",
     .type = CONF_STR,
     .offset = BACKBONE(recipe),
     .help = "its recipe; a run folder's recipe.yaml"},
    {.name = "backbones.*.backbone",
     .type = CONF_STR,
     .offset = BACKBONE(backbone),
     .help = "its weights: backbone.safetensors, a checkpoint, or another trainer's state_dict"},
    {.name = "backbones.*.method",
     .type = CONF_STR,
     .offset = BACKBONE(method),
     .def = "\"\"",
     .help = "what it was trained with, for the paper's figures; empty: as the recipe says"},
    {.name = "backbones.*.heads",
     .type = CONF_ENUM,
     .offset = BACKBONE(heads),
     .def = "recipe",
     .choices = heads,
     .help = "AugSelf's heads that it was trained with, for the paper's figures"},
    {.name = "backbones.*.set",
     .type = CONF_STRS,
     .offset = BACKBONE(set),
     .def = "[]",
     .help = "KEY=VALUE, for this one's recipe, over set"},
    {.name = "measures.*.title",
     .type = CONF_STR,
     .offset = MEASURE(title),
     .def = "\"\"",
     .help = "what it is called in the tables; empty: its name"},
    {.name = "measures.*.verb",
     .type = CONF_STR,
     .offset = MEASURE(verb),
     .help = "of augstream-evaluate: knn, linear, fewshot, localize, mutual"},
    {.name = "measures.*.train",
     .type = CONF_STR,
     .offset = MEASURE(role[ROLE_TRAIN]),
     .def = "\"\"",
     .help = "a dataset: the verb's --train"},
    {.name = "measures.*.val",
     .type = CONF_STR,
     .offset = MEASURE(role[ROLE_VAL]),
     .def = "\"\"",
     .help = "a dataset: the verb's --val"},
    {.name = "measures.*.test",
     .type = CONF_STR,
     .offset = MEASURE(role[ROLE_TEST]),
     .def = "\"\"",
     .help = "a dataset: the verb's --test"},
    {.name = "measures.*.images",
     .type = CONF_STR,
     .offset = MEASURE(role[ROLE_IMAGES]),
     .def = "\"\"",
     .help = "a dataset: the verb's --images"},
    {.name = "measures.*.metric",
     .type = CONF_STR,
     .offset = MEASURE(metric),
     .def = "\"\"",
     .help = "top1 or mean-per-class: the verb's --metric; empty: its own"},
    {.name = "measures.*.options",
     .type = CONF_STRS,
     .offset = MEASURE(options),
     .def = "[]",
     .help = "other options of the verb, without the two dashes: seed=7"},
    {.name = "measures.*.scores",
     .type = CONF_STRS,
     .offset = MEASURE(scores),
     .def = "[]",
     .help = "which of the verb's scores have a column; empty: the first"},
    {.name = "measures.*.paper",
     .type = CONF_STR,
     .offset = MEASURE(paper),
     .def = "\"\"",
     .help = "the dataset in the AugSelf paper whose figures belong beside these: cifar10, "
             "cifar100, food, mit67, pets, flowers, caltech101, cars, aircraft, dtd, sun397, "
             "stl10, cub200; empty: none"},
};

static const struct conf_map maps[] = {
    {.name = "backbones",
     .offset = offsetof(struct agenda, backbones),
     .stride = sizeof(struct agenda_backbone),
     .count_offset = offsetof(struct agenda, n_backbones),
     .max = AGENDA_BACKBONES_MAX},
    {.name = "measures",
     .offset = offsetof(struct agenda, measures),
     .stride = sizeof(struct agenda_measure),
     .count_offset = offsetof(struct agenda, n_measures),
     .max = AGENDA_MEASURES_MAX},
};

const struct conf_table agenda_table = {
    .options = options,
    .n_options = ARRAY_LEN(options),
    .maps = maps,
    .n_maps = ARRAY_LEN(maps),
};

const struct agenda_verb *agenda_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

const char *agenda_metric(const struct agenda_measure *measure)
{
    const struct agenda_verb *verb = agenda_verb(measure->verb);
    if (!verb || !verb->metric)
        return "";
    return measure->metric[0] ? measure->metric : metrics[0];
}

struct place {
    const char *path, *map, *name;
};

/* "report.yaml:7: measures.flowers.verb: ..." */
__attribute__((format(printf, 3, 4))) static int bad(const struct place *at, const char *field,
                                                     const char *format, ...)
{
    char key[CONF_NAME_MAX + 32], why[CONF_STR_MAX + 256];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(key, sizeof key, "%s.%s.%s", at->map, at->name, field);
    int line = conf_line(key);
    if (!line) { /* not given: where its group begins */
        snprintf(key, sizeof key, "%s.%s", at->map, at->name);
        line = conf_line(key);
        snprintf(key, sizeof key, "%s.%s.%s", at->map, at->name, field);
    }
    if (!line)
        return err_set(-EINVAL, "%s: %s: %s", at->path, key, why);
    return err_set(-EINVAL, "%s:%d: %s: %s", at->path, line, key, why);
}

/* "a, b, c" of a list that ends with NULL. */
static void names_join(const char *(*name)(size_t i), size_t cap, char *ret)
{
    size_t used = 0;
    ret[0] = 0;
    for (size_t i = 0; name(i) && used < cap; i++)
        used += (size_t)snprintf(ret + used, cap - used, "%s%s", i ? ", " : "", name(i));
}

static const char *verb_at(size_t i)
{
    return i < ARRAY_LEN(verbs) ? verbs[i].name : NULL;
}

static const char *method_at(size_t i)
{
    return method_names[i];
}

static const char *metric_at(size_t i)
{
    return i < ARRAY_LEN(metrics) ? metrics[i] : NULL;
}

static int check_name(const struct place *at, const char *field, const char *value,
                      const char *(*name)(size_t i))
{
    char names[256];
    for (size_t i = 0; name(i); i++)
        if (strcmp(name(i), value) == 0)
            return 0;
    names_join(name, sizeof names, names);
    return bad(at, field, "'%s' is none of %s", value, names);
}

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int check_roles(const struct agenda_measure *m, const struct agenda_verb *verb,
                       const struct place *at)
{
    for (unsigned i = 0; i < ROLES; i++) {
        const bool given = m->role[i][0];
        if (!given && verb->needs >> i & 1)
            return bad(at, agenda_roles[i], "%s needs it", verb->name);
        if (given && !((verb->needs | verb->may) >> i & 1))
            return bad(at, agenda_roles[i], "%s has no --%s", verb->name, agenda_roles[i]);
        if (ends_in(m->role[i], ".safetensors"))
            return bad(at, agenda_roles[i],
                       "%s is of one backbone: name the dataset, each backbone gets its own "
                       "features of it",
                       m->role[i]);
    }
    return 0;
}

/* What report says itself to the verb. */
static int check_options(const struct agenda_measure *m, const struct place *at)
{
    static const char *const ours[] = {"backbone", "set",  "json",   "train",
                                       "val",      "test", "images", "metric"};
    for (size_t i = 0; i < m->options.n; i++) {
        const char *text = m->options.v[i];
        const size_t len = strcspn(text, "=");
        if (len == 0 || text[0] == '-')
            return bad(at, "options", "'%s' is no NAME=VALUE (no dashes in front)", text);
        for (size_t k = 0; k < ARRAY_LEN(ours); k++)
            if (strlen(ours[k]) == len && strncmp(text, ours[k], len) == 0)
                return bad(at, "options", "--%s is given by report", ours[k]);
    }
    return 0;
}

static int check_measure(struct agenda_measure *m, const char *path)
{
    const struct place at = {path, "measures", m->name};
    if (!m->title[0])
        snprintf(m->title, sizeof m->title, "%s", m->name);
    int rc = check_name(&at, "verb", m->verb, verb_at);
    if (rc < 0)
        return rc;
    const struct agenda_verb *verb = agenda_verb(m->verb);
    if (m->metric[0] && !verb->metric)
        return bad(&at, "metric", "%s has no --metric", verb->name);
    if (m->metric[0])
        rc = check_name(&at, "metric", m->metric, metric_at);
    if (!rc)
        rc = check_roles(m, verb, &at);
    if (!rc)
        rc = check_options(m, &at);
    if (!rc && m->paper[0])
        rc = check_name(&at, "paper", m->paper, paper_dataset);
    return rc;
}

static int check_backbone(struct agenda_backbone *b, const char *path)
{
    const struct place at = {path, "backbones", b->name};
    if (!b->title[0])
        snprintf(b->title, sizeof b->title, "%s", b->name);
    return b->method[0] ? check_name(&at, "method", b->method, method_at) : 0;
}

int agenda_load(struct agenda *agenda, const char *path)
{
    memset(agenda, 0, sizeof *agenda);
    int rc = conf_defaults(&agenda_table, agenda);
    if (!rc)
        rc = conf_load(&agenda_table, agenda, path);
    if (!rc)
        rc = conf_complete(&agenda_table, agenda, path);
    if (!rc && agenda->n_backbones == 0)
        rc = err_set(-EINVAL, "%s: backbones: there is none", path);
    if (!rc && agenda->n_measures == 0)
        rc = err_set(-EINVAL, "%s: measures: there is none", path);
    for (size_t i = 0; !rc && i < agenda->n_backbones; i++)
        rc = check_backbone(&agenda->backbones[i], path);
    for (size_t i = 0; !rc && i < agenda->n_measures; i++)
        rc = check_measure(&agenda->measures[i], path);
    return rc;
}
