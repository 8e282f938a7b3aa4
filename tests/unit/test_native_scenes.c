/* SPDX-License-Identifier: Apache-2.0 */
/* native_scenes: manifests of DTD, SUN397 and of class folders in general, in their own layouts. */
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

static const struct native_file dtd[] = {
    {"labels/train1.txt", "banded/banded_0002.jpg\nzigzagged/zigzagged_0001.jpg\n"},
    {"labels/val1.txt", "banded/banded_0001.jpg\r\n"},
    {"labels/test1.txt", "zigzagged/zigzagged_0002.jpg\nbanded/banded_0003.jpg\n"},
    {"images/banded/banded_0001.jpg", NULL},
    {"images/banded/banded_0002.jpg", NULL},
    {"images/banded/banded_0003.jpg", NULL},
    {"images/zigzagged/zigzagged_0001.jpg", NULL},
    {"images/zigzagged/zigzagged_0002.jpg", NULL},
};

static void test_dtd(void **state)
{
    (void)state;
    native_plant(&garden, dtd, ARRAY_LEN(dtd));
    bed_made(&garden, "dtd", NULL);
    assert_string_equal(bed_split(&garden, "train"),
                        "images/banded/banded_0002.jpg:0 images/zigzagged/zigzagged_0001.jpg:1 "
                        "banded,zigzagged,");
    assert_string_equal(bed_split(&garden, "val"),
                        "images/banded/banded_0001.jpg:0 banded,zigzagged,");
    assert_string_equal(bed_split(&garden, "test"),
                        "images/zigzagged/zigzagged_0002.jpg:1 images/banded/banded_0003.jpg:0 "
                        "banded,zigzagged,");
    native_each_missing(&garden, "dtd", dtd, ARRAY_LEN(dtd));
    static const struct native_fault faults[] = {
        {"labels/val1.txt", "banded_0001.jpg\n", "labels/val1.txt:1: 'banded_0001.jpg' is no"},
        {"labels/val1.txt", "banded/\n", "labels/val1.txt:1: 'banded/' is no CLASS/IMAGE"},
        {"labels/val1.txt", "../../x.jpg\n", "labels/val1.txt:1: images/../../x.jpg: leaves"},
        {"labels/val1.txt", "/etc/passwd\n", "labels/val1.txt:1: '/etc/passwd' is no"},
        {"labels/val1.txt", "\n\n", "labels/val1.txt: names nothing"},
    };
    native_faults(&garden, "dtd", dtd, ARRAY_LEN(dtd), faults, ARRAY_LEN(faults));
}

/* A class may be two folders deep, and is called as its list calls it. */
static const struct native_file sun[] = {
    {"ClassName.txt", "/a/abbey\n/a/apartment_building/outdoor\n"},
    {"Training_01.txt", "/a/abbey/sun_aa.jpg\n/a/apartment_building/outdoor/sun_ba.jpg\n"},
    {"Testing_01.txt", "/a/apartment_building/outdoor/sun_bb.jpg\n/a/abbey/sun_ab.jpg\n"},
    {"a/abbey/sun_aa.jpg", NULL},
    {"a/abbey/sun_ab.jpg", NULL},
    {"a/apartment_building/outdoor/sun_ba.jpg", NULL},
    {"a/apartment_building/outdoor/sun_bb.jpg", NULL},
};
#define SUN_CLASSES "a/abbey,a/apartment_building/outdoor,"

