/* SPDX-License-Identifier: Apache-2.0 */
/* rng: the published vectors of Philox4x32-10, the layout of a stream's name, and the laws of the
 * derived numbers. */
#include "test.h"

#include "common/rng.h"

#include <math.h>
#include <string.h>

/* kat_vectors of the authors' Random123 library. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t out[4];
        philox4x32_10(rows[i].counter, rows[i].key, out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void test_stream_layout(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(
        &rng,
        &(struct rng_key){
            .seed = 0x299f31d0a4093822, .epoch = 7, .sample = 9, .view = 3, .purpose = RNG_OMEGA});
    for (uint32_t block = 0; block < 3; block++) {
        uint32_t out[4];
        philox4x32_10((uint32_t[]){block, 7, 9, 1u << 16 | 3}, (uint32_t[]){0xa4093822, 0x299f31d0},
                      out);
        for (int i = 0; i < 4; i++)
            assert_int_equal(rng_u32(&rng), out[i]);
    }
}

static void stream(struct rng *rng, uint32_t sample)
{
    rng_init(rng, &(struct rng_key){.seed = 1, .sample = sample, .purpose = RNG_TEST});
}

static void test_unit_bits(void **state)
{
    (void)state;
    struct rng words, units;
    stream(&words, 0);
    stream(&units, 0);
    double sum = 0, squares = 0;
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        uint64_t high = rng_u32(&words);
        double expected = (double)((high << 32 | rng_u32(&words)) >> 11) / 9007199254740992.0;
        double u = rng_unit(&units);
        assert_true(u == expected && u >= 0 && u < 1);
        sum += u;
        squares += u * u;
    }
    double mean = sum / N; /* 5 standard errors */
    assert_true(fabs(mean - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N - mean * mean - 1.0 / 12) < 5 * sqrt(1.0 / 180 / N));
}

static void test_range(void **state)
{
    (void)state;
    struct rng rng, same;
    stream(&rng, 1);
    stream(&same, 1);
    assert_true(rng_range(&rng, 2.5, 2.5) == 2.5);
    rng_unit(&same); /* an empty range consumes as any other */
    assert_true(rng_unit(&rng) == rng_unit(&same));
    double high = nextafter(1.0, 2.0); /* one step wide: rounding up would give high */
    for (int i = 0; i < 100; i++)
        assert_true(rng_range(&rng, 1.0, high) == 1.0);
    for (int i = 0; i < 1000; i++) {
        double x = rng_range(&rng, -0.1, 0.1);
        assert_true(x >= -0.1 && x < 0.1);
    }
}

static void test_below(void **state)
{
    (void)state;
    enum { N = 60000, SIDES = 6 };
    struct rng rng;
    stream(&rng, 2);
    int count[SIDES] = {0};
    for (int i = 0; i < N; i++)
        count[rng_below(&rng, SIDES)]++;
    double chi = 0;
    for (int i = 0; i < SIDES; i++)
        chi += pow(count[i] - N / SIDES, 2) / (N / SIDES);
    assert_true(chi < 20.5); /* 0.1 % point of chi-square with 5 degrees */
    assert_int_equal(rng_below(&rng, 1), 0);
    /* Just above half the range, half of all words are rejected; each value stays below n. */
    uint32_t n = 0x80000001u, above = 0;
    for (int i = 0; i < 1000; i++) {
        uint32_t x = rng_below(&rng, n);
        assert_true(x < n);
        above += x >= n / 2;
    }
    assert_in_range(above, 420, 580); /* 5 standard errors about 500 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_stream_layout),
        cmocka_unit_test(test_unit_bits),     cmocka_unit_test(test_range),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
