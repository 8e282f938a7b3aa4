/* SPDX-License-Identifier: Apache-2.0 */
/* flowers102: the set's own layout gives its three splits and its classes by number; whatever is
 * missing or out of range is named. */
#include "manifest_bed.h"

static struct garden garden;

static void write_labels(const uint8_t *labels, size_t n)
{
    struct mat_make make = mat_make_begin(garden_path(&garden, "imagelabels.mat"), true);
    mat_make_put(&make, mat_make_u8("labels", labels, n));
    mat_make_end(&make);
}

static void write_splits(const uint16_t test[2])
{
    struct mat_make make = mat_make_begin(garden_path(&garden, "setid.mat"), true);
    mat_make_put(&make, mat_make_u16("trnid", (const uint16_t[]){3, 1}, 2));
    mat_make_put(&make, mat_make_u16("valid", (const uint16_t[]){2}, 1));
    mat_make_put(&make, mat_make_u16("tstid", test, 2));
    mat_make_end(&make);
}

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    for (int i = 1; i <= 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "jpg/image_%05d.jpg", i);
        bed_image(&garden, name);
    }
    write_labels((const uint8_t[]){3, 1, 102, 2, 3}, 5);
    write_splits((const uint16_t[]){4, 5});
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
    bed_made(&garden, "flowers102", NULL);
    assert_memory_equal(bed_split(&garden, "train"),
                        "jpg/image_00003.jpg:101 jpg/image_00001.jpg:2 0,1,2,3,", 54);
    assert_memory_equal(bed_split(&garden, "val"), "jpg/image_00002.jpg:0 0,1,", 26);
    assert_memory_equal(bed_split(&garden, "test"),
                        "jpg/image_00004.jpg:1 jpg/image_00005.jpg:2 0,1,", 48);
    assert_int_equal(bed_count(&garden, NULL, -1), 5);
}

static void test_refusals(void **state)
{
    (void)state;
    write_splits((const uint16_t[]){4, 6});
    bed_refused(&garden, "flowers102", -EBADMSG,
                "setid.mat: variable tstid, element 2: 6: a whole number, 1 to 5");
    write_splits((const uint16_t[]){4, 0});
    bed_refused(&garden, "flowers102", -EBADMSG, "tstid, element 2: 0: a whole number, 1 to 5");
    write_splits((const uint16_t[]){4, 5});
    write_labels((const uint8_t[]){3, 1, 103, 2, 3}, 5);
    bed_refused(&garden, "flowers102", -EBADMSG,
                "imagelabels.mat: variable labels, element 3: 103: a whole number, 1 to 102");
    write_labels((const uint8_t[]){3, 1, 102, 2, 3}, 5);
    assert_int_equal(remove(garden_path(&garden, "jpg/image_00002.jpg")), 0);
    bed_refused(&garden, "flowers102", -ENOENT, "jpg/image_00002.jpg: No such file or directory");
    garden_truncate(&garden, "setid.mat");
    bed_refused(&garden, "flowers102", -EBADMSG, "setid.mat: ");
    assert_int_equal(remove(garden_path(&garden, "setid.mat")), 0);
    bed_refused(&garden, "flowers102", -ENOENT, "/setid.mat: No such file or directory");
    assert_int_equal(remove(garden_path(&garden, "imagelabels.mat")), 0);
    bed_refused(&garden, "flowers102", -ENOENT, "/imagelabels.mat: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