static void test_sun397(void **state)
{
    (void)state;
    native_plant(&garden, sun, ARRAY_LEN(sun));
    bed_made(&garden, "sun397", NULL);
    static const char test[] =
        "a/apartment_building/outdoor/sun_bb.jpg:1 a/abbey/sun_ab.jpg:0 " SUN_CLASSES;
    assert_string_equal(
        bed_split(&garden, "train"),
        "a/abbey/sun_aa.jpg:0 a/apartment_building/outdoor/sun_ba.jpg:1 " SUN_CLASSES);
    assert_string_equal(bed_split(&garden, "test"), test);
    native_each_missing(&garden, "sun397", sun, ARRAY_LEN(sun));
    static const struct native_fault faults[] = {
        {"Testing_01.txt", "a/abbey/sun_ab.jpg\n", "Testing_01.txt:1: 'a/abbey/sun_ab.jpg' is no"},
        {"Testing_01.txt", "/sun_ab.jpg\n", "Testing_01.txt:1: '/sun_ab.jpg' is no image"},
        {"Testing_01.txt", "/a/../sun_ab.jpg\n", "Testing_01.txt:1: class 'a/..' is not in"},
        {"Testing_01.txt", "\n", "Testing_01.txt: names nothing"},
        {"ClassName.txt", "/a/abbey\n",
         "Training_01.txt:2: class 'a/apartment_building/outdoor' is not in ClassName.txt"},
        {"ClassName.txt", "/a/abbey\n/a/abbey\n", "ClassName.txt:2: 'a/abbey' is there twice"},
        {"ClassName.txt", "abbey\n", "ClassName.txt:1: 'abbey' is no class"},
    };
    native_faults(&garden, "sun397", sun, ARRAY_LEN(sun), faults, ARRAY_LEN(faults));
    /* as the archive of partitions unpacks */
    assert_int_equal(mkdir(garden_path(&garden, "Partitions"), 0777), 0);
    static const char *const lists[] = {"ClassName.txt", "Training_01.txt", "Testing_01.txt"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        char to[64];
        snprintf(to, sizeof to, "Partitions/%s", lists[i]);
        assert_int_equal(rename(garden_path(&garden, lists[i]), garden_path(&garden, to)), 0);
    }
    bed_made(&garden, "sun397", NULL);
    assert_string_equal(bed_split(&garden, "test"), test);
}

/* A fifth of the training images, of each class its share, is val. */
static void test_sun397_val(void **state)
{
    (void)state;
    char list[2048] = "", name[128];
    size_t at = 0;
    native_plant(&garden, sun, ARRAY_LEN(sun));
    for (int i = 0; i < 15; i++) {
        const char *class = i < 5 ? "a/abbey" : "a/apartment_building/outdoor";
        snprintf(name, sizeof name, "%s/sun_%02d.jpg", class, i);
        bed_image(&garden, name);
        at += (size_t)snprintf(list + at, sizeof list - at, "/%s\n", name);
    }
    bed_text(&garden, "Training_01.txt", list);
    bed_made(&garden, "sun397", NULL);
    assert_int_equal(bed_count(&garden, "train", 0), 4);
    assert_int_equal(bed_count(&garden, "train", 1), 8);
    assert_int_equal(bed_count(&garden, "val", 0), 1);
    assert_int_equal(bed_count(&garden, "val", 1), 2);
    assert_int_equal(bed_count(&garden, NULL, -1), 17);
}

/* A class that one split lacks keeps its number in the others. */
static const struct native_file folders[] = {
    {"train/ant/1.jpg", NULL}, {"train/bee/1.png", NULL},    {"train/cat/1.JPG", NULL},
    {"val/cat/2.jpg", NULL},   {"val/ant/3.webp", NULL},     {"test/cat/4.jpg", NULL},
    {"test/bee/5.jpeg", NULL}, {"test/bee/notes.txt", NULL},
};

static void test_folders(void **state)
{
    (void)state;
    native_plant(&garden, folders, ARRAY_LEN(folders));
    bed_made(&garden, "folders", NULL);
    assert_string_equal(bed_split(&garden, "train"),
                        "train/ant/1.jpg:0 train/bee/1.png:1 train/cat/1.JPG:2 ant,bee,cat,");
    assert_string_equal(bed_split(&garden, "val"), "val/ant/3.webp:0 val/cat/2.jpg:2 ant,bee,cat,");
    assert_string_equal(bed_split(&garden, "test"),
                        "test/bee/5.jpeg:1 test/cat/4.jpg:2 ant,bee,cat,");
    assert_int_equal(unlink(garden_path(&garden, "test/cat/4.jpg")), 0);
    bed_refused(&garden, "folders", -ENODATA, "test/cat: no images");
    assert_int_equal(rename(garden_path(&garden, "test"), garden_path(&garden, "tset")), 0);
    bed_refused(&garden, "folders", -ENOENT, "test: No such file");
    assert_int_equal(rename(garden_path(&garden, "train"), garden_path(&garden, "niart")), 0);
    bed_refused(&garden, "folders", -ENOENT, "train: No such file");
}

static void test_folders_val(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "train/%s/%02d.jpg", i % 2 ? "ant" : "bee", i);
        bed_image(&garden, name);
    }
    bed_image(&garden, "test/ant/1.jpg");
    bed_made(&garden, "folders", NULL);
    assert_int_equal(bed_count(&garden, "train", 0), 8);
    assert_int_equal(bed_count(&garden, "train", 1), 8);
    assert_int_equal(bed_count(&garden, "val", 0), 2);
    assert_int_equal(bed_count(&garden, "val", 1), 2);
    assert_int_equal(bed_count(&garden, "test", -1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dtd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sun397, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sun397_val, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders_val, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
