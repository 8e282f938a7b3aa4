/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_check: takes a recipe whose values are each in their range, says what is wrong with them
 * together, and where that was said: a line of the file or of its base, or a --set. conf knows the
 * lines of the file that this thread loaded last. Does not open what the recipe names. */
#include "trainer/recipe.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/method/method.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where a value came from, for messages. */
struct origin {
    const char *path; /* or NULL */
    const char *const *sets;
    size_t n_sets;
};

static bool set_says(const struct origin *o, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < o->n_sets; i++)
        if (strncmp(o->sets[i], key, len) == 0 && o->sets[i][len] == '=')
            return true;
    return false;
}

/* A group around it is set as a whole: "method={name: moco}". */
static bool set_says_around(const struct origin *o, const char *key)
{
    for (size_t i = 0; i < o->n_sets; i++) {
        size_t len = strcspn(o->sets[i], "=");
        if (strncmp(o->sets[i], key, len) == 0 && key[len] == '.')
            return true;
    }
    return false;
}

/* The line of the file that says it, 0 when none does. */
static int file_says(const struct origin *o, const char *key)
{
    return o->path ? conf_line(key) : 0;
}

/* The innermost part of key's name that the file says, with its line; 0 when it says none of it. */
static int line_near(const struct origin *o, const char *key, char said[CONF_NAME_MAX])
{
    snprintf(said, CONF_NAME_MAX, "%s", key);
    for (;;) {
        int line = file_says(o, said);
        char *dot = strrchr(said, '.');
        if (line > 0 || !dot)
            return line;
        *dot = 0;
    }
}

/* Sets "recipe.yaml:7: views.blur.kernel: 4 is not odd", or "--set views.blur.kernel: 4 is not
 * odd". */
static void blame(const struct origin *o, int code, const char *key, const char *what)
{
    char said[CONF_NAME_MAX];
    int line = line_near(o, key, said);
    const char *base = line > 0 ? conf_line_base(said) : NULL;
    if (set_says(o, key) || (file_says(o, key) == 0 && set_says_around(o, key)))
        err_set(code, "--set %s: %s", key, what);
    else if (line > 0)
        err_set(code, "%s:%d: %s: %s", base ? base : o->path, line, key, what);
    else
        err_set(code, "%s: %s: %s", o->path ? o->path : "recipe", key, what);
}

__attribute__((format(printf, 3, 4))) static int bad(const struct origin *o, const char *key,
                                                     const char *format, ...)
{
    char what[ERR_TEXT_MAX / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    blame(o, -EINVAL, key, what);
    return -EINVAL;
}

static int check_names(const struct recipe *r, const struct origin *o)
{
    const char *name = r->run.name;
    if (name[0] == '.' || strlen(name) > 128)
        return bad(o, "run.name", "a folder's name of at most 128 bytes, without a leading dot");
    for (const char *c = name; *c; c++)
        if (*c == '/' || iscntrl((unsigned char)*c))
            return bad(o, "run.name", "must be a plain folder name; run.dir says where it goes");
    if (strlen(r->data.dataset) >= WIRE_NAME_MAX)
        return bad(o, "data.dataset", "at most %d bytes", WIRE_NAME_MAX - 1);
    if (!r->run.dir[0])
        return bad(o, "run.dir", "must not be empty");
    return 0;
}

/* Of datasets: the loader's. (test_recipe_check holds them against each other.) */
static const char *const formats[] = {
    "folder", "manifest", "cifar10", "cifar100", "cifar100-coarse", "stl10", "tar",
};

/* What the loader's own configuration would refuse, in a file that nobody has seen. */
static int check_embedded(const struct recipe *r, const struct origin *o)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    if (r->data.dataset[strspn(r->data.dataset, letters)])
        return bad(o, "data.dataset", "'%s': embedded, a name is of letters, digits, '-' and '_'",
                   r->data.dataset);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(r->data.format, formats[i]) == 0)
            return 0;
    return bad(o, "data.format", "no dataset format is called '%s' (folder, cifar10, ...)",
               r->data.format);
}

