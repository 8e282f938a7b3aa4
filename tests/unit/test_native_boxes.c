/* SPDX-License-Identifier: Apache-2.0 */
/* native_boxes: manifests of the sets that have boxes, FGVC Aircraft and CUB-200-2011, in their own
 * layouts. */
#include "native_tree.h"

static struct garden garden;

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

/* Names of variants have blanks, slashes and commas; corners are counted from 1. */
static const struct native_file aircraft[] = {
    {"data/variants.txt", "707-320\nF/A-18\nFokker 100\n"},
    {"data/images_variant_train.txt", "0000001 707-320\n0000002 F/A-18\n"},
    {"data/images_variant_val.txt", "0000003 Fokker 100\n"},
    {"data/images_variant_test.txt", "0000004 F/A-18\n0000005 707-320"},
    {"data/images_box.txt", "0000001 1 1 40 30\n0000002 11 21 31 41\n0000003 3 4 3 4\n"
                            "0000004 5 6 7 8\n0000005 2 2 20 20\n0000009 1 1 2 2\n"},
    {"data/images/0000001.jpg", NULL},
    {"data/images/0000002.jpg", NULL},
    {"data/images/0000003.jpg", NULL},
    {"data/images/0000004.jpg", NULL},
    {"data/images/0000005.jpg", NULL},
};

static void test_aircraft(void **state)
{
    (void)state;
    native_plant(&garden, aircraft, ARRAY_LEN(aircraft));
    bed_made(&garden, "aircraft", NULL);
    assert_string_equal(bed_split(&garden, "train"),
                        "data/images/0000001.jpg:0[0,0,40,30] "
                        "data/images/0000002.jpg:1[10,20,21,21] 707-320,F/A-18,Fokker 100,");
    assert_string_equal(bed_split(&garden, "val"),
                        "data/images/0000003.jpg:2[2,3,1,1] 707-320,F/A-18,Fokker 100,");
    assert_string_equal(bed_split(&garden, "test"),
                        "data/images/0000004.jpg:1[4,5,3,3] data/images/0000005.jpg:0[1,1,19,19] "
                        "707-320,F/A-18,Fokker 100,");
    native_each_missing(&garden, "aircraft", aircraft, ARRAY_LEN(aircraft));
    static const struct native_fault faults[] = {
        {"data/images_variant_val.txt", "0000003\n",
         "data/images_variant_val.txt:1: an image and its variant"},
        {"data/images_variant_val.txt", "0000003 Fokker 100\n0000003 Fokker 101\n",
         "data/images_variant_val.txt:2: variant 'Fokker 101' is not in data/variants.txt"},
        {"data/images_variant_val.txt", "../a Fokker 100\n",
         "data/images_variant_val.txt:1: image '../a': a whole number"},
        {"data/images_variant_val.txt", "\n", "data/images_variant_val.txt: names nothing"},
        {"data/images_box.txt", "0000001 1 1 40\n", "data/images_box.txt:1: ymax ''"},
        {"data/images_box.txt", "0000001 1 1 40 x\n", "data/images_box.txt:1: ymax 'x'"},
        {"data/images_box.txt", "0000001 1 1 4 4 4\n", "data/images_box.txt:1: more than"},
        {"data/images_box.txt", "0000001 10 1 9 9\n", "data/images_box.txt:1: xmax '9'"},
        {"data/images_box.txt", "0000001 0 1 9 9\n", "data/images_box.txt:1: xmin '0'"},
        {"data/images_box.txt", "0000001 1 1 9 9\n0000002 1 1 9 9\n0000001 1 1 8 8\n",
         "data/images_box.txt:3: image 0000001 is there twice"},
        {"data/images_box.txt", "0000001 1 1 9 9\n",
         "data/images_variant_train.txt:2: image 0000002 has no box in data/images_box.txt"},
        {"data/variants.txt", "\n", "data/variants.txt: names nothing"},
    };
    native_faults(&garden, "aircraft", aircraft, ARRAY_LEN(aircraft), faults, ARRAY_LEN(faults));
}

