/* SPDX-License-Identifier: Apache-2.0 */
/* ckpt: takes a net and a place, gives a file; and back. One thread, owned by train. Knows the
 * net's lists, not what they compute; allocates (a checkpoint is not a step). Does not decide when.
 */
#include "trainer/ckpt.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char ckpt_format[] = "augstream-checkpoint";
static const char momentum_prefix[] = "optim.momentum.";
static const char backbone_prefix[] = "backbone.";

static void out_fn(struct safetensors_out **out)
{
    safetensors_out_free(*out);
}

static void in_fn(struct safetensors **st)
{
    safetensors_close(*st);
}

/* --- saving --- */

/* A file being filled: host memory for every tensor that has to leave the back end. */
struct saving {
    struct net *net;
    struct safetensors_out *out;
    float *host; /* the next free float */
};

/* One parameter's value or momentum under name. */
static int save_param(struct saving *s, const struct param *p, const float *what, const char *name)
{
    int rc = net_store(s->net, p, what, s->host);
    if (rc == 0)
        rc = safetensors_add(s->out, name, ST_F32, p->ndim, p->shape, s->host);
    s->host += p->count;
    return rc;
}

static int save_buffer(struct saving *s, const struct buffer *b, const char *name)
{
    if (b->ndim == 0)
        return safetensors_add(s->out, name, ST_I64, 0, NULL, &b->counter);
    const struct ops *ops = s->net->ops;
    int rc = ops->download(ops, s->host, b->data, (size_t)b->count * sizeof(float));
    if (rc == 0)
        rc = safetensors_add(s->out, name, ST_F32, b->ndim, b->shape, s->host);
    s->host += b->count;
    return rc;
}

/* Floats of every parameter and buffer. */
static size_t net_floats(const struct net *net)
{
    size_t floats = 0;
    for (size_t i = 0; i < net->n_params; i++)
        floats += net->param[i].count;
    for (size_t i = 0; i < net->n_buffers; i++)
        floats += (size_t)net->buffer[i].count;
    return floats;
}

