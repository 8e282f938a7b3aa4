/* SPDX-License-Identifier: Apache-2.0 */
/* run_folder: names, refuses a folder that has a run or is at work, finds where to go on, and
 * touches nothing before it is told to. */
#include "test.h"

#include "common/file.h"
#include "trainer/run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static struct recipe recipe;

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(recipe.run.dir, sizeof recipe.run.dir, "%s/runs", folder);
    snprintf(recipe.run.name, sizeof recipe.run.name, "r1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/runs", folder);
    rmdir(path);
    return rmdir(folder);
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void test_life(void **state)
{
    (void)state;
    struct run_folder f;
    uint64_t step = 77;
    assert_int_equal(run_folder_init(&f, &recipe, NULL), 0);
    assert_int_equal(run_folder_check(&f, false, &step), 0);
    assert_int_equal(step, 0);
    assert_int_equal(access(recipe.run.dir, F_OK), -1); /* nothing was made */
    assert_int_equal(run_folder_check(&f, true, &step), -ENOENT);
    assert_non_null(strstr(err_text(), "runs/r1: --resume"));

    assert_int_equal(run_folder_make(&f, "run: {name: r1}\n"), 0);
    auto_free char *text = NULL;
    size_t len;
    assert_int_equal(file_read(f.recipe, 100, &text, &len), 0);
    assert_string_equal(text, "run: {name: r1}\n");
    assert_int_equal(run_folder_check(&f, false, &step), 0); /* made, but no run in it yet */
    assert_int_equal(run_folder_make(&f, "run: {name: r1}\n"), 0);

    touch(f.metrics);
    assert_int_equal(run_folder_check(&f, false, &step), -EINVAL);
    unlink(f.metrics);
    char checkpoint[RUN_PATH_MAX + 96];
    snprintf(checkpoint, sizeof checkpoint, "%s/step-00000012.safetensors", f.checkpoints);
    touch(checkpoint);
    assert_int_equal(run_folder_check(&f, false, &step), -EINVAL);
    assert_non_null(strstr(err_text(), "runs/r1: a run is in there"));
    run_folder_done(&f);
    assert_int_equal(run_folder_check(&f, true, &step), 0);
    assert_int_equal(step, 12);

    run_folder_done(&f);
    unlink(checkpoint);
    unlink(f.recipe);
    assert_int_equal(rmdir(f.checkpoints), 0);
    assert_int_equal(rmdir(f.path), 0);
}

static void test_given_path(void **state)
{
    (void)state;
    struct run_folder f;
    assert_int_equal(run_folder_init(&f, &recipe, "/some/where"), 0);
    assert_string_equal(f.path, "/some/where");
    assert_string_equal(f.backbone, "/some/where/backbone.safetensors");
    assert_int_equal(run_folder_init(&f, &recipe, ""), -EINVAL);
    char deep[RUN_PATH_MAX + 1];
    memset(deep, 'd', sizeof deep - 1);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(run_folder_init(&f, &recipe, deep), -EINVAL);
}

static void put_checkpoint(const struct run_folder *f, bool there)
{
    char path[RUN_PATH_MAX + 96];
    snprintf(path, sizeof path, "%s/step-00000012.safetensors", f->checkpoints);
    if (there)
        touch(path);
    else
        assert_int_equal(unlink(path), 0);
}

/* A folder has one run at a time: begun or resumed, while another begins, works or has come first.
 */
