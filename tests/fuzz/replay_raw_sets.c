/* SPDX-License-Identifier: Apache-2.0 */
/* replay_raw_sets: the corpus of fuzz_raw_sets: each set with and without names, with whole records
 * and with one that is cut. */
#include "tests/fuzz/replay.h"

const unsigned long replay_corpus_least = 500;

enum { SETS = 6, CLASSES_MAX = 100, WHOLE = 0x80, NAME = 8 };

static const uint32_t classes_of[SETS] = {100, 100, 20, 10, 10, 10};

void replay_corpus(void)
{
    static uint8_t input[3 + CLASSES_MAX * NAME + 256 + 2 * 27648];
    for (uint8_t set = 0; set < SETS; set++)
        for (int variant = 0; variant < 4; variant++) {
            const uint32_t n = variant % 2 ? classes_of[set] : 0;
            input[0] = (uint8_t)(set | (variant / 2 ? WHOLE : 0));
            input[1] = (uint8_t)n; /* NAME bytes each */
            input[2] = variant == 3 ? 1 : 2;
            size_t len = 3;
            for (uint32_t i = 0; i < n; i++) {
                char name[NAME + 8];
                snprintf(name, sizeof name, "c%06u\n", i);
                memcpy(input + len, name, NAME);
                len += NAME;
            }
            /* labels of STL10, or where the first picture begins */
            for (int i = 0; i < 12; i++)
                input[len++] = (uint8_t)(1 + i % 9);
            replay_mutants(input, len);
        }
    replay((const uint8_t *)"", 0);
}
