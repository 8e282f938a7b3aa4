/* SPDX-License-Identifier: Apache-2.0 */
/* sets: takes names, gives tables: from files, or through a loader and the frozen model, which is
 * made once for all of them and gone when this returns. The caller's thread. */
#include "tools/evaluate/sets.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "tools/evaluate/box.h"
#include "tools/evaluate/frozen.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sets_option(struct sets_options *o, int key, const char *arg)
{
    switch (key) {
    case 'b':
        o->backbone = arg;
        return 1;
    case 'j':
        o->json = arg;
        return 1;
    case 's':
        if (o->n_sets == ARRAY_LEN(o->sets))
            return err_set(-EINVAL, "--set: at most %zu", ARRAY_LEN(o->sets));
        o->sets[o->n_sets++] = arg;
        return 1;
    default:
        return 0;
    }
}

bool sets_is_file(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t len = strlen(name), end = sizeof ending - 1;
    return len > end && strcmp(name + len - end, ending) == 0;
}

int sets_check(const struct sets_options *o, const char *verb)
{
    for (size_t i = 0; i < o->n; i++)
        if (!sets_is_file(o->names[i]) && (!o->recipe || !o->backbone))
            return err_set(-EINVAL,
                           "%s: %s is a dataset, whose features need RECIPE.yaml and --backbone",
                           verb, o->names[i]);
    return 0;
}

int sets_operand(struct sets_options *o, const char *verb, int argc, char **argv)
{
    if (argc - optind > 1)
        return err_set(-EINVAL, "%s: %s is one argument too many", verb, argv[optind + 1]);
    o->recipe = optind < argc ? argv[optind] : NULL;
    return sets_check(o, verb);
}

/* --- datasets --- */

/* One pass over a dataset. */
struct pass {
    const struct sets_options *o;
    struct table *table;
    struct progress_line line;
};

/* The batch's boxes as rows from first on. */
static int add_boxes(struct table *t, const struct wire_batch *h, size_t first, size_t total)
{
    if (!h->boxes)
        return 0;
    if (!t->boxes) {
        t->boxes = malloc(total * 4 * sizeof *t->boxes);
        for (size_t i = 0; t->boxes && i < total * 4; i++)
            t->boxes[i] = NAN;
    }
    if (!t->boxes)
        return err_set(-ENOMEM, "out of memory: %zu boxes", total);
    int rc = 0;
    for (uint32_t i = 0; !rc && i < h->n_samples; i++)
        rc = box_share(t->name, &h->omega[i], h->boxes + 4 * i, t->boxes + 4 * (first + i));
    return rc;
}

static int pass_batch(void *hint, const struct recv_batch *batch, size_t first, size_t total)
{
    struct pass *p = hint;
    int rc = add_boxes(p->table, batch->header, first, total);
    if (first == 0) {
        char label[TABLE_NAME_MAX + 16];
        snprintf(label, sizeof label, "features of %s", p->table->name);
        progress_begin(&p->line, label, total);
    }
    if (!rc && p->o->on_batch)
        rc = p->o->on_batch(p->o->hint, batch, first, total);
    progress_at(&p->line, first + batch->header->n_samples);
    return rc;
}

static int extract(struct frozen *frozen, size_t which, const struct sets_options *o,
                   struct table *t)
{
    struct pass pass = {.o = o, .table = t};
    int rc = frozen_features(frozen, which, pass_batch, &pass, &t->f);
    progress_end(&pass.line);
    memcpy(t->mean, frozen->recipe.views.mean, sizeof t->mean);
    memcpy(t->std, frozen->recipe.views.std, sizeof t->std);
    return rc;
}

/* The tables of all names that are datasets. */
static int open_datasets(const struct sets_options *o, struct table tables[])
{
    const char *datasets[SETS_MAX];
    size_t of[SETS_MAX], n = 0;
    for (size_t i = 0; i < o->n; i++)
        if (!sets_is_file(o->names[i])) {
            of[n] = i;
            datasets[n++] = o->names[i];
        }
    if (n == 0)
        return 0;
    struct frozen *frozen = calloc(1, sizeof *frozen);
    if (!frozen)
        return err_set(-ENOMEM, "out of memory");
    int rc = frozen_open(frozen, o, datasets, n);
    for (size_t i = 0; !rc && i < n; i++) {
        struct table *t = &tables[of[i]];
        snprintf(t->name, sizeof t->name, "%s", datasets[i]);
        rc = extract(frozen, i, o, t);
    }
    frozen_done(frozen);
    free(frozen);
    return rc;
}

/* --- */

static int fit(const struct sets_options *o, const struct table *a, const struct table *b)
{
    if (a->f.d != b->f.d)
        return err_set(-EINVAL, "%s has %zu features, %s has %zu: they are of different backbones",
                       a->name, a->f.d, b->name, b->f.d);
    if (!o->unlabelled && a->f.classes != b->f.classes)
        return err_set(-EINVAL,
                       "%s has %u classes, %s has %u: a label is a class's place in its own set; "
                       "give both the same class folders, empty ones where a class is missing",
                       a->name, a->f.classes, b->name, b->f.classes);
    return 0;
}

static void tell_bad(const struct table *t)
{
    if (t->f.substituted)
        printf("substituted %zu of %zu images of %s: they are bad, others stand in their place\n",
               t->f.substituted, t->f.n, t->name);
}

int sets_open(const struct sets_options *o, struct table tables[])
{
    int rc = sets_check(o, "sets");
    if (!rc && o->json)
        rc = file_writable(o->json);
    if (!rc && o->out)
        rc = file_writable(o->out);
    for (size_t i = 0; !rc && i < o->n; i++) /* these fail sooner than a pass over images */
        if (sets_is_file(o->names[i]))
            rc = table_read(o->names[i], &tables[i]);
    if (!rc)
        rc = open_datasets(o, tables);
    for (size_t i = 1; !rc && i < o->n; i++)
        rc = fit(o, &tables[0], &tables[i]);
    for (size_t i = 0; i < o->n; i++)
        if (rc)
            table_done(&tables[i]);
        else
            tell_bad(&tables[i]);
    return rc;
}
