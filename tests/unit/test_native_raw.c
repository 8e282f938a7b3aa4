/* SPDX-License-Identifier: Apache-2.0 */
/* native_raw: sets of raw pictures. FC100's parts are lists of CIFAR-100's classes, with which
 * loaderd finds their pictures; the whole sets need no manifest, and what they need is told. */
#include "manifest_bed.h"
#include "raw_sets.h"

static struct garden garden;

/* Five classes of each superclass, as in the set, but by a rule of our own. */
static uint8_t coarse_of(uint32_t fine)
{
    return (uint8_t)((fine * 7 + 3) % 20);
}

static uint8_t label(uint32_t n, uint32_t byte)
{
    const uint32_t fine = n % 100;
    return (uint8_t)(byte ? fine : coarse_of(fine));
}

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    raw_write(&garden, &(struct raw_file){"train.bin", 200, 2, RAW_CIFAR, 0, 1, label});
    raw_write(&garden, &(struct raw_file){"test.bin", 100, 2, RAW_CIFAR, 0, 2, label});
    char text[4096];
    size_t at = 0;
    for (uint32_t i = 0; i < 100; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "class-%u\n", i);
    garden_write(&garden, "fine_label_names.txt", text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

/* The classes of a part, written and given to loaderd. */
static struct source *part_open(const char *set)
{
    struct manifest m;
    if (bed_make(&garden, set, NULL, &m) < 0)
        fail_msg("%s: %s", set, err_text());
    FILE *out = fopen(garden_path(&garden, "classes.txt"), "w");
    assert_non_null(out);
    assert_int_equal(manifest_write_classes(&m, out), 0);
    assert_int_equal(fclose(out), 0);
    manifest_done(&m);
    struct source *source = NULL;
    const struct source_spec spec = {.format = "cifar100",
                                     .path = garden.root,
                                     .split = "train+test",
                                     .classes = garden_path(&garden, "classes.txt")};
    if (source_open(&spec, &source) < 0)
        fail_msg("%s: %s", set, err_text());
    return source;
}

/* Which superclasses are whose: Oreshkin et al. 2018. Every class is in one part, with all of its
 * pictures. */
static void test_fc100(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        uint32_t classes;
        uint8_t coarse[12];
    } parts[] = {
        {"fc100-train", 60, {1, 2, 3, 4, 5, 6, 9, 10, 15, 17, 18, 19}},
        {"fc100-val", 20, {8, 11, 13, 16}},
        {"fc100-test", 20, {0, 7, 12, 14}},
    };
    for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
        struct source *source = part_open(parts[p].set);
        assert_int_equal(source->classes, parts[p].classes);
        assert_int_equal(source->samples, 3 * parts[p].classes);
        for (uint32_t i = 0; i < source->classes; i++) {
            unsigned fine = 100;
            assert_int_equal(sscanf(source->class_name(source, i), "class-%u", &fine), 1);
            assert_true(fine < 100);
            assert_non_null(memchr(parts[p].coarse, coarse_of(fine), parts[p].classes / 5));
        }
        struct item item;
        source->item(source, 0, &item);
        assert_int_equal(item.label, 0);
        assert_int_equal(item.coding, ITEM_PLANES);
        source_free(source);
    }
}

static uint8_t two_supers(uint32_t n, uint32_t byte)
{
    return n == 107 && !byte ? 19 : label(n, byte);
}

static uint8_t few(uint32_t n, uint32_t byte)
{
    return label(n % 50, byte);
}

static uint8_t beyond(uint32_t n, uint32_t byte)
{
    return n == 5 && byte ? 100 : label(n, byte);
}

static void test_fc100_refusals(void **state)
{
    (void)state;
    raw_write(&garden, &(struct raw_file){"test.bin", 200, 2, RAW_CIFAR, 0, 2, two_supers});
    bed_refused(&garden, "fc100-test", -EBADMSG,
                "test.bin: record 107: class 7 is of superclass 19, and of 12");
    raw_write(&garden, &(struct raw_file){"test.bin", 100, 2, RAW_CIFAR, 0, 2, beyond});
    bed_refused(&garden, "fc100-val", -EBADMSG, "test.bin: record 5: labels 18 and 100");
    raw_write(&garden, &(struct raw_file){"test.bin", 3, 2, RAW_CIFAR, 9, 2, label});
    bed_refused(&garden, "fc100-val", -EBADMSG, "test.bin: record 3 is cut");
    raw_write(&garden, &(struct raw_file){"train.bin", 100, 2, RAW_CIFAR, 0, 2, few});
    raw_write(&garden, &(struct raw_file){"test.bin", 100, 2, RAW_CIFAR, 0, 2, few});
    bed_refused(&garden, "fc100-val", -EBADMSG, "test.bin: no picture of class 50 (class-50)");
    garden_write(&garden, "fine_label_names.txt", "apple\n");
    bed_refused(&garden, "fc100-val", -EBADMSG, "fine_label_names.txt: 1 names, of 100 classes");
}

static void test_fc100_missing(void **state)
{
    (void)state;
    static const char *const files[] = {"test.bin", "train.bin", "fine_label_names.txt"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        assert_int_equal(unlink(garden_path(&garden, files[i])), 0);
        bed_refused(&garden, "fc100-train", -ENOENT, files[i]);
    }
}

static void test_whole(void **state)
{
    (void)state;
    static const struct {
        const char *set, *files[8];
    } rows[] = {
        {"cifar10",
         {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
          "data_batch_5.bin", "test_batch.bin", "batches.meta.txt"}},
        {"cifar100", {"train.bin", "test.bin", "fine_label_names.txt"}},
        {"stl10", {"train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char format[64];
        snprintf(format, sizeof format, ", format: %s, split: fit} (or val, test, train)",
                 rows[i].set);
        for (size_t f = 0; f < 8 && rows[i].files[f]; f++)
            bed_image(&garden, rows[i].files[f]);
        bed_refused(&garden, rows[i].set, -EINVAL, "needs no manifest");
        bed_refused(&garden, rows[i].set, -EINVAL, format);
        bed_refused(&garden, rows[i].set, -EINVAL, garden.root);
        for (size_t f = 0; f < 8 && rows[i].files[f]; f++) {
            assert_int_equal(unlink(garden_path(&garden, rows[i].files[f])), 0);
            bed_refused(&garden, rows[i].set, -ENOENT, rows[i].files[f]);
            bed_image(&garden, rows[i].files[f]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fc100, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fc100_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fc100_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
