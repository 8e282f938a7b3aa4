/* SPDX-License-Identifier: Apache-2.0 */
/* index: a block answers as the listing that it was made of; one that is cut, or altered in any
 * byte, is refused; and one with a good checksum and bad offsets is, too. */
#include "test.h"

#include "common/crc32c.h"
#include "loaderd/source/index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 20 };

static const uint8_t key[DIGEST_BYTES] = {1, 2, 3};
static uint8_t *block;
static size_t bytes;
static int released;

static void make(const char *root, bool boxes)
{
    struct listing listing = {0};
    assert_int_equal(listing_begin(&listing, root), 0);
    uint32_t label;
    assert_int_equal(listing_class(&listing, "ant", &label), 0);
    assert_int_equal(listing_class(&listing, "bee", &label), 0);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        char name[32];
        const int32_t box[4] = {1, 2, 3, 4 + (int32_t)i};
        snprintf(name, sizeof name, "%s%u.jpg", i == 7 ? "/else/" : "", i);
        const struct listed s = {.name = name,
                                 .file = LISTING_NO_FILE,
                                 .label = (int32_t)i % 3 - 1,
                                 .offset = 10 * i,
                                 .length = i,
                                 .bytes = 100 + i,
                                 .box = boxes && i % 2 ? box : NULL};
        assert_int_equal(listing_add(&listing, &s), 0);
    }
    listing_ignore(&listing, 3);
    free(block);
    void *made;
    assert_int_equal(index_seal(&listing, &(struct source_spec){0}, key, &made, &bytes), 0);
    block = made;
    listing_done(&listing);
}

static int tear_down(void **state)
{
    (void)state;
    free(block);
    block = NULL;
    return 0;
}

static void release(const void *b, size_t n)
{
    assert_ptr_equal(b, block);
    assert_int_equal(n, bytes);
    released++;
}

static struct source *opened(void)
{
    struct source *source = NULL;
    if (index_source(&(struct index_block){block, bytes, release}, &source) < 0)
        fail_msg("%s", err_text());
    return source;
}

static void test_answers(void **state)
{
    (void)state;
    make("/set", true);
    struct source *source = opened();
    assert_int_equal(source->samples, SAMPLES);
    assert_int_equal(source->classes, 2);
    assert_int_equal(source->ignored, 3);
    assert_string_equal(source->class_name(source, 1), "bee");
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct item item;
        char path[64];
        int32_t box[4];
        source->item(source, i, &item);
        snprintf(path, sizeof path, i == 7 ? "/else/%u.jpg" : "/set/%u.jpg", i);
        assert_string_equal(item.path, path);
        assert_int_equal(item.sample, i);
        assert_int_equal(item.label, (int32_t)i % 3 - 1);
        assert_int_equal(item.offset, 10 * i);
        assert_int_equal(item.length, i);
        assert_int_equal(item.coding, ITEM_FILE);
        assert_int_equal(item.allow, ENCODINGS_USUAL);
        assert_string_equal(source->name(source, i), path + (i == 7 ? 0 : strlen("/set/")));
        assert_int_equal(source->box(source, i, box), i % 2 ? 0 : -ENODATA);
        assert_true(i % 2 == 0 || (box[0] == 1 && box[3] == 4 + (int32_t)i));
    }
    released = 0;
    source->free(source);
    assert_int_equal(released, 1);

    make("/", false);
    source = opened();
    struct item item;
    source->item(source, 0, &item);
    assert_string_equal(item.path, "/0.jpg");
    assert_null(source->box);
    source->free(source);
}

static void refused(const char *what)
{
    struct source *source = NULL;
    struct index index;
    released = 0;
    assert_int_equal(index_source(&(struct index_block){block, bytes, release}, &source), -EBADMSG);
    assert_int_equal(released, 1);
    assert_null(source);
    assert_int_equal(index_view(block, bytes, &index), -EBADMSG);
    if (!strstr(err_text(), what))
        fail_msg("'%s' does not say '%s'", err_text(), what);
}

static void test_damage(void **state)
{
    (void)state;
    make("/set", true);
    for (size_t i = 0; i < bytes; i++)
        for (int bit = 0; bit < 8; bit += 7) {
            block[i] ^= (uint8_t)(1 << bit);
            refused("index: ");
            block[i] ^= (uint8_t)(1 << bit);
        }
    const size_t whole = bytes;
    for (bytes = 0; bytes < whole; bytes++)
        refused("index: ");
    bytes = whole;
    struct source *source = opened();
    source->free(source);
}

static void sign(void)
{
    struct index_head *head = (struct index_head *)block;
    head->crc = 0;
    head->crc = crc32c(0, block, bytes);
}

/* A head's field, or a sample's, or one behind it, altered under a good checksum. */
static void test_forged(void **state)
{
    (void)state;
    struct index index;
    struct index_head *head;
    make("/set", true);
    assert_int_equal(index_view(block, bytes, &index), 0);
    const size_t samples = (size_t)((const uint8_t *)index.samples - block);
    const size_t classes = (size_t)((const uint8_t *)index.classes - block);
    static const uint64_t wrong[] = {0, 1u << 31, UINT64_MAX / 32, UINT64_MAX};
    for (size_t w = 0; w < ARRAY_LEN(wrong); w++) {
        uint64_t *const counts[] = {
            &((struct index_head *)block)->samples, &((struct index_head *)block)->boxes,
            &((struct index_head *)block)->classes, &((struct index_head *)block)->files,
            &((struct index_head *)block)->watched, &((struct index_head *)block)->names};
        for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
            const uint64_t good = *counts[c];
            if (good == wrong[w])
                continue;
            *counts[c] = wrong[w];
            sign();
            refused("index: ");
            *counts[c] = good;
        }
    }
    head = (struct index_head *)block;
    head->root = head->names;
    sign();
    refused("a root that is none");
    make("/set", true);
    ((struct index_sample *)(block + samples))[3].name = UINT64_MAX;
    sign();
    refused("a sample without a place");
    make("/set", true);
    ((struct index_sample *)(block + samples))[3].file = 0;
    sign();
    refused("a sample without a place");
    make("/set", true);
    ((struct index_sample *)(block + samples))[3].label = 2;
    sign();
    refused("a label that is none");
    make("/set", true);
    ((struct index_sample *)(block + samples))[3].length = UINT64_MAX;
    sign();
    refused("a sample beyond any file");
    make("/set", true);
    const size_t boxes =
        samples + ((struct index_head *)block)->samples * sizeof(struct index_sample);
    static const struct index_box odd[] = {
        {-1, 0, 1, 1}, {0, -1, 1, 1}, {0, 0, 1, 0}, {0, 65536, 1, 1}, {0, 0, 65536, 1}};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        ((struct index_box *)(block + boxes))[1] = odd[i];
        sign();
        refused("a box that cannot be");
    }
    make("/set", true);
    *(uint64_t *)(block + classes) = 1u << 30;
    sign();
    refused("a class without a name");
    make("/set", true);
    block[bytes - 1] = 'x';
    sign();
    refused("names without an end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_forged),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
