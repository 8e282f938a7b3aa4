/* SPDX-License-Identifier: Apache-2.0 */
/* lists: Food-101, MIT Indoor 67 and Pets out of trees of their own layout: the lists' splits, the
 * validation images drawn from train in the stated share, classes from names; a list that leaves
 * its folder, or lacks an image, or is no such list, is an error with file and line. */
#include "manifest_bed.h"

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

/* n images of each of two classes, from number `first` on; the list's text in ret. */
static void plant(const char *image, const char *entry, const char *const classes[2],
                  const int first_n[2], char ret[8192])
{
    size_t at = 0;
    for (int c = 0; c < 2; c++)
        for (int i = first_n[0]; i < first_n[0] + first_n[1]; i++) {
            char path[128];
            snprintf(path, sizeof path, image, classes[c], i);
            bed_image(&garden, path);
            at += (size_t)snprintf(ret + at, 8192 - at, entry, classes[c], i);
        }
    assert_true(at < 8192);
}

static const char *const food[2] = {"waffles", "apple_pie"};

static void plant_food(void)
{
    char text[8192];
    plant("images/%s/%d.jpg", "%s/%d\n", food, (const int[]){100, 20}, text);
    bed_text(&garden, "meta/train.txt", text);
    plant("images/%s/%d.jpg", "%s/%d\n", food, (const int[]){900, 3}, text);
    text[strlen(text) - 1] = 0; /* the set's lists end so */
    bed_text(&garden, "meta/test.txt", text);
}

static void test_food101(void **state)
{
    (void)state;
    plant_food();
    bed_made(&garden, "food101", NULL);
    assert_string_equal(
        bed_split(&garden, "test"),
        "images/waffles/900.jpg:1 images/waffles/901.jpg:1 images/waffles/902.jpg:1 "
        "images/apple_pie/900.jpg:0 images/apple_pie/901.jpg:0 "
        "images/apple_pie/902.jpg:0 apple_pie,waffles,");
    for (int label = 0; label < 2; label++) {
        assert_int_equal(bed_count(&garden, "train", label), 18);
        assert_int_equal(bed_count(&garden, "val", label), 2);
    }
    assert_int_equal(bed_count(&garden, NULL, -1), 46);
    assert_null(strstr(bed_split(&garden, "val"), "/90"));
}

static void test_mit67(void **state)
{
    (void)state;
    static const char *const rooms[2] = {"airport_inside", "bar"};
    char text[8192];
    plant("Images/%s/room, %d.jpg", "%s/room, %d.jpg\r\n", rooms, (const int[]){1, 16}, text);
    bed_text(&garden, "TrainImages.txt", text);
    plant("Images/%s/r %d.gif", "%s/r %d.gif\r\n", rooms, (const int[]){60, 4}, text);
    bed_text(&garden, "TestImages.txt", text);
    bed_made(&garden, "mit67", NULL);
    for (int label = 0; label < 2; label++) {
        assert_int_equal(bed_count(&garden, "train", label), 14);
        assert_int_equal(bed_count(&garden, "val", label), 2);
        assert_int_equal(bed_count(&garden, "test", label), 4);
    }
    assert_memory_equal(bed_split(&garden, "test"), "Images/airport_inside/r 60.gif:0 ", 33);
}

static void test_pets(void **state)
{
    (void)state;
    static const char *const breeds[2] = {"Abyssinian", "american_pit_bull"};
    char text[8192];
    plant("images/%s_%d.jpg", "%s_%d 1 1 1\n", breeds, (const int[]){1, 40}, text);
    bed_text(&garden, "annotations/trainval.txt", text);
    plant("images/%s_%d.jpg", "%s_%d 1 1 1\n", breeds, (const int[]){200, 2}, text);
    char test[8300];
    snprintf(test, sizeof test, "#Image CLASS-ID SPECIES BREED ID\n%s", text);
    bed_text(&garden, "annotations/test.txt", test);
    bed_made(&garden, "pets", NULL);
    assert_string_equal(bed_split(&garden, "test"),
                        "images/Abyssinian_200.jpg:0 images/Abyssinian_201.jpg:0 "
                        "images/american_pit_bull_200.jpg:1 images/american_pit_bull_201.jpg:1 "
                        "Abyssinian,american_pit_bull,");
    for (int label = 0; label < 2; label++) { /* 740 / 3680 of 40 is 8.04 */
        assert_int_equal(bed_count(&garden, "train", label), 32);
        assert_int_equal(bed_count(&garden, "val", label), 8);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
        int code;
    } rows[] = {
        {"../waffles/1", "/meta/test.txt:2: '../waffles/1': one folder deep", -EBADMSG},
        {"../1", "/meta/test.txt:2: images/../1.jpg: leaves the dataset's folder", -EBADMSG},
        {"/1", "/meta/test.txt:2: '/1': a class, '/' and a name", -EBADMSG},
        {"waffles/", "/meta/test.txt:2: 'waffles/': a class, '/' and a name", -EBADMSG},
        {"waffles", "/meta/test.txt:2: 'waffles': a class, '/' and a name", -EBADMSG},
        {"waffles/7", "/meta/test.txt:2: images/waffles/7.jpg: No such file", -ENOENT},
    };
    plant_food();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];
        snprintf(text, sizeof text, "waffles/900\n%s\n", rows[i].line);
        garden_write(&garden, "meta/test.txt", text);
        bed_refused(&garden, "food101", rows[i].code, rows[i].words);
    }
    assert_int_equal(remove(garden_path(&garden, "meta/test.txt")), 0);
    bed_refused(&garden, "food101", -ENOENT, "/meta/test.txt: No such file or directory");
    garden_write(&garden, "meta/train.txt", "waffles/900\n");
    bed_refused(&garden, "food101", -ENOENT, "/meta/test.txt: No such file or directory");
    garden_write(&garden, "meta/train.txt", "");
    bed_refused(&garden, "food101", -ENODATA, "/meta/train.txt: no image is of split 'train'");
    bed_refused(&garden, "mit67", -ENOENT, "/TrainImages.txt: No such file or directory");
    bed_refused(&garden, "pets", -ENOENT, "/annotations/trainval.txt: No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_food101, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mit67, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
