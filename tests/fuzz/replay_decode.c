/* SPDX-License-Identifier: Apache-2.0 */
/* replay_decode: the corpus of fuzz_decode: the files of decode.gold and JPEGs of every kind. */
#include "tests/fuzz/replay.h"
#include "tests/gold/gold.h"
#include "tests/unit/jpeg_make.h"

static void corpus_of_gold(void)
{
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/decode.gold", "AUGDEC01");
    for (uint32_t left = gold_u32(&gold); left > 0; left--) {
        gold_take(&gold, 32);
        const uint32_t fault = gold_u32(&gold), w = gold_u32(&gold), h = gold_u32(&gold);
        gold_u32(&gold);
        const uint32_t len = gold_u32(&gold);
        const uint8_t *bytes = gold_take(&gold, len);
        gold_take(&gold, fault ? 0 : 3 * (size_t)w * h);
        replay_mutants(bytes, len);
    }
    free(gold.bytes);
}

static void corpus_of_jpegs(void)
{
    static const struct {
        J_COLOR_SPACE colour;
        int sampling[4][2];
    } kinds[] = {
        {JCS_YCbCr, {{2, 2}}},
        {JCS_YCbCr, {{2, 1}}},
        {JCS_YCbCr, {{1, 2}}},
        {JCS_YCbCr, {{4, 1}, {2, 1}, {1, 1}}},
        {JCS_YCbCr, {{2, 2}, {2, 1}, {1, 2}}},
        {JCS_RGB, {{1, 1}}},
        {JCS_GRAYSCALE, {{1, 1}}},
        {JCS_YCCK, {{2, 2}, {1, 1}, {1, 1}, {2, 2}}},
    };
    uint64_t seed = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (enum jpeg_coding coding = 0; coding < JPEG_CODINGS; coding++, seed++) {
            struct jpeg_made made = {.colour = kinds[k].colour,
                                     .w = 9 + (uint32_t)(seed * 29 % 70),
                                     .h = 5 + (uint32_t)(seed * 41 % 60),
                                     .coding = coding,
                                     .orientation = (unsigned)(seed % 9),
                                     .seed = seed};
            memcpy(made.sampling, kinds[k].sampling, sizeof made.sampling);
            size_t len;
            uint8_t *bytes = jpeg_make(&made, &len);
            replay_mutants(bytes, len);
            free(bytes);
        }
}

const unsigned long replay_corpus_least = 1000;

void replay_corpus(void)
{
    corpus_of_gold();
    corpus_of_jpegs();
}
