/* SPDX-License-Identifier: Apache-2.0 */
/* cifar: records of both sets are found where they are, with their labels and names, however many
 * there are; a file that is cut, missing or of another kind is named. */
#include "raw_sets.h"

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

static uint8_t label10(uint32_t n, uint32_t byte)
{
    (void)byte;
    return (uint8_t)((n * 7 + 3) % 10);
}

static uint8_t label100(uint32_t n, uint32_t byte)
{
    return (uint8_t)(byte ? (n * 37 + 99) % 100 : (n * 3 + 19) % 20);
}

static void plant_names(const char *file, uint32_t n, const char *end)
{
    char text[4096];
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "class-%u%s", i, end);
    snprintf(text + at, sizeof text - at, "\n"); /* as the official files end */
    garden_write(&garden, file, text);
}

static void plant10(uint32_t of_batch)
{
    for (uint32_t b = 1; b <= 5; b++) {
        char name[64];
        snprintf(name, sizeof name, "set/data_batch_%u.bin", b);
        raw_write(&garden, &(struct raw_file){name, of_batch + b, 1, RAW_CIFAR, 0, b, label10});
    }
    raw_write(&garden, &(struct raw_file){"set/test_batch.bin", 3, 1, RAW_CIFAR, 0, 6, label10});
    plant_names("set/batches.meta.txt", 10, "\n");
}

static void test_cifar10(void **state)
{
    (void)state;
    plant10(20); /* more than are read at once */
    struct source *source;
    static const char *const splits[] = {NULL, "", "train"};
    for (size_t s = 0; s < ARRAY_LEN(splits); s++) {
        if (raw_open(&garden, "cifar10", splits[s], &source) < 0)
            fail_msg("%s", err_text());
        assert_int_equal(source->samples, 5 * 20 + 15);
        assert_int_equal(source->classes, 10);
        assert_string_equal(source->class_name(source, 9), "class-9");
        uint32_t sample = 0;
        for (uint32_t b = 1; b <= 5; b++)
            for (uint32_t n = 0; n < 20 + b; n++, sample++)
                raw_expect(source, sample, b, n, label10(n, 0));
        struct item item;
        source->item(source, 0, &item);
        assert_int_equal(item.coding, ITEM_PLANES);
        assert_int_equal(item.w, 32);
        assert_int_equal(item.h, 32);
        assert_non_null(strstr(item.path, "/set/data_batch_1.bin"));
        source_free(source);
    }
    assert_int_equal(raw_open(&garden, "cifar10", "test", &source), 0);
    assert_int_equal(source->samples, 3);
    raw_expect(source, 2, 6, 2, label10(2, 0));
    source_free(source);
    assert_int_equal(raw_open(&garden, "cifar10", "vla", &source), -EINVAL);
    assert_non_null(strstr(err_text(), "'vla': there are train, test, fit, val and train+test"));
}

/* Every tenth record of each training file is val, the others are fit: each is in one of them. */
static void test_parts(void **state)
{
    (void)state;
    plant10(20); /* 21 to 25 records a file: two of each are val */
    struct source *val, *fit;
    assert_int_equal(raw_open(&garden, "cifar10", "val", &val), 0);
    assert_int_equal(raw_open(&garden, "cifar10", "fit", &fit), 0);
    assert_int_equal(val->samples, 10);
    assert_int_equal(fit->samples, 5 * 20 + 15 - 10);
    uint32_t at_val = 0, at_fit = 0;
    for (uint32_t b = 1; b <= 5; b++)
        for (uint32_t n = 0; n < 20 + b; n++)
            if (n == 9 || n == 19)
                raw_expect(val, at_val++, b, n, label10(n, 0));
            else
                raw_expect(fit, at_fit++, b, n, label10(n, 0));
    source_free(val);
    source_free(fit);
}

