/* SPDX-License-Identifier: Apache-2.0 */
/* folder: the order and the labels are torchvision ImageFolder's, the fingerprint follows names,
 * sizes and labels and nothing else, and what cannot be served is named. */
#include "test.h"

#include "common/auto.h"
#include "loaderd/source/source.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/augstream-folder-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *below_root(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void folder(const char *name)
{
    assert_int_equal(mkdir(below_root(name), 0777), 0);
}

static void file(const char *name, size_t bytes)
{
    FILE *f = fopen(below_root(name), "w");
    assert_non_null(f);
    for (size_t i = 0; i < bytes; i++)
        fputc('x', f);
    assert_int_equal(fclose(f), 0);
}

static struct source *opened(void)
{
    struct source *source = NULL;
    if (source_open(&(struct source_spec){.format = "folder", .path = root}, &source) < 0)
        fail_msg("%s", err_text());
    return source;
}

static void expect(const struct source *source, uint32_t sample, const char *name, int32_t label)
{
    struct item item;
    source->item(source, sample, &item);
    assert_string_equal(item.path, below_root(name));
    assert_int_equal(item.label, label);
    assert_int_equal(item.sample, sample);
    assert_int_equal(item.coding, ITEM_FILE);
    assert_int_equal(item.offset, 0);
    assert_int_equal(item.length, 0);
}

/* As torchvision orders sorted(os.walk(class)): folders as strings without a slash at their end,
 * names within each. */
static void test_order(void **state)
{
    (void)state;
    folder("b");
    folder("a");
    folder("a/sub");
    folder("a/sub-b");
    folder("empty");
    folder("Z");
    file("a/z.jpg", 1);
    file("a/B.JPEG", 1);
    file("a/sub/a.png", 1);
    file("a/sub-b/0.WebP", 1);
    file("b/1.jpg", 1);
    file("Z/only.jpg", 1);
    file("b/notes.txt", 1);
    file("b/.hidden.jpg", 1);
    file("b/jpg", 1);
    file("stray.jpg", 1);
    folder(".git");
    file(".git/x.jpg", 1);
    struct source *source = opened();
    assert_int_equal(source->samples, 6);
    assert_int_equal(source->classes, 4);
    assert_int_equal(source->ignored, 5); /* notes.txt .hidden.jpg jpg stray.jpg .git */
    assert_string_equal(source->class_name(source, 0), "Z");
    assert_string_equal(source->class_name(source, 1), "a");
    assert_string_equal(source->class_name(source, 2), "b");
    assert_string_equal(source->class_name(source, 3), "empty");
    expect(source, 0, "Z/only.jpg", 0);
    expect(source, 1, "a/B.JPEG", 1);
    expect(source, 2, "a/z.jpg", 1);
    expect(source, 3, "a/sub/a.png", 1);
    expect(source, 4, "a/sub-b/0.WebP", 1);
    expect(source, 5, "b/1.jpg", 2);
    source_free(source);
}

/* What torchvision 0.29's ImageFolder printed of these very files. '-' and '.' come before '/',
 * '0' after it. */
static void test_order_of_nested_folders(void **state)
{
    (void)state;
    static const char *const folders[] = {"c",     "c/a",  "c/a/deep", "c/a/deep-er", "c/a-b",
                                          "c/a.x", "c/a0", "c/A",      "c/\xc3\xa9",  "d"};
    static const char *const order[] = {
        "c/0.jpg",     "c/z.jpg",          "c/A/i.jpg",      "c/a/j.jpg",
        "c/a-b/i.jpg", "c/a.x/i.jpg",      "c/a/deep/i.jpg", "c/a/deep-er/i.jpg",
        "c/a0/i.jpg",  "c/\xc3\xa9/i.jpg", "d/a.jpg",
    };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        folder(folders[i]);
    for (size_t i = ARRAY_LEN(order); i-- > 0;)
        file(order[i], 1);
    struct source *source = opened();
    assert_int_equal(source->samples, ARRAY_LEN(order));
    for (uint32_t i = 0; i < ARRAY_LEN(order); i++)
        expect(source, i, order[i], i + 1 == ARRAY_LEN(order));
    source_free(source);
}

static void test_flat(void **state)
{
    (void)state;
    file("b.jpg", 1);
    file("a.jpg", 1);
    file("readme", 1);
    struct source *source = opened();
    assert_int_equal(source->samples, 2);
    assert_int_equal(source->classes, 0);
    assert_int_equal(source->ignored, 1);
    expect(source, 0, "a.jpg", -1);
    expect(source, 1, "b.jpg", -1);
    source_free(source);
}

