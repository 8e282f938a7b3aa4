/* SPDX-License-Identifier: Apache-2.0 */
/* element: each type's bytes as numbers: all 65536 halves and bfloats against arithmetic, the 8-bit
 * floats against the tables of their specification, integers at their ends. */
#include "test.h"

#include "tools/inspect/tensors/element.h"

#include <math.h>
#include <string.h>

static double read_one(enum safetensors_dtype dtype, const void *data)
{
    const struct safetensor t = {
        .dtype = dtype, .data = data, .bytes = safetensors_dtype_bytes(dtype)};
    double value = -77;
    assert_int_equal(element_count(&t), 1);
    element_read(&t, 0, 1, &value);
    return value;
}

static void same(double got, double wanted)
{
    if (!(got == wanted && signbit(got) == signbit(wanted)) && !(isnan(got) && isnan(wanted)))
        fail_msg("%.17g is not %.17g", got, wanted);
}

/* Sign, exponent and fraction taken apart in another way than the code does: by powers. */
static double ieee(uint32_t bits, int exponent_bits, int fraction_bits)
{
    const double sign = bits >> (exponent_bits + fraction_bits) ? -1 : 1;
    const int exponent = (int)(bits >> fraction_bits) % (1 << exponent_bits);
    const double fraction = (double)(bits % (1u << fraction_bits)) / (1 << fraction_bits);
    const int bias = (1 << (exponent_bits - 1)) - 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
    return exponent == 0 ? sign * fraction * pow(2, 1 - bias)
                         : sign * (1 + fraction) * pow(2, exponent - bias);
}

static void test_every_half(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1 << 16; i++) {
        const uint16_t bits = (uint16_t)i;
        same(read_one(ST_F16, &bits), ieee(i, 5, 10));
        same(read_one(ST_BF16, &bits), ieee(i, 8, 7));
    }
}

/* OCP 8-bit Floating Point Specification 1.0, table 1. */
static void test_eight_bits(void **state)
{
    (void)state;
    static const struct {
        enum safetensors_dtype dtype;
        uint8_t bits;
        double value;
    } rows[] = {
        {ST_F8_E4M3, 0x00, 0},
        {ST_F8_E4M3, 0x80, -0.},
        {ST_F8_E4M3, 0x7e, 448},
        {ST_F8_E4M3, 0xfe, -448},
        {ST_F8_E4M3, 0x08, 0x1p-6},
        {ST_F8_E4M3, 0x07, .875 * 0x1p-6},
        {ST_F8_E4M3, 0x01, 0x1p-9},
        {ST_F8_E4M3, 0x7f, (double)NAN},
        {ST_F8_E4M3, 0xff, (double)NAN},
        {ST_F8_E4M3, 0x38, 1},
        {ST_F8_E4M3, 0x78, 256},
        {ST_F8_E5M2, 0x7b, 57344},
        {ST_F8_E5M2, 0x04, 0x1p-14},
        {ST_F8_E5M2, 0x03, .75 * 0x1p-14},
        {ST_F8_E5M2, 0x01, 0x1p-16},
        {ST_F8_E5M2, 0x7c, (double)INFINITY},
        {ST_F8_E5M2, 0xfc, -(double)INFINITY},
        {ST_F8_E5M2, 0x7d, (double)NAN},
        {ST_F8_E5M2, 0xff, (double)NAN},
        {ST_F8_E5M2, 0x3c, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        same(read_one(rows[i].dtype, &rows[i].bits), rows[i].value);
    for (uint32_t i = 0; i < 256; i++)
        same(read_one(ST_F8_E5M2, &(uint8_t){(uint8_t)i}), ieee(i, 5, 2));
}

static void test_others(void **state)
{
    (void)state;
    same(read_one(ST_F64, &(double){0x1.8p-1070}), 0x1.8p-1070);
    same(read_one(ST_F32, &(float){-0x1.000002p-126f}), -0x1.000002p-126);
    same(read_one(ST_I64, &(int64_t){INT64_MIN}), -0x1p63);
    same(read_one(ST_I64, &(int64_t){(1ll << 53) - 1}), 0x1p53 - 1);
    same(read_one(ST_U64, &(uint64_t){UINT64_MAX}), 0x1p64);
    same(read_one(ST_I32, &(int32_t){INT32_MIN}), INT32_MIN);
    same(read_one(ST_U32, &(uint32_t){UINT32_MAX}), UINT32_MAX);
    same(read_one(ST_I16, &(int16_t){INT16_MIN}), INT16_MIN);
    same(read_one(ST_U16, &(uint16_t){UINT16_MAX}), UINT16_MAX);
    same(read_one(ST_I8, &(int8_t){INT8_MIN}), INT8_MIN);
    same(read_one(ST_U8, &(uint8_t){255}), 255);
    same(read_one(ST_BOOL, &(uint8_t){1}), 1);
}

static void test_part(void **state)
{
    (void)state;
    static const float x[] = {1, 2, 3, 4};
    const struct safetensor t = {
        .dtype = ST_F32, .ndim = 2, .shape = {2, 2}, .data = x, .bytes = sizeof x};
    const struct safetensor none = {.dtype = ST_F32, .ndim = 2, .shape = {0, 7}};
    double got[2] = {0};
    assert_int_equal(element_count(&t), 4);
    assert_int_equal(element_count(&none), 0);
    element_read(&t, 1, 2, got);
    assert_true(got[0] == 2 && got[1] == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_eight_bits),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
