/* SPDX-License-Identifier: Apache-2.0 */
/* imagenet: the same manifest from val's class folders, from the CSV and from the devkit, in each
 * place where they lie; a list of classes leaves the others out; whatever is missing or wrong is
 * named. */
#include "manifest_bed.h"

static struct garden garden;

static const char *const ids[] = {"n01440764", "n02119789", "n03995372"};

/* Of the three validation images, in order. */
static const char solution[] = "ImageId,PredictionString\n"
                               "ILSVRC2012_val_00000002,n01440764 1 2 30 40 n01440764 5 6 7 8\n"
                               "ILSVRC2012_val_00000001,n03995372 85 1 499 272 \n"
                               "ILSVRC2012_val_00000003,n02119789 1 2 3 4 \n";

static int set_up(void **state)
{
    (void)state;
    garden_new(&garden);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void plant_train(const char *data)
{
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 2; i++) {
            char path[128];
            snprintf(path, sizeof path, "%strain/%s/%s_%d.JPEG", data, ids[c], ids[c], i);
            bed_image(&garden, path);
        }
}

static void plant_val(const char *data)
{
    for (int i = 1; i <= 3; i++) {
        char path[128];
        snprintf(path, sizeof path, "%sval/ILSVRC2012_val_%08d.JPEG", data, i);
        bed_image(&garden, path);
    }
}

/* synsets in another order than their folders, as the devkit has them. */
static void plant_devkit(const char *folder, const char *truth)
{
    static const char *const fields[] = {"ILSVRC2012_ID", "WNID", "words", NULL};
    static const struct {
        double id;
        const char *wnid;
    } synsets[] = {{1, "n02119789"}, {2, "n03995372"}, {398, "n01440764"}};
    char path[128];
    snprintf(path, sizeof path, "%sILSVRC2012_validation_ground_truth.txt", folder);
    bed_text(&garden, path, truth);
    snprintf(path, sizeof path, "%smeta.mat", folder);
    size_t dims[2] = {3, 1};
    matvar_t *v = Mat_VarCreateStruct2("synsets", 2, dims, fields);
    for (size_t i = 0; i < 3; i++) {
        Mat_VarSetStructFieldByName(v, fields[0], i, mat_make_double(NULL, &synsets[i].id, 1));
        Mat_VarSetStructFieldByName(v, fields[1], i, mat_make_text(synsets[i].wnid));
        Mat_VarSetStructFieldByName(v, fields[2], i, mat_make_text("kit fox, Vulpes macrotis"));
    }
    struct mat_make make = mat_make_begin(garden_path(&garden, path), true);
    mat_make_put(&make, v);
    mat_make_end(&make);
}

static const char want_train[] = "ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_0.JPEG:0 "
                                 "ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_1.JPEG:0 "
                                 "ILSVRC/Data/CLS-LOC/train/n02119789/n02119789_0.JPEG:1 "
                                 "ILSVRC/Data/CLS-LOC/train/n02119789/n02119789_1.JPEG:1 "
                                 "ILSVRC/Data/CLS-LOC/train/n03995372/n03995372_0.JPEG:2 "
                                 "ILSVRC/Data/CLS-LOC/train/n03995372/n03995372_1.JPEG:2 "
                                 "n01440764,n02119789,n03995372,";

static void test_solution(void **state)
{
    (void)state;
    plant_train("ILSVRC/Data/CLS-LOC/");
    plant_val("ILSVRC/Data/CLS-LOC/");
    bed_text(&garden, "LOC_val_solution.csv", solution);
    bed_made(&garden, "imagenet", NULL);
    assert_string_equal(bed_split(&garden, "train"), want_train);
    assert_string_equal(bed_split(&garden, "val"),
                        "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000002.JPEG:0 "
                        "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG:2 "
                        "ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000003.JPEG:1 "
                        "n01440764,n02119789,n03995372,");
    garden_write(&garden, "LOC_val_solution.csv",
                 "ImageId,PredictionString\nILSVRC2012_val_00000002,n01440765 1\n");
    bed_refused(&garden, "imagenet", -EBADMSG,
                "/LOC_val_solution.csv:2: class 'n01440765' has no folder in train");
    garden_write(&garden, "LOC_val_solution.csv", "ILSVRC2012_val_00000002,n01440764 1\n");
    bed_refused(&garden, "imagenet", -EBADMSG, "/LOC_val_solution.csv:1: the first line is");
    garden_write(&garden, "LOC_val_solution.csv", "ImageId,PredictionString\nxx\n");
    bed_refused(&garden, "imagenet", -EBADMSG, "/LOC_val_solution.csv:2: no class");
    garden_write(&garden, "LOC_val_solution.csv",
                 "ImageId,PredictionString\n../../secret,n01440764 1\n");
    bed_refused(&garden, "imagenet", -EBADMSG, "leaves the dataset's folder");
}

