/* SPDX-License-Identifier: Apache-2.0 */
/* tar: samples of WebDataset's naming come in the order of shards and entries, with their labels
 * and places; what leaves a doubt about a label, an image or a shard is refused with shard and
 * offset. */
#include "garden.h"
#include "tar_make.h"

#include "common/err.h"
#include "loaderd/source/source.h"

#include <errno.h>

static struct garden garden;
static struct tar_make tar;

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    return mkdir(garden_path(&garden, "set"), 0777);
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void put(const char *name)
{
    FILE *f = fopen(garden_path(&garden, name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(tar.bytes, 1, tar.len, f), tar.len);
    assert_int_equal(fclose(f), 0);
    tar.len = 0;
}

static void put_ended(const char *name)
{
    tar_make_end(&tar);
    put(name);
}

static int open_tar(const char *path, const char *split, struct source **ret)
{
    char whole[256];
    snprintf(whole, sizeof whole, "%s", garden_path(&garden, path));
    const struct source_spec spec = {.format = "tar", .path = whole, .split = split};
    return source_open(&spec, ret);
}

static struct source *opened(const char *path, const char *split)
{
    struct source *source = NULL;
    if (open_tar(path, split, &source) < 0)
        fail_msg("%s: %s", path, err_text());
    return source;
}

static void sample_is(const struct source *source, uint32_t i, const char *name, int32_t label,
                      const char *bytes)
{
    struct item item;
    char read[64] = "";
    source->item(source, i, &item);
    assert_string_equal(source->name(source, i), name);
    assert_int_equal(item.label, label);
    assert_int_equal(item.coding, ITEM_FILE);
    FILE *f = fopen(item.path, "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)item.offset, SEEK_SET), 0);
    const size_t n = fread(read, 1, item.length ? item.length : sizeof read - 1, f);
    fclose(f);
    assert_int_equal(n, strlen(bytes));
    assert_string_equal(read, bytes);
}

static void test_names(void **state)
{
    (void)state;
    tar_make_add(&tar, '5', "./", "", 0);
    tar_make_text(&tar, "./a/1.jpg", "image 1");
    tar_make_text(&tar, "./a/1.cls", " 3\n");
    tar_make_text(&tar, "a/2.cls", "0");
    tar_make_text(&tar, "a/2.json", "{\"label\": 9");
    tar_make_text(&tar, "a/2.PNG", "image 2");
    tar_make_text(&tar, "b/2.jpeg", "image 3");
    tar_make_text(&tar, "b/2.json", "{\"caption\": [1, {\"cls\": 4}], \"label\": 2}");
    tar_make_text(&tar, "b/3.webp", "image 4");
    tar_make_text(&tar, "b/3.json", "{\"label\": 1, \"cls\": 5}");
    tar_make_text(&tar, "b/3.txt", "a caption");
    tar_make_text(&tar, "b/4.jpg", "image 5");
    tar_make_text(&tar, "b/5.jpg", "");
    tar_make_text(&tar, "b/5.cls", "-1");
    tar_make_text(&tar, "b/6.json", "{\"label\": null}");
    tar_make_text(&tar, "b/6.jpg", "image 7");
    tar_make_text(&tar, "b/._7.jpg", "no image");
    tar_make_text(&tar, ".jpg", "no key");
    tar_make_text(&tar, "b/8.seg.png", "another ending");
    tar_make_text(&tar, "b/9.cls", "77");
    tar_make_text(&tar, "README", "no ending");
    put_ended("set/one.tar");
    struct source *source = opened("set/one.tar", NULL);
    assert_int_equal(source->samples, 7);
    assert_int_equal(source->classes, 6);
    assert_string_equal(source->class_name(source, 5), "5");
    sample_is(source, 0, "one.tar/a/1.jpg", 3, "image 1");
    sample_is(source, 1, "one.tar/a/2.PNG", 0, "image 2");
    sample_is(source, 2, "one.tar/b/2.jpeg", 2, "image 3");
    sample_is(source, 3, "one.tar/b/3.webp", 5, "image 4");
    sample_is(source, 4, "one.tar/b/4.jpg", -1, "image 5");
    sample_is(source, 5, "one.tar/b/5.jpg", -1, "");
    sample_is(source, 6, "one.tar/b/6.jpg", -1, "image 7");
    assert_int_equal(source->ignored, 6); /* txt, ._7, .jpg, seg.png, the cls of 9, README */
    source_free(source);
}

static void shard(const char *name, const char *key, const char *label)
{
    char file[64];
    snprintf(file, sizeof file, "%s.jpg", key);
    tar_make_text(&tar, file, key);
    snprintf(file, sizeof file, "%s.cls", key);
    tar_make_text(&tar, file, label);
    put_ended(name);
}

static void test_shards(void **state)
{
    (void)state;
    shard("set/s-10.tar", "ten", "1");
    shard("set/s-08.tar", "eight", "2");
    shard("set/s-09.tar", "nine", "0");
    garden_write(&garden, "set/notes.txt", "none of it");
    garden_write(&garden, "set/.s.tar", "hidden");
    mkdir(garden_path(&garden, "set/val"), 0777);
    shard("set/val/s-8.tar", "vier", "0");
    shard("set/val/s-10.tar", "sechs", "0");

    struct source *folder = opened("set", ""), *range = opened("set/s-{08..10}.tar", NULL);
    assert_int_equal(folder->samples, 3);
    sample_is(folder, 0, "s-08.tar/eight.jpg", 2, "eight");
    sample_is(folder, 1, "s-09.tar/nine.jpg", 0, "nine");
    sample_is(folder, 2, "s-10.tar/ten.jpg", 1, "ten");
    sample_is(range, 2, "s-10.tar/ten.jpg", 1, "ten");
    assert_memory_equal(folder->fingerprint, range->fingerprint, DIGEST_BYTES);
    source_free(folder);
    source_free(range);
    folder = opened("set", "val");
    sample_is(folder, 0, "s-10.tar/sechs.jpg", 0, "sechs"); /* a folder's are sorted as text */
    source_free(folder);
    range = opened("set/val/s-{8..8}.tar", NULL); /* no leading zeros */
    assert_int_equal(range->samples, 1);
    sample_is(range, 0, "s-8.tar/vier.jpg", 0, "vier");
    source_free(range);
    shard("set/{x}.tar", "a real name", "0");
    range = opened("set/{x}.tar", NULL);
    sample_is(range, 0, "{x}.tar/a real name.jpg", 0, "a real name");
    source_free(range);
}

static void refused(int code, const char *path, const char *split, const char *what)
{
    struct source *source = NULL;
    const int r = open_tar(path, split, &source);
    if (r != code || !strstr(err_text(), what))
        fail_msg("%s: %d '%s', not %d '%s'", path, r, err_text(), code, what);
}

static void test_paths(void **state)
{
    (void)state;
    shard("set/s-1.tar", "a", "0");
    refused(-ENOENT, "set/none.tar", NULL, "none.tar");
    refused(-ENOENT, "set/s-{1..2}.tar", NULL, "s-2.tar");
    refused(-ENOENT, "set", "test", "set/test");
    refused(-EINVAL, "set/s-1.tar", "train", "'train'");
    refused(-EINVAL, "set/s-{1..1}.tar", "train", "'train'");
    static const char *const patterns[] = {
        "set/s-{}.tar",      "set/s-{1}.tar",      "set/s-{1..}.tar",  "set/s-{..1}.tar",
        "set/s-{1..2.tar",   "set/s-{1..2}{1..2}", "set/s-{a..b}.tar", "set/s-{2..1}.tar",
        "set/s-{-1..2}.tar", "set/s-{0..1048576}", "set/s-{1,2}.tar",  "set/s-{0..1234567890}"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
        refused(-EINVAL, patterns[i], NULL, patterns[i]);
    mkdir(garden_path(&garden, "set/empty"), 0777);
    refused(-ENODATA, "set/empty", NULL, "no shards");
    garden_write(&garden, "set/empty/s.tar.gz", "\x1f\x8b\x08 and so on");
    refused(-EBADMSG, "set/empty", NULL, "s.tar.gz: offset 0: ");
}

/* One shard of these files, which is refused at the offset of the last of them. */
static void shard_refused(const char *what, const char *const files[][2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        tar_make_text(&tar, files[i][0], files[i][1]);
    put_ended("set/bad.tar");
    refused(-EBADMSG, "set/bad.tar", NULL, what);
    if (!strstr(err_text(), "bad.tar: "))
        fail_msg("'%s' does not name the shard", err_text());
}
#define REFUSED(what, ...)                                                                         \
    shard_refused(what, (const char *const[][2])__VA_ARGS__,                                       \
                  sizeof((const char *const[][2])__VA_ARGS__) / sizeof(char *[2]))

static void test_refused(void **state)
{
    (void)state;
    REFUSED("offset 1024: a second image", {{"a.jpg", "1"}, {"a.png", "2"}});
    REFUSED("offset 2048: a second .cls", {{"a.jpg", "1"}, {"a.cls", "2"}, {"a.cls", "2"}});
    REFUSED("offset 2048: a second .json", {{"a.jpg", "1"}, {"a.json", "{}"}, {"a.json", "{}"}});
    static const char *const labels[] = {"",   "x",   "1 2", "1.5", "-",       "--1",
                                         "+1", "0x1", "1e3", "-2",  "1048576", "9999999999"};
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        REFUSED("offset 1024: a ", {{"a.jpg", "1"}, {"a.cls", labels[i]}});
    static const char *const jsons[] = {"",
                                        "{",
                                        "[1]",
                                        "3",
                                        "{\"label\": \"dog\"}",
                                        "{\"label\": 1.5}",
                                        "{\"label\": -2}",
                                        "{\"cls\": 1048576}",
                                        "{\"cls\": 99999999999999999999}",
                                        "{\"cls\": 1, \"cls\": 2}",
                                        "{\"cls\": true}",
                                        "{\"cls\": 1} x"};
    for (size_t i = 0; i < ARRAY_LEN(jsons); i++)
        REFUSED("offset 1536: a ", {{"a.jpg", "1"}, {"a.json", jsons[i]}});
    REFUSED("label 65536, of 1 samples", {{"a.jpg", "1"}, {"a.cls", "65536"}});
    tar_make_add(&tar, '2', "a.jpg", "", 0);
    REFUSED("offset 0: a link", {{"b.jpg", "1"}});
    tar_make_text(&tar, "a.cls", "1");
    put_ended("set/bad.tar");
    refused(-ENODATA, "set/bad.tar", NULL, "no images");
    tar_make_text(&tar, "a.jpg", "1");
    put("set/bad.tar");
    refused(-EBADMSG, "set/bad.tar", NULL, "bad.tar: offset 1024: ends without the mark");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