/* Ids need not be in order; 1 is training. */
static const struct native_file cub[] = {
    {"classes.txt", "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n"},
    {"images.txt", "1 001.Black_footed_Albatross/Black_0001.jpg\n"
                   "2 001.Black_footed_Albatross/Black_0002.jpg\n"
                   "3 002.Laysan_Albatross/Laysan_0001.jpg\n"
                   "4 002.Laysan_Albatross/Laysan_0002.jpg\n"},
    {"image_class_labels.txt", "1 1\n2 1\n3 2\n4 2\n"},
    {"train_test_split.txt", "2 1\n1 0\n4 0\n3 1\n"},
    {"bounding_boxes.txt", "1 60.0 27.0 325.0 304.0\n2 0.0 0.0 1.0 1.0\n3 139.0 30.0 153.0 264.0\n"
                           "4 14.0 112.0 388.0 186.0\n"},
    {"images/001.Black_footed_Albatross/Black_0001.jpg", NULL},
    {"images/001.Black_footed_Albatross/Black_0002.jpg", NULL},
    {"images/002.Laysan_Albatross/Laysan_0001.jpg", NULL},
    {"images/002.Laysan_Albatross/Laysan_0002.jpg", NULL},
};
#define CUB_CLASSES "001.Black_footed_Albatross,002.Laysan_Albatross,"

static void test_cub(void **state)
{
    (void)state;
    native_plant(&garden, cub, ARRAY_LEN(cub));
    bed_made(&garden, "cub200", NULL);
    assert_string_equal(
        bed_split(&garden, "train"),
        "images/001.Black_footed_Albatross/Black_0002.jpg:0[0,0,1,1] "
        "images/002.Laysan_Albatross/Laysan_0001.jpg:1[139,30,153,264] " CUB_CLASSES);
    assert_string_equal(
        bed_split(&garden, "test"),
        "images/001.Black_footed_Albatross/Black_0001.jpg:0[60,27,325,304] "
        "images/002.Laysan_Albatross/Laysan_0002.jpg:1[14,112,388,186] " CUB_CLASSES);
    native_each_missing(&garden, "cub200", cub, ARRAY_LEN(cub));
    static const struct native_fault faults[] = {
        {"classes.txt", "1\n", "classes.txt:1: nothing behind number 1"},
        {"classes.txt", "1 a\n1 b\n", "classes.txt:2: number 1 is there twice"},
        {"classes.txt", "1 001.Black_footed_Albatross\n",
         "image_class_labels.txt:3: class 2 is not in classes.txt"},
        {"images.txt", "1 a.jpg\n", "image_class_labels.txt:2: image 2 is not in images.txt"},
        {"images.txt", "0 a.jpg\n", "images.txt:1: number '0'"},
        {"images.txt", "99999999999 a.jpg\n", "images.txt:1: number '99999999999'"},
        {"images.txt", "1 ../a.jpg\n2 b\n3 c\n4 d\n", "leaves the dataset's folder"},
        {"images.txt", "\n", "images.txt: names nothing"},
        {"image_class_labels.txt", "1 1\n2 1\n3 2\n", "image_class_labels.txt: nothing of image 4"},
        {"image_class_labels.txt", "1 x\n", "image_class_labels.txt:1: class 'x'"},
        {"train_test_split.txt", "1 1\n2 1\n3 2\n4 0\n", "train_test_split.txt:3: training '2'"},
        {"train_test_split.txt", "1 1\n2 1\n3 0\n", "train_test_split.txt: nothing of image 4"},
        {"bounding_boxes.txt", "1 60 27 325\n", "bounding_boxes.txt:1: x, y, width and height"},
        {"bounding_boxes.txt", "1 60 27 nan 1\n", "bounding_boxes.txt:1: x, y, width and height"},
        {"bounding_boxes.txt", "1 60 27 1 1 1\n", "bounding_boxes.txt:1: more than a box"},
        {"bounding_boxes.txt", "1 60 27 0 1\n", "bounding_boxes.txt:1: a box of 0x1"},
        {"bounding_boxes.txt", "1 60 -27 1 1\n2 1 1 1 1\n3 1 1 1 1\n4 1 1 1 1\n",
         "image 1: a box's y is -27"},
        {"bounding_boxes.txt", "1 1 1 1 1\n2 1 1 1 1\n", "bounding_boxes.txt: nothing of image 3"},
    };
    native_faults(&garden, "cub200", cub, ARRAY_LEN(cub), faults, ARRAY_LEN(faults));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_aircraft, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cub, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
