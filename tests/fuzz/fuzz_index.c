/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_index: any bytes as an index that a folder of state holds: libFuzzer's entry, which replay.c
 * calls as well. The first byte says whether what follows gets a right checksum, length and key
 * first, so that what lies behind them is met. Beyond not crashing it must hold that an index is
 * taken, or refused with a message that names the file; and that one that was taken answers for
 * every sample and class with what an item has room for. A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include "common/crc32c.h"
#include "loaderd/source/cache.h"

#include <errno.h>

static void look(const struct index *index)
{
    struct source *source = NULL;
    const struct index_block block = {index->head, index->head->bytes, NULL};
    scratch_check(index_answer(index, &block, &source) == 0, "no memory");
    scratch_check(source->samples >= 1, "taken, and without samples");
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        int32_t box[4];
        source->item(source, i, &item);
        scratch_check(item.sample == i && strlen(item.path) < ITEM_PATH_MAX, "no item");
        scratch_check(item.label >= -1 && item.label < (int64_t)source->classes,
                      "a label of no class");
        scratch_check((item.coding == ITEM_FILE) == (item.w == 0), "raw pixels without sides");
        scratch_check(strlen(source->name(source, i)) < index->head->names, "a name without end");
        scratch_check(!source->box || source->box(source, i, box) < 0 || box[2] > 0,
                      "a box without width");
    }
    for (uint32_t c = 0; c < source->classes; c++)
        scratch_check(strlen(source->class_name(source, c)) < index->head->names, "no class name");
    free(source); /* the block is ours */
}

static const char *index_file(const uint8_t key[DIGEST_BYTES], const void *bytes, size_t len)
{
    char hex[2 * DIGEST_BYTES + 1], name[2 * DIGEST_BYTES + 16];
    digest_hex(key, hex);
    snprintf(name, sizeof name, "%s.index", hex);
    return scratch_file(name, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct source_spec spec = {.format = "folder", .path = "/set"};
    uint8_t key[DIGEST_BYTES];
    if (size < 1)
        return 0;
    cache_key(&spec, key);
    const size_t len = size - 1;
    uint8_t *bytes = malloc(len + sizeof(struct index_head));
    scratch_check(bytes, "no memory");
    memcpy(bytes, data + 1, len);
    if ((data[0] & 1) && len >= sizeof(struct index_head)) {
        struct index_head *head = (struct index_head *)bytes;
        memcpy(head->key, key, DIGEST_BYTES);
        head->bytes = len;
        head->crc = 0;
        head->crc = crc32c(0, bytes, len);
    }
    struct index index;
    struct index_block block;
    const int viewed = index_view(bytes, len, &index);
    scratch_check(viewed == 0 || viewed == -EBADMSG, "neither taken nor refused");
    if (viewed == 0)
        look(&index);
    const char *file = index_file(key, bytes, len);
    const int loaded = cache_load(scratch_folder(), key, &index, &block);
    scratch_check(loaded == 0 || loaded == -EBADMSG || (loaded == -ESTALE && viewed == 0),
                  "neither taken nor refused");
    scratch_check(loaded == 0 || loaded == -ESTALE || strstr(err_text(), file),
                  "a message that does not name the file");
    scratch_check(loaded != 0 || viewed == 0, "taken, and refused by its view");
    if (loaded == 0)
        block.release(block.block, block.bytes);
    free(bytes);
    return 0;
}

void fuzz_done(void)
{
    scratch_done();
}
