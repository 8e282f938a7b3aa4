/* SPDX-License-Identifier: Apache-2.0 */
/* ckpt: save, load, save again gives the same bytes; a foreign, damaged or differently shaped file
 * is refused by name and leaves the net alone; the newest files are kept, and step 0. */
#include "test.h"

#include "trainer/ckpt.h"
#include "trainer/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[128], other[128];
static struct ops *ops;

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || ops_open("ref", 1, &ops) < 0)
        return -1;
    snprintf(path, sizeof path, "%s/step-00000007.safetensors", folder);
    snprintf(other, sizeof other, "%s/other.safetensors", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ops_close(ops);
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

/* A net of a few parameters of every shape; out: the linear layer's rows. */
static struct net *make_net(int64_t out)
{
    struct net *net;
    assert_int_equal(net_new(ops, &net), 0);
    const int64_t conv[] = {4, 3, 3, 3}, linear[] = {out, 5}, vector[] = {4};
    assert_non_null(net_param(net, "backbone", "conv1.weight", 4, conv, PARAM_SCHEDULED));
    assert_non_null(net_param(net, "backbone", "bn1.weight", 1, vector, PARAM_SCHEDULED));
    assert_non_null(net_param(net, "predictor", "0.weight", 2, linear, PARAM_CONSTANT));
    assert_non_null(net_buffer(net, "backbone", "bn1.running_mean", 4, 0));
    assert_non_null(net_buffer(net, "backbone", "bn1.running_var", 4, 1));
    assert_non_null(net_buffer(net, "backbone", "bn1.num_batches_tracked", 0, 0));
    assert_int_equal(net_commit(net), 0);
    return net;
}

/* Numbers that tell every place apart. */
static void fill_net(struct net *net, float base)
{
    float host[256];
    for (size_t i = 0; i < net->n_params; i++) {
        struct param *p = &net->param[i];
        assert_true(p->count <= ARRAY_LEN(host));
        for (size_t k = 0; k < p->count; k++)
            host[k] = base + (float)i + (float)k / 1000;
        assert_int_equal(net_load(net, p, p->w, host), 0);
        for (size_t k = 0; k < p->count; k++)
            host[k] = -host[k];
        assert_int_equal(net_load(net, p, p->m, host), 0);
    }
    for (size_t i = 0; i < net->n_buffers; i++) {
        struct buffer *b = &net->buffer[i];
        b->counter = b->count ? 0 : (int64_t)base + 40;
        for (int64_t k = 0; k < b->count; k++)
            host[k] = base * 2 + (float)i + (float)k;
        if (b->count)
            assert_int_equal(ops->upload(ops, b->data, host, (size_t)b->count * sizeof(float)), 0);
    }
}

static const struct ckpt_place place = {
    .step = 7, .epoch = 3, .index = 1, .seed = 1ull << 40, .session = {0xab, 1, 2, 0xff}};

static size_t read_file(const char *name, char *bytes, size_t cap)
{
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, cap, f);
    fclose(f);
    assert_true(n < cap);
    return n;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct net *a = make_net(2), *b = make_net(2);
    fill_net(a, 10);
    assert_int_equal(ckpt_save(a, &place, "run: {seed: 1}\n", path), 0);
    struct ckpt_place back = {0};
    assert_int_equal(ckpt_load(b, path, &back), 0);
    assert_int_equal(back.step, place.step);
    assert_int_equal(back.epoch, place.epoch);
    assert_int_equal(back.index, place.index);
    assert_int_equal(back.seed, place.seed);
    assert_memory_equal(back.session, place.session, sizeof back.session);
    assert_int_equal(net_find_buffer(b, "backbone.bn1.num_batches_tracked")->counter, 50);
    assert_int_equal(ckpt_save(b, &back, "run: {seed: 1}\n", other), 0);
    char one[8192], two[8192];
    size_t n = read_file(path, one, sizeof one);
    assert_int_equal(read_file(other, two, sizeof two), n);
    assert_memory_equal(one, two, n);
    net_free(a);
    net_free(b);
}

