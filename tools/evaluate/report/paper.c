/* SPDX-License-Identifier: Apache-2.0 */
/* paper: takes a method, heads, a dataset and a score, gives the figure that was published. Any
 * thread; owns nothing. */
#include "tools/evaluate/report/paper.h"

#include "common/auto.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const paper_heads_names[] = {"none", "crop", "color", "both", "other"};

enum {
    CIFAR10,
    CIFAR100,
    FOOD,
    MIT67,
    PETS,
    FLOWERS,
    CALTECH101,
    CARS,
    AIRCRAFT,
    DTD,
    SUN397,
    STL10,
    CUB200,
    DATASETS
};

#define TOP1 "linear_top1"
#define MEAN "linear_mean_per_class"

/* The score is that of linear evaluation by the whole protocol (linear_fast_* is another). */
static const struct {
    const char *name, *score;
} datasets[DATASETS] = {
    [CIFAR10] = {"cifar10", TOP1}, [CIFAR100] = {"cifar100", TOP1},
    [FOOD] = {"food", TOP1},       [MIT67] = {"mit67", TOP1},
    [PETS] = {"pets", MEAN},       [FLOWERS] = {"flowers", MEAN},
    [CARS] = {"cars", TOP1},       [CALTECH101] = {"caltech101", MEAN},
    [DTD] = {"dtd", TOP1},         [AIRCRAFT] = {"aircraft", MEAN},
    [SUN397] = {"sun397", TOP1},   [STL10] = {"stl10", TOP1},
    [CUB200] = {"cub200", ""},
};

/* Linear evaluation, per cent; 0: not in the paper. The rows none and both of the eleven datasets
 * are its table of transfer, STL10 and the rows crop and color its ablation of the heads. */
static const struct {
    const char *method;
    enum paper_heads heads;
    double value[DATASETS];
} linear[] = {
    {"simsiam",
     PAPER_NONE,
     {82.35, 54.90, 33.99, 39.15, 44.90, 59.19, 66.33, 16.85, 26.06, 42.57, 29.05, 85.19}},
    {"simsiam",
     PAPER_BOTH,
     {82.76, 58.65, 41.58, 45.67, 48.42, 72.18, 72.75, 21.17, 33.17, 47.02, 34.14, 85.70}},
    {"moco",
     PAPER_NONE,
     {81.18, 53.75, 33.69, 39.01, 42.34, 61.01, 64.15, 16.09, 26.63, 41.20, 28.50}},
    {"moco",
     PAPER_BOTH,
     {82.45, 57.17, 36.91, 41.67, 43.80, 66.96, 66.02, 17.53, 28.02, 45.21, 30.93}},
    {"simsiam", PAPER_CROP, {[STL10] = 85.98, [FLOWERS] = 62.05}},
    {"simsiam", PAPER_COLOR, {[STL10] = 85.55, [FLOWERS] = 71.08}},
};

/* Localisation on CUB200: mean squared error of the box. */
static const struct {
    const char *method;
    enum paper_heads heads;
    double value;
} localisation[] = {
    {"simsiam", PAPER_NONE, 0.00462},    {"simsiam", PAPER_BOTH, 0.00335},
    {"moco", PAPER_NONE, 0.00487},       {"moco", PAPER_BOTH, 0.00429},
    {"supervised", PAPER_NONE, 0.00520}, {"supervised", PAPER_BOTH, 0.00473},
};

static bool find_linear(const struct paper_query *q, size_t dataset, struct paper_figure *ret)
{
    if (strcmp(q->score, datasets[dataset].score) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(linear); i++)
        if (linear[i].heads == q->heads && strcmp(linear[i].method, q->method) == 0 &&
            linear[i].value[dataset] > 0) {
            *ret = (struct paper_figure){linear[i].value[dataset], "%", .setting = true};
            return true;
        }
    return false;
}

static bool find_localisation(const struct paper_query *q, struct paper_figure *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(localisation); i++)
        if (localisation[i].heads == q->heads && strcmp(localisation[i].method, q->method) == 0) {
            *ret = (struct paper_figure){localisation[i].value, "", .setting = false};
            return true;
        }
    return false;
}

bool paper_find(const struct paper_query *q, struct paper_figure *ret)
{
    for (size_t i = 0; i < DATASETS; i++) {
        if (strcmp(datasets[i].name, q->dataset) != 0)
            continue;
        if (i == CUB200)
            return strcmp(q->score, "l2_error") == 0 && find_localisation(q, ret);
        return find_linear(q, i, ret);
    }
    return false;
}

const char *paper_dataset(size_t i)
{
    return i < DATASETS ? datasets[i].name : NULL;
}

enum { SIZE = 96, EPOCHS = 200, BATCH = 256, WIDTH = 64 };

const char *paper_setting_text(void)
{
    return "ResNet-18 pre-trained on STL10 for 200 epochs, 96 pixels, batch 256";
}

static void add(size_t cap, char *ret, const char *text)
{
    const size_t used = strlen(ret);
    snprintf(ret + used, cap - used, "%s%s", used ? "; " : "", text);
}

void paper_differs(const struct paper_setting *ours, size_t cap, char *ret)
{
    const struct {
        const char *what;
        int64_t ours, paper;
    } numbers[] = {
        {"width", ours->width, WIDTH},
        {"epochs", ours->epochs, EPOCHS},
        {"pixels", ours->size, SIZE},
        {"batch", ours->batch, BATCH},
    };
    char text[640];
    ret[0] = 0;
    if (strcmp(ours->backbone, "resnet18") != 0) {
        snprintf(text, sizeof text, "%s, not ResNet-18", ours->backbone);
        add(cap, ret, text);
    }
    if (strncasecmp(ours->dataset, "stl10", 5) != 0) {
        snprintf(text, sizeof text, "trained on %s, not STL10", ours->dataset);
        add(cap, ret, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (numbers[i].ours == numbers[i].paper)
            continue;
        snprintf(text, sizeof text, "%s %lld, not %lld", numbers[i].what,
                 (long long)numbers[i].ours, (long long)numbers[i].paper);
        add(cap, ret, text);
    }
}
