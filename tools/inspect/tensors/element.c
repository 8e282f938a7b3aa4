/* SPDX-License-Identifier: Apache-2.0 */
/* element: takes a tensor's bytes, gives doubles; a row for each type of the format. Any thread. */
#include "tools/inspect/tensors/element.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

size_t element_count(const struct safetensor *tensor)
{
    return tensor->bytes / safetensors_dtype_bytes(tensor->dtype);
}

/* A small float of `exponent` and `mantissa` bits below its sign (IEEE 754-2019, 3.4, and OCP's
 * 8-bit floating point specification 1.0, 5). finite: no infinities, and only all ones is NaN. */
static double small_float(uint32_t bits, int exponent, int mantissa, bool finite)
{
    const int top = (1 << exponent) - 1, bias = top >> 1;
    const int e = (int)(bits >> mantissa) & top;
    const uint32_t ones = (1u << mantissa) - 1, m = bits & ones;
    const double sign = bits >> (exponent + mantissa) & 1 ? -1 : 1;
    if (e == top && (!finite || m == ones))
        return m && (!finite || m == ones) ? (double)NAN : sign * (double)INFINITY;
    if (e == 0)
        return sign * ldexp(m, 1 - bias - mantissa);
    return sign * ldexp(m + ones + 1, e - bias - mantissa);
}

/* read_NAME: n elements of TYPE, each given by the expression of x. */
#define READER(name, type, expression)                                                             \
    static void read_##name(const void *data, size_t n, double *ret)                               \
    {                                                                                              \
        const type *from = data;                                                                   \
        for (size_t i = 0; i < n; i++) {                                                           \
            const type x = from[i];                                                                \
            ret[i] = (expression);                                                                 \
        }                                                                                          \
    }

static float bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

READER(f64, double, x)
READER(f32, float, (double)x)
READER(f16, uint16_t, small_float(x, 5, 10, false))
READER(bf16, uint16_t, (double)bf16(x))
READER(f8_e5m2, uint8_t, small_float(x, 5, 2, false))
READER(f8_e4m3, uint8_t, small_float(x, 4, 3, true))
READER(i64, int64_t, (double)x)
READER(i32, int32_t, x)
READER(i16, int16_t, x)
READER(i8, int8_t, x)
READER(u64, uint64_t, (double)x)
READER(u32, uint32_t, x)
READER(u16, uint16_t, x)
READER(u8, uint8_t, x)

static void (*const readers[ST_DTYPES])(const void *data, size_t n, double *ret) = {
    [ST_F64] = read_f64,   [ST_F32] = read_f32,         [ST_F16] = read_f16,
    [ST_BF16] = read_bf16, [ST_F8_E5M2] = read_f8_e5m2, [ST_F8_E4M3] = read_f8_e4m3,
    [ST_I64] = read_i64,   [ST_I32] = read_i32,         [ST_I16] = read_i16,
    [ST_I8] = read_i8,     [ST_U64] = read_u64,         [ST_U32] = read_u32,
    [ST_U16] = read_u16,   [ST_U8] = read_u8,           [ST_BOOL] = read_u8,
};

void element_read(const struct safetensor *tensor, size_t at, size_t n, double *ret)
{
    const char *data = tensor->data;
    readers[tensor->dtype](data + at * safetensors_dtype_bytes(tensor->dtype), n, ret);
}