static void test_contents(void **state)
{
    (void)state;
    struct net *net = make_net(2);
    fill_net(net, 10);
    assert_int_equal(ckpt_save(net, &place, "text", path), 0);
    struct safetensors *st;
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_n(st), 3 + 3 + 3);
    const int64_t conv[] = {4, 3, 3, 3}, linear[] = {2, 5}, vector[] = {4};
    const void *data;
    assert_int_equal(safetensors_expect(st, "backbone.conv1.weight", ST_F32, 4, conv, &data), 0);
    assert_true(((const float *)data)[107] == 10 + 107.0f / 1000); /* OIHW, as it went in */
    assert_int_equal(
        safetensors_expect(st, "optim.momentum.predictor.0.weight", ST_F32, 2, linear, &data), 0);
    assert_true(((const float *)data)[9] == -(12 + 9.0f / 1000));
    assert_int_equal(safetensors_expect(st, "backbone.bn1.running_var", ST_F32, 1, vector, &data),
                     0);
    assert_true(((const float *)data)[3] == 24);
    assert_int_equal(
        safetensors_expect(st, "backbone.bn1.num_batches_tracked", ST_I64, 0, NULL, &data), 0);
    assert_int_equal(*(const int64_t *)data, 50);
    assert_string_equal(safetensors_get_meta(st, "recipe"), "text");
    assert_string_equal(safetensors_get_meta(st, "step"), "7");
    safetensors_close(st);

    assert_int_equal(ckpt_save_backbone(net, other), 0);
    assert_int_equal(safetensors_open(other, &st), 0);
    assert_int_equal(safetensors_n(st), 5);
    assert_int_equal(safetensors_expect(st, "conv1.weight", ST_F32, 4, conv, &data), 0);
    assert_int_equal(safetensors_expect(st, "bn1.running_mean", ST_F32, 1, vector, &data), 0);
    assert_int_equal(safetensors_expect(st, "bn1.num_batches_tracked", ST_I64, 0, NULL, &data), 0);
    safetensors_close(st);
    net_free(net);
}

/* The value that tells whether a net was touched. */
static float first_weight(struct net *net)
{
    float host[256];
    assert_int_equal(net_store(net, &net->param[0], net->param[0].w, host), 0);
    return host[0];
}

static void expect_refused(struct net *net, int code, const char *says)
{
    struct ckpt_place back = {.step = 99};
    float before = first_weight(net);
    assert_int_equal(ckpt_load(net, path, &back), code);
    if (!strstr(err_text(), says) || !strstr(err_text(), path))
        fail_msg("'%s' does not say '%s'", err_text(), says);
    assert_int_equal(back.step, 99);
    assert_true(first_weight(net) == before);
}

static void test_other_shapes(void **state)
{
    (void)state;
    struct net *a = make_net(2), *b = make_net(6);
    fill_net(a, 10);
    fill_net(b, 30);
    assert_int_equal(ckpt_save(a, &place, "", path), 0);
    expect_refused(b, -EBADMSG, "predictor.0.weight is F32 [2,5], expected F32 [6,5]");

    /* a model with more than this one */
    struct net *c;
    assert_int_equal(net_new(ops, &c), 0);
    const int64_t conv[] = {4, 3, 3, 3};
    assert_non_null(net_param(c, "backbone", "conv1.weight", 4, conv, PARAM_SCHEDULED));
    assert_int_equal(net_commit(c), 0);
    expect_refused(c, -EBADMSG, "has 9 tensors, this recipe's model has 2");
    assert_int_equal(ckpt_save(c, &place, "", path), 0);
    expect_refused(a, -ENOENT, "has no tensor backbone.bn1.weight");
    net_free(a);
    net_free(b);
    net_free(c);
}

static void test_foreign(void **state)
{
    (void)state;
    struct net *net = make_net(2);
    fill_net(net, 10);
    assert_int_equal(ckpt_save_backbone(net, path), 0);
    expect_refused(net, -EBADMSG, "is not a checkpoint");

    static const struct {
        const char *key, *value, *says;
    } bad[] = {
        {"version", "2", "version 2"},  {"version", "x", "version"},
        {"step", "-1", "step"},         {"step", "", "step"},
        {"step", "12 ", "step"},        {"epoch", "4294967296", "epoch"},
        {"index", "0x1", "index"},      {"seed", "99999999999999999999", "seed"},
        {"session", "abcd", "session"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct safetensors_out *out;
        assert_int_equal(safetensors_out_new(&out), 0);
        const char *const good[][2] = {{"format", "augstream-checkpoint"},
                                       {"version", "1"},
                                       {"step", "1"},
                                       {"epoch", "1"},
                                       {"index", "1"},
                                       {"seed", "1"},
                                       {"session", "00000000000000000000000000000000"}};
        for (size_t k = 0; k < ARRAY_LEN(good); k++)
            assert_int_equal(safetensors_meta(out, good[k][0], good[k][1]), 0);
        assert_int_equal(safetensors_meta(out, bad[i].key, bad[i].value), 0); /* replaces */
        assert_int_equal(safetensors_write(out, path), 0);
        safetensors_out_free(out);
        expect_refused(net, -EBADMSG, bad[i].says);
    }
    net_free(net);
}

static void test_cut(void **state)
{
    (void)state;
    struct net *net = make_net(2);
    fill_net(net, 10);
    char bytes[8192];
    assert_int_equal(ckpt_save(net, &place, "text", path), 0);
    size_t n = read_file(path, bytes, sizeof bytes);
    for (size_t cut = 0; cut < n; cut += 97) {
        unlink(path);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, cut, f), cut);
        fclose(f);
        struct ckpt_place back;
        assert_int_equal(ckpt_load(net, path, &back), -EBADMSG);
    }
    net_free(net);
}

