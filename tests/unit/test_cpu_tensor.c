/* SPDX-License-Identifier: Apache-2.0 */
/* cpu_tensor: the order of elements that cpu.h promises, every size of image and channel, more
 * threads than rows; pixels to floats with ref's very bits. */
#include "../ops/cpu_bed.h"

#include "alloc_count.h"

#include <string.h>

static const struct op_case cases[] = {
    {"memory [1,1,1,16]", case_memory, 1, 1, 1, 16},
    {"memory [1,1,2,16]", case_memory, 1, 1, 2, 16},
    {"memory [2,3,1,15]", case_memory, 2, 3, 1, 15},
    {"memory [5,1,7,17]", case_memory, 5, 1, 7, 17},
    {"memory [7,3,5,32]", case_memory, 7, 3, 5, 32},
    {"memory [9,2,2,144]", case_memory, 9, 2, 2, 144},
    {"input 1x1", case_input, .n = 1, .h = 1, .w = 1},
    {"input 1x3", case_input, .n = 5, .h = 1, .w = 3},
    {"input 13x11", case_input, .n = 3, .h = 13, .w = 11},
};

static void test_cases(void **state)
{
    (void)state;
    cpu_check(cases, ARRAY_LEN(cases), CPU_SAME_ISAS | CPU_SAME_THREADS);
}

static void test_no_allocation(void **state)
{
    (void)state;
    cpu_check_allocations(cases, ARRAY_LEN(cases), alloc_count);
}

enum { N = 3, H = 2, W = 5 };

/* Where [n,h,w,c] lies: [N, C/16, H, W, 16] where C is a multiple of 16, else [N,H,W,C]. */
static size_t place_of(size_t n, size_t h, size_t w, size_t c, size_t channels)
{
    if (channels % 16)
        return ((n * H + h) * W + w) * channels + c;
    return (((n * (channels / 16) + c / 16) * H + h) * W + w) * 16 + c % 16;
}

static void layout(struct bed *bed, int32_t channels)
{
    struct ops *o = bed->ops;
    size_t c_all = (size_t)channels, count = N * H * W * c_all;
    float *host = bed_host(bed, count), *back = bed_host(bed, count);
    for (size_t i = 0; i < count; i++)
        host[i] = (float)i;
    struct tensor t = {.n = N, .h = H, .w = W, .c = channels};
    t.data = bed_floats(bed, NULL, count);
    assert_int_equal(o->tensor_import(o, host, &t), 0);
    for (size_t i = 0; i < count; i++) {
        size_t c = i % c_all, w = i / c_all % W, h = i / c_all / W % H, n = i / c_all / W / H;
        assert_true(t.data[place_of(n, h, w, c, c_all)] == (float)i);
    }
    assert_int_equal(o->tensor_export(o, &t, back), 0);
    assert_memory_equal(host, back, count * sizeof(float));
}

static void test_layout(void **state)
{
    (void)state;
    static const int32_t channels[] = {1, 3, 15, 16, 17, 31, 32, 33, 48, 160};
    for (int threads = 1; threads <= 5; threads += 2)
        for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
            struct bed bed;
            bed_init_ops(&bed, cpu_table_new(cpu_isa_best(), threads));
            layout(&bed, channels[i]);
            bed_done(&bed);
        }
}

/* A host array at any address: what a message brings is where it is. */
static void test_unaligned_host(void **state)
{
    (void)state;
    struct bed bed;
    bed_init_ops(&bed, cpu_table_new(cpu_isa_best(), 2));
    struct ops *o = bed.ops;
    struct tensor t = bed_tensor(&bed, NULL, (struct tensor){.n = N, .h = H, .w = W, .c = 32});
    size_t count = tensor_count(&t);
    float *host = bed_random(&bed, count + 1, -1, 1), *back = bed_host(&bed, count + 2);
    assert_int_equal(o->tensor_import(o, host + 1, &t), 0);
    assert_int_equal(o->tensor_export(o, &t, back + 1), 0);
    assert_memory_equal(back + 1, host + 1, count * sizeof(float));
    assert_true(back[0] == 0 && back[count + 1] == 0);
    bed_done(&bed);
}

/* All 256 values of each channel, bit for bit ref's; rows before and behind are left alone. */
static void test_normalize_has_refs_bits(void **state)
{
    (void)state;
    static const float mean[3] = {.485f, .456f, .406f}, std[3] = {.229f, .224f, .225f};
    enum { ROWS = 5, FIRST = 2, PIXELS = 256 };
    uint8_t pixels[PIXELS][3];
    for (size_t i = 0; i < PIXELS; i++)
        for (size_t c = 0; c < 3; c++)
            pixels[i][c] = (uint8_t)(i + 85 * c);
    struct bed ref, got;
    bed_init(&ref, "ref", NULL);
    bed_init_ops(&got, cpu_table_new(cpu_isa_best(), 3));
    struct bed *beds[] = {&ref, &got};
    for (size_t b = 0; b < 2; b++) {
        struct ops *o = beds[b]->ops;
        struct tensor shape = {.n = ROWS, .h = 16, .w = 16, .c = 3};
        struct tensor x = bed_tensor(beds[b], NULL, shape);
        assert_int_equal(o->fill(o, x.data, tensor_count(&x), 7), 0);
        assert_int_equal(o->input_normalize(o, pixels[0], 1, mean, std, &x, FIRST), 0);
        bed_keep_tensor(beds[b], "x", &x, 0);
        size_t row = tensor_count(&x) / ROWS;
        for (size_t i = 0; i < tensor_count(&x); i++)
            assert_int_equal(x.data[i] == 7, i / row != FIRST); /* no pixel comes to 7 */
    }
    bed_compare(&ref, &got, true);
    bed_done(&ref);
    bed_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_unaligned_host),
        cmocka_unit_test(test_normalize_has_refs_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
