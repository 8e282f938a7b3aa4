/* SPDX-License-Identifier: Apache-2.0 */
/* recipe: the defaults are the paper's STL10 row, a dumped recipe reads back the same, the shipped
 * ones load. */
#include "test.h"

#include "trainer/recipe.h"
#include "trainer/resnet.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/r.yaml", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void put_file(const char *text)
{
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char least[] = "run: {name: r}\n"
                            "data: {dataset: stl10, path: /data/stl10}\n";

static void test_defaults(void **state)
{
    (void)state;
    struct recipe r;
    put_file(least);
    assert_int_equal(recipe_load(&r, path, NULL, 0), 0);
    assert_true(recipe_embedded(&r));
    assert_int_equal(r.data.batch, 256);
    assert_int_equal(r.views.size, 96);
    assert_true(r.views.mean[2] == .39 && r.views.std[1] == .26);
    assert_true(r.views.law.crop.scale[0] == .2 && r.views.law.crop.scale[1] == 1);
    assert_true(fabs(r.views.law.crop.ratio[1] - 4.0 / 3) < 1e-15);
    assert_int_equal(r.views.law.blur.kernel, 9);
    assert_true(r.optim.base_lr == .03 && r.optim.weight_decay == 5e-4 && r.optim.momentum == .9);
    assert_int_equal(r.optim.epochs, 200);
    assert_int_equal(r.optim.schedule, SCHEDULE_COSINE);
    assert_int_equal(r.optim.schedule_unit, SCHEDULE_EPOCH);
    assert_int_equal(r.method.projector.layers, 2);
    assert_int_equal(r.method.projector.dim, 2048);
    assert_int_equal(r.method.predictor.dim, 512);
    assert_int_equal(r.model.width, 64);
    const double weights[AUGSELF_KINDS] = {[AUGSELF_CROP] = 1, [AUGSELF_COLOR] = 1};
    for (int k = 0; k < AUGSELF_KINDS; k++)
        assert_true(recipe_augself_weight(&r, (enum augself_kind)k) == weights[k]);
}

static void test_dump_reads_back(void **state)
{
    (void)state;
    struct recipe a, b;
    const char *const sets[] = {"data.loaders=[\"tcp://n1:1\", \"tcp://n2:2\"]",
                                "views.crop.scale=[.123456789012345, .9]",
                                "run.name=\"a: b # c\"",
                                "views.jitter.order=batch",
                                "views.second={blur: {p: .1}, jitter: {order: image}}",
                                "views.small={count: 6, size: 48, crop: {scale: [.05, .14]}}",
                                "model.stem=cifar",
                                "optim.schedule_unit=step",
                                "run.seed=900000000000000"};
    put_file(least);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    assert_int_equal(recipe_load(&a, path, sets, ARRAY_LEN(sets)), 0);
    unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(conf_dump(&recipe_table, &a, f), 0);
    fclose(f);
    assert_int_equal(recipe_load(&b, path, NULL, 0), 0);
    assert_string_equal(b.run.name, "a: b # c");
    assert_int_equal(b.run.seed, 900000000000000);
    assert_int_equal(b.data.loaders.n, 2);
    assert_string_equal(b.data.loaders.v[1], "tcp://n2:2");
    assert_true(b.views.law.crop.scale[0] == a.views.law.crop.scale[0]);
    assert_true(b.views.law.crop.ratio[1] == a.views.law.crop.ratio[1]);
    assert_int_equal(b.views.law.jitter.order, 1);
    assert_int_equal(b.views.second.jitter.order, 0);
    assert_true(b.views.second.blur.p == .1);
    assert_int_equal(b.model.stem, STEM_CIFAR);
    assert_int_equal(b.optim.schedule_unit, SCHEDULE_STEP);
    struct spec sa, sb;
    recipe_spec(&a, &sa);
    recipe_spec(&b, &sb);
    const uint8_t fingerprint[DIGEST_BYTES] = {1};
    uint8_t da[DIGEST_BYTES], db[DIGEST_BYTES];
    spec_digest(&sa, fingerprint, da);
    spec_digest(&sb, fingerprint, db);
    assert_memory_equal(da, db, DIGEST_BYTES); /* the loaders see the same run */
}

/* --- what is shipped --- */

#define SHIPPED TESTS_DIR "/../deploy/recipes"

/* The recipe of that name; its loader is elsewhere or, where it is its own, anywhere. */
static void load_shipped(struct recipe *r, const char *name)
{
    char file[1024];
    const char *set = strncmp(name, "tiny64-", 7) == 0 ? "data.path=/anywhere" : "data.retry=1";
    snprintf(file, sizeof file, SHIPPED "/%s.yaml", name);
    memset(r, 0, sizeof *r);
    if (recipe_load(r, file, &set, 1) < 0 || recipe_trainable(r, file, &set, 1) < 0)
        fail_msg("%s", err_text());
    assert_string_equal(r->run.name, name);
}

static char *text_of(const struct recipe *r)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    assert_int_equal(conf_dump(&recipe_table, r, f), 0);
    fclose(f);
    return text;
}

