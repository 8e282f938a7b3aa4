/* SPDX-License-Identifier: Apache-2.0 */
/* plant_disease: color/, at ROOT or where the whole repository has it, one split, names with
 * commas. */
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

static void test_layouts(void **state)
{
    (void)state;
    bed_image(&garden, "color/Pepper,_bell___healthy/0a (1).JPG");
    bed_image(&garden, "color/Apple___Black_rot/b.jpeg");
    bed_image(&garden, "color/Apple___Black_rot/a___final.png");
    bed_text(&garden, "color/Apple___Black_rot/notes.txt", "no image");
    bed_text(&garden, "color/.hidden/a.jpg", "no class");
    bed_made(&garden, "plant-disease", NULL);
    assert_string_equal(bed_split(&garden, "all"),
                        "color/Apple___Black_rot/a___final.png:0 color/Apple___Black_rot/b.jpeg:0 "
                        "color/Pepper,_bell___healthy/0a (1).JPG:1 "
                        "Apple___Black_rot,Pepper,_bell___healthy,");
    bed_image(&garden, "raw/color/Tomato___healthy/c.JPG");
    bed_made(&garden, "plant-disease", NULL);
    assert_string_equal(bed_split(&garden, NULL),
                        "raw/color/Tomato___healthy/c.JPG:0 Tomato___healthy,");
}

static void test_refusals(void **state)
{
    (void)state;
    bed_refused(&garden, "plant-disease", -ENOENT, "/color: No such file or directory");
    bed_text(&garden, "color/notes.txt", "no folder");
    bed_refused(&garden, "plant-disease", -ENODATA, "/color: no folders");
    bed_text(&garden, "color/Apple/notes.txt", "no image");
    bed_refused(&garden, "plant-disease", -ENODATA, "/color/Apple: no images");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layouts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
