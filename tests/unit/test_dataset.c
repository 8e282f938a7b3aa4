/* SPDX-License-Identifier: Apache-2.0 */
/* dataset: a bad sample is news once, and is passed over from then on, but for bytes that could not
 * be read. */
#include "garden.h"
#include "numbered.h"

#include "loaderd/source/dataset.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void test_open(void **state)
{
    (void)state;
    char root[] = "/tmp/augstream-dataset-XXXXXX", file[64];
    assert_non_null(mkdtemp(root));
    snprintf(file, sizeof file, "%s/a.png", root);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fclose(f);
    struct dataset dataset = {0};
    char longest[WIRE_NAME_MAX + 1];
    memset(longest, 'n', sizeof longest);
    longest[WIRE_NAME_MAX] = 0;
    const struct source_spec folder = {.format = "folder", .path = root};
    const struct source_spec papyrus = {.format = "papyrus", .path = root};
    assert_int_equal(dataset_open(&dataset, longest, &folder), -EINVAL);
    assert_int_equal(dataset_open(&dataset, "", &folder), -EINVAL);
    assert_int_equal(dataset_open(&dataset, "d", &papyrus), -EINVAL);
    assert_int_equal(dataset_open(&dataset, longest + 1, &folder), 0);
    assert_string_equal(dataset.name, longest + 1);
    assert_int_equal(dataset.source->samples, 1);
    /* Another tree may have the same names and sizes, and other pictures. */
    struct dataset twin = {0};
    assert_int_equal(dataset_open(&twin, "d", &folder), 0);
    assert_memory_equal(twin.source->fingerprint, dataset.source->fingerprint, DIGEST_BYTES);
    assert_memory_not_equal(twin.key, dataset.key, DIGEST_BYTES);
    dataset_done(&twin);
    dataset_done(&dataset);
    dataset_done(&dataset);
    unlink(file);
    rmdir(root);
}

/* Told are names that say more than their numbers, all of a dataset, or none of it. */
static void test_class_names(void **state)
{
    (void)state;
    static const struct {
        const char *folders[3];
        bool told;
    } rows[] = {
        {{"cat", "dog"}, true},         {{"0", "1", "zebra"}, true},
        {{"0", "1", "2"}, false},       {{"cat", "caf\xe9"}, false}, /* Latin-1 */
        {{"cat", "d\x1b[2Jog"}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct garden garden;
        struct dataset dataset = {0};
        uint32_t n = 0;
        garden_new(&garden);
        for (; n < ARRAY_LEN(rows[i].folders) && rows[i].folders[n]; n++) {
            char file[64];
            assert_int_equal(mkdir(garden_path(&garden, rows[i].folders[n]), 0777), 0);
            snprintf(file, sizeof file, "%s/a.png", rows[i].folders[n]);
            garden_write(&garden, file, "");
        }
        const struct source_spec spec = {.format = "folder", .path = garden.root};
        assert_int_equal(dataset_open(&dataset, "d", &spec), 0);
        assert_int_equal(dataset.source->classes, n);
        assert_int_equal(dataset.class_names != NULL, rows[i].told);
        for (uint32_t c = 0; rows[i].told && c < n; c++)
            assert_string_equal(dataset.class_names[c], rows[i].folders[c]);
        dataset_done(&dataset);
        garden_done(&garden);
    }
}

static void test_faults(void **state)
{
    (void)state;
    struct dataset dataset = numbered_dataset("d", 5);
    assert_int_equal(dataset_fault(&dataset, 4), FAULT_NONE);
    assert_true(dataset_mark(&dataset, 4, FAULT_TRUNCATED));
    assert_false(dataset_mark(&dataset, 4, FAULT_TRUNCATED));
    assert_int_equal(dataset_fault(&dataset, 4), FAULT_NONE); /* another crop may be good */
    assert_true(dataset_mark(&dataset, 3, FAULT_NOT_IMAGE));
    assert_int_equal(dataset_fault(&dataset, 3), FAULT_NOT_IMAGE);
    assert_true(dataset_mark(&dataset, 0, FAULT_UNREADABLE));
    assert_false(dataset_mark(&dataset, 0, FAULT_UNREADABLE));
    assert_int_equal(dataset_fault(&dataset, 0), FAULT_NONE);
    assert_true(dataset_mark(&dataset, 1, FAULT_DEADLINE));
    assert_int_equal(dataset_fault(&dataset, 1), FAULT_DEADLINE);
    assert_int_equal(dataset.bad[FAULT_TRUNCATED], 1);
    assert_int_equal(dataset.bad[FAULT_UNREADABLE], 1);
    assert_int_equal(dataset.bad[FAULT_CRASH], 0);
    dataset_done(&dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