/* AugSelf's twin differs in nothing but its heads: crop's and color's weight, one number. */
static void check_twin(const char *name, const char *augself)
{
    static struct recipe r[2];
    load_shipped(&r[0], name);
    load_shipped(&r[1], augself);
    assert_true(r[0].augself.crop == 0 && r[0].augself.color == 0);
    double lambda = strncmp(name, "imagenet100-", 12) == 0 ? .5 : 1;
    assert_true(r[1].augself.crop == lambda && r[1].augself.color == lambda);
    char *text[2];
    for (int k = 0; k < 2; k++) {
        snprintf(r[k].run.name, sizeof r[k].run.name, "same");
        r[k].augself.crop = r[k].augself.color = 0;
        text[k] = text_of(&r[k]);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}

static void test_twins(void **state)
{
    (void)state;
    DIR *dir = opendir(SHIPPED);
    assert_non_null(dir);
    size_t twins = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(e->d_name, "."), e->d_name);
        char *end = strstr(name, "-augself");
        if (!end)
            continue;
        char plain[256];
        snprintf(plain, sizeof plain, "%.*s", (int)(end - name), name);
        check_twin(plain, name);
        twins++;
    }
    closedir(dir);
    assert_int_equal(twins, 6 + 6 + 2 + 3 + 1); /* STL10, ImageNet100, CIFAR-10, small, flowers */
}

/* The paper's table: what a recipe must say, whatever it stands on. */
static void test_paper(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *backbone;
        int64_t size, kernel, epochs, layers;
        double lr, decay, mean;
    } rows[] = {
        {"stl10-simsiam", "resnet18", 96, 9, 200, 2, .03, 5e-4, .43},
        {"stl10-simsiam-augself", "resnet18", 96, 9, 200, 2, .03, 5e-4, .43},
        {"stl10-moco", "resnet18", 96, 9, 200, 2, .03, 5e-4, .43},
        {"stl10-simclr", "resnet18", 96, 9, 200, 2, .03, 5e-4, .43},
        {"stl10-byol", "resnet18", 96, 9, 200, 2, .03, 5e-4, .43},
        {"stl10-swav", "resnet18", 96, 9, 200, 2, .03, 5e-4, .43},
        {"imagenet100-simsiam", "resnet50", 224, 23, 500, 3, .05, 1e-4, .485},
        {"imagenet100-moco", "resnet50", 224, 23, 500, 2, .03, 1e-4, .485},
        {"imagenet100-supervised", "resnet50", 224, 23, 100, 0, .1, 1e-4, .485},
    };
    static struct recipe r;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        load_shipped(&r, rows[i].name);
        assert_string_equal(resnet_names[r.model.backbone], rows[i].backbone);
        assert_int_equal(r.model.width, 64);
        assert_int_equal(r.data.batch, 256);
        assert_int_equal(r.views.size, rows[i].size);
        assert_int_equal(r.views.law.blur.kernel, rows[i].kernel);
        assert_int_equal(r.optim.epochs, rows[i].epochs);
        assert_int_equal(r.method.projector.layers, rows[i].layers);
        assert_true(r.optim.base_lr == rows[i].lr && r.optim.weight_decay == rows[i].decay);
        assert_true(r.optim.momentum == .9 && r.optim.warmup == 0);
        assert_int_equal(r.optim.schedule, SCHEDULE_COSINE);
        assert_int_equal(r.optim.schedule_unit, SCHEDULE_EPOCH);
        assert_true(r.views.mean[0] == rows[i].mean);
        assert_true(r.views.law.crop.scale[0] == .2 && r.views.law.jitter.hue == .1);
    }
    load_shipped(&r, "stl10-moco");
    assert_int_equal(r.method.queue.size, 65536);
    assert_true(r.method.momentum == .999 && r.method.temperature == .2);
    assert_int_equal(r.method.projector.hidden, 512);
    assert_int_equal(r.method.projector.dim, 128);
    load_shipped(&r, "stl10-simclr");
    assert_true(r.method.temperature == .2 && r.method.projector.dim == 128);
    load_shipped(&r, "stl10-byol");
    assert_true(r.method.momentum == .996 && r.method.predictor.dim == 4096);
    assert_int_equal(r.method.momentum_schedule, MOMENTUM_COSINE);
    assert_int_equal(r.method.projector.hidden, 4096);
    assert_int_equal(r.method.projector.dim, 256);
    load_shipped(&r, "stl10-swav");
    assert_int_equal(r.method.prototypes.count, 100);
    assert_int_equal(r.method.prototypes.frozen, 410);
    assert_true(r.method.temperature == .1 && r.method.sinkhorn.epsilon == .05);
    assert_int_equal(r.method.sinkhorn.iterations, 3);
    load_shipped(&r, "stl10-simsiam-crop");
    assert_true(r.augself.crop == 1 && r.augself.color == 0);
    load_shipped(&r, "stl10-simsiam-color");
    assert_true(r.augself.crop == 0 && r.augself.color == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_dump_reads_back),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_paper),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