static void touch(const char *name)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", folder, name);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fclose(f);
}

static void test_folder(void **state)
{
    (void)state;
    unlink(path);
    uint64_t step = 5;
    assert_int_equal(ckpt_latest(folder, &step), -ENOENT);
    assert_int_equal(step, 5);
    static const char *const names[] = {
        "step-00000000.safetensors",  "step-00000010.safetensors", "step-00000020.safetensors",
        "step-100000000.safetensors", "step-00000030.safetensors",
    };
    static const char *const others[] = {"step-30.safetensors", "step-00000040.safetensors.tmp",
                                         "step--0000050.safetensors", "notes"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        touch(names[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        touch(others[i]);
    assert_int_equal(ckpt_latest(folder, &step), 0);
    assert_int_equal(step, 100000000);
    assert_int_equal(ckpt_prune(folder, 2), 0);
    static const char *const left[] = {"step-00000000.safetensors", "step-100000000.safetensors",
                                       "step-00000030.safetensors"};
    char full[256];
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        snprintf(full, sizeof full, "%s/%s", folder, left[i]);
        assert_int_equal(unlink(full), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        snprintf(full, sizeof full, "%s/%s", folder, others[i]);
        assert_int_equal(unlink(full), 0);
    }
    assert_int_equal(ckpt_latest(folder, &step), -ENOENT);
    assert_int_equal(ckpt_latest("/nonexistent", &step), -ENOENT);
    char small[8];
    assert_int_equal(ckpt_path(folder, 1, small, sizeof small), -ENAMETOOLONG);
}

static size_t entries(void)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Wherever the disk is full, the checkpoint that was there stays, and nothing beside it. */
static void test_full_disk(void **state)
{
    (void)state;
    static char before[16384], after[16384];
    struct net *net = make_net(2);
    struct rlimit whole;
    fill_net(net, 10);
    assert_int_equal(ckpt_save(net, &place, "recipe", path), 0);
    size_t size = read_file(path, before, sizeof before), n = entries();
    fill_net(net, 30);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    for (size_t most = 0; most < size; most += 97) {
        struct rlimit little = {most, whole.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        int rc = ckpt_save(net, &place, "recipe", path);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
        assert_int_equal(rc, -EFBIG);
        assert_non_null(strstr(err_text(), path));
        assert_int_equal(entries(), n);
        assert_int_equal(read_file(path, after, sizeof after), size);
        assert_memory_equal(before, after, size);
    }
    assert_int_equal(ckpt_save(net, &place, "recipe", path), 0);
    struct ckpt_place back;
    assert_int_equal(ckpt_load(net, path, &back), 0);
    char *recipe = NULL;
    assert_int_equal(ckpt_recipe(path, &recipe), 0);
    assert_string_equal(recipe, "recipe");
    free(recipe);
    assert_int_equal(ckpt_save_backbone(net, path), 0);
    assert_int_equal(ckpt_recipe(path, &recipe), -ENOENT);
    net_free(net);
}

/* One bit of the data turned, anywhere: refused, and the net is as it was. */
static void test_turned_bits(void **state)
{
    (void)state;
    static char bytes[16384];
    struct net *net = make_net(2);
    fill_net(net, 10);
    assert_int_equal(ckpt_save(net, &place, "recipe", path), 0);
    size_t size = read_file(path, bytes, sizeof bytes);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    fill_net(net, 30);
    for (size_t at = 8 + header; at < size; at += 13) {
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, size, f), size);
        fclose(f);
        expect_refused(net, -EBADMSG, "is damaged: the CRC-32C of its data is ");
        bytes[at] = (char)(bytes[at] ^ (1 << at % 8));
    }
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_contents),
        cmocka_unit_test(test_other_shapes), cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_folder),
        cmocka_unit_test(test_full_disk),    cmocka_unit_test(test_turned_bits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
