/* SPDX-License-Identifier: Apache-2.0 */
/* replay_index: the corpus of fuzz_index: indexes of files and of raw pictures, with and without
 * boxes and classes, each as it is and altered, with a right checksum and without. */
#include "tests/fuzz/replay.h"

#include "loaderd/source/index.h"

const unsigned long replay_corpus_least = 400;

static void make(int variant, void **ret, size_t *ret_len)
{
    struct listing l = {0};
    const bool raw = variant & 1, labels = variant & 2, boxes = variant & 4;
    struct stat st = {.st_mode = S_IFDIR, .st_ino = 5, .st_mtim = {7, 8}};
    uint32_t label, file = 0;
    assert_int_equal(listing_begin(&l, "/set"), 0);
    assert_int_equal(listing_watch(&l, "/set", &st), 0);
    if (labels)
        for (int i = 0; i < 3; i++)
            assert_int_equal(listing_class(&l, &"ant\0bee\0cat"[4 * i], &label), 0);
    if (raw) {
        assert_int_equal(listing_file(&l, "/proc/self/exe", &file), 0);
        listing_raw(&l, ITEM_PLANES, 32, 32);
    }
    for (int i = 0; i < 5; i++) {
        static const char *const names[] = {"a/1.jpg", "a/2.jpg", "/b/3.png", "c", "d/d/d.webp"};
        static const int32_t box[4] = {1, 2, 3, 4};
        const struct listed s = {.name = names[i],
                                 .file = raw ? file : (uint32_t)LISTING_NO_FILE,
                                 .label = labels ? i % 3 : -1,
                                 .offset = raw ? (uint64_t)i * 3073 + 1 : 0,
                                 .length = raw ? 3072 : 0,
                                 .box = boxes ? box : NULL};
        assert_int_equal(listing_add(&l, &s), 0);
    }
    const uint8_t key[DIGEST_BYTES] = {0};
    assert_int_equal(index_seal(&l, &(struct source_spec){0}, key, ret, ret_len), 0);
    listing_done(&l);
}

void replay_corpus(void)
{
    for (int variant = 0; variant < 8; variant++) {
        void *block;
        size_t len;
        make(variant, &block, &len);
        uint8_t *input = malloc(len + 1);
        assert_non_null(input);
        memcpy(input + 1, block, len);
        for (uint8_t sign = 0; sign < 2; sign++) {
            input[0] = sign;
            replay_mutants(input, len + 1);
        }
        /* Each number of the head, and each of what follows, made large. */
        for (size_t at = 1; at + 8 <= len + 1; at += 4) {
            uint8_t was[8];
            memcpy(was, input + at, sizeof was);
            memset(input + at, 0xff, sizeof was);
            replay(input, len + 1);
            memset(input + at, 0x7f, 4);
            replay(input, len + 1);
            memcpy(input + at, was, sizeof was);
        }
        free(input);
        free(block);
    }
    replay((const uint8_t *)"", 0);
}
