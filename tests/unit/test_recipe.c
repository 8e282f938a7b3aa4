/* SPDX-License-Identifier: Apache-2.0 */
/* recipe: the defaults are the paper's STL10 row, every check across options names key and place, a
 * dumped recipe reads back the same, the
 * shipped ones load. */
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

/* One --set on top of a good file, and what the message must say. */
static const struct {
    const char *set, *says;
} refused[] = {
    {"run.name=a/b", "--set run.name: must be a plain folder name"},
    {"run.name=..", "--set run.name"},
    {"run.dir=\"\"", "--set run.dir"},
    {"data.batch=1", "data.batch"},
    {"data.batch=4097", "data.batch"},
    {"data.dataset=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "--set data.dataset: at most 63 bytes"},
    {"data.path=\"\"", "--set data.path: embedded loaders need"},
    {"data.loaders=[embedded, \"tcp://a:1\"]", "--set data.loaders: embedded stands alone"},
    {"data.loaders=[\"tcp://a:1\", embedded]", "--set data.loaders: embedded stands alone"},
    {"data.loaders=[\"http://a:1\"]", "--set data.loaders: http://a:1 is no endpoint"},
    {"data.loaders=[\"tcp://a:1\", \"tcp://a:1\"]", "--set data.loaders: tcp://a:1 is there twice"},
    {"data.window=0", "data.window"},
    {"data.deadline=0", "data.deadline"},
    {"views.count=0", "views.count"},
    {"views.count=17", "views.count"},
    {"views.small.count=15", "--set views.small.count: 17 views in all; at most 16"},
    {"views.small.size=48", "--set views.small.size: there are no small views"},
    {"views.small.crop.scale=[.05, .14]", "--set views.small.crop.scale: there are no small"},
    {"views.small={size: 48}", "views.small.size: there are no small views"},
    {"views.small={count: 2, size: 8, blur: {kernel: 17}}",
     "views.small: view: blur kernel 17 is too wide"},
    {"views.small={count: 1, blur: {kernel: 4}}", "views.small.blur.kernel: 4 is not odd"},
    {"views.second.blur.kernel=10", "--set views.second.blur.kernel: 10 is not odd"},
    {"views.second.blur.sigma=[2, 1]", "--set views.second.blur.sigma: [2, 1] is not in order"},
    {"views.second.crop.scale=[.9, .2]", "--set views.second.crop.scale"},
    {"views.second.flip=2", "--set views.second.flip: '2' is not a number in 0..1 or inherit"},
    {"views.second.mean=[0, 0, 0]", "views.second.mean: unknown key"},
    {"views.second.size=32", "views.second.size: unknown key"},
    {"views.flip=inherit", "--set views.flip: 'inherit' is not a number in 0..1"},
    {"views.blur.kernel=8", "--set views.blur.kernel: 8 is not odd"},
    {"views.crop.scale=[.9, .2]", "--set views.crop.scale: [0.9, 0.2] is not in order"},
    {"views.crop.ratio=[2, 1]", "--set views.crop.ratio"},
    {"views.blur.sigma=[2, 1]", "--set views.blur.sigma"},
    {"views.std=[0, 1, 1]", "views.std"},
    {"views.mean=[0, 1]", "views.mean"},
    {"views.jitter.hue=.6", "views.jitter.hue"},
    {"views.jitter.order=both", "views.jitter.order"},
    {"views.flip=1.5", "views.flip"},
    {"augself.rotation=1", "--set augself.rotation: has nothing to predict: views.rotation is 0"},
    {"augself.solarize=.5", "--set augself.solarize"},
    {"method.name=guess", "method.name"},
    {"model.backbone=vit", "model.backbone"},
    {"optim.epochs=0", "optim.epochs"},
    {"optim.momentum=1", "optim.momentum"},
    {"knn.train=a", "--set knn.train: knn.train and knn.test go together"},
    {"knn.test=a", "--set knn.test: knn.train and knn.test go together"},
    {"views.sizes=96", "views.size"}, /* an unknown key: the nearest is named */
};

static void test_refused(void **state)
{
    (void)state;
    put_file(least);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct recipe r;
        int rc = recipe_load(&r, path, &refused[i].set, 1);
        if (rc != -EINVAL || !strstr(err_text(), refused[i].says))
            fail_msg("%s: %d, %s", refused[i].set, rc, err_text());
    }
}

