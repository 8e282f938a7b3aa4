/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_bf16_conv: what it takes and leaves to oneDNN; more images than a chunk; any number of
 * threads gives the same bits; weights that lie as another plan's. Exit 77 without matrix units.
 * (Values against ref: tests/ops/test_bf16.c.) */
#include "../ops/cases.h"

#include "trainer/ops/cpu_bf16_conv.h"

#include <stdio.h>
#include <string.h>

static void wants(void **state)
{
    (void)state;
    const struct {
        struct conv_shape shape;
        bool wanted;
    } rows[] = {{{1, 4, 4, 64, 64, 3, 1, 1}, true},    {{1, 5, 4, 64, 64, 3, 1, 1}, false},
                {{1, 8, 8, 64, 64, 3, 2, 1}, true},    {{1, 1, 1, 16, 16, 1, 1, 0}, true},
                {{1, 4, 4, 3, 64, 3, 1, 1}, false},    {{1, 4, 4, 64, 40, 3, 1, 1}, false},
                {{1, 4, 1024, 16, 16, 1, 1, 0}, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(cpu_amx_matrix.conv_wants(&rows[i].shape), rows[i].wanted);
}

static void run(struct bed *bed, const char *back_end, int threads, const struct op_case *c)
{
    struct ops *o;
    assert_int_equal(ops_open(back_end, threads, &o), 0);
    bed_init_ops(bed, o);
    bed->rounds = true;
    if (strcmp(back_end, "ref") != 0)
        bed->dtype = DTYPE_BF16;
    c->run(bed, c);
}

/* 16 pixels an image: 128 images are one chunk. */
static void chunks(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {"one image more", case_conv, 129, 4, 4, 16, 32, 3, 1, 1},
        {"two chunks and some, strided", case_conv, 300, 7, 7, 32, 16, 3, 2, 1},
        {"one by one", case_conv, 130, 4, 4, 48, 16, 1, 1, 0},
    };
    static struct bed ref, one, got;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        run(&ref, "ref", 1, &cases[i]);
        run(&one, "onednn", 1, &cases[i]);
        bed_compare_norms(&ref, &one, 2e-2); /* as tests/ops/test_bf16.c */
        for (int threads = 2; threads < 4; threads++) {
            run(&got, "onednn", threads, &cases[i]);
            bed_compare(&one, &got, true);
            bed_done(&got);
        }
        bed_done(&ref);
        bed_done(&one);
    }
}

/* Small views: the same weights on a larger and on a smaller image, whichever comes first. */
static void shared_weights(void **state)
{
    (void)state;
    enum { LARGE = 9, SMALL = 3, C = 16, WEIGHTS = C * C * 9 };
    static struct bed bed;
    struct ops *o;
    assert_int_equal(ops_open("onednn", 0, &o), 0);
    bed_init_ops(&bed, o);
    bed.rounds = true;
    const int32_t sizes[] = {LARGE, SMALL};
    struct tensor small = {.n = 2, .h = SMALL, .w = SMALL, .c = C, .dtype = DTYPE_BF16};
    struct tensor x = bed_tensor(&bed, bed_random(&bed, tensor_count(&small), -1, 1), small);
    float *host = bed_random(&bed, WEIGHTS, -1, 1);
    float *y[2] = {bed_host(&bed, tensor_count(&small)), bed_host(&bed, tensor_count(&small))};
    for (int first = 0; first < 2; first++) {
        struct conv *conv[2];
        struct conv_shape shape = {
            .n = 2, .c_in = C, .c_out = C, .kernel = 3, .stride = 1, .pad = 1};
        shape.dtype = DTYPE_BF16;
        for (int i = 0; i < 2; i++) {
            shape.h = shape.w = sizes[i ? !first : first];
            shape.like = i ? conv[0] : NULL;
            bed_slot_must(o->conv_new(o, &shape, &conv[i]), "conv_new");
        }
        float *w = bed_floats(&bed, NULL, WEIGHTS);
        bed_slot_must(o->conv_weight_load(conv[0], host, w), "conv_weight_load");
        struct tensor out = bed_tensor(&bed, NULL, small);
        bed_slot_must(o->conv_forward(conv[first ? 0 : 1], &x, w, &out), "conv_forward");
        bed_slot_must(o->tensor_export(o, &out, y[first]), "tensor_export");
        o->conv_free(conv[1]);
        o->conv_free(conv[0]);
    }
    double off = 0, all = 0;
    for (size_t i = 0; i < tensor_count(&small); i++) {
        off += (y[0][i] - y[1][i]) * (double)(y[0][i] - y[1][i]);
        all += y[0][i] * (double)y[0][i];
    }
    assert_true(all > 0 && off <= 1e-4 * all); /* 1e-2 of the norm: both round to bf16 */
    bed_done(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wants),
        cmocka_unit_test(chunks),
        cmocka_unit_test(shared_weights),
    };
    if (!cpu_bf16_has() || !cpu_amx_has()) {
        printf("skipped: no AMX with bf16 here\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
