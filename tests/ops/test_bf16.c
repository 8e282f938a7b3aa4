/* SPDX-License-Identifier: Apache-2.0 */
/* bf16: every slot that bf16 images go through, and the products of linear layers, of the oneDNN
 * back end against ref in fp32 on the same numbers; and twice over, since the same input on the
 * same threads must give the same bits. Exit 77 where the machine has no bf16. */
#include "cases.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* bf16 has 8 bits, an error of at most 2^-9 each time a number is rounded: inputs are the same on
 * both sides, so each result is rounded once or twice: 7e-3 was seen. In a chain the terms of the
 * first convolution's dw cancel, since batch norm leaves dy without a mean while max pooling gives
 * x one, and what was rounded on the way stays: 6e-2 was seen. Elements in a wrong order are off
 * by 1.
 */
static const double slot_norms = 2e-2, chain_norms = .2;

/* clang-format off */
static const struct op_case checks[] = {
    {"memory 33x1x3", case_memory, 2, 33, 1, 3},
    {"memory 4x4x16", case_memory, 4, 4, 4, 16},
    {"memory 1x1x5", case_memory, 3, 1, 1, 5},
    {"input 7x5", case_input, .n = 3, .h = 7, .w = 5},

    {"conv 1x1 64>48, one pixel", case_conv, 3, 1, 1, 64, 48, 1, 1, 0},
    {"conv 1x1/2 48>64, odd", case_conv, 4, 7, 5, 48, 64, 1, 2, 0},
    {"conv 1x1 64>256", case_conv, 2, 9, 9, 64, 256, 1, 1, 0},
    {"conv 3x3 8>16, odd channels", case_conv, 3, 17, 15, 8, 16, 3, 1, 1},
    {"conv 3x3 2>4, one pixel", case_conv, 3, 1, 1, 2, 4, 3, 1, 1},
    {"conv 3x3/2 16>48", case_conv, 2, 16, 16, 16, 48, 3, 2, 1},
    {"conv 3x3/2 48>64, odd", case_conv, 2, 15, 33, 48, 64, 3, 2, 1},
    {"conv 3x3 64>64", case_conv, 4, 16, 16, 64, 64, 3, 1, 1},
    {"conv 3x3 128>128, 8 pixels", case_conv, 6, 8, 8, 128, 128, 3, 1, 1},
    {"conv 3x3 64>64, one pixel", case_conv, 5, 1, 1, 64, 64, 3, 1, 1},
    {"conv 3x3 64>64, 2 pixels", case_conv, 3, 2, 2, 64, 64, 3, 1, 1},
    {"conv 3x3 32>48, 4x3 pixels", case_conv, 5, 4, 3, 32, 48, 3, 1, 1},
    {"conv 3x3/2 256>512, 4 pixels", case_conv, 2, 4, 4, 256, 512, 3, 2, 1},
    {"conv 1x1/2 256>512, 4 pixels", case_conv, 2, 4, 4, 256, 512, 1, 2, 0},
    {"conv 7x7/2 3>64, stem", case_conv, 2, 33, 31, 3, 64, 7, 2, 3, .first = true},

    {"bn 1x1x64 relu, 2 groups", case_bn, 32, 1, 1, 64, .groups = 2, .relu = true},
    {"bn 5x7x3", case_bn, 3, 5, 7, 3, .groups = 1},
    {"bn 4x4x17 add relu", case_bn, 4, 4, 4, 17, .groups = 2, .add = true, .relu = true},
    {"bn 33x33x64 relu, 3 groups", case_bn, 6, 33, 33, 64, .groups = 3, .relu = true},
    {"bn 8x8x64 plain add relu", case_bn, 4, 8, 8, 64, .groups = 2, .add = true, .relu = true,
     .plain = true},
    {"bn 2x2x512 add relu", case_bn, 16, 2, 2, 512, .groups = 2, .add = true, .relu = true},

    {"maxpool 3x3/2 stem", case_maxpool, 2, 32, 32, 64, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 3x3/2, ties", case_maxpool, 2, 16, 16, 16, .kernel = 3, .stride = 2, .pad = 1,
     .levels = 3},
    {"maxpool 2x2/2, 3 channels", case_maxpool, 2, 5, 9, 3, .kernel = 2, .stride = 2},
    {"avgpool 7x7x48", case_avgpool, 2, 7, 7, 48},
    {"avgpool 3x5x17", case_avgpool, 3, 3, 5, 17},

    {"linear 3 > 4", case_linear, .n = 5, .c = 3, .out = 4},
    {"linear 48 > 64", case_linear, .n = 33, .c = 48, .out = 64},
    {"linear 512 > 300, no bias", case_linear, .n = 8, .c = 512, .out = 300, .plain = true},
    {"linear 1024 > 512", case_linear, .n = 128, .c = 1024, .out = 512},
};
static const struct op_case chains[] = {
    {"chain 16x16, 8 channels", case_chain, 8, 16, 16, 8},
    {"chain 32x32, 64 channels", case_chain, 6, 32, 32, 64},
};
/* clang-format on */

