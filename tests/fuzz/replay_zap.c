/* SPDX-License-Identifier: Apache-2.0 */
/* replay_zap: the corpus of fuzz_zap: the questions that libzmq asks, of each mechanism and domain,
 * and such with a frame too few, too many, too long or another's; each as it is and altered. */
#include "tests/fuzz/replay.h"
#include "tests/fuzz/zap.h"

const unsigned long replay_corpus_least = 400;

struct frame {
    const void *data;
    size_t len;
};

static void ask(const struct frame *frames, size_t n)
{
    uint8_t bytes[4096];
    size_t at = 0;
    bytes[at++] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        if (frames[i].len < 255)
            bytes[at++] = (uint8_t)frames[i].len;
        else {
            bytes[at++] = 255;
            bytes[at++] = (uint8_t)(frames[i].len >> 8);
            bytes[at++] = (uint8_t)frames[i].len;
        }
        assert_true(at + frames[i].len <= sizeof bytes);
        memcpy(bytes + at, frames[i].data, frames[i].len);
        at += frames[i].len;
    }
    replay_mutants(bytes, at);
}

static struct frame text(const char *t)
{
    return (struct frame){t, strlen(t)};
}

void replay_corpus(void)
{
    static const char *const domains[] = {"augstream.curve", "augstream.open", "global", ""};
    static const char *const mechanisms[] = {"CURVE", "NULL", "PLAIN", "GSSAPI"};
    static uint8_t stranger[32], large[300];
    const struct frame credentials[] = {
        {zap_known_key, 32}, {stranger, 32}, {zap_known_key, 31}, {large, sizeof large}};
    for (size_t d = 0; d < 4; d++)
        for (size_t m = 0; m < 4; m++)
            for (size_t c = 0; c < 4; c++) {
                struct frame frames[9] = {
                    text("1.0"),       text("\1\2\3\4"), text(domains[d]),
                    text("127.0.0.1"), text(""),         text(mechanisms[m]),
                    credentials[c],    text("one more"), text("and one more")};
                for (size_t n = c == 0 ? 0 : 7; n <= (c == 0 ? 9 : 7); n++)
                    ask(frames, n);
            }
    /* Each frame in turn as long as it may be, and longer. */
    for (size_t i = 0; i < 7; i++)
        for (size_t len = 255; len <= 256; len++) {
            struct frame frames[7] = {text("1.0"),        text("1"), text(domains[0]),
                                      text("::1"),        text(""),  text(mechanisms[0]),
                                      {zap_known_key, 32}};
            frames[i] = (struct frame){large, len};
            ask(frames, 7);
        }
    replay((const uint8_t *)"", 0);
}
