/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tar: any bytes as a tar shard: libFuzzer's entry, which replay.c calls as well. The first
 * byte says whether blocks that look like headers get right checksums first, so that what lies
 * behind them is met. Beyond not crashing it must hold that a shard is taken, or refused with a
 * message that names it; and that every sample of one that was taken lies within the file and has a
 * label of its classes. A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"
#include "tests/unit/tar_make.h"

#include "loaderd/source/source.h"

#include <errno.h>

static void look(const struct source *source, size_t bytes)
{
    scratch_check(source->samples >= 1, "taken, and without samples");
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        source->item(source, i, &item);
        scratch_check(item.offset <= bytes && item.length <= bytes - item.offset,
                      "a sample beyond its file");
        scratch_check(item.length > 0 || item.offset == bytes, "all of a file for an empty image");
        scratch_check(item.label >= -1 && item.label < (int64_t)source->classes,
                      "a label of no class");
        scratch_check(strncmp(source->name(source, i), "s.tar/", 6) == 0, "another shard's name");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const size_t len = size - 1;
    uint8_t *bytes = malloc(len + 1);
    scratch_check(bytes, "no memory");
    memcpy(bytes, data + 1, len);
    for (size_t at = 0; (data[0] & 1) && at + 512 <= len; at += 512)
        if (memcmp(bytes + at + 257, "ustar", 5) == 0)
            tar_make_sign(bytes + at);
    const struct source_spec spec = {.format = "tar", .path = scratch_file("s.tar", bytes, len)};
    struct source *source = NULL;
    const int rc = source_open(&spec, &source);
    scratch_check(rc == 0 || rc == -EBADMSG || rc == -ENODATA || rc == -EOPNOTSUPP ||
                      rc == -ENAMETOOLONG,
                  "neither taken nor refused");
    scratch_check(rc == 0 || rc == -ENAMETOOLONG || strstr(err_text(), spec.path),
                  "a message that does not name the shard");
    if (rc == 0)
        look(source, len);
    source_free(source);
    free(bytes);
    return 0;
}

void fuzz_done(void)
{
    scratch_done();
}
