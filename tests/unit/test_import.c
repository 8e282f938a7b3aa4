/* SPDX-License-Identifier: Apache-2.0 */
/* import: a real ResNet's tensors under every known naming come to the same weights; heads,
 * momentum encoders and optimisers in the same file are passed over; whatever is missing, extra or
 * of another shape is refused by name, and the net is then as it was. The files are made up here.
 */
#include "test.h"

#include "trainer/ckpt.h"
#include "trainer/import.h"
#include "trainer/model.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[128];
static struct ops *ops;
static struct model *model; /* MoCo: it has a momentum encoder */
static struct net *net;

static int model_make(const char *backbone, struct model **ret)
{
    static struct recipe recipe;
    const char *const sets[] = {"run.name=r",       "data.dataset=d",      "data.path=p",
                                "data.batch=2",     "views.size=32",       "model.width=8",
                                "method.name=moco", "method.queue.size=4", backbone};
    int rc = recipe_load(&recipe, NULL, sets, ARRAY_LEN(sets));
    return rc < 0 ? rc : model_new(&recipe, ops, ret);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || ops_open("ref", 1, &ops) < 0 ||
        model_make("model.backbone=resnet18", &model) < 0)
        return -1;
    net = model_net(model);
    snprintf(path, sizeof path, "%s/weights.safetensors", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_free(model);
    ops_close(ops);
    unlink(path);
    return rmdir(folder);
}

/* --- files in somebody's names --- */

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

/* torchvision's name in an nn.Sequential of its children: written out, not derived. */
static void numbered(const char *name, char *ret, size_t cap)
{
    static const char *const places[] = {"conv1",  "bn1",    "relu",   "maxpool", "layer1",
                                         "layer2", "layer3", "layer4", "avgpool", "fc"};
    size_t word = strcspn(name, ".");
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (strlen(places[i]) == word && strncmp(places[i], name, word) == 0)
            snprintf(ret, cap, "%zu%s", i, name + word);
}

struct file {
    const char *prefix;
    bool numbers;
    const char *skip, *twist;    /* leave this one out; give this one another shape; or NULL */
    bool old;                    /* no num_batches_tracked */
    const char *extra[8];        /* further tensors, of any shape */
    enum safetensors_dtype type; /* of the parameters */
};

static float value_of(size_t tensor, size_t i)
{
    return (float)(tensor % 97) + (float)(i % 1000) / 1000;
}

