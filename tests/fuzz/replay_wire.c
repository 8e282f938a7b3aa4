/* SPDX-License-Identifier: Apache-2.0 */
/* replay_wire: the corpus of fuzz_wire: a message of every type, as full as it can be, and the
 * shortest of each; and a tap of an older loader. */
#include "tests/fuzz/replay.h"
#include "tests/unit/wire_samples.h"

const unsigned long replay_corpus_least = 400;

void replay_corpus(void)
{
    static struct samples samples;
    struct wire *wire;
    assert_int_equal(wire_new(WIRE_OMEGAS_MAX, &wire), 0);
    for (enum wire_type type = WIRE_HELLO; type <= WIRE_RECORD; type++) {
        const void *bytes;
        size_t len;
        assert_int_equal(wire_pack(wire, sample_message(&samples, type), &bytes, &len), 0);
        replay_mutants(bytes, len);
        /* version 1, and a body of no bytes */
        const uint8_t bare[] = {0x08, WIRE_VERSION, (uint8_t)(type << 3 | 2), 0};
        replay_mutants(bare, sizeof bare);
    }
    const void *bytes;
    size_t len;
    sample_message(&samples, WIRE_TAP);
    sample_tap_old(&samples);
    assert_int_equal(wire_pack(wire, &samples.message, &bytes, &len), 0);
    replay_mutants(bytes, len);
    replay((const uint8_t *)"", 0);
    wire_free(wire);
}
