/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: the digest changes with what a result is made of, and with nothing else. */
#include "test.h"

#include "common/file.h"
#include "tools/evaluate/report/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[128];

static const char *in(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *out = fopen(in(name), "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void place(const char *name, char ret[2 * DIGEST_BYTES + 1])
{
    struct digest d;
    uint8_t bytes[DIGEST_BYTES];
    digest_init(&d);
    assert_int_equal(stamp_place(&d, name), 0);
    digest_end(&d, bytes);
    digest_hex(bytes, ret);
}

/* Whether the place's digest is another one than last time. */
static bool changed(const char *name)
{
    static char last[2 * DIGEST_BYTES + 1];
    char now[sizeof last];
    place(name, now);
    const bool differs = strcmp(now, last) != 0;
    memcpy(last, now, sizeof now);
    return differs;
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/augstream-stamp-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void test_folder(void **state)
{
    (void)state;
    assert_int_equal(file_mkdirs(in("set/train/rose")), 0);
    put("set/train/rose/1.jpg", "one");
    put("set/train/rose/2.jpg", "two");
    char whole[80], part[80];
    snprintf(whole, sizeof whole, "%s/set", dir);
    snprintf(part, sizeof part, "%s/set:train", dir);
    assert_true(changed(whole));
    assert_false(changed(whole));
    put("set/train/rose/2.jpg", "2wo"); /* as long, as old: a change that nobody can see */
    assert_false(changed(whole));
    put("set/train/rose/2.jpg", "longer");
    assert_true(changed(whole));
    assert_int_equal(utimensat(AT_FDCWD, in("set/train/rose/1.jpg"), NULL, 0), 0);
    assert_true(changed(whole));
    char from[128];
    snprintf(from, sizeof from, "%s", in("set/train/rose/1.jpg"));
    assert_int_equal(rename(from, in("set/train/rose/3.jpg")), 0);
    assert_true(changed(whole));
    assert_true(changed(part)); /* another name of the same files */
    assert_false(changed(part));
    put("set/train/rose/4.jpg", "four");
    assert_true(changed(part));
    /* Another part of it is none of its business. */
    assert_int_equal(file_mkdirs(in("set/test")), 0);
    put("set/test/5.jpg", "five");
    assert_false(changed(part));
    put("set/train.bin", "no folder");
    snprintf(part, sizeof part, "%s/set:unlabeled", dir);
    assert_true(changed(part));
    put("set/unlabeled_X.bin", "its format knows where");
    assert_true(changed(part));
}

static void test_file_and_name(void **state)
{
    (void)state;
    put("w", "weights");
    char file[128];
    snprintf(file, sizeof file, "%s", in("w"));
    assert_true(changed(file));
    assert_false(changed(file));
    put("w", "other weights");
    assert_true(changed(file));
    assert_true(changed("flowers-train"));
    assert_false(changed("flowers-train"));
    assert_true(changed("flowers:train"));
    assert_true(changed("flowers:test"));
}

static void test_odd_places(void **state)
{
    (void)state;
    char round[128], name[8192];
    assert_int_equal(file_mkdirs(in("round/deep")), 0);
    assert_int_equal(symlink("nowhere", in("round/link")), 0);
    assert_int_equal(symlink("..", in("round/deep/up")), 0); /* a way that has no end */
    snprintf(round, sizeof round, "%s", in("round"));
    assert_true(changed(round));
    assert_false(changed(round));
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    struct digest d;
    digest_init(&d);
    assert_int_equal(stamp_place(&d, name), -ENAMETOOLONG);
}

static void test_recipe(void **state)
{
    (void)state;
    struct recipe *recipe = calloc(1, sizeof *recipe);
    assert_non_null(recipe);
    char hex[3][2 * DIGEST_BYTES + 1];
    for (int i = 0; i < 3; i++) {
        const char *const sets[] = {"run.name=x", "data.path=/x", "data.dataset=x", "data.batch=8",
                                    i < 2 ? "views.size=64" : "views.size=65"};
        struct digest d;
        uint8_t bytes[DIGEST_BYTES];
        if (recipe_load(recipe, NULL, sets, ARRAY_LEN(sets)) < 0)
            fail_msg("%s", err_text());
        digest_init(&d);
        assert_int_equal(stamp_recipe(&d, recipe), 0);
        digest_end(&d, bytes);
        digest_hex(bytes, hex[i]);
    }
    assert_string_equal(hex[0], hex[1]);
    assert_string_not_equal(hex[0], hex[2]);
    free(recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_file_and_name),
        cmocka_unit_test(test_odd_places),
        cmocka_unit_test(test_recipe),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