static void test_fingerprint(void **state)
{
    (void)state;
    folder("a");
    folder("b");
    file("a/1.jpg", 10);
    file("b/2.jpg", 10);
    uint8_t first[DIGEST_BYTES];
    struct source *source = opened();
    memcpy(first, source->fingerprint, sizeof first);
    source_free(source);

    source = opened();
    assert_memory_equal(source->fingerprint, first, sizeof first);
    source_free(source);

    file("a/notes.txt", 3); /* no sample: no change */
    source = opened();
    assert_memory_equal(source->fingerprint, first, sizeof first);
    source_free(source);

    file("a/1.jpg", 11);
    source = opened();
    assert_memory_not_equal(source->fingerprint, first, sizeof first);
    source_free(source);

    file("a/1.jpg", 10);
    folder("0"); /* an empty class moves the labels */
    source = opened();
    assert_memory_not_equal(source->fingerprint, first, sizeof first);
    source_free(source);
}

static void test_links(void **state)
{
    (void)state;
    folder("a");
    file("a/1.jpg", 1);
    assert_int_equal(symlink("1.jpg", below_root("a/2.jpg")), 0);
    assert_int_equal(symlink("nothing.jpg", below_root("a/3.jpg")), 0);
    assert_int_equal(symlink("a", below_root("b")), 0);
    struct source *source = opened();
    assert_int_equal(source->samples, 4);
    assert_int_equal(source->classes, 2);
    assert_int_equal(source->ignored, 2);
    expect(source, 1, "a/2.jpg", 0);
    expect(source, 2, "b/1.jpg", 1);
    source_free(source);

    assert_int_equal(symlink("..", below_root("a/up")), 0);
    assert_int_equal(source_open(&(struct source_spec){.format = "folder", .path = root}, &source),
                     -ELOOP);
    assert_non_null(strstr(err_text(), "/up"));
}

static void refused(const char *path, int code)
{
    struct source *source = NULL;
    assert_int_equal(source_open(&(struct source_spec){.format = "folder", .path = path}, &source),
                     code);
    assert_non_null(strstr(err_text(), path));
    assert_null(source);
}

static void test_refused(void **state)
{
    (void)state;
    refused(root, -ENODATA);
    folder("a");
    refused(root, -ENODATA);
    file("stray.jpg", 1);
    refused(root, -ENODATA);
    refused(below_root("stray.jpg"), -ENOTDIR);
    assert_null(strstr(err_text(), "format"));
    file("x.tar", 1);
    refused(below_root("x.tar"), -ENOTDIR);
    assert_non_null(strstr(err_text(), "x.tar: not a folder; for a tar say format: tar"));
    file("x.csv", 1);
    refused(below_root("x.csv"), -ENOTDIR);
    assert_non_null(strstr(err_text(), "x.csv: not a folder; for a manifest say format: manifest"));
    refused(below_root("nowhere"), -ENOENT);
}

static void test_trailing_slash(void **state)
{
    (void)state;
    file("a.jpg", 1);
    char path[80];
    snprintf(path, sizeof path, "%s//", root);
    struct source *source = NULL;
    assert_int_equal(source_open(&(struct source_spec){.format = "folder", .path = path}, &source),
                     0);
    expect(source, 0, "a.jpg", -1);
    source_free(source);
}

/* A split is the folder of that name. */
static void test_split(void **state)
{
    (void)state;
    folder("val");
    folder("val/a");
    folder("train");
    file("val/a/1.jpg", 1);
    const struct source_spec val = {.format = "folder", .path = root, .split = "val"};
    struct source *source = NULL;
    assert_int_equal(source_open(&val, &source), 0);
    assert_int_equal(source->samples, 1);
    assert_string_equal(source->class_name(source, 0), "a");
    expect(source, 0, "val/a/1.jpg", 0);
    source_free(source);
    const struct source_spec none = {.format = "folder", .path = root, .split = "test"};
    assert_int_equal(source_open(&none, &source), -ENOENT);
    assert_non_null(strstr(err_text(), "/test"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order),          TEST(test_order_of_nested_folders),
        TEST(test_flat),           TEST(test_fingerprint),
        TEST(test_links),          TEST(test_refused),
        TEST(test_trailing_slash), TEST(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
