/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_bn: every number of threads within bf16 of ref, with fewer pixels than threads as well;
 * no memory is taken by a run; statistics of numbers far from 0; y in x's place; a NaN stays seen.
 * Exit 77 where the machine has no bf16. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"
#include "trainer/ops/cpu_bf16_half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct op_case cases[] = {
    {"bn [4,1,1,16]", case_bn, 4, 1, 1, 16, .groups = 1},
    {"bn [6,1,1,48] relu, 2 groups", case_bn, 6, 1, 1, 48, .groups = 2, .relu = true},
    {"bn [2,9,7,32] add", case_bn, 2, 9, 7, 32, .groups = 1, .add = true},
    {"bn [6,33,31,16] add relu, 3 groups", case_bn, 6, 33, 31, 16, .groups = 3, .add = true,
     .relu = true},
    {"bn [4,8,8,64] plain relu, 4 groups", case_bn, 4, 8, 8, 64, .groups = 4, .relu = true,
     .plain = true},
    {"bn [8,3,3,512] add relu", case_bn, 8, 3, 3, 512, .groups = 2, .add = true, .relu = true},
};

static void near_ref(void **state)
{
    (void)state;
    assert_true(cpu_check_bf16(cases, ARRAY_LEN(cases)));
}

static void no_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static struct bed bed;
        bed_init_ops(&bed, cpu_table_new(cpu_isa_best(), 3));
        bed.dtype = DTYPE_BF16;
        bed.allocations = alloc_count;
        cases[i].run(&bed, &cases[i]);
        bed_done(&bed);
    }
}

enum { ROWS = 64, C = 16 };

struct layer {
    struct ops *o;
    struct bn *bn;
    uint16_t x[ROWS * C], y[ROWS * C];
    uint8_t mask[ROWS * C / 8];
    float mean[C], invstd[C], running_mean[C], running_var[C];
    struct tensor tx, ty;
    struct bn_saved saved;
    struct bn_param p;
};

static void layer_init(struct layer *l)
{
    *l = (struct layer){.o = cpu_table_new(cpu_isa_best(), 2)};
    struct bn_shape shape = {ROWS, 1, 1, C, .groups = 1, .relu = true, .dtype = DTYPE_BF16};
    assert_int_equal(l->o->bn_new(l->o, &shape, &l->bn), 0);
    l->tx = (struct tensor){ROWS, 1, 1, C, (float *)l->x, DTYPE_BF16};
    l->ty = (struct tensor){ROWS, 1, 1, C, (float *)l->y, DTYPE_BF16};
    l->saved = (struct bn_saved){l->mean, l->invstd, l->mask};
    l->p = (struct bn_param){NULL, NULL, l->running_mean, l->running_var};
}

static void layer_done(struct layer *l)
{
    l->o->bn_free(l->bn);
    ops_close(l->o);
}

/* 1000 and 1008, half of each: the variance is 16, a 60000th of the mean's square. */
static void far_from_zero(void **state)
{
    (void)state;
    static struct layer l;
    layer_init(&l);
    for (size_t i = 0; i < ROWS * C; i++)
        l.x[i] = bf16_round(i / C % 2 ? 1008 : 1000);
    assert_int_equal(l.o->bn_forward(l.bn, &l.tx, NULL, &l.p, &l.saved, &l.ty), 0);
    for (size_t k = 0; k < C; k++) {
        assert_true(l.mean[k] == 1004 && fabsf(l.invstd[k] - .25f) < 1e-6f);
        assert_true(bf16_widen(l.y[k]) == 0 && bf16_widen(l.y[C + k]) == 1);
        assert_true(l.mask[k / 8] == 0 && l.mask[(C + k) / 8] == 0xff);
    }
    memcpy(l.y, l.x, sizeof(l.x)); /* the same in place */
    uint16_t before[ROWS * C];
    assert_int_equal(l.o->bn_forward(l.bn, &l.tx, NULL, &l.p, &l.saved, &l.ty), 0);
    memcpy(before, l.y, sizeof(before));
    assert_int_equal(l.o->bn_forward(l.bn, &l.tx, NULL, &l.p, &l.saved, &l.tx), 0);
    assert_memory_equal(l.x, before, sizeof(before));
    layer_done(&l);
}

static void what_is_no_number(void **state)
{
    (void)state;
    static struct layer l;
    layer_init(&l);
    for (size_t i = 0; i < ROWS * C; i++)
        l.x[i] = bf16_round((float)(i / C));
    l.x[5 * C + 3] = bf16_round(NAN);
    assert_int_equal(l.o->bn_forward(l.bn, &l.tx, NULL, &l.p, &l.saved, &l.ty), 0);
    for (size_t i = 0; i < ROWS * C; i++)
        assert_int_equal(isnan(bf16_widen(l.y[i])) != 0, i % C == 3);
    layer_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_ref),
        cmocka_unit_test(no_allocation),
        cmocka_unit_test(far_from_zero),
        cmocka_unit_test(what_is_no_number),
    };
    if (!cpu_bf16_has()) {
        printf("skipped: this CPU has no AVX-512 BF16\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
