/* SPDX-License-Identifier: Apache-2.0 */
/* import: see import.h. Takes a file and a net, gives the net its backbone. One thread; allocates
 * nothing but what the reader needs. Does not save (ckpt) and does not know architectures: the
 * net's own list says what must be there. */
#include "trainer/import.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- the names of others --- */

/* What a state_dict may be wrapped in: a checkpoint that was saved as it was, DataParallel. */
static const char *const wrappers[] = {
    "",
    "module.",
    "state_dict.",
    "state_dict.module.",
    "model.",
    "model.module.",
    "student.",
    "student.module.",
    "state_dict.model.",
};

/* Where the backbone is in it. No two of them are in one file of the trainers that are named. */
static const struct {
    const char *prefix, *whose;
} places[] = {
    {"", "torchvision's names"},
    {"backbone.", "the names of augstream, lightly, solo-learn or AugSelf"},
    {"encoder.", "the names of SimSiam or an older solo-learn"},
    {"encoder_q.", "MoCo's names"},
    {"base_encoder.", "MoCo v3's names"},
};

/* Where torchvision's modules were put into an nn.Sequential (lightly's examples do), their place
 * in it is their name: ours, theirs. */
static const struct {
    const char *ours, *theirs;
} numbers[] = {
    {"conv1.", "0."},  {"bn1.", "1."},    {"layer1.", "4."},
    {"layer2.", "5."}, {"layer3.", "6."}, {"layer4.", "7."},
};

/* What stands behind the features and is not kept, in torchvision's names and as numbers. MoCo's
 * and SimSiam's projectors are in fc's place. */
static const char *const dropped[] = {"fc.", "9."};

struct layout {
    char prefix[64];
    const char *whose;
    bool numbered;
};

static const char prefix_ours[] = "backbone.";

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* name: without "backbone.". */
static void name_theirs(const struct layout *l, const char *name, char ret[SAFETENSORS_NAME_MAX])
{
    for (size_t i = 0; l->numbered && i < ARRAY_LEN(numbers); i++) {
        if (!begins(name, numbers[i].ours))
            continue;
        snprintf(ret, SAFETENSORS_NAME_MAX, "%s%s%s", l->prefix, numbers[i].theirs,
                 name + strlen(numbers[i].ours));
        return;
    }
    snprintf(ret, SAFETENSORS_NAME_MAX, "%s%s", l->prefix, name);
}

/* And back, with "backbone."; false for what is not in the layout's place, or dropped there. */
static bool name_ours(const struct layout *l, const char *theirs, char ret[SAFETENSORS_NAME_MAX])
{
    if (!begins(theirs, l->prefix))
        return false;
    const char *name = theirs + strlen(l->prefix);
    for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
        if (begins(name, dropped[i]))
            return false;
    for (size_t i = 0; l->numbered && i < ARRAY_LEN(numbers); i++) {
        if (!begins(name, numbers[i].theirs))
            continue;
        snprintf(ret, SAFETENSORS_NAME_MAX, "%s%s%s", prefix_ours, numbers[i].ours,
                 name + strlen(numbers[i].theirs));
        return true;
    }
    snprintf(ret, SAFETENSORS_NAME_MAX, "%s%s", prefix_ours, name);
    return true;
}

/* A backbone begins with a convolution: nothing else is called so and has four dimensions. */
static bool layout_fits(const struct safetensors *st, const struct layout *l)
{
    char name[SAFETENSORS_NAME_MAX];
    name_theirs(l, "conv1.weight", name);
    const struct safetensor *t = safetensors_find(st, name);
    return t && t->ndim == 4;
}

static int layout_find(const struct safetensors *st, const char *path, struct layout *ret)
{
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(wrappers) * ARRAY_LEN(places) * 2; i++) {
        size_t place = i / 2 % ARRAY_LEN(places);
        struct layout l = {.whose = places[place].whose, .numbered = i % 2};
        snprintf(l.prefix, sizeof l.prefix, "%s%s", wrappers[i / 2 / ARRAY_LEN(places)],
                 places[place].prefix);
        if (!layout_fits(st, &l))
            continue;
        if (found)
            return err_set(-EBADMSG, "%s: has two backbones, %s* and %s*", path, ret->prefix,
                           l.prefix);
        found = true;
        *ret = l;
    }
    if (found)
        return 0;
    return err_set(-EBADMSG,
                   "%s: has no backbone: no convolution is called conv1.weight, "
                   "backbone.conv1.weight, encoder.conv1.weight or the like%s%.100s",
                   path, safetensors_n(st) ? "; a tensor in it is " : "",
                   safetensors_n(st) ? safetensors_at(st, 0)->name : "");
}

/* --- one backbone's tensors --- */

/* A parameter or a buffer of the backbone. */
struct part {
    struct param *param;
    struct buffer *buffer;
    const char *name; /* without "backbone." */
};

/* The i-th of them; false after the last. */
static bool part_at(struct net *net, size_t i, struct part *ret)
{
    *ret = (struct part){.name = ""};
    for (size_t k = 0; k < net->n_params + net->n_buffers; k++) {
        bool is_param = k < net->n_params;
        struct param *p = is_param ? &net->param[k] : NULL;
        struct buffer *b = is_param ? NULL : &net->buffer[k - net->n_params];
        const char *name = is_param ? p->name : b->name;
        if (!begins(name, prefix_ours) || i-- > 0)
            continue;
        *ret = (struct part){p, b, name + strlen(prefix_ours)};
        return true;
    }
    return false;
}

