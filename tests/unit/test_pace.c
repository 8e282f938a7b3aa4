/* SPDX-License-Identifier: Apache-2.0 */
/* pace: rates of the last seconds and of the stretches of a whole record, after gaps, at the ends,
 * and when the time is odd. */
#include "test.h"

#include "tools/inspect/serve/pace.h"

#include <math.h>

static void add(struct pace *pace, double from, double to, double every, uint64_t views)
{
    for (double at = from; at < to; at += every)
        pace_add(pace, at, views);
}

static void rate_is(const struct pace *pace, double at, double batches, double views)
{
    struct pace_rate rate;
    assert_true(pace_rate(pace, at, &rate));
    assert_float_equal(rate.batches, batches, 1e-9);
    assert_float_equal(rate.views, views, 1e-9);
}

static void test_last(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_rate rate;
    pace_init(&pace, false);
    assert_false(pace_rate(&pace, 1000, &rate));
    pace_add(&pace, 1000, 64);
    assert_false(pace_rate(&pace, 1000.5, &rate)); /* no second is over */
    add(&pace, 1000.25, 1010, .25, 64);
    rate_is(&pace, 1001.1, 4, 256);
    rate_is(&pace, 1010, 4, 256);
    rate_is(&pace, 1012, 2.4, 153.6); /* three of five seconds had something */
    rate_is(&pace, 1015, 0, 0);
    rate_is(&pace, 1e6, 0, 0);
    /* longer away than all stretches, and then a part of them */
    add(&pace, 5000, 5010, .5, 10);
    rate_is(&pace, 5010, 2, 20);
    add(&pace, 5010, 5140, .5, 10);
    rate_is(&pace, 5140, 2, 20);
    uint64_t batches = 0;
    for (int i = 0; i < PACE_STRETCHES; i++)
        batches += pace.stretches[i].batches;
    assert_int_equal(batches, 2 * PACE_STRETCHES);
    pace_add(&pace, 4000, 10); /* the clock was set back */
    assert_true(pace.last >= 5139);
}

static void test_whole(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, true);
    add(&pace, 100, 110, .125, 32);
    rate_is(&pace, 104.5, 8, 256);
    rate_is(&pace, 100, 8, 256); /* the first second, whole */
    /* an hour at another rate: nothing is lost, and stretches are longer */
    add(&pace, 110, 3700, 1, 8);
    uint64_t batches = 0, views = 0;
    for (int i = 0; i < PACE_STRETCHES; i++) {
        batches += pace.stretches[i].batches;
        views += pace.stretches[i].views;
    }
    assert_int_equal(batches, 80 + 3590);
    assert_int_equal(views, 2560 + 8 * 3590);
    assert_true(pace.width * PACE_STRETCHES >= 3600 && pace.width <= 64);
    rate_is(&pace, 2000, 1, 8);
    struct pace_rate rate;
    assert_true(pace_rate(&pace, 3699, &rate)); /* the last stretch counts as far as it goes */
    assert_in_range((uint64_t)(100 * rate.batches), 95, 110);
    assert_true(pace_rate(&pace, 1e9, &rate) == false || isfinite(rate.batches));
    /* the largest time that a tap may tell */
    pace_add(&pace, 2.5e11, 8);
    assert_true(pace.width * PACE_STRETCHES >= 2.5e11 - 100);
}

/* A batch alone has no rate, and one moment has none. */
static void test_moment(void **state)
{
    (void)state;
    struct pace pace;
    struct pace_rate rate;
    pace_init(&pace, true);
    pace_add(&pace, 50, 8);
    pace_add(&pace, 50, 8);
    assert_false(pace_rate(&pace, 50, &rate));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
