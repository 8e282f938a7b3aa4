/* SPDX-License-Identifier: Apache-2.0 */
/* stl10: each split's pictures are found where they are, with labels that count from 1 in the file
 * and from 0 here; what does not agree is named. */
#include "raw_sets.h"

#include <errno.h>

static struct garden garden;

static uint8_t label(uint32_t n, uint32_t byte)
{
    (void)byte;
    return (uint8_t)(1 + (n * 7 + 9) % 10);
}

static void plant(const char *name, uint32_t n, uint32_t seed)
{
    char file[64];
    snprintf(file, sizeof file, "set/%s_X.bin", name);
    raw_write(&garden, &(struct raw_file){file, n, 0, RAW_STL10, 0, seed, NULL});
}

static void plant_labels(const char *name, uint32_t n)
{
    char file[64];
    snprintf(file, sizeof file, "set/%s_y.bin", name);
    raw_write(&garden, &(struct raw_file){file, n, 1, 0, 0, 0, label});
}

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    assert_int_equal(mkdir(garden_path(&garden, "set"), 0777), 0);
    plant("train", 11, 1);
    plant_labels("train", 11);
    plant("test", 2, 2);
    plant_labels("test", 2);
    plant("unlabeled", 4, 3);
    garden_write(&garden, "set/class_names.txt",
                 "airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void test_splits(void **state)
{
    (void)state;
    static const struct {
        const char *split;
        uint32_t seeds[2], n[2];
    } rows[] = {
        {NULL, {1}, {11}},
        {"train", {1}, {11}},
        {"test", {2}, {2}},
        {"unlabeled", {3}, {4}},
        {"train+unlabeled", {1, 3}, {11, 4}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct source *source;
        if (raw_open(&garden, "stl10", rows[i].split, &source) < 0)
            fail_msg("%s", err_text());
        assert_int_equal(source->samples, rows[i].n[0] + rows[i].n[1]);
        assert_int_equal(source->classes, 10);
        assert_string_equal(source->class_name(source, 3), "cat");
        uint32_t sample = 0;
        for (int part = 0; part < 2; part++)
            for (uint32_t n = 0; n < rows[i].n[part]; n++, sample++)
                raw_expect(source, sample, rows[i].seeds[part], n,
                           rows[i].seeds[part] == 3 ? -1 : label(n, 0) - 1);
        struct item item;
        source->item(source, 0, &item);
        assert_int_equal(item.coding, ITEM_COLUMNS);
        assert_int_equal(item.w, 96);
        assert_int_equal(item.h, 96);
        source_free(source);
    }
}

/* Record 9 of the eleven is val. */
static void test_parts(void **state)
{
    (void)state;
    struct source *val, *fit;
    assert_int_equal(raw_open(&garden, "stl10", "val", &val), 0);
    assert_int_equal(raw_open(&garden, "stl10", "fit", &fit), 0);
    assert_int_equal(val->samples, 1);
    assert_int_equal(fit->samples, 10);
    raw_expect(val, 0, 1, 9, label(9, 0) - 1);
    for (uint32_t i = 0; i < 10; i++)
        raw_expect(fit, i, 1, i + (i == 9), label(i + (i == 9), 0) - 1);
    source_free(val);
    source_free(fit);
}

static uint8_t label_zero(uint32_t n, uint32_t byte)
{
    (void)byte;
    return n == 1 ? 0 : 10;
}

static uint8_t label_eleven(uint32_t n, uint32_t byte)
{
    (void)n, (void)byte;
    return 11;
}

static void refused(const char *split, int code, const char *file, const char *what)
{
    struct source *source = NULL;
    assert_int_equal(raw_open(&garden, "stl10", split, &source), code);
    if (!strstr(err_text(), file) || !strstr(err_text(), what))
        fail_msg("'%s' does not say '%s' and '%s'", err_text(), file, what);
    assert_null(source);
}

static void test_faults(void **state)
{
    (void)state;
    refused("fold", -EINVAL, "/set", "train, test, fit, val, unlabeled and train+unlabeled");
    plant_labels("train", 10);
    refused("train", -EBADMSG, "/set/train_y.bin", "10 labels, and ");
    plant_labels("train", 12);
    refused("train+unlabeled", -EBADMSG, "/set/train_X.bin has 11", "12 labels");
    raw_write(&garden, &(struct raw_file){"set/test_y.bin", 2, 1, 0, 0, 0, label_zero});
    refused("test", -EBADMSG, "/set/test_y.bin", "record 1: label 0, of 1 to 10");
    raw_write(&garden, &(struct raw_file){"set/test_y.bin", 2, 1, 0, 0, 0, label_eleven});
    refused("test", -EBADMSG, "/set/test_y.bin", "record 0: label 11, of 1 to 10");
    raw_write(&garden, &(struct raw_file){"set/unlabeled_X.bin", 4, 0, RAW_STL10, 1, 3, NULL});
    refused("unlabeled", -EBADMSG, "/set/unlabeled_X.bin",
            "110593 bytes, which is 4 records of 27648 and 1 bytes");
    unlink(garden_path(&garden, "set/unlabeled_X.bin"));
    refused("unlabeled", -ENOENT, "/set/unlabeled_X.bin", "No such file");
    unlink(garden_path(&garden, "set/test_y.bin"));
    refused("test", -ENOENT, "/set/test_y.bin", "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