/* A state_dict of the net's backbone. */
static void write_file(const struct file *f)
{
    static float data[1 << 20];
    static const int64_t ten[] = {10}, one[] = {1, 2, 3, 1};
    struct safetensors_out *out;
    float *host[NET_PARAMS_MAX + NET_BUFFERS_MAX] = {NULL};
    int64_t counter = 77;
    assert_int_equal(safetensors_out_new(&out), 0);
    for (size_t i = 0; i < net->n_params + net->n_buffers; i++) {
        bool is_param = i < net->n_params;
        const struct param *p = &net->param[i];
        const struct buffer *b = is_param ? NULL : &net->buffer[i - net->n_params];
        const char *full = is_param ? p->name : b->name;
        if (!begins(full, "backbone.") || (b && b->ndim == 0 && f->old))
            continue;
        char name[256], theirs[256];
        snprintf(name, sizeof name, "%s", full + strlen("backbone."));
        if (f->numbers)
            numbered(full + strlen("backbone."), name, sizeof name);
        snprintf(theirs, sizeof theirs, "%s%s", f->prefix, name);
        if (f->skip && strcmp(theirs, f->skip) == 0)
            continue;
        if (f->twist && strcmp(theirs, f->twist) == 0) {
            assert_int_equal(safetensors_add(out, theirs, ST_F32, 4, one, data), 0);
            continue;
        }
        if (b && b->ndim == 0) {
            assert_int_equal(safetensors_add(out, theirs, ST_I64, 0, NULL, &counter), 0);
            continue;
        }
        size_t count = is_param ? p->count : (size_t)b->count;
        host[i] = malloc(count * sizeof(float));
        assert_non_null(host[i]);
        for (size_t k = 0; k < count; k++)
            host[i][k] = value_of(i, k);
        assert_int_equal(safetensors_add(out, theirs, f->type, is_param ? p->ndim : b->ndim,
                                         is_param ? p->shape : b->shape, host[i]),
                         0);
    }
    for (size_t i = 0; i < ARRAY_LEN(f->extra) && f->extra[i]; i++)
        assert_int_equal(safetensors_add(out, f->extra[i], ST_F32, 1, ten, data), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
    for (size_t i = 0; i < ARRAY_LEN(host); i++)
        free(host[i]);
}

/* Whether the net's backbone, and the momentum encoder's, has the file's values. */
static void check_net(bool old)
{
    size_t followers = 0;
    for (size_t i = 0; i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        bool follows = begins(p->name, "momentum.backbone.");
        if (!follows && !begins(p->name, "backbone."))
            continue;
        float *host = malloc(p->count * sizeof(float));
        assert_non_null(host);
        assert_int_equal(net_store(net, p, p->w, host), 0);
        size_t from = follows ? (size_t)(p->online - net->param) : i;
        for (size_t k = 0; k < p->count; k++)
            if (host[k] != value_of(from, k))
                fail_msg("%s[%zu] is %g", p->name, k, (double)host[k]);
        free(host);
        followers += follows;
    }
    assert_int_equal(followers, 60); /* ResNet-18's parameters without fc */
    for (size_t i = 0; i < net->n_buffers; i++) {
        struct buffer *b = &net->buffer[i];
        if (!begins(b->name, "backbone."))
            continue;
        if (b->ndim == 0)
            assert_int_equal(b->counter, old ? 5 : 77);
        else
            assert_true(b->data[1] == value_of(net->n_params + i, 1));
    }
}

static void forget(void)
{
    assert_int_equal(net_init(net, 3), 0);
    for (size_t i = 0; i < net->n_buffers; i++)
        if (net->buffer[i].ndim == 0)
            net->buffer[i].counter = 5;
}

static void test_namings(void **state)
{
    (void)state;
    static const struct file files[] = {
        {"", .extra = {"fc.weight", "fc.bias"}}, /* torchvision's classifier */
        {"", .old = true},                       /* before there were counters */
        {"backbone.", .extra = {"projector.0.weight", "predictor.0.weight", "classifier.weight",
                                "momentum_backbone.conv1.weight", "momentum_projector.0.weight",
                                "queue"}}, /* solo-learn */
        {"encoder.", .extra = {"projector.0.weight", "momentum_encoder.conv1.weight"}},
        {"backbone.", true,
         .extra = {"projection_head.layers.0.weight", "prediction_head.layers.0.weight",
                   "backbone_momentum.0.weight"}}, /* lightly */
        {"", true, .extra = {"9.weight", "9.bias"}},
        {"module.encoder_q.",
         .extra = {"module.encoder_q.fc.0.weight", "module.encoder_q.fc.2.bias",
                   "module.encoder_k.conv1.weight", "module.encoder_k.fc.0.weight", "module.queue",
                   "module.queue_ptr"}}, /* MoCo */
        {"state_dict.module.encoder_q.", .extra = {"state_dict.module.queue", "optimizer.lr"}},
        {"module.encoder.", .extra = {"module.encoder.fc.0.weight", "module.encoder.fc.6.bias",
                                      "module.predictor.0.weight"}}, /* SimSiam */
        {"module.base_encoder.",
         .extra = {"module.base_encoder.fc.0.weight", "module.momentum_encoder.conv1.weight"}},
        {"backbone.", .extra = {"projector.0.weight", "predictor.3.bias",
                                "ss_predictor.crop.0.weight"}}, /* AugSelf, flattened */
        {"module.", .extra = {"module.fc.weight"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        write_file(&files[i]);
        forget();
        if (import_backbone(net, path) < 0)
            fail_msg("%s*: %s", files[i].prefix, err_text());
        check_net(files[i].old);
    }
}

/* What this program wrote itself: the backbone alone, and a whole checkpoint. */
static void test_ours(void **state)
{
    (void)state;
    const struct ckpt_place place = {.step = 1};
    for (int whole = 0; whole < 2; whole++) {
        write_file(&(struct file){""});
        forget();
        assert_int_equal(import_backbone(net, path), 0);
        assert_int_equal(whole ? ckpt_save(net, &place, "", path) : ckpt_save_backbone(net, path),
                         0);
        forget();
        if (import_backbone(net, path) < 0)
            fail_msg("%s", err_text());
        check_net(false);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct file file;
        const char *says; /* behind the path */
    } rows[] = {
        {{"", .skip = "layer3.0.conv2.weight"},
         ": read by torchvision's names, is not this recipe's backbone: lacks "
         "layer3.0.conv2.weight"},
        {{"module.encoder_q.", .skip = "module.encoder_q.bn1.running_var"},
         ": read by MoCo's names, is not this recipe's backbone: lacks "
         "module.encoder_q.bn1.running_var"},
        {{"backbone.", .extra = {"backbone.layer1.0.conv3.weight"}},
         ": read by the names of augstream, lightly, solo-learn or AugSelf, is not this recipe's "
         "backbone: has also backbone.layer1.0.conv3.weight"},
        {{"module.encoder.", .twist = "module.encoder.layer2.0.downsample.0.weight"},
         "its tensor module.encoder.layer2.0.downsample.0.weight is F32 [1,2,3,1], expected F32 "
         "[16,8,1,1]"},
        {{"", .type = ST_I32}, "its tensor conv1.weight is I32 [8,3,7,7], expected F32 [8,3,7,7]"},
        {{"encoder.weird."},
         ": has no backbone: no convolution is called conv1.weight, "
         "backbone.conv1.weight, encoder.conv1.weight or the like; a tensor in "
         "it is encoder.weird."},
        {{"backbone.", .skip = "backbone.bn1.weight",
          .extra = {"backbone.a", "backbone.b", "backbone.c", "backbone.d", "backbone.e"}},
         "lacks backbone.bn1.weight; has also backbone.a, backbone.b, backbone.c and 2 more"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        write_file(&rows[i].file);
        forget();
        float before[8 * 3 * 49], after[8 * 3 * 49];
        struct param *p = net_find_param(net, "backbone.conv1.weight");
        assert_int_equal(net_store(net, p, p->w, before), 0);
        int rc = import_backbone(net, path);
        if (rc != -EBADMSG || !strstr(err_text(), rows[i].says) || !begins(err_text(), path))
            fail_msg("%d '%s' does not say '%s'", rc, rc < 0 ? err_text() : "", rows[i].says);
        assert_int_equal(net_store(net, p, p->w, after), 0);
        assert_memory_equal(before, after, sizeof before);
    }
    unlink(path);
    assert_int_equal(import_backbone(net, path), -ENOENT);
}

/* Two backbones: which is meant? */
static void test_ambiguous(void **state)
{
    (void)state;
    static float data[8 * 3 * 49];
    const int64_t shape[] = {8, 3, 7, 7};
    struct safetensors_out *out;
    assert_int_equal(safetensors_out_new(&out), 0);
    assert_int_equal(safetensors_add(out, "encoder.conv1.weight", ST_F32, 4, shape, data), 0);
    assert_int_equal(safetensors_add(out, "backbone.conv1.weight", ST_F32, 4, shape, data), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
    assert_int_equal(import_backbone(net, path), -EBADMSG);
    assert_non_null(strstr(err_text(), ": has two backbones, backbone.* and encoder.*"));
}

/* The weights of another architecture: what is said tells which. */
static void test_other_architecture(void **state)
{
    (void)state;
    struct model *larger;
    assert_int_equal(model_make("model.backbone=resnet34", &larger), 0);
    assert_int_equal(ckpt_save_backbone(model_net(larger), path), 0);
    model_free(larger);
    assert_int_equal(import_backbone(net, path), -EBADMSG);
    assert_non_null(strstr(err_text(), "has also layer"));
    assert_non_null(strstr(err_text(), "and 93 more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namings),
        cmocka_unit_test(test_ours),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_ambiguous),
        cmocka_unit_test(test_other_architecture),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
