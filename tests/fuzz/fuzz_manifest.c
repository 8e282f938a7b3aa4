/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest: any bytes as a manifest, beside two images that it may name: libFuzzer's entry,
 * which replay.c calls as well. Beyond not crashing it must hold that
 *   - a manifest is taken, or refused with a message that begins with its name;
 *   - every sample of one that was taken has a path that fits and a label of its classes;
 *   - the same bytes have the same fingerprint, and so have those with a mark in front.
 * A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include "loaderd/source/source.h"

#include <errno.h>

enum { TEXT_MAX = 1 << 20 };

static char *marked; /* [TEXT_MAX + 3] */

static void look(const struct source *source)
{
    scratch_check(source->samples >= 1, "taken, and without samples");
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        source->item(source, i, &item);
        scratch_check(item.sample == i && item.coding == ITEM_FILE, "an item of another kind");
        scratch_check(memchr(item.path, 0, sizeof item.path), "a path without an end");
        scratch_check(access(item.path, F_OK) == 0, "a path that leads nowhere");
        scratch_check(item.label >= -1 && item.label < (int64_t)source->classes,
                      "a label of no class");
        int32_t box[4];
        if (source->box && source->box(source, i, box) == 0)
            scratch_check(box[0] >= 0 && box[1] >= 0 && box[2] >= 1 && box[3] >= 1,
                          "a box of nothing");
    }
    for (uint32_t c = 0; c < source->classes; c++)
        scratch_check(source->class_name(source, c)[0], "a class without a name");
}

/* 0 and the fingerprint, or -errno. */
static int take(const char *path, const char *split, uint8_t ret[DIGEST_BYTES])
{
    const struct source_spec spec = {.format = "manifest", .path = path, .split = split};
    struct source *source = NULL;
    const int rc = source_open(&spec, &source);
    if (rc < 0) {
        scratch_check(rc != -ENOMEM, "no memory");
        scratch_check(strncmp(err_text(), path, strlen(path)) == 0 || rc == -ENAMETOOLONG,
                      "a message that does not name the file");
        return rc;
    }
    look(source);
    memcpy(ret, source->fingerprint, DIGEST_BYTES);
    source_free(source);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (size > TEXT_MAX)
        return 0;
    if (!marked) {
        marked = malloc(TEXT_MAX + 3);
        scratch_check(marked, "no memory");
        memcpy(marked, mark, 3);
        scratch_file("a.png", "1", 1);
        scratch_file("b.png", "22", 2);
    }
    uint8_t one[DIGEST_BYTES], other[DIGEST_BYTES];
    const char *path = scratch_file("m.csv", data, size);
    const int rc = take(path, NULL, one);
    take(path, "train", other);
    memcpy(marked + 3, data, size);
    path = scratch_file("m.csv", marked, size + 3);
    const bool twice = size >= 3 && memcmp(data, mark, 3) == 0;
    const int rc_marked = take(path, "", other);
    scratch_check(twice || rc_marked == rc, "a mark in front changes the answer");
    /* one that names itself has its own size in it */
    const bool itself = memmem(data, size, "m.csv", 5);
    scratch_check(twice || itself || rc < 0 || memcmp(one, other, DIGEST_BYTES) == 0,
                  "a mark in front changes the fingerprint");
    return 0;
}

void fuzz_done(void)
{
    free(marked);
    marked = NULL;
    scratch_done();
}
