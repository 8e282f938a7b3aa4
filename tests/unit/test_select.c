/* SPDX-License-Identifier: Apache-2.0 */
/* select: the classes of a file, numbered as there, and a fraction of each class: the same samples
 * whatever else is in the set, more of them where more is asked for. */
#include "garden.h"

#include "loaderd/source/listing.h"

#include <errno.h>

enum { CLASSES = 5, EACH = 200 };

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

static void make(struct listing *listing)
{
    assert_int_equal(listing_begin(listing, "/set"), 0);
    for (uint32_t c = 0; c < CLASSES; c++) {
        char name[32];
        uint32_t label;
        snprintf(name, sizeof name, "class %u", c);
        assert_int_equal(listing_class(listing, name, &label), 0);
        for (uint32_t i = 0; i < EACH; i++) {
            const int32_t box[4] = {0, 0, 1 + (int32_t)c, 1 + (int32_t)i};
            snprintf(name, sizeof name, "%u/%u.jpg", c, i);
            const struct listed s = {
                .name = name, .file = LISTING_NO_FILE, .label = (int32_t)c, .box = box};
            assert_int_equal(listing_add(listing, &s), 0);
        }
    }
}

static const char *name_of(const struct listing *listing, size_t i)
{
    return listing->names + listing->rows[i].name;
}

static void test_classes(void **state)
{
    (void)state;
    garden_write(&garden, "classes.txt", "class 3\r\n\nclass 0\n");
    struct listing listing = {0};
    make(&listing);
    const struct source_spec spec = {.classes = garden_path(&garden, "classes.txt")};
    assert_int_equal(select_samples(&listing, &spec), 0);
    assert_int_equal(listing_samples(&listing), 2 * EACH);
    assert_int_equal(listing.n_classes, 2);
    assert_string_equal(listing.names + listing.classes[0], "class 3");
    assert_string_equal(listing.names + listing.classes[1], "class 0");
    for (size_t i = 0; i < 2 * EACH; i++) { /* in the order that they had */
        assert_int_equal(listing.rows[i].label, i < EACH);
        assert_int_equal(name_of(&listing, i)[0], i < EACH ? '0' : '3');
        assert_int_equal(listing.boxes[i][2], i < EACH ? 1 : 4);
        assert_int_equal(listing.boxes[i][3], 1 + i % EACH);
    }
    listing_done(&listing);
}

static void refused(const char *text, int code, const char *what)
{
    garden_write(&garden, "classes.txt", text);
    struct listing listing = {0};
    make(&listing);
    const struct source_spec spec = {.classes = garden_path(&garden, "classes.txt")};
    assert_int_equal(select_samples(&listing, &spec), code);
    if (!strstr(err_text(), what))
        fail_msg("'%s' does not say '%s'", err_text(), what);
    listing_done(&listing);
}

static void test_refused(void **state)
{
    (void)state;
    refused("class 1\nclass 9\n", -EINVAL, "classes.txt:2: /set has no class 'class 9'");
    refused("class 1\n\nclass 1\n", -EINVAL, "classes.txt:3: class 'class 1' is there twice");
    refused("\n\n", -EINVAL, "names no class");
    struct listing listing = {0};
    make(&listing);
    const struct source_spec spec = {.classes = garden_path(&garden, "none.txt")};
    assert_int_equal(select_samples(&listing, &spec), -ENOENT);
    listing_done(&listing);
}

static void test_fraction(void **state)
{
    (void)state;
    static const double fractions[] = {1, 0.5, 0.1, 0.0001};
    static const size_t each[] = {EACH, 100, 20, 1};
    struct listing before = {0};
    make(&before);
    for (size_t f = 0; f < ARRAY_LEN(fractions); f++) {
        struct listing listing = {0};
        make(&listing);
        const struct source_spec spec = {.fraction = fractions[f]};
        assert_int_equal(select_samples(&listing, &spec), 0);
        size_t count[CLASSES] = {0}, at = 0;
        for (size_t i = 0; i < listing_samples(&listing); i++) {
            count[listing.rows[i].label]++;
            /* part of the larger fraction's, in its order */
            while (at < listing_samples(&before) &&
                   strcmp(name_of(&before, at), name_of(&listing, i)) != 0)
                at++;
            assert_true(at < listing_samples(&before));
        }
        for (int c = 0; c < CLASSES; c++)
            assert_int_equal(count[c], each[f]);
        listing_done(&before);
        before = listing;
    }
    listing_done(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_fraction),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
