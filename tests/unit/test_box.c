/* SPDX-License-Identifier: Apache-2.0 */
/* box: shares of a view by hand; cut at its edges; none where nothing is in it; a box outside its
 * image is an error. */
#include "test.h"

#include "tools/evaluate/box.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A landscape of 400x200, of which the middle 200x200 are seen. */
static const struct omega view = {.sample = 9,
                                  .source_w = 400,
                                  .source_h = 200,
                                  .crop_left = 100,
                                  .crop_width = 200,
                                  .crop_height = 200};

static void test_shares(void **state)
{
    (void)state;
    static const struct {
        uint32_t box[4];
        float want[4];
    } rows[] = {
        {{150, 50, 100, 25}, {0.25f, 0.25f, 0.5f, 0.125f}},
        {{100, 0, 200, 200}, {0, 0, 1, 1}},
        {{0, 0, 400, 200}, {0, 0, 1, 1}},              /* cut at both sides */
        {{50, 100, 100, 100}, {0, 0.5f, 0.25f, 0.5f}}, /* at the left */
        {{250, 0, 100, 20}, {0.75f, 0, 0.25f, 0.1f}},  /* at the right */
        {{299, 199, 101, 1}, {0.995f, 0.995f, 0.005f, 0.005f}},
        {{200, 150, 100, 51}, {0.5f, 0.75f, 0.5f, 0.25f}}, /* a pixel too long */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float got[4];
        assert_int_equal(box_share("set", &view, rows[i].box, got), 0);
        for (int k = 0; k < 4; k++)
            assert_true(fabsf(got[k] - rows[i].want[k]) < 1e-6f);
        assert_true(got[0] + got[2] <= 1 + 1e-6f && got[1] + got[3] <= 1 + 1e-6f);
    }
}

static void test_none(void **state)
{
    (void)state;
    static const uint32_t rows[][4] = {
        {0, 0, 0, 0},      /* it has none */
        {0, 0, 100, 200},  /* it ends where the view begins */
        {300, 0, 100, 10}, /* it begins where the view ends */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float got[4] = {0};
        assert_int_equal(box_share("set", &view, rows[i], got), 0);
        for (int k = 0; k < 4; k++)
            assert_true(isnan(got[k]));
    }
}

static void test_outside(void **state)
{
    (void)state;
    static const uint32_t rows[][4] = {
        {150, 50, 252, 10}, {150, 50, 10, 152}, {65535, 0, 65535, 1}, {0, 65535, 1, 65535}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        float got[4];
        assert_int_equal(box_share("set", &view, rows[i], got), -EBADMSG);
        assert_non_null(strstr(err_text(), "set: sample 9: the box"));
        assert_non_null(strstr(err_text(), "outside its image of 400x200"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
