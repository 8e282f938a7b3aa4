/* SPDX-License-Identifier: Apache-2.0 */
/* dataset: a bad sample is news once, and is passed over from then on, but for bytes that could not
 * be read. */
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
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
