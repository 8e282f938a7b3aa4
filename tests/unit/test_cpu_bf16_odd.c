/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_odd: channels that fill no vectors: within bf16 of ref; no memory is taken
 * by a run. Exit 77 where the machine has no bf16. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <stdio.h>

static const struct op_case cases[] = {
    {"bn [2,3,2,1]", case_bn, 2, 3, 2, 1, .groups = 1},
    {"bn [6,5,1,17] relu, 2 groups", case_bn, 6, 5, 1, 17, .groups = 2, .relu = true},
    {"bn [8,1,1,2] add relu", case_bn, 8, 1, 1, 2, .groups = 1, .add = true, .relu = true},
    {"maxpool 3x3/2, 3 channels", case_maxpool, 2, 7, 6, 3, .kernel = 3, .stride = 2, .pad = 1},
    {"maxpool 2x2/2, ties", case_maxpool, 1, 6, 6, 8, .kernel = 2, .stride = 2, .levels = 2},
    {"avgpool [2,3,5,7]", case_avgpool, 2, 3, 5, 7},
    {"avgpool [1,1,1,1]", case_avgpool, 1, 1, 1, 1},
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
        bed_init_ops(&bed, cpu_table_new(cpu_isa_best(), 1));
        bed.dtype = DTYPE_BF16;
        bed.allocations = alloc_count;
        cases[i].run(&bed, &cases[i]);
        bed_done(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_ref),
        cmocka_unit_test(no_allocation),
    };
    if (!cpu_bf16_has()) {
        printf("skipped: this CPU has no AVX-512 BF16\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
