/* SPDX-License-Identifier: Apache-2.0 */
/* test_supervised: gradients; accuracy; a label that the classifier has no row for, or none at all,
 * is an error that names the image and the key. */
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

/* A classifier that always says 2 is right for the two of six images whose label that is. */
static void accuracy(void **state)
{
    (void)state;
    method_bed_make(&bed, &method_supervised, &recipe, 0);
    struct param *w = net_find_param(bed.net, "classifier.0.weight");
    struct param *b = net_find_param(bed.net, "classifier.0.bias");
    memset(w->w, 0, w->count * sizeof(float));
    memcpy(b->w, (float[]){0, 1, 2}, sizeof(float[3]));
    method_bed_loss(&bed);
    assert_string_equal(bed.loss.item[1].name, "supervised.accuracy");
    assert_true(bed.loss.item[1].value == 1.0F / 3);
    bed.labels[0] = 2;
    method_bed_loss(&bed);
    assert_true(bed.loss.item[1].value == 0.5F);
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
        cmocka_unit_test(accuracy),
        cmocka_unit_test(bad_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