static int check_loaders(const struct recipe *r, const struct origin *o)
{
    const struct conf_strs *l = &r->data.loaders;
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i], RECIPE_EMBEDDED) == 0) {
            if (l->n > 1)
                return bad(o, "data.loaders", "embedded stands alone");
            return check_embedded(r, o);
        }
        if (strncmp(l->v[i], "tcp://", 6) != 0 && strncmp(l->v[i], "ipc://", 6) != 0)
            return bad(o, "data.loaders", "%s is no endpoint (tcp://host:port, ipc://path)",
                       l->v[i]);
        for (size_t k = 0; k < i; k++)
            if (strcmp(l->v[k], l->v[i]) == 0)
                return bad(o, "data.loaders", "%s is there twice", l->v[i]);
    }
    return l->n ? 0 : bad(o, "data.loaders", "needs an endpoint, or embedded");
}

/* Small views are described and none is asked for: surely the count was forgotten. One that is
 * given, if only as 0, was not. */
static int check_small(const struct recipe *r, const struct origin *o)
{
    static const char group[] = "views.small.";
    static const char count[] = "views.small.count";
    if (r->views.small.count > 0 || set_says(o, count) || file_says(o, count) > 0)
        return 0;
    for (size_t i = 0; i < recipe_table.n_options; i++) {
        const struct conf_option *option = &recipe_table.options[i];
        if (strncmp(option->name, group, strlen(group)) == 0 && option->inherits &&
            !conf_inherits(option, (const char *)r + option->offset))
            return bad(o, option->name, "there are no small views: views.small.count is 0");
    }
    return 0;
}

static int check_views(const struct recipe *r, const struct origin *o)
{
    const struct {
        const char *group;
        const struct recipe_law *law;
    } groups[] = {{"views", &r->views.law},
                  {"views.second", &r->views.second},
                  {"views.small", &r->views.small.law}};
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        const struct recipe_law *law = groups[g].law;
        const struct {
            const char *name;
            const double *range; /* of NaN where it is inherited: then in order */
        } ranges[] = {{"crop.scale", law->crop.scale},
                      {"crop.ratio", law->crop.ratio},
                      {"blur.sigma", law->blur.sigma}};
        char key[CONF_NAME_MAX];
        for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
            snprintf(key, sizeof key, "%s.%s", groups[g].group, ranges[i].name);
            if (ranges[i].range[0] > ranges[i].range[1])
                return bad(o, key, "[%g, %g] is not in order", ranges[i].range[0],
                           ranges[i].range[1]);
        }
        snprintf(key, sizeof key, "%s.blur.kernel", groups[g].group);
        if (law->blur.kernel > 0 && law->blur.kernel % 2 == 0)
            return bad(o, key, "%lld is not odd", (long long)law->blur.kernel);
    }
    int64_t count = r->views.count + r->views.small.count;
    if (count > OMEGA_VIEWS_MAX)
        return bad(o, "views.small.count", "%lld views in all; at most %d", (long long)count,
                   OMEGA_VIEWS_MAX);
    return check_small(r, o);
}