static int save_momenta(struct saving *s)
{
    char name[SAFETENSORS_NAME_MAX];
    for (size_t i = 0; i < s->net->n_params; i++) {
        const struct param *p = &s->net->param[i];
        if (!p->m)
            continue;
        snprintf(name, sizeof name, "%s%s", momentum_prefix, p->name);
        int rc = save_param(s, p, p->m, name);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Everything whose name begins with prefix, under the rest of its name. */
static int save_named(struct saving *s, const char *prefix)
{
    size_t skip = strlen(prefix);
    int rc = 0;
    for (size_t i = 0; i < s->net->n_params && rc == 0; i++) {
        const struct param *p = &s->net->param[i];
        if (strncmp(p->name, prefix, skip) == 0)
            rc = save_param(s, p, p->w, p->name + skip);
    }
    for (size_t i = 0; i < s->net->n_buffers && rc == 0; i++) {
        const struct buffer *b = &s->net->buffer[i];
        if (strncmp(b->name, prefix, skip) == 0)
            rc = save_buffer(s, b, b->name + skip);
    }
    return rc;
}

static int save_meta(struct safetensors_out *out, const struct ckpt_place *place,
                     const char *recipe)
{
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {
        {"version", CKPT_VERSION}, {"step", place->step}, {"epoch", place->epoch},
        {"index", place->index},   {"seed", place->seed},
    };
    int rc = safetensors_meta(out, "format", ckpt_format);
    for (size_t i = 0; i < ARRAY_LEN(numbers) && rc == 0; i++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRIu64, numbers[i].value);
        rc = safetensors_meta(out, numbers[i].key, text);
    }
    char session[2 * DIGEST_BYTES + 1];
    digest_hex(place->session, session);
    if (rc == 0)
        rc = safetensors_meta(out, "session", session);
    return rc < 0 ? rc : safetensors_meta(out, "recipe", recipe);
}

int ckpt_save(struct net *net, const struct ckpt_place *place, const char *recipe, const char *path)
{
    auto_with(out_fn) struct safetensors_out *out = NULL;
    int rc = safetensors_out_new(&out);
    if (rc < 0)
        return rc;
    auto_free float *host = malloc(2 * net_floats(net) * sizeof *host + 1);
    if (!host)
        return err_set(-ENOMEM, "%s: out of memory", path);
    struct saving s = {net, out, host};
    rc = save_meta(out, place, recipe);
    if (rc == 0)
        rc = save_named(&s, "");
    if (rc == 0)
        rc = save_momenta(&s);
    if (rc == 0)
        rc = safetensors_seal(out);
    return rc < 0 ? rc : safetensors_write(out, path);
}

int ckpt_save_backbone(struct net *net, const char *path)
{
    auto_with(out_fn) struct safetensors_out *out = NULL;
    int rc = safetensors_out_new(&out);
    if (rc < 0)
        return rc;
    auto_free float *host = malloc(net_floats(net) * sizeof *host + 1);
    if (!host)
        return err_set(-ENOMEM, "%s: out of memory", path);
    struct saving s = {net, out, host};
    rc = safetensors_meta(out, "format", "pt"); /* what PyTorch's tools ask for */
    if (rc == 0)
        rc = save_named(&s, backbone_prefix);
    if (rc == 0)
        rc = safetensors_seal(out);
    return rc < 0 ? rc : safetensors_write(out, path);
}

/* --- loading --- */

static int meta_number(const struct safetensors *st, const char *path, const char *key,
                       uint64_t max, uint64_t *ret)
{
    const char *text = safetensors_get_meta(st, key);
    char *end = NULL;
    errno = 0;
    uint64_t value = text && text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
    if (!end || *end || errno || value > max)
        return err_set(-EBADMSG, "%s: metadata %s is missing or no number that fits", path, key);
    *ret = value;
    return 0;
}

static int meta_session(const struct safetensors *st, const char *path, uint8_t *ret)
{
    const char *text = safetensors_get_meta(st, "session");
    if (!text || strlen(text) != 2 * DIGEST_BYTES ||
        strspn(text, "0123456789abcdef") != 2 * DIGEST_BYTES)
        return err_set(-EBADMSG, "%s: metadata session is missing or no digest", path);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        const char byte[3] = {text[2 * i], text[2 * i + 1], 0};
        ret[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return 0;
}

static int load_meta(const struct safetensors *st, const char *path, struct ckpt_place *place)
{
    const char *format = safetensors_get_meta(st, "format");
    if (!format || strcmp(format, ckpt_format) != 0)
        return err_set(-EBADMSG, "%s: is not a checkpoint of augstream-trainer", path);
    uint64_t version, epoch = 0, index = 0;
    int rc = meta_number(st, path, "version", UINT32_MAX, &version);
    if (rc == 0 && version != CKPT_VERSION)
        return err_set(-EBADMSG, "%s: checkpoint version %" PRIu64 ", this program reads %d", path,
                       version, CKPT_VERSION);
    if (rc == 0)
        rc = meta_number(st, path, "step", UINT64_MAX - 1, &place->step);
    if (rc == 0)
        rc = meta_number(st, path, "epoch", UINT32_MAX, &epoch);
    if (rc == 0)
        rc = meta_number(st, path, "index", UINT32_MAX, &index);
    if (rc == 0)
        rc = meta_number(st, path, "seed", UINT64_MAX - 1, &place->seed);
    place->epoch = (uint32_t)epoch;
    place->index = (uint32_t)index;
    return rc < 0 ? rc : meta_session(st, path, place->session);
}

/* What one tensor of the file fills: what of param, or buffer, or nothing (a target has no
 * momentum). */
struct filling {
    char name[SAFETENSORS_NAME_MAX];
    const struct param *param;
    float *what;
    struct buffer *buffer;
};

static bool filling_is(const struct filling *f)
{
    return f->what || f->buffer;
}

/* The i-th tensor that a net's checkpoint may have; false after the last. */
static bool filling_at(struct net *net, size_t i, struct filling *ret)
{
    bool momentum = i >= net->n_params && i < 2 * net->n_params;
    *ret = (struct filling){.param = NULL};
    if (i < 2 * net->n_params) {
        ret->param = &net->param[i % net->n_params];
        ret->what = momentum ? ret->param->m : ret->param->w;
        snprintf(ret->name, sizeof ret->name, "%s%s", momentum ? momentum_prefix : "",
                 ret->param->name);
        return true;
    }
    i -= 2 * net->n_params;
    if (i >= net->n_buffers)
        return false;
    ret->buffer = &net->buffer[i];
    snprintf(ret->name, sizeof ret->name, "%s", ret->buffer->name);
    return true;
}

/* Checks the tensor's dtype and shape, and with fill set reads it in. */
static int load_tensor(struct net *net, const struct safetensors *st, const struct filling *f,
                       bool fill)
{
    const void *data;
    const struct buffer *b = f->buffer;
    int rc = f->param
                 ? safetensors_expect(st, f->name, ST_F32, f->param->ndim, f->param->shape, &data)
             : b->ndim == 0 ? safetensors_expect(st, f->name, ST_I64, 0, NULL, &data)
                            : safetensors_expect(st, f->name, ST_F32, b->ndim, b->shape, &data);
    if (rc < 0 || !fill)
        return rc;
    if (f->param)
        return net_load(net, f->param, f->what, data);
    if (b->ndim > 0)
        return net->ops->upload(net->ops, b->data, data, (size_t)b->count * sizeof(float));
    memcpy(&f->buffer->counter, data, sizeof f->buffer->counter);
    return 0;
}

int ckpt_load(struct net *net, const char *path, struct ckpt_place *ret)
{
    auto_with(in_fn) struct safetensors *st = NULL;
    int rc = safetensors_open(path, &st);
    if (rc < 0)
        return rc;
    struct ckpt_place place = {0};
    rc = load_meta(st, path, &place);
    if (rc == 0)
        rc = safetensors_check_seal(st);
    if (rc < 0)
        return rc;
    struct filling f;
    size_t n = 0;
    for (size_t i = 0; filling_at(net, i, &f); i++) { /* check all before touching the net */
        rc = filling_is(&f) ? load_tensor(net, st, &f, false) : 0;
        n += filling_is(&f);
        if (rc < 0)
            return rc;
    }
    if (safetensors_n(st) != n)
        return err_set(-EBADMSG, "%s: has %zu tensors, this recipe's model has %zu", path,
                       safetensors_n(st), n);
    for (size_t i = 0; filling_at(net, i, &f); i++) {
        rc = filling_is(&f) ? load_tensor(net, st, &f, true) : 0;
        if (rc < 0)
            return rc;
    }
    *ret = place;
    return 0;
}

int ckpt_recipe(const char *path, char **ret)
{
    auto_with(in_fn) struct safetensors *st = NULL;
    int rc = safetensors_open(path, &st);
    if (rc < 0)
        return rc;
    const char *text = safetensors_get_meta(st, "recipe");
    if (!text)
        return err_set(-ENOENT, "%s: keeps no recipe", path);
    *ret = strdup(text);
    return *ret ? 0 : err_set(-ENOMEM, "%s: out of memory", path);
}

/* --- the folder --- */

int ckpt_path(const char *folder, uint64_t step, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s/step-%08" PRIu64 ".safetensors", folder, step);
    if (n < 0 || (size_t)n >= cap)
        return err_set(-ENAMETOOLONG, "%s: the path is too long", folder);
    return 0;
}

/* The step in a checkpoint's file name; false for every other name. */
static bool name_step(const char *name, uint64_t *ret)
{
    char again[64];
    uint64_t step;
    if (sscanf(name, "step-%20" SCNu64 ".safetensors", &step) != 1)
        return false;
    snprintf(again, sizeof again, "step-%08" PRIu64 ".safetensors", step);
    if (strcmp(again, name) != 0)
        return false;
    *ret = step;
    return true;
}

static void closedir_fn(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Calls fn with every checkpoint's step. */
static int each_step(const char *folder, void (*fn)(void *arg, uint64_t step), void *arg)
{
    auto_with(closedir_fn) DIR *d = opendir(folder);
    if (!d)
        return err_set(-errno, "%s: cannot open: %s", folder, strerror(errno));
    uint64_t step;
    for (struct dirent *e; (e = readdir(d));)
        if (name_step(e->d_name, &step))
            fn(arg, step);
    return 0;
}

struct newest {
    uint64_t step, below; /* the highest step that is lower than below */
    bool found;
};

static void take_newest(void *arg, uint64_t step)
{
    struct newest *n = arg;
    if (step < n->below && (!n->found || step > n->step)) {
        n->step = step;
        n->found = true;
    }
}

int ckpt_latest(const char *folder, uint64_t *ret_step)
{
    struct newest n = {.below = UINT64_MAX};
    int rc = each_step(folder, take_newest, &n);
    if (rc < 0)
        return rc;
    if (!n.found)
        return err_set(-ENOENT, "%s: has no checkpoint", folder);
    *ret_step = n.step;
    return 0;
}

int ckpt_prune(const char *folder, uint64_t keep)
{
    struct newest n = {.below = UINT64_MAX};
    for (uint64_t seen = 0;; seen++) {
        n.found = false;
        int rc = each_step(folder, take_newest, &n);
        if (rc < 0)
            return rc;
        if (!n.found || n.step == 0)
            return 0;
        n.below = n.step;
        char path[4096];
        rc = ckpt_path(folder, n.step, path, sizeof path);
        if (rc < 0)
            return rc;
        if (seen >= keep && unlink(path) < 0)
            return err_set(-errno, "%s: cannot remove: %s", path, strerror(errno));
    }
}
