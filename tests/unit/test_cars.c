/* SPDX-License-Identifier: Apache-2.0 */
/* cars: structs of file name, class and corners give classes by name and boxes from 0 on, test
 * labels in either of their places; numbers out of range, names that leave the folder and missing
 * pieces are errors. */
#include "manifest_bed.h"

static struct garden garden;

struct anno {
    const char *fname;
    double class, corner[4]; /* x1, y1, x2, y2 */
};

static void write_annos(const char *name, const struct anno *annos, size_t n)
{
    static const char *const fields[] = {"bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2",
                                         "class",   "fname",   NULL};
    size_t dims[2] = {1, n};
    matvar_t *v = Mat_VarCreateStruct2("annotations", 2, dims, fields);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 4; k++)
            Mat_VarSetStructFieldByName(v, fields[k], i,
                                        mat_make_double(NULL, &annos[i].corner[k], 1));
        Mat_VarSetStructFieldByName(v, "class", i, mat_make_double(NULL, &annos[i].class, 1));
        Mat_VarSetStructFieldByName(v, "fname", i, mat_make_text(annos[i].fname));
    }
    struct mat_make make = mat_make_begin(garden_path(&garden, name), true);
    mat_make_put(&make, v);
    mat_make_end(&make);
}

enum { TRAIN = 8 };
static struct anno train[TRAIN], test[2];

static int set_up(void **state)
{
    (void)state;
    static const char *const names[] = {"Ram C/V Cargo Van 2012", "Acura RL Sedan 2012"};
    static char fnames[TRAIN][16];
    garden_new(&garden);
    bed_text(&garden, "devkit/README.txt", "a devkit");
    for (int i = 0; i < TRAIN; i++) {
        char path[64];
        snprintf(fnames[i], sizeof fnames[i], "%05d.jpg", i + 1);
        snprintf(path, sizeof path, "cars_train/%s", fnames[i]);
        bed_image(&garden, path);
        train[i] = (struct anno){fnames[i], 1 + i % 2, {39, 116, 569, 375}};
    }
    bed_image(&garden, "cars_test/00001.jpg");
    bed_image(&garden, "cars_test/00002.jpg");
    test[0] = (struct anno){"00002.jpg", 1, {1, 1, 1, 2}};
    test[1] = (struct anno){"00001.jpg", 2, {0, 9, 64, 48}};
    struct mat_make make = mat_make_begin(garden_path(&garden, "devkit/cars_meta.mat"), true);
    mat_make_put(&make, mat_make_cell("class_names", names, 2));
    mat_make_end(&make);
    write_annos("devkit/cars_train_annos.mat", train, TRAIN);
    write_annos("cars_test_annos_withlabels.mat", test, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void test_boxes(void **state)
{
    (void)state;
    static const char *const want =
        "cars_test/00002.jpg:1[0,0,1,2] cars_test/00001.jpg:0[0,8,64,40] "
        "Acura RL Sedan 2012,Ram C/V Cargo Van 2012,";
    bed_made(&garden, "cars", NULL);
    assert_string_equal(bed_split(&garden, "test"), want);
    /* 1144 of 8144, of eight: one */
    assert_int_equal(bed_count(&garden, "val", -1), 1);
    assert_int_equal(bed_count(&garden, "train", -1), TRAIN - 1);
    assert_int_equal(bed_count(&garden, NULL, 0), TRAIN / 2 + 1);
    assert_non_null(strstr(bed_split(&garden, "train"), "[38,115,531,260]"));
    assert_int_equal(remove(garden_path(&garden, "cars_test_annos_withlabels.mat")), 0);
    write_annos("devkit/cars_test_annos_withlabels.mat", test, 2);
    bed_made(&garden, "cars", NULL);
    assert_string_equal(bed_split(&garden, "test"), want);
}

static void refuse(const struct anno *anno, int code, const char *words)
{
    train[4] = *anno;
    write_annos("devkit/cars_train_annos.mat", train, TRAIN);
    bed_refused(&garden, "cars", code, words);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse(&(struct anno){"00005.jpg", 3, {1, 1, 9, 9}}, -EBADMSG,
           "/devkit/cars_train_annos.mat: variable annotations, element 5, field class: 3: a whole "
           "number, 1 to 2");
    refuse(&(struct anno){"00005.jpg", 1, {10, 1, 9, 9}}, -EBADMSG,
           "element 5, field bbox_x2: 9: a whole number, 10 to 65535");
    refuse(&(struct anno){"00005.jpg", 1, {1, -4, 9, 9}}, -EBADMSG, "element 5, field bbox_y1: -4");
    refuse(&(struct anno){"00009.jpg", 1, {1, 1, 9, 9}}, -ENOENT,
           "cars_train/00009.jpg: No such file");
    refuse(&(struct anno){"../devkit/README.txt", 1, {1, 1, 9, 9}}, -EBADMSG,
           "leaves the dataset's folder");
    train[4] = train[0];
    write_annos("devkit/cars_train_annos.mat", train, TRAIN);
    garden_truncate(&garden, "cars_test_annos_withlabels.mat");
    bed_refused(&garden, "cars", -EBADMSG, "/cars_test_annos_withlabels.mat: cut: ");
    assert_int_equal(remove(garden_path(&garden, "cars_test_annos_withlabels.mat")), 0);
    bed_refused(&garden, "cars", -ENOENT, "/cars_test_annos_withlabels.mat: No such file");
    assert_int_equal(remove(garden_path(&garden, "devkit/cars_train_annos.mat")), 0);
    bed_refused(&garden, "cars", -ENOENT, "/devkit/cars_train_annos.mat: No such file");
    assert_int_equal(remove(garden_path(&garden, "devkit/cars_meta.mat")), 0);
    bed_refused(&garden, "cars", -ENOENT, "/devkit/cars_meta.mat: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_boxes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