/* A head whose augmentation never happens would learn a constant: surely not what was meant. */
static int check_augself(const struct recipe *r, const struct origin *o)
{
    struct spec spec;
    recipe_spec(r, &spec);
    struct view_spec most = {0}; /* the highest probability that any view has */
    for (uint32_t v = 0; v < spec.n_views; v++) {
        const struct view_spec *law = &spec.views[v];
        most.flip = fmax(most.flip, law->flip);
        most.jitter.p = fmax(most.jitter.p, law->jitter.p);
        most.blur.p = fmax(most.blur.p, law->blur.p);
        most.solarize.p = fmax(most.solarize.p, law->solarize.p);
        most.rotation = fmax(most.rotation, law->rotation);
    }
    const struct {
        const char *key, *needs;
        double weight, probability;
    } heads[] = {
        {"augself.color", "views.jitter.p", r->augself.color, most.jitter.p},
        {"augself.flip", "views.flip", r->augself.flip, most.flip},
        {"augself.blur", "views.blur.p", r->augself.blur, most.blur.p},
        {"augself.rotation", "views.rotation", r->augself.rotation, most.rotation},
        {"augself.solarize", "views.solarize.p", r->augself.solarize, most.solarize.p},
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (heads[i].weight > 0 && heads[i].probability <= 0)
            return bad(o, heads[i].key, "has nothing to predict: %s is 0", heads[i].needs);
    double sum = 0;
    for (int kind = 0; kind < AUGSELF_KINDS; kind++)
        sum += recipe_augself_weight(r, (enum augself_kind)kind);
    if (r->augself.only && !(sum > 0))
        return bad(o, "augself.only", "there is no head to train by");
    return 0;
}

static int check_knn(const struct recipe *r, const struct origin *o)
{
    if (!r->knn.train[0] != !r->knn.test[0])
        return bad(o, r->knn.train[0] ? "knn.train" : "knn.test",
                   "knn.train and knn.test go together");
    return 0;
}

/* The loaders' own checks, so that a recipe they would refuse never gets to them. */
static int check_spec(const struct recipe *r, const struct origin *o)
{
    struct spec spec;
    recipe_spec(r, &spec);
    const char *group = "views";
    int rc = 0;
    for (uint32_t v = 0; v < spec.n_views && rc == 0; v++) {
        group = recipe_view_group(r, v);
        rc = view_spec_check(&spec.views[v]);
    }
    if (rc == 0 && (rc = spec_check(&spec)) < 0)
        group = "views";
    if (rc == 0)
        return 0;
    char why[ERR_TEXT_MAX / 2];
    snprintf(why, sizeof why, "%s", err_text());
    return bad(o, group, "%s", why);
}

int recipe_check(const struct recipe *recipe, const char *path, const char *const *sets,
                 size_t n_sets)
{
    static int (*const checks[])(const struct recipe *, const struct origin *) = {
        check_names, check_loaders, check_views, check_augself, check_knn, check_spec,
    };
    const struct origin origin = {path, sets, n_sets};
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(checks) && rc == 0; i++)
        rc = checks[i](recipe, &origin);
    return rc;
}

int recipe_trainable(const struct recipe *recipe, const char *path, const char *const *sets,
                     size_t n_sets)
{
    const struct origin origin = {path, sets, n_sets};
    const char *key;
    if (method_check(recipe, &key) == 0)
        return 0;
    char why[ERR_TEXT_MAX / 2];
    snprintf(why, sizeof why, "%s", err_text() + strlen(key) + strlen(": "));
    return bad(&origin, key, "%s", why);
}

int recipe_fed(const struct recipe *recipe, const char *path, const char *const *sets,
               size_t n_sets)
{
    if (recipe_embedded(recipe) && !recipe->data.path[0])
        return bad(&(struct origin){path, sets, n_sets}, "data.path",
                   "embedded loaders need the dataset's path");
    return 0;
}

int recipe_blame(int code, const char *key, const char *path, const char *const *sets,
                 size_t n_sets)
{
    char why[ERR_TEXT_MAX / 2];
    snprintf(why, sizeof why, "%s", err_text());
    blame(&(struct origin){path, sets, n_sets}, code, key, why);
    return code;
}

int recipe_place(int code, const char *path, const char *const *sets, size_t n_sets)
{
    char why[ERR_TEXT_MAX];
    snprintf(why, sizeof why, "%s", err_text());
    for (size_t i = 0; i < recipe_table.n_options; i++) {
        const char *key = recipe_table.options[i].name;
        size_t len = strlen(key);
        if (strncmp(why, key, len) != 0 || why[len] != ':' || why[len + 1] != ' ')
            continue;
        blame(&(struct origin){path, sets, n_sets}, code, key, why + len + 2);
        break;
    }
    return code;
}