static void run(struct bed *bed, const char *back_end, const struct op_case *c)
{
    bed_init(bed, back_end, NULL);
    bed->rounds = true;
    if (strcmp(back_end, "ref") != 0) {
        bed->dtype = DTYPE_BF16;
        assert_int_equal(ops_set_dtype(bed->ops, DTYPE_BF16), 0);
    }
    c->run(bed, c);
}

static void check(const struct op_case *cases, size_t n, double norms)
{
    static struct bed want, got, again;
    for (size_t i = 0; i < n; i++) {
        printf("  %s\n", cases[i].name);
        fflush(stdout);
        run(&want, "ref", &cases[i]);
        run(&got, "onednn", &cases[i]);
        run(&again, "onednn", &cases[i]);
        bed_compare_norms(&want, &got, norms);
        bed_compare(&got, &again, true);
        bed_done(&want);
        bed_done(&got);
        bed_done(&again);
    }
}

static void slots(void **state)
{
    (void)state;
    check(checks, ARRAY_LEN(checks), slot_norms);
}

static void chained(void **state)
{
    (void)state;
    check(chains, ARRAY_LEN(chains), chain_norms);
}

/* ref is what is measured against: it says so instead of computing in fp32 unasked. */
static void refusals(void **state)
{
    (void)state;
    struct ops *o;
    struct conv *conv = NULL;
    struct bn *bn = NULL;
    struct maxpool *pool = NULL;
    assert_int_equal(ops_open("ref", 0, &o), 0);
    assert_int_equal(ops_set_dtype(o, DTYPE_BF16), -ENOTSUP);
    assert_non_null(strstr(err_text(), "no bf16: the back end ref"));
    assert_int_equal(o->dtype, DTYPE_FP32);
    assert_int_equal(ops_set_dtype(o, DTYPE_AUTO), 0);
    assert_int_equal(o->dtype, DTYPE_FP32);
    assert_int_equal(
        o->conv_new(o, &(struct conv_shape){1, 4, 4, 16, 16, 3, 1, 1, .dtype = DTYPE_BF16}, &conv),
        -ENOTSUP);
    assert_int_equal(o->bn_new(o, &(struct bn_shape){2, 4, 4, 16, 1, .dtype = DTYPE_BF16}, &bn),
                     -ENOTSUP);
    assert_int_equal(
        o->maxpool_new(o, &(struct maxpool_shape){2, 4, 4, 16, 2, 2, 0, DTYPE_BF16}, &pool),
        -ENOTSUP);
    assert_true(!conv && !bn && !pool);
    ops_close(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(slots),
        cmocka_unit_test(chained),
    };
    struct ops *o;
    int r = ops_open("onednn", 0, &o);
    if (r == 0) {
        r = ops_set_dtype(o, DTYPE_BF16);
        ops_close(o);
    }
    if (r < 0) {
        printf("skipped: %s\n", err_text());
        return r == -ENOTSUP ? 77 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