/* The last head's colour: jitter off in the file. */
static void test_line_numbers(void **state)
{
    (void)state;
    struct recipe r;
    char says[128];
    put_file("run: {name: r}\ndata: {dataset: d, path: p}\nviews:\n  jitter: {p: 0}\n"
             "augself:\n  color: 1\n");
    assert_int_equal(recipe_load(&r, path, NULL, 0), -EINVAL);
    snprintf(says, sizeof says, "%s:6: augself.color: has nothing to predict: views.jitter.p is 0",
             path);
    assert_string_equal(err_text(), says);
    put_file("run: {name: r}\ndata: {dataset: d, path: p}\nviews:\n  small: {count: 2,\n"
             "          size: 8, blur: {kernel: 17}}\n");
    assert_int_equal(recipe_load(&r, path, NULL, 0), -EINVAL);
    snprintf(says, sizeof says, "%s:4: views.small: view: blur kernel 17 is too wide", path);
    assert_non_null(strstr(err_text(), says));
    put_file("run: {name: r}\n");
    assert_int_equal(recipe_load(&r, path, NULL, 0), -EINVAL);
    assert_non_null(strstr(err_text(), "data.dataset"));
}

/* What a method cannot use, with its place: the option, else the group around it that the file has,
 * in the file or in its base. */
static void test_trainable(void **state)
{
    (void)state;
    static const struct {
        const char *text, *set, *says; /* says: behind the file's name, or alone after --set */
    } rows[] = {
        {"run: {name: r}\ndata: {dataset: d, path: p}\nviews: {size: 8,\n  count: 3}\n", NULL,
         ":4: views.count: 3; simsiam takes 2 views of an image"},
        {"run: {name: r}\ndata: {dataset: d, path: p}\nviews:\n  small: {count: 6}\n", NULL,
         ":4: views.small.count: 6; simsiam takes no small views"},
        {"run: {name: r}\ndata: {dataset: d, path: p}\nmethod: {name: supervised}\n", NULL,
         ":3: method.classes: supervised needs the number of classes"},
        {"run: {name: r}\ndata: {dataset: d, path: p, batch: 96}\nmethod:\n  name: moco\n", NULL,
         ":3: method.queue.size: 65536 keys are no whole number of batches of 96"},
        {"run: {name: r}\ndata: {dataset: d, path: p}\n", "method={name: moco, queue: {size: 9}}",
         "--set method.queue.size: 9 keys are no whole number of batches of 256"},
        {"run: {name: r}\ndata: {dataset: d, path: p}\n", "views.count=4",
         "--set views.count: 4; simsiam takes 2 views of an image"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct recipe r;
        const char *const *sets = rows[i].set ? &rows[i].set : NULL;
        put_file(rows[i].text);
        if (recipe_load(&r, path, sets, sets != NULL) < 0)
            fail_msg("%s", err_text());
        char expected[256];
        snprintf(expected, sizeof expected, "%s%s", rows[i].says[0] == ':' ? path : "",
                 rows[i].says);
        assert_int_equal(recipe_trainable(&r, path, sets, sets != NULL), -EINVAL);
        assert_string_equal(err_text(), expected);
    }
    struct recipe r;
    put_file(least);
    assert_int_equal(recipe_load(&r, path, NULL, 0), 0);
    assert_int_equal(recipe_trainable(&r, path, NULL, 0), 0);
    char above[80];
    snprintf(above, sizeof above, "%s/above.yaml", folder);
    FILE *f = fopen(above, "w");
    assert_non_null(f);
    fputs("base: r.yaml\nrun: {name: s}\n", f);
    fclose(f);
    put_file("run: {name: r}\ndata: {dataset: d, path: p}\n\nviews: {count: 5}\n");
    assert_int_equal(recipe_load(&r, above, NULL, 0), 0);
    assert_int_equal(recipe_trainable(&r, above, NULL, 0), -EINVAL);
    unlink(above);
    char expected[256];
    snprintf(expected, sizeof expected, "%s:4: views.count: 5; simsiam takes 2 views of an image",
             path);
    assert_string_equal(err_text(), expected);
}

/* Views of every count and kind load: what a method can use of them is the model's to say. */
static void test_views(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "views.count=1",
        "views.count=16",
        "views.small={count: 6, size: 48, crop: {scale: [.05, .14]}}",
        "views.small={count: 14}",
        "views.small.count=0", /* switched off, whatever else is said of them */
        "views.second={blur: {p: .1}, solarize: {p: .2}}",
        "views.second={jitter: {p: 0}}", /* the first view's still differs */
        "views.second.flip=inherit",
    };
    put_file(least);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct recipe r;
        if (recipe_load(&r, path, &sets[i], 1) < 0)
            fail_msg("%s: %s", sets[i], err_text());
    }
    struct recipe r;
    const char *const off[] = {"views.small={count: 2, size: 48}", "views.small.count=0"};
    assert_int_equal(recipe_load(&r, path, off, 2), 0);
    const char *const heads[] = {"augself.solarize=1", "views.second.solarize.p=.2"};
    assert_int_equal(recipe_load(&r, path, heads, 2), 0);
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
        cmocka_unit_test(test_defaults),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_line_numbers),    cmocka_unit_test(test_views),
        cmocka_unit_test(test_dump_reads_back), cmocka_unit_test(test_twins),
        cmocka_unit_test(test_paper),           cmocka_unit_test(test_trainable),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
