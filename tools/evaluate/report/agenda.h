/* SPDX-License-Identifier: Apache-2.0 */
/* agenda: one YAML file = one report: which backbones, and what is to be measured of each. The
 * option table (agenda.c) is its documentation: augstream-evaluate report --help prints it. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_AGENDA_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_AGENDA_H

#include "common/conf.h"

enum { AGENDA_BACKBONES_MAX = 32, AGENDA_MEASURES_MAX = 64 };

/* What a set is to a measure; each is an option of the verb, --train and so on. */
enum agenda_role { ROLE_TRAIN, ROLE_VAL, ROLE_TEST, ROLE_IMAGES, ROLES };
extern const char *const agenda_roles[ROLES];

/* backbones.*.heads: as paper_heads, after "recipe". */
enum { AGENDA_HEADS_RECIPE };

struct agenda_backbone {
    char name[CONF_NAME_MAX];
    char title[CONF_STR_MAX]; /* after the load: never empty */
    char recipe[CONF_STR_MAX], backbone[CONF_STR_MAX];
    char method[CONF_STR_MAX]; /* "" = the recipe's */
    int heads;                 /* AGENDA_HEADS_RECIPE, or 1 + enum paper_heads */
    struct conf_strs set;
};

struct agenda_measure {
    char name[CONF_NAME_MAX];
    char title[CONF_STR_MAX]; /* after the load: never empty */
    char verb[CONF_STR_MAX];
    char role[ROLES][CONF_STR_MAX]; /* "" = the verb has it not */
    char metric[CONF_STR_MAX];      /* "" = the verb's own */
    struct conf_strs options;       /* "shots=5": --shots=5 */
    struct conf_strs scores;        /* which to show; none: the first */
    char paper[CONF_STR_MAX];       /* paper_dataset's name, or "" */
};

struct agenda {
    char title[CONF_STR_MAX];
    struct conf_strs set; /* of every recipe */
    struct agenda_backbone backbones[AGENDA_BACKBONES_MAX];
    size_t n_backbones;
    struct agenda_measure measures[AGENDA_MEASURES_MAX];
    size_t n_measures;
};

extern const struct conf_table agenda_table;

/* A verb that can be measured with. */
struct agenda_verb {
    const char *name;
    unsigned needs, may; /* bits of enum agenda_role */
    bool metric;         /* it has --metric */
    bool images;         /* it looks at pixels as well: features are not enough */
};
const struct agenda_verb *agenda_verb(const char *name); /* NULL: none */

/* About 2 MiB: the caller's memory. -EINVAL naming file, line and key. Opens nothing else. */
int agenda_load(struct agenda *agenda, const char *path);

/* The metric of a measure, its verb's own where none was given; "" where it has none. */
const char *agenda_metric(const struct agenda_measure *measure);

#endif
