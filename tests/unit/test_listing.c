/* SPDX-License-Identifier: Apache-2.0 */
/* listing: what is added is kept as it was said, and what an index could not hold is refused. */
#include "garden.h"

#include "loaderd/source/listing.h"

#include <errno.h>

static struct listing listing;

static int set_up(void **state)
{
    (void)state;
    return listing_begin(&listing, "/data/set//");
}

static int tear_down(void **state)
{
    (void)state;
    listing_done(&listing);
    listing_done(&listing); /* fine on a zeroed one */
    return 0;
}

static void test_root(void **state)
{
    (void)state;
    assert_string_equal(listing.names + listing.root, "/data/set");
    char longest[ITEM_PATH_MAX + 1];
    memset(longest, 'r', sizeof longest);
    longest[ITEM_PATH_MAX] = 0;
    struct listing other = {0};
    assert_int_equal(listing_begin(&other, longest), -ENAMETOOLONG);
    assert_int_equal(listing_begin(&other, longest + 1), 0);
    listing_done(&other);
}

/* Many, so that the table of their names grows and places collide. */
static void test_classes(void **state)
{
    (void)state;
    enum { N = 3000 };
    char name[32];
    uint32_t label;
    assert_int_equal(listing_class_find(&listing, "class-0"), -1);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < N; i++) {
            snprintf(name, sizeof name, "class-%u", i);
            assert_int_equal(listing_class(&listing, name, &label), 0);
            assert_int_equal(label, i);
            assert_int_equal(listing_class_find(&listing, name), i);
        }
    assert_int_equal(listing.n_classes, N);
    assert_int_equal(listing_class_find(&listing, "class-3000"), -1);
    assert_int_equal(listing_class_find(&listing, ""), -1);
}

static void test_samples(void **state)
{
    (void)state;
    uint32_t label;
    assert_int_equal(listing_class(&listing, "c", &label), 0);
    static const int32_t box[4] = {1, 2, 3, 4};
    for (uint32_t i = 0; i < 1000; i++) {
        char name[32]; /* is copied */
        snprintf(name, sizeof name, "%u.jpg", i);
        const struct listed s = {.name = name,
                                 .file = LISTING_NO_FILE,
                                 .label = i % 2 ? 0 : -1,
                                 .offset = i,
                                 .length = 2 * i,
                                 .bytes = 3 * i,
                                 .box = i == 500 ? box : NULL};
        assert_int_equal(listing_add(&listing, &s), 0);
    }
    assert_int_equal(listing_samples(&listing), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "%u.jpg", i);
        const struct listed_row *row = &listing.rows[i];
        assert_string_equal(listing.names + row->name, name);
        assert_int_equal(row->label, i % 2 ? 0 : -1);
        assert_int_equal(row->offset, i);
        assert_int_equal(row->length, 2 * i);
        assert_int_equal(row->bytes, 3 * i);
        assert_int_equal(row->file, LISTING_NO_FILE);
        assert_int_equal(listing.boxes[i][2], i == 500 ? 3 : 0);
    }
    assert_memory_equal(listing.boxes[500], box, sizeof box);
}

static void test_refused(void **state)
{
    (void)state;
    char longest[ITEM_PATH_MAX + 1];
    memset(longest, 'n', sizeof longest);
    longest[ITEM_PATH_MAX] = 0;
    const size_t root = strlen("/data/set/");
    longest[0] = '/';
    const struct {
        struct listed sample;
        int code;
    } rows[] = {
        {{.name = "a", .label = 0}, -EINVAL}, /* there is no class */
        {{.name = "a", .label = -2}, -EINVAL},
        {{.name = "a", .label = -1, .offset = UINT64_MAX}, -EINVAL},
        {{.name = "a", .label = -1, .offset = 1, .length = INT64_MAX}, -EINVAL},
        {{.name = longest, .label = -1}, -ENAMETOOLONG},
        {{.name = longest + root, .label = -1}, -ENAMETOOLONG},
        {{.name = longest + root + 1, .label = -1}, 0},
        {{.name = "a", .label = -1, .length = INT64_MAX}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct listed sample = rows[i].sample;
        sample.file = LISTING_NO_FILE;
        assert_int_equal(listing_add(&listing, &sample), rows[i].code);
    }
    assert_int_equal(listing_samples(&listing), 2);
}

/* Files of samples, and what else an index depends on. */
static void test_watched(void **state)
{
    (void)state;
    struct garden garden;
    garden_new(&garden);
    garden_write(&garden, "a.bin", "four");
    uint32_t file;
    struct stat st;
    const char *path = garden_path(&garden, "a.bin");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(listing_file(&listing, path, &file), 0);
    assert_int_equal(file, 0);
    assert_string_equal(listing.names + listing.files[0], path);
    assert_int_equal(listing.watched[0].size, 4);
    assert_int_equal(listing.watched[0].inode, st.st_ino);
    assert_int_equal(listing.watched[0].mtime_s, st.st_mtim.tv_sec);
    assert_int_equal(listing.watched[0].mtime_ns, st.st_mtim.tv_nsec);
    assert_false(listing.watched[0].is_folder);
    assert_int_equal(listing_file(&listing, garden.root, &file), -EISDIR);
    assert_int_equal(listing_file(&listing, garden_path(&garden, "none"), &file), -ENOENT);
    assert_int_equal(stat(garden.root, &st), 0);
    assert_int_equal(listing_watch(&listing, garden.root, &st), 0);
    assert_true(listing.watched[1].is_folder);
    assert_int_equal(listing.n_files, 1);
    assert_int_equal(listing.n_watched, 2);
    garden_done(&garden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_watched, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
