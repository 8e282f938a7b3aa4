/* SPDX-License-Identifier: Apache-2.0 */
/* records: what cifar and stl10 have in common, at sizes that they do not have: records smaller and
 * larger than what is read at once, of no pixels, of no labels. */
#include "raw_sets.h"

#include "loaderd/source/records.h"

#include <errno.h>

static struct garden garden;

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

static uint8_t label(uint32_t n, uint32_t byte)
{
    return (uint8_t)(3 + (n * 7 + byte) % 11);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct raw_file files[] = {
        {"set/tiny.bin", 200000, 1, 1, 0, 1, label},  {"set/odd.bin", 1000, 3, 997, 0, 2, label},
        {"set/large.bin", 3, 2, 200000, 0, 3, label}, {"set/bare.bin", 1000, 1, 0, 0, 4, label},
        {"set/mute.bin", 70, 0, 1000, 0, 5, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        raw_write(&garden, &files[i]);
        auto_with(listing_done) struct listing listing = {0};
        assert_int_equal(listing_begin(&listing, garden_path(&garden, "set")), 0);
        assert_int_equal(records_classes(garden_path(&garden, "set"), "none.txt", 11, &listing), 0);
        const struct records records = {
            .file = files[i].name + strlen("set/"),
            .head = files[i].head,
            .pixels = files[i].pixels,
            .label = {.at = files[i].head - 1, .first = 3, .classes = files[i].head ? 11 : 0}};
        if (records_list(garden_path(&garden, "set"), &records, &listing) < 0)
            fail_msg("%s: %s", files[i].name, err_text());
        assert_int_equal(listing_samples(&listing), files[i].n);
        for (uint32_t n = 0; n < files[i].n; n++) {
            const struct listed_row *row = &listing.rows[n];
            const uint64_t record = files[i].head + files[i].pixels;
            assert_int_equal(row->offset, n * record + files[i].head);
            assert_int_equal(row->length, files[i].pixels);
            assert_int_equal(row->label, files[i].head ? label(n, files[i].head - 1) - 3 : -1);
        }
        char last[64];
        snprintf(last, sizeof last, "%s/%06u", records.file, files[i].n - 1);
        assert_string_equal(listing.names + listing.rows[files[i].n - 1].name, last);
    }
}

static void test_long_paths(void **state)
{
    (void)state;
    char folder[ITEM_PATH_MAX + 8];
    memset(folder, 'f', sizeof folder);
    folder[ITEM_PATH_MAX - 4] = 0;
    auto_with(listing_done) struct listing listing = {0};
    assert_int_equal(listing_begin(&listing, garden_path(&garden, "set")), 0);
    const struct records records = {.file = "a.bin", .pixels = 3};
    assert_int_equal(records_list(folder, &records, &listing), -ENAMETOOLONG);
    assert_int_equal(records_classes(folder, "a.txt", 2, &listing), -ENAMETOOLONG);
}

/* A file of names that comes, or changes, must be seen by a kept index. */
static void test_watches_names(void **state)
{
    (void)state;
    const char *folder = garden_path(&garden, "set");
    auto_with(listing_done) struct listing without = {0}, with = {0};
    assert_int_equal(listing_begin(&without, folder), 0);
    assert_int_equal(records_classes(folder, "names.txt", 2, &without), 0);
    assert_int_equal(without.n_watched, 1);
    assert_true(without.watched[0].is_folder);
    garden_write(&garden, "set/names.txt", "ant\nbee\n");
    folder = garden_path(&garden, "set");
    assert_int_equal(listing_begin(&with, folder), 0);
    assert_int_equal(records_classes(folder, "names.txt", 2, &with), 0);
    assert_int_equal(with.n_watched, 1);
    assert_false(with.watched[0].is_folder);
    assert_int_equal(with.watched[0].size, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_long_paths),
        cmocka_unit_test(test_watches_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