static void test_devkit(void **state)
{
    (void)state;
    static const char *const folders[] = {"ILSVRC2012_devkit_t12/data/", "devkit/data/", ""};
    plant_train("");
    plant_val("");
    for (size_t i = ARRAY_LEN(folders); i-- > 0;) {
        /* The better places are looked at first, so each is new when it comes. */
        plant_devkit(folders[i], i == 1 ? "1\n1\n398\n" : "2\n398\n1\n");
        bed_made(&garden, "imagenet", NULL);
        assert_string_equal(bed_split(&garden, "val"), i == 1
                                                           ? "val/ILSVRC2012_val_00000001.JPEG:1 "
                                                             "val/ILSVRC2012_val_00000002.JPEG:1 "
                                                             "val/ILSVRC2012_val_00000003.JPEG:0 "
                                                             "n01440764,n02119789,n03995372,"
                                                           : "val/ILSVRC2012_val_00000001.JPEG:2 "
                                                             "val/ILSVRC2012_val_00000002.JPEG:0 "
                                                             "val/ILSVRC2012_val_00000003.JPEG:1 "
                                                             "n01440764,n02119789,n03995372,");
        assert_int_equal(bed_count(&garden, "train", -1), 6);
    }
    static const struct {
        const char *truth, *words;
        int code;
    } rows[] = {
        {"2\n398\n1\n2\n", "val/ILSVRC2012_val_00000004.JPEG: No such file", -ENOENT},
        {"2\n3\n", "_ground_truth.txt:2: class 3 is not in meta.mat", -EBADMSG},
        {"2\n0\n", "_ground_truth.txt:2: class '0': a whole number, 1 to 4096", -EBADMSG},
        {"2\nn01440764\n", "_ground_truth.txt:2: class 'n01440764': a whole", -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        plant_devkit(folders[0], rows[i].truth);
        bed_refused(&garden, "imagenet", rows[i].code, rows[i].words);
    }
    garden_truncate(&garden, "ILSVRC2012_devkit_t12/data/meta.mat");
    bed_refused(&garden, "imagenet", -EBADMSG, "/ILSVRC2012_devkit_t12/data/meta.mat: cut: ");
}

static void test_class_folders(void **state)
{
    (void)state;
    plant_train("");
    plant_val(""); /* flat ones beside the folders are others' */
    for (int c = 0; c < 3; c++) {
        char path[128];
        snprintf(path, sizeof path, "val/%s/ILSVRC2012_val_%08d.JPEG", ids[c], 3 - c);
        bed_image(&garden, path);
    }
    bed_made(&garden, "imagenet", NULL);
    assert_string_equal(bed_split(&garden, "val"), "val/n01440764/ILSVRC2012_val_00000003.JPEG:0 "
                                                   "val/n02119789/ILSVRC2012_val_00000002.JPEG:1 "
                                                   "val/n03995372/ILSVRC2012_val_00000001.JPEG:2 "
                                                   "n01440764,n02119789,n03995372,");
}

static void test_classes(void **state)
{
    (void)state;
    char list[256];
    plant_train("");
    plant_val("");
    bed_text(&garden, "LOC_val_solution.csv", solution);
    bed_text(&garden, "classes.txt", "n03995372 pole\nn01440764\n");
    snprintf(list, sizeof list, "%s", garden_path(&garden, "classes.txt"));
    bed_made(&garden, "imagenet100", list);
    assert_string_equal(bed_split(&garden, "val"),
                        "val/ILSVRC2012_val_00000002.JPEG:0 val/ILSVRC2012_val_00000001.JPEG:1 "
                        "n01440764,n03995372,");
    assert_int_equal(bed_count(&garden, "train", -1), 4);
    bed_refused(&garden, "imagenet100", -EINVAL, "imagenet100 wants --classes FILE");
    static const struct {
        const char *text, *words;
        int code;
    } rows[] = {
        {"n99999999\n", "/train/n99999999: No such file or directory", -ENOENT},
        {"../train/n01440764\n", "/classes.txt: name 1 is no class", -EBADMSG},
        {"n01440764\n..\n", "/classes.txt: name 2 is no class", -EBADMSG},
        {"\n", "/classes.txt: names nothing", -EBADMSG},
        {"n01440764 tench\nn03995372\nn01440764\n", "/classes.txt: class 'n01440764' is named",
         -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct manifest m;
        garden_write(&garden, "classes.txt", rows[i].text);
        const int r = bed_make(&garden, "imagenet", list, &m);
        manifest_done(&m);
        if (r != rows[i].code || !strstr(err_text(), rows[i].words))
            fail_msg("%zu: %d, %s", i, r, err_text());
    }
}

static void test_missing(void **state)
{
    (void)state;
    bed_refused(&garden, "imagenet", -ENOENT, "/train: No such file or directory");
    plant_train("");
    bed_refused(&garden, "imagenet", -ENOENT,
                "/val: has no folder n01440764, and what tells its images' classes is not there: "
                "LOC_val_solution.csv, or ILSVRC2012_devkit_t12/data/meta.mat and "
                "ILSVRC2012_validation_ground_truth.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_solution, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_devkit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_class_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
