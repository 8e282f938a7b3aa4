/* SPDX-License-Identifier: Apache-2.0 */
/* replay_tar: the corpus of fuzz_tar: shards of each form of tar and of each kind of label, as they
 * are and altered, with right checksums and without. */
#include "tests/fuzz/replay.h"
#include "tests/unit/tar_make.h"

const unsigned long replay_corpus_least = 800;

static struct tar_make tar;

static void sample(int form, int i)
{
    static const char *const jsons[] = {"{\"label\": 3}", "{\"cls\": 0, \"a\": [[], {}]}", "{}"};
    char name[64], text[300];
    snprintf(name, sizeof name, "folder/%d.jpg", i);
    memset(text, 'x', sizeof text);
    text[299] = 0;
    if (form == 1)
        tar_make_pax(&tar, 'x', "path", name);
    if (form == 2) {
        snprintf(text, sizeof text, "%0200d/%d.jpg", i, i);
        tar_make_add(&tar, 'L', "././@LongLink", text, strlen(text) + 1);
    }
    if (form == 3)
        tar_make_pax(&tar, 'x', "size", "299");
    const size_t at = tar_make_add(&tar, form == 4 ? 0 : '0', name, text, 299);
    if (form == 5)
        memset(tar.bytes + at + 345, 'p', 155);
    if (form == 6) {
        memset(tar.bytes + at + 124, 0, 12);
        tar.bytes[at + 124] = 0x80;
        tar.bytes[at + 134] = 299 >> 8;
        tar.bytes[at + 135] = 299 & 255;
    }
    tar_make_sign(tar.bytes + at);
    snprintf(name, sizeof name, "folder/%d.%s", i, i % 2 ? "cls" : "json");
    tar_make_text(&tar, name, i % 2 ? "7\n" : jsons[i / 2 % 3]);
}

void replay_corpus(void)
{
    static uint8_t input[1 + TAR_MAKE_MAX];
    for (int form = 0; form < 7; form++)
        for (int n = 1; n < 8; n += 3) {
            tar.len = 0;
            tar_make_pax(&tar, 'g', "comment", "of all");
            for (int i = 0; i < n; i++)
                sample(form, i);
            tar_make_end(&tar);
            memcpy(input + 1, tar.bytes, tar.len);
            for (uint8_t sign = 0; sign < 2; sign++) {
                input[0] = sign;
                replay_mutants(input, 1 + tar.len);
            }
            /* Each byte of the first sample's headers that is a number, a kind or a name. */
            for (size_t at = 1; n == 1 && at < 1 + tar.len; at += at % 512 < 280 ? 5 : 64) {
                const uint8_t was = input[at];
                input[at] ^= 0xff;
                replay(input, 1 + tar.len);
                input[at] = was;
            }
        }
    replay((const uint8_t *)"", 0);
    replay((const uint8_t *)"\0", 1);
}
