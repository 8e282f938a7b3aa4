/* SPDX-License-Identifier: Apache-2.0 */
/* place: what lies at PATH[:SPLIT] is told by its names. */
#include "test.h"

#include "common/file.h"
#include "tools/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void plant(const char *path)
{
    char parent[128];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        *slash = 0;
        assert_int_equal(file_mkdirs(parent), 0);
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void test_place(void **state)
{
    (void)state;
    static const struct {
        const char *planted, *name, *path, *split, *format;
    } cases[] = {
        {"flowers/train/rose/1.jpg", "flowers/train", "flowers/train", "", "folder"},
        {"flowers/test/rose/1.jpg", "flowers:test", "flowers", "test", "folder"},
        {"odd:name/rose/1.jpg", "odd:name", "odd:name", "", "folder"},
        {"odd:name/rose/1.jpg", "odd:name:x", "odd:name", "x", "folder"},
        {"m.csv", "m.csv", "m.csv", "", "manifest"},
        {"m.csv", "m.csv:val", "m.csv", "val", "manifest"},
        {"one.tar", "one.tar", "one.tar", "", "tar"},
        {NULL, "shard-{0..9}.tar", "shard-{0..9}.tar", "", "tar"}, /* the format's to open */
        {"shards/a.tar", "shards", "shards", "", "tar"},
        {"split/val/a.tar", "split:val", "split", "val", "tar"},
        {"ten/data_batch_1.bin", "ten:test", "ten", "test", "cifar10"},
        {"hundred/train.bin", "hundred", "hundred", "", "cifar100"},
        {"stl/unlabeled_X.bin", "stl:test", "stl", "test", "stl10"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct place place;
        if (cases[i].planted)
            plant(cases[i].planted);
        assert_int_equal(place_find(cases[i].name, NULL, "--format", &place), 0);
        assert_string_equal(place.path, cases[i].path);
        assert_string_equal(place.split, cases[i].split);
        assert_string_equal(place.format, cases[i].format);
    }
    struct place place;
    assert_int_equal(place_find("hundred:test", "cifar100-coarse", "--format", &place), 0);
    assert_string_equal(place.format, "cifar100-coarse");
    assert_string_equal(place.split, "test");
    assert_int_equal(place_find("nothing:here", NULL, "--format", &place), -ENOENT);
    assert_non_null(strstr(err_text(), "nothing: no such dataset"));
    plant("notes.txt");
    assert_int_equal(place_find("notes.txt", NULL, "--format", &place), -EINVAL);
    assert_non_null(strstr(err_text(), "tell its format by --format"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
