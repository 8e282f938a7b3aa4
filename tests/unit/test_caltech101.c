/* SPDX-License-Identifier: Apache-2.0 */
/* caltech101: 25 images of each class train, five validate, the rest test; the background pictures
 * are out, or a class more. */
#include "manifest_bed.h"

static struct garden garden;

static const char *const names[] = {"BACKGROUND_Google", "Faces", "Faces_easy"};
static const int images[] = {40, 31, 37};

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    for (int c = 0; c < 3; c++)
        for (int i = 1; i <= images[c]; i++) {
            char path[128];
            snprintf(path, sizeof path, "101_ObjectCategories/%s/image_%04d.jpg", names[c], i);
            bed_image(&garden, path);
        }
    garden_write(&garden, "101_ObjectCategories/BACKGROUND_Google/tmp", "as the set has it");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void check(const char *set, int classes)
{
    bed_made(&garden, set, NULL);
    for (int c = 0; c < classes; c++) {
        assert_int_equal(bed_count(&garden, "train", c), 25);
        assert_int_equal(bed_count(&garden, "val", c), 5);
        assert_int_equal(bed_count(&garden, "test", c), images[c + 3 - classes] - 30);
    }
    assert_int_equal(bed_count(&garden, "val", -1), 5 * classes);
}

static void test_splits(void **state)
{
    (void)state;
    check("caltech101", 2);
    assert_non_null(strstr(bed_split(&garden, "test"), " Faces,Faces_easy,"));
    check("caltech101-background", 3);
    assert_non_null(strstr(bed_split(&garden, "test"), " BACKGROUND_Google,Faces,Faces_easy,"));
}

static void test_refusals(void **state)
{
    (void)state;
    char folder[256];
    assert_int_equal(remove(garden_path(&garden, "101_ObjectCategories/Faces/image_0004.jpg")), 0);
    bed_refused(
        &garden, "caltech101", -EBADMSG,
        "/101_ObjectCategories: class 'Faces' has 5 images of split 'test': 5 are taken for "
        "'val', and none would be left");
    snprintf(folder, sizeof folder, "%s",
             garden_path(&garden, "101_ObjectCategories/BACKGROUND_Google"));
    assert_int_equal(rename(folder, garden_path(&garden, "elsewhere")), 0);
    bed_refused(&garden, "caltech101-background", -ENOENT,
                "/101_ObjectCategories/BACKGROUND_Google: No such file or directory");
    snprintf(folder, sizeof folder, "%s", garden_path(&garden, "101_ObjectCategories"));
    assert_int_equal(rename(folder, garden_path(&garden, "other")), 0);
    bed_refused(&garden, "caltech101", -ENOENT, "/101_ObjectCategories: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
