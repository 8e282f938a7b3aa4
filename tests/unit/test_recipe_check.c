/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_check: every check across options names key and place; what is fine together passes. */
#include "test.h"

#include "loaderd/source/source.h"
#include "trainer/recipe.h"

#include <errno.h>
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
    {"data.dataset=a.b", "--set data.dataset: 'a.b': embedded, a name is of letters, digits"},
    {"data.format=zip",
     "--set data.format: no dataset format is called 'zip' (folder, cifar10, ...)"},
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

/* Every format that there is, and names that only other people's loaders know. */
static void test_embedded(void **state)
{
    (void)state;
    static struct recipe r;
    char format[64];
    const char *sets[] = {"run.name=r", "data.dataset=a-B_9", "data.path=/nowhere", format};
    for (size_t i = 0; i < source_formats_n; i++) {
        snprintf(format, sizeof format, "data.format=%s", source_formats[i].name);
        assert_int_equal(recipe_load(&r, NULL, sets, ARRAY_LEN(sets)), 0);
    }
    sets[1] = "data.dataset=a.b";
    sets[2] = "data.format=zip";
    sets[3] = "data.loaders=[\"tcp://a:1\"]";
    assert_int_equal(recipe_load(&r, NULL, sets, ARRAY_LEN(sets)), 0);
}

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
    assert_int_equal(recipe_fed(&r, path, NULL, 0), 0);
    const char *nowhere = "data.path=\"\""; /* fine where others' images are looked at */
    assert_int_equal(recipe_load(&r, path, &nowhere, 1), 0);
    assert_int_equal(recipe_trainable(&r, path, &nowhere, 1), 0);
    assert_int_equal(recipe_fed(&r, path, &nowhere, 1), -EINVAL);
    assert_string_equal(err_text(), "--set data.path: embedded loaders need the dataset's path");
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

/* What shows late: the option's place where the text begins with one, else the text as it was. */
static void test_place(void **state)
{
    (void)state;
    struct recipe r;
    const char *const sets[] = {"device.threads=1"};
    char expected[256];
    put_file("run: {name: r}\ndata: {dataset: d, path: p}\ndevice: {ops: ref}\n");
    assert_int_equal(recipe_load(&r, path, sets, 1), 0);
    err_set(-EINVAL, "device.ops: none such");
    assert_int_equal(recipe_place(-EINVAL, path, sets, 1), -EINVAL);
    snprintf(expected, sizeof expected, "%s:3: device.ops: none such", path);
    assert_string_equal(err_text(), expected);
    err_set(-ENOENT, "device.threads: too many");
    assert_int_equal(recipe_place(-ENOENT, path, sets, 1), -ENOENT);
    assert_string_equal(err_text(), "--set device.threads: too many");
    static const char *const others[] = {"device: none such", "device.ops none", "device.opsy: no",
                                         "/data: device.ops: no", ""};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        err_set(-EINVAL, "%s", others[i]);
        recipe_place(-EINVAL, path, sets, 1);
        assert_string_equal(err_text(), others[i]);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedded),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_line_numbers), cmocka_unit_test(test_trainable),
        cmocka_unit_test(test_place),        cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
