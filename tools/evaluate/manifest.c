/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: a published dataset's folder, as its authors pack it -> the CSV that loaderd reads
 * (format manifest). What was found is told, and what differs from the set as published. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct usage_option rows[] = {
    {"out", "FILE", 'o', "where the CSV goes; without it, to standard output"},
    {"relative", NULL, 'r', "paths below ROOT, for a CSV that will lie there"},
    {"classes", "FILE", 'c', "only these classes, a name a line: imagenet, imagenet100"},
    {"seed", "N", 's', "of splits that are drawn at random; 0 without it"},
    {"list", NULL, 'l', "the sets, their splits, their metric, and what must lie below ROOT"},
};

const struct usage evaluate_manifest_usage = {
    .name = "manifest",
    .program = "augstream-evaluate",
    .summary = "a published dataset as its authors pack it, into a CSV that loaders read",
    .operands = "NAME ROOT",
    .about =
        "Reads the lists that come with a published dataset, whose folder is ROOT, and writes a "
        "CSV with path, label and split of each image, and boxes where the set has them: declare "
        "it to the loaders as format manifest. Where the paper's protocol has a split that the set "
        "lacks, it is drawn at random, the same for the same seed. Every image is looked for; none "
        "is opened.\n\n"
        "Paths are absolute. Where --out's folder is ROOT itself, or with --relative, they are "
        "below it, and folder and CSV can move together.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

struct options {
    const struct manifest_set *set; /* NULL: --list */
    const char *root, *out, *classes;
    uint64_t seed;
    bool relative;
};

static int parse_seed(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    if (errno || !*text || strspn(text, "0123456789") != strlen(text))
        return err_set(-EINVAL, "--seed %s: a whole number from 0 on", text);
    return 0;
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    bool list = false;
    for (int key; (key = usage_next(&evaluate_manifest_usage, argc, argv)) != USAGE_END;) {
        if (key < 0 || key == USAGE_TOLD)
            return key;
        if (key == 'o')
            o->out = optarg;
        else if (key == 'r')
            o->relative = true;
        else if (key == 'c')
            o->classes = optarg;
        else if (key == 'l')
            list = true;
        else if (parse_seed(optarg, &o->seed) < 0)
            return -EINVAL;
    }
    if (list)
        return optind == argc ? 0 : err_set(-EINVAL, "manifest --list goes alone");
    if (optind + 2 != argc)
        return err_set(-EINVAL, "manifest needs NAME and ROOT; manifest --list tells the names");
    o->set = manifest_set_find(argv[optind]);
    if (!o->set)
        return err_set(-EINVAL, "no set is called '%s'; manifest --list tells the names",
                       argv[optind]);
    if (o->classes && !o->set->picks)
        return err_set(-EINVAL, "%s takes no --classes", o->set->name);
    o->root = argv[optind + 1];
    return 0;
}

static void list_sets(void)
{
    for (size_t i = 0; i < manifest_sets_n; i++) {
        const struct manifest_set *set = &manifest_sets[i];
        uint64_t images = 0;
        for (const struct manifest_part *p = set->parts; p->split; p++)
            images += p->images;
        printf("%s: %s\n", set->name, set->title);
        if (set->classes)
            printf("    %llu images of %u classes:", (unsigned long long)images, set->classes);
        for (const struct manifest_part *p = set->parts; p->split; p++)
            printf(" %s %u%s", p->split, p->images, p[1].split ? "," : "");
        printf("%s    metric: %s\n    below ROOT: %s\n", set->classes ? "\n" : "", set->metric,
               set->wants);
        if (set->declare)
            printf("    written: its classes, a line each; declare {path: ROOT, %s}\n",
                   set->declare);
    }
}

static size_t images_of(const struct manifest *m, const char *split)
{
    const int64_t at = manifest_words_find(&m->splits, split);
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->rows[i].split == at;
    return n;
}

/* Says what was found, in the log: standard output may be the CSV. */
static void tell(const struct options *o, const struct manifest *m)
{
    const struct manifest_set *set = o->set;
    char text[512] = "";
    size_t len = 0;
    for (size_t i = 0; i < m->splits.n && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %s %zu", i ? "," : "",
                                m->splits.word[i], images_of(m, m->splits.word[i]));
    if (set->declare)
        log_info("%s: a list of %zu classes: declare {path: %s, %s}", set->name, m->labels.n,
                 m->base, set->declare);
    else
        log_info("%s: %zu images of %zu classes:%s", set->name, m->n, m->labels.n, text);
    if (o->classes || set->classes == 0)
        return; /* a choice has its own numbers */
    if (m->labels.n != set->classes)
        log_warn("%s: %zu classes, and the set as published has %u", set->name, m->labels.n,
                 set->classes);
    for (const struct manifest_part *p = set->parts; p->split && !set->declare; p++) {
        const size_t n = images_of(m, p->split);
        if (n != p->images)
            log_warn("%s: %zu images of split %s, and the set as published has %u", set->name, n,
                     p->split, p->images);
    }
}

/* The CSV will lie in ROOT itself. */
static bool lies_in(const char *out, const struct manifest *m)
{
    const char *slash = strrchr(out, '/');
    auto_free char *folder = slash ? strndup(out, (size_t)(slash - out) + 1) : strdup(".");
    auto_free char *real = folder ? realpath(folder, NULL) : NULL;
    return real && strcmp(real, m->base) == 0;
}

static int write_rows(const struct options *o, const struct manifest *m, bool relative, FILE *out)
{
    return o->set->declare ? manifest_write_classes(m, out) : manifest_write(m, relative, out);
}

static int write_out(const struct options *o, const struct manifest *m)
{
    if (!o->out)
        return write_rows(o, m, o->relative, stdout);
    if (o->relative && !lies_in(o->out, m))
        return err_set(-EINVAL, "%s: --relative, and that is not in %s", o->out, m->root);
    auto_with(file_write_abort) struct file_write w = {0};
    int r = file_write_begin(&w, o->out);
    if (r == 0)
        r = write_rows(o, m, lies_in(o->out, m), w.out);
    return r < 0 ? r : file_write_commit(&w);
}

int evaluate_manifest(int argc, char **argv)
{
    struct options o = {0};
    int r = parse(argc, argv, &o);
    if (r)
        return evaluate_parsed(r);
    if (!o.set) {
        list_sets();
        return EXIT_OK;
    }
    auto_with(manifest_done) struct manifest m = {
        .root = o.root, .classes = o.classes, .seed = o.seed};
    r = manifest_begin(&m);
    if (r == 0)
        r = o.set->make(&m);
    if (r == 0 && m.n == 0 && !o.set->declare)
        r = err_set(-ENODATA, "%s: no images", o.root);
    if (r == 0)
        r = write_out(&o, &m);
    if (r == 0)
        tell(&o, &m);
    return r ? evaluate_fail(r) : EXIT_OK;
}