static void test_one_run(void **state)
{
    (void)state;
    struct run_folder a, b;
    uint64_t step;
    assert_int_equal(run_folder_init(&a, &recipe, NULL), 0);
    assert_int_equal(run_folder_init(&b, &recipe, NULL), 0);
    assert_int_equal(run_folder_check(&a, false, &step), 0);
    assert_int_equal(run_folder_check(&b, false, &step), 0); /* both find nothing */
    assert_int_equal(run_folder_make(&a, ""), 0);
    assert_int_equal(run_folder_make(&b, ""), -EINVAL);
    assert_non_null(strstr(err_text(), "runs/r1: another run is at work in there"));
    put_checkpoint(&a, true);
    assert_int_equal(run_folder_check(&b, true, &step), -EINVAL);
    assert_non_null(strstr(err_text(), "runs/r1: another run is at work in there"));
    run_folder_done(&a);
    assert_int_equal(run_folder_make(&b, ""), -EINVAL); /* it has ended meanwhile */
    assert_non_null(strstr(err_text(), "runs/r1: a run is in there"));
    run_folder_done(&b);
    assert_int_equal(run_folder_check(&b, true, &step), 0);
    assert_int_equal(run_folder_check(&a, true, &step), -EINVAL);
    assert_int_equal(run_folder_make(&b, ""), 0); /* what it holds already is no hindrance */
    run_folder_done(&b);
    put_checkpoint(&b, false);
    unlink(b.recipe);
    assert_int_equal(rmdir(b.checkpoints), 0);
    assert_int_equal(rmdir(b.path), 0);
}

/* What a run was writing when it was killed is gone from the folder of the next; not from one that
 * another holds. */
static void test_sweeps(void **state)
{
    (void)state;
    struct run_folder a, b;
    char left[2][RUN_PATH_MAX + 96];
    assert_int_equal(run_folder_init(&a, &recipe, NULL), 0);
    assert_int_equal(run_folder_init(&b, &recipe, NULL), 0);
    assert_int_equal(run_folder_make(&a, ""), 0);
    snprintf(left[0], sizeof left[0], "%s/step-00000004.safetensors.tmp.123.4", a.checkpoints);
    snprintf(left[1], sizeof left[1], "%s.tmp.123.5", a.backbone);
    touch(left[0]);
    touch(left[1]);
    assert_int_equal(run_folder_make(&b, ""), -EINVAL);
    assert_int_equal(access(left[0], F_OK), 0);
    assert_int_equal(access(left[1], F_OK), 0);
    run_folder_done(&a);
    assert_int_equal(run_folder_make(&b, ""), 0);
    assert_int_equal(access(left[0], F_OK), -1);
    assert_int_equal(access(left[1], F_OK), -1);
    run_folder_done(&b);
    unlink(b.recipe);
    assert_int_equal(rmdir(b.checkpoints), 0);
    assert_int_equal(rmdir(b.path), 0);
}

/* A folder whose parent is a file. */
static void test_cannot_make(void **state)
{
    (void)state;
    char file[128], under[160];
    snprintf(file, sizeof file, "%s/file", folder);
    snprintf(under, sizeof under, "%s/run", file);
    touch(file);
    struct run_folder f;
    uint64_t step;
    assert_int_equal(run_folder_init(&f, &recipe, under), 0);
    assert_int_equal(run_folder_check(&f, false, &step), -ENOTDIR);
    assert_int_equal(run_folder_make(&f, ""), -ENOTDIR);
    unlink(file);
}

/* What keeps a run from going on is told as it is; that nothing is there, only when it is so. */
static void test_cannot_look(void **state)
{
    (void)state;
    struct run_folder f;
    uint64_t step;
    assert_int_equal(run_folder_init(&f, &recipe, folder), 0);
    touch(f.checkpoints); /* a file; for root, a folder's permissions are none */
    assert_int_equal(run_folder_check(&f, true, &step), -ENOTDIR);
    assert_non_null(strstr(err_text(), "/checkpoints: cannot open: Not a directory"));
    run_folder_done(&f);
    unlink(f.checkpoints);
    assert_int_equal(mkdir(f.checkpoints, 0777), 0);
    assert_int_equal(run_folder_check(&f, true, &step), -ENOENT);
    assert_non_null(strstr(err_text(), "no checkpoint is there"));
    run_folder_done(&f);
    assert_int_equal(rmdir(f.checkpoints), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),        cmocka_unit_test(test_given_path),
        cmocka_unit_test(test_one_run),     cmocka_unit_test(test_sweeps),
        cmocka_unit_test(test_cannot_make), cmocka_unit_test(test_cannot_look),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
