/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervised: gradients; a label that the classifier has no row for, or none at all, is an
 * error that names the image and the key. */
#include "method_bed.h"

#include <errno.h>
#include <string.h>

static struct method_bed bed;
static const struct recipe recipe = {.method = {.classes = 3}};

static void gradients(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_supervised, &recipe, 0);
    assert_non_null(net_find_param(bed.net, "classifier.0.bias"));
    method_bed_check_gradients(&bed);
    method_bed_done(&bed);
}

static void bad_labels(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_supervised, &recipe, 0);
    static const int64_t bad[] = {-1, 3, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bed.labels[2] = bad[i];
        assert_int_equal(method_supervised.forward(bed.state, &bed.in), -EINVAL);
        assert_non_null(strstr(err_text(), "image 2 of the batch has label"));
        assert_non_null(strstr(err_text(), "method.classes is 3"));
    }
    bed.labels[2] = 2;
    assert_int_equal(method_supervised.forward(bed.state, &bed.in), 0);
    method_bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(bad_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
