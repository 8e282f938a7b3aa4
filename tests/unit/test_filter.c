/* SPDX-License-Identifier: Apache-2.0 */
/* filter: what each option lets pass, alone and together; what is no filter is told with its text.
 */
#include "test.h"

#include "tools/inspect/feed/filter.h"
#include "wire_samples.h"

#include <errno.h>
#include <string.h>

static struct samples samples;

/* Bit i: view i of the sample batch passes a filter of these options: key, argument, key, ... */
static uint32_t passed(const char *const *options)
{
    struct filter filter = {0};
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    static const uint8_t session[DIGEST_BYTES] = {1, 2, 3, [DIGEST_BYTES - 1] = 16};
    memcpy(tap->tap.batch.session, session, sizeof session);
    uint32_t ret = 0;
    for (; *options; options += 2)
        if (filter_option(&filter, options[0][0], options[1]) != 1)
            fail_msg("--%s %s: %s", options[0], options[1], err_text());
    for (uint32_t i = 0; i < SAMPLE_VIEWS * SAMPLE_BATCH; i++) {
        struct param_view view;
        param_view_at(tap, i, &view);
        ret |= (uint32_t)filter_view(&filter, tap, &view) << i;
    }
    return ret;
}

/* The samples are 100 to 104, in both views; steps are applied in view 1, bits 5 to 9. */
static void test_passes(void **state)
{
    (void)state;
    static const struct {
        const char *options[9];
        uint32_t passed;
    } cases[] = {
        {{NULL}, 0x3ff},
        {{"V", "0"}, 0x01f},
        {{"V", "1"}, 0x3e0},
        {{"V", "0-1"}, 0x3ff},
        {{"V", "2-15"}, 0},
        {{"V", "15", "V", "1"}, 0x3e0},
        {{"I", "100"}, 0x021},
        {{"I", "101-103"}, 0x1ce},
        {{"I", "0-100", "I", "104-4294967295"}, 0x231},
        {{"I", "100", "V", "1"}, 0x020},
        {{"D", "stl10"}, 0},
        {{"H", "01"}, 0x3ff},
        {{"H", "0"}, 0x3ff},
        {{"H", "010203"}, 0x3ff},
        {{"H", "01020"}, 0x3ff},
        {{"H", "01021"}, 0},
        {{"H", "01020300000000000000000000000010"}, 0x3ff},
        {{"H", "01020300000000000000000000000011"}, 0},
        {{"H", "11"}, 0},
        {{"W", "sample>=103"}, 0x318},
        {{"W", "sample > 103"}, 0x210},
        {{"W", " sample< 101 "}, 0x021},
        {{"W", "sample<=101"}, 0x063},
        {{"W", "sample=101"}, 0x042},
        {{"W", "sample!=101"}, 0x3bd},
        {{"W", "flip=1"}, 0x14a},
        {{"W", "label>-5"}, 0x3de}, /* the first has none */
        {{"W", "label!=0"}, 0x39c}, /* no more has it here */
        {{"W", "blur.sigma>0"}, 0x3e0},
        {{"W", "blur.sigma<100"}, 0x3e0},
        {{"W", "blur.sigma!=77"}, 0x3e0},
        {{"W", "jitter.brightness=0.8"}, 0x3e0},  /* the float, as its line says it */
        {{"W", "jitter.brightness<0.8"}, 0},      /* it is above the double 0.8 ... */
        {{"W", "jitter.brightness<=0.8"}, 0x3e0}, /* ... which nobody sees */
        {{"W", "jitter.contrast=1.40129846e-45"}, 0x3e0},
        {{"W", "jitter.hue=0"}, 0x140}, /* -0 as well */
        {{"W", "sample>100", "W", "sample<104", "W", "view=1", "W", "rotation=2"}, 0x080},
        {{"W", "size=8"}, 0x3e0},
        {{"W", "batch=4294967295"}, 0x3ff},
        {{"W", "crop.left=1e0"}, 0x3e0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (passed(cases[i].options) != cases[i].passed)
            fail_msg("case %zu, %s %s: %#x", i, cases[i].options[0], cases[i].options[1],
                     passed(cases[i].options));
    const struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    assert_int_equal(passed((const char *[]){"D", tap->tap.dataset, NULL}), 0x3ff);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        char key;
        const char *arg, *said;
    } cases[] = {
        {'V', "16", "--view 16: a number from 0 to 15"},
        {'V', "1-16", "--view 1-16"},
        {'V', "", "--view "},
        {'V', "-1", "--view -1"},
        {'V', "2-1", "--view 2-1: it ends before it begins"},
        {'V', "1 ", "--view 1 "},
        {'I', "4294967296", "--sample 4294967296: a number from 0 to 4294967295"},
        {'I', "99999999999999999999999", "--sample"},
        {'I', "1-", "--sample 1-"},
        {'I', "+1", "--sample +1"},
        {'H', "", "--session : 1 to 32 hex"},
        {'H', "xyz", "--session xyz"},
        {'H', "012345678901234567890123456789012", "--session 0123"},
        {'D', "", "--dataset : no dataset"},
        {'D', "a name of sixty-four bytes, which is one more than any dataset has",
         "no dataset can be called so"},
        {'W', "blur.sigma", "NAME OP NUMBER"},
        {'W', ">1", "NAME OP NUMBER"},
        {'W', "blur.sigma!1", "NAME OP NUMBER"},
        {'W', "blur.sigma>", "'' is not a number"},
        {'W', "blur.sigma>big", "'big' is not a number"},
        {'W', "blur.sigma>nan", "'nan' is not a number"},
        {'W', "blur.sigma>0x1p1", "'0x1p1' is not a number"},
        {'W', "blur.sigma>inf", "'inf' is not a number"},
        {'W', "blur.sigma>1e999", "'1e999' is not a number"},
        {'W', "blur.sigma==1", "'=1' is not a number"},
        {'W', "blur.sigma>1 2", "'1 2' is not a number"},
        {'W', "blur.sgima>1",
         "--where 'blur.sgima>1': no parameter is called 'blur.sgima'; nearest: blur.sigma"},
        {'W', "blur>1", "nearest: blur.applied, blur.sigma, blur.kernel"},
        {'W', "a name that is much longer than any of the names that parameters have here>1",
         "NAME OP NUMBER"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct filter filter = {0};
        assert_int_equal(filter_option(&filter, cases[i].key, cases[i].arg), -EINVAL);
        if (!strstr(err_text(), cases[i].said))
            fail_msg("no '%s' in: %s", cases[i].said, err_text());
        assert_false(filter_any(&filter));
    }
}

static void test_full(void **state)
{
    (void)state;
    struct filter filter = {0};
    for (int i = 0; i < FILTER_TERMS_MAX; i++)
        assert_int_equal(filter_option(&filter, 'W', "flip=1"), 1);
    assert_int_equal(filter_option(&filter, 'W', "flip=1"), -EINVAL);
    for (int i = 0; i < FILTER_RANGES_MAX; i++)
        assert_int_equal(filter_option(&filter, 'I', "1"), 1);
    assert_int_equal(filter_option(&filter, 'I', "1"), -EINVAL);
    assert_int_equal(filter_option(&filter, 'D', "flowers"), 1);
    assert_int_equal(filter_option(&filter, 'D', "flowers"), -EINVAL);
    assert_int_equal(filter_option(&filter, 'H', "12"), 1);
    assert_int_equal(filter_option(&filter, 'H', "12"), -EINVAL);
    assert_true(filter_any(&filter));
    assert_int_equal(filter_option(&filter, 'c', "1"), 0); /* somebody else's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_passes),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