static void test_cifar100(void **state)
{
    (void)state;
    raw_write(&garden, &(struct raw_file){"set/train.bin", 50, 2, RAW_CIFAR, 0, 1, label100});
    raw_write(&garden, &(struct raw_file){"set/test.bin", 2, 2, RAW_CIFAR, 0, 2, label100});
    plant_names("set/fine_label_names.txt", 100, "\r\n");
    struct source *fine, *coarse;
    assert_int_equal(raw_open(&garden, "cifar100", "train", &fine), 0);
    assert_int_equal(raw_open(&garden, "cifar100-coarse", "train", &coarse), 0);
    assert_int_equal(fine->samples, 50);
    assert_int_equal(fine->classes, 100);
    assert_int_equal(coarse->classes, 20);
    assert_string_equal(fine->class_name(fine, 99), "class-99");
    assert_string_equal(coarse->class_name(coarse, 19), "19"); /* there is no file of names */
    for (uint32_t n = 0; n < 50; n++) {
        raw_expect(fine, n, 1, n, label100(n, 1));
        raw_expect(coarse, n, 1, n, label100(n, 0));
    }
    assert_memory_not_equal(fine->fingerprint, coarse->fingerprint, DIGEST_BYTES);
    source_free(fine);
    source_free(coarse);
    assert_int_equal(raw_open(&garden, "cifar100", "test", &fine), 0);
    assert_int_equal(fine->samples, 2);
    source_free(fine);
    assert_int_equal(raw_open(&garden, "cifar100", "train+test", &fine), 0);
    assert_int_equal(fine->samples, 52);
    raw_expect(fine, 49, 1, 49, label100(49, 1));
    raw_expect(fine, 50, 2, 0, label100(0, 1));
    raw_expect(fine, 51, 2, 1, label100(1, 1));
    source_free(fine);
}

static uint8_t label_wrong(uint32_t n, uint32_t byte)
{
    return n == 30 && byte == 1 ? 100 : 19;
}

static void refused(const char *format, int code, const char *file, const char *what)
{
    struct source *source = NULL;
    assert_int_equal(raw_open(&garden, format, "train", &source), code);
    if (!strstr(err_text(), file) || !strstr(err_text(), what))
        fail_msg("'%s' does not say '%s' and '%s'", err_text(), file, what);
    assert_null(source);
}

static void test_faults(void **state)
{
    (void)state;
    raw_write(&garden, &(struct raw_file){"set/train.bin", 3, 2, RAW_CIFAR, 100, 1, label100});
    refused("cifar100", -EBADMSG, "/set/train.bin",
            "9322 bytes, which is 3 records of 3074 and 100 bytes");
    raw_write(&garden, &(struct raw_file){"set/train.bin", 40, 2, RAW_CIFAR, 0, 1, label_wrong});
    refused("cifar100", -EBADMSG, "/set/train.bin", "record 30: label 100, of 0 to 99");
    raw_write(&garden, &(struct raw_file){"set/train.bin", 0, 2, RAW_CIFAR, 0, 1, label_wrong});
    refused("cifar100", -ENODATA, "/set", "no samples");
    plant_names("set/fine_label_names.txt", 99, "\n");
    refused("cifar100", -EBADMSG, "/set/fine_label_names.txt", "99 names, of 100");
    plant_names("set/fine_label_names.txt", 101, "\n");
    refused("cifar100", -EBADMSG, "/set/fine_label_names.txt", "more than 100");
    garden_write(&garden, "set/fine_label_names.txt", "a\nb\na\n");
    refused("cifar100", -EBADMSG, "/set/fine_label_names.txt", "'a' is there twice");
    garden_write(&garden, "set/fine_label_names.txt", "a\nb\033[1m\n");
    refused("cifar100", -EBADMSG, "/set/fine_label_names.txt", "control character");
    unlink(garden_path(&garden, "set/fine_label_names.txt"));
    unlink(garden_path(&garden, "set/train.bin"));
    refused("cifar100", -ENOENT, "/set/train.bin", "No such file");
    assert_int_equal(mkfifo(garden_path(&garden, "set/train.bin"), 0600), 0);
    refused("cifar100", -EINVAL, "/set/train.bin", "not a regular file");
    unlink(garden_path(&garden, "set/data_batch_4.bin"));
    refused("cifar10", -ENOENT, "/set/data_batch_4.bin", "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cifar10),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_cifar100),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