static int part_expect(const struct safetensors *st, const struct part *part, const char *theirs,
                       const void **ret)
{
    const struct param *p = part->param;
    const struct buffer *b = part->buffer;
    if (p)
        return safetensors_expect(st, theirs, ST_F32, p->ndim, p->shape, ret);
    if (b->ndim == 0)
        return safetensors_expect(st, theirs, ST_I64, 0, NULL, ret);
    return safetensors_expect(st, theirs, ST_F32, b->ndim, b->shape, ret);
}

static int part_load(struct net *net, const struct part *part, const void *data)
{
    struct buffer *b = part->buffer;
    if (part->param)
        return net_load(net, part->param, part->param->w, data);
    if (b->ndim > 0)
        return net->ops->upload(net->ops, b->data, data, (size_t)b->count * sizeof(float));
    memcpy(&b->counter, data, sizeof b->counter);
    return 0;
}

/* --- what is wrong with a file --- */

enum { NAMED = 3 }; /* of each kind; the rest is counted */

/* Tensors with the same fault: the first ones by name, and how many. */
struct complaint {
    size_t n;
    char text[ERR_TEXT_MAX / 4];
};

static void complain(struct complaint *c, const char *name)
{
    size_t at = strlen(c->text);
    if (c->n++ < NAMED)
        snprintf(c->text + at, sizeof c->text - at, "%s%s", at ? ", " : "", name);
}

struct check {
    const char *path;
    const struct layout *layout;
    struct complaint missing, extra, wrong; /* wrong: of another shape or type */
};

static void check_parts(struct check *c, struct net *net, const struct safetensors *st)
{
    struct part part;
    for (size_t i = 0; part_at(net, i, &part); i++) {
        char theirs[SAFETENSORS_NAME_MAX];
        const void *data;
        name_theirs(c->layout, part.name, theirs);
        bool counter = part.buffer && part.buffer->ndim == 0;
        if (!safetensors_find(st, theirs)) {
            if (!counter)
                complain(&c->missing, theirs);
        } else if (part_expect(st, &part, theirs, &data) < 0) {
            const char *what = strstr(err_text(), "tensor "); /* the path is told once */
            complain(&c->wrong, what ? what : err_text());
        }
    }
}

static void check_extra(struct check *c, struct net *net, const struct safetensors *st)
{
    for (size_t i = 0; i < safetensors_n(st); i++) {
        char ours[SAFETENSORS_NAME_MAX];
        const char *theirs = safetensors_at(st, i)->name;
        if (name_ours(c->layout, theirs, ours) && !net_find_param(net, ours) &&
            !net_find_buffer(net, ours))
            complain(&c->extra, theirs);
    }
}

static int check_end(const struct check *c)
{
    const struct {
        const char *verb;
        const struct complaint *complaint;
    } kinds[] = {{"lacks", &c->missing}, {"has also", &c->extra}, {"its", &c->wrong}};
    char text[ERR_TEXT_MAX] = "";
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct complaint *of = kinds[i].complaint;
        size_t at = strlen(text);
        if (of->n == 0)
            continue;
        snprintf(text + at, sizeof text - at, "%s%s %s", at ? "; " : "", kinds[i].verb, of->text);
        at = strlen(text);
        if (of->n > NAMED)
            snprintf(text + at, sizeof text - at, " and %zu more", of->n - NAMED);
    }
    if (!text[0])
        return 0;
    return err_set(-EBADMSG, "%s: read by %s, is not this recipe's backbone: %s", c->path,
                   c->layout->whose, text);
}

static void close_fn(struct safetensors **st)
{
    safetensors_close(*st);
}

int import_backbone(struct net *net, const char *path)
{
    auto_with(close_fn) struct safetensors *st = NULL;
    struct layout layout;
    int rc = safetensors_open(path, &st);
    if (rc == 0)
        rc = safetensors_check_seal(st);
    if (rc == 0)
        rc = layout_find(st, path, &layout);
    if (rc < 0)
        return rc;
    struct check check = {.path = path, .layout = &layout};
    check_parts(&check, net, st);
    check_extra(&check, net, st);
    rc = check_end(&check);
    struct part part;
    for (size_t i = 0; rc == 0 && part_at(net, i, &part); i++) {
        char theirs[SAFETENSORS_NAME_MAX];
        const void *data;
        name_theirs(&layout, part.name, theirs);
        if (!safetensors_find(st, theirs))
            continue; /* a counter: the check has seen to that */
        rc = part_expect(st, &part, theirs, &data);
        if (rc == 0)
            rc = part_load(net, &part, data);
    }
    return rc < 0 ? rc : net_follow(net, 0); /* averages of nothing but this */
}

int import_weights(struct net *net, const struct recipe *recipe)
{
    int rc = recipe->model.weights[0] ? import_backbone(net, recipe->model.weights) : 0;
    char why[ERR_TEXT_MAX];
    if (rc == 0)
        return 0;
    snprintf(why, sizeof why, "%s", err_text());
    return err_set(rc, "model.weights: %s", why);
}
