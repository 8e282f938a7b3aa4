/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint: what is in a file of tensors, a checkpoint or any other, or how two of them differ.
 * Reads the file and no network; tensors/ has the figures and the pages. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/tensors/weights.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct options {
    const char *file[2];
    int files;
    const char *name;
    enum weights_order order;
    bool json, recipe, equal;
};

static const struct usage_option rows[] = {
    {"name", "GLOB", 'n', "only tensors whose names match: 'backbone.*', '*.weight'"},
    {"sort", "ORDER", 's',
     "name (default: in groups, layer2 before layer10), file (as they lie there), size, norm, "
     "deviation or max (the largest |x|); of two files: name, file, size, max (the largest |a-b|) "
     "or difference (the relative one)",
     .choices = "name file size norm deviation max difference"},
    {"json", NULL, 'j', "one JSON object in place of the page"},
    {"recipe", NULL, 'r', "the recipe that FILE keeps, as YAML, and nothing else"},
    {"equal", NULL, 'e', "end with code 65 unless every tensor is the same in both files"},
};

static const struct usage_section sections[] = {
    {"Exit codes",
     "0: the files could be read, whatever is in them and however they differ. 65: a file is "
     "missing, is no safetensors file, or its data is not what its seal says (then all is printed "
     "nevertheless); no tensor has such a name; with --recipe there is none; with --equal a tensor "
     "differs, or only one file has it."},
};

const struct usage inspect_checkpoint_usage = {
    .name = "checkpoint",
    .program = "augstream-inspect",
    .summary = "what is in a checkpoint, or in any safetensors file, and how two differ",
    .operands = "FILE [FILE2]",
    .about =
        "Of one file: whether it is sealed and whole, its metadata (step, epoch, seed, session), "
        "and of each tensor type, shape, least and largest number, mean, standard deviation, norm, "
        "and how many numbers are zero or not finite, in groups: backbone, projector, "
        "augself.crop, optim.momentum.backbone.\n\n"
        "Of two files, a and b: metadata and options of the recipe that differ, tensors that only "
        "one has or that have another shape, and for each other tensor that is not the same the "
        "largest |a-b|, the norm of a-b over that of a, and the cosine of the angle between "
        "them.\n\n"
        "FILE may be a checkpoint of augstream-trainer, a backbone.safetensors, or anybody's. All "
        "is computed in double precision whatever the tensors are kept in (F32, F16, BF16, 8-bit "
        "floats, integers).",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

static int order_read(const char *text, enum weights_order *ret)
{
    for (int i = 0; i < WEIGHTS_ORDERS; i++)
        if (strcmp(text, weights_orders[i]) == 0) {
            *ret = (enum weights_order)i;
            return 0;
        }
    return err_set(-EINVAL,
                   "--sort %s: name, file, size, norm, deviation, max and difference are "
                   "the orders there are",
                   text);
}

static int option_take(struct options *o, int key)
{
    switch (key) {
    case 'n':
        o->name = optarg;
        return 0;
    case 's':
        return order_read(optarg, &o->order);
    case 'j':
        o->json = true;
        return 0;
    case 'r':
        o->recipe = true;
        return 0;
    case 'e':
        o->equal = true;
        return 0;
    default:
        return key; /* USAGE_TOLD, -EINVAL */
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_checkpoint_usage, argc, argv)) != USAGE_END;) {
        int rc = option_take(o, key);
        if (rc)
            return rc;
    }
    o->files = argc - optind;
    if (o->files < 1 || o->files > 2)
        return err_set(-EINVAL, "checkpoint needs one FILE, or two");
    for (int i = 0; i < o->files; i++)
        o->file[i] = argv[optind + i];
    if (o->recipe && (o->files == 2 || o->json || o->name))
        return err_set(-EINVAL, "--recipe prints the recipe of one FILE and nothing else");
    if (o->equal && o->files == 1)
        return err_set(-EINVAL, "--equal is for two files");
    if (!weights_order_fits(o->order, o->files))
        return err_set(-EINVAL, "--sort %s: not for %s", weights_orders[o->order],
                       o->files == 1 ? "one file" : "two files");
    return 0;
}

/* --- */

static int print_recipe(const struct weights *w)
{
    const char *recipe = safetensors_get_meta(w->st, "recipe");
    if (!recipe)
        return err_set(-ENODATA, "%s: keeps no recipe", w->path);
    if (fputs(recipe, stdout) == EOF)
        return err_set(-EIO, "output: write failed");
    return 0;
}

static int tell_one(const struct options *o, struct weights *w)
{
    if (o->recipe)
        return print_recipe(w);
    weights_weigh(w);
    weights_sort(w, o->order);
    return o->json ? weights_json(w, stdout) : weights_tell(w, o->order, stdout);
}

static int tell_two(const struct options *o, struct weights w[2])
{
    struct weights_pair pair;
    for (int i = 0; i < 2; i++)
        weights_sort(&w[i], o->order == WEIGHTS_BY_MAX ? WEIGHTS_BY_NAME : o->order);
    int rc = weights_pair_new(&w[0], &w[1], o->order, &pair);
    if (rc)
        return rc;
    rc = o->json ? weights_pair_json(&pair, stdout) : weights_pair_tell(&pair, stdout);
    if (!rc && o->equal && !weights_pair_same(&pair))
        rc = err_set(-EBADMSG, "%s and %s: not the same tensors", w[0].path, w[1].path);
    weights_pair_done(&pair);
    return rc;
}

static int run(const struct options *o, struct weights w[2])
{
    int rc = 0;
    for (int i = 0; !rc && i < o->files; i++)
        rc = weights_open(&w[i], o->file[i], o->name);
    if (!rc)
        rc = o->files == 1 ? tell_one(o, &w[0]) : tell_two(o, w);
    for (int i = 0; !rc && i < o->files; i++)
        if (w[i].seal == WEIGHTS_BROKEN)
            rc = err_set(-EBADMSG, "%s", w[i].why);
    return rc;
}

int inspect_checkpoint(int argc, char **argv)
{
    struct options o = {.order = WEIGHTS_BY_NAME};
    struct weights weights[2] = {{0}, {0}};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    rc = run(&o, weights);
    for (int i = 0; i < 2; i++)
        weights_done(&weights[i]);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
