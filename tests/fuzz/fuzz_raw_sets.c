/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_raw_sets: any bytes as the files of a CIFAR or STL10 folder: libFuzzer's entry, which
 * replay.c calls as well. The first byte says which set and split, the next two how much of the
 * rest is the file of names and, for STL10, that of labels; what is left is the pictures, to which
 * zeros are added until whole records are there if the first byte says so. Beyond not crashing it
 * must hold that a folder is taken, or refused with a message that names it; and that every sample
 * of one that was taken lies within its file and has a label of its classes. A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include "loaderd/source/source.h"

#include <errno.h>
#include <sys/stat.h>

enum { WHOLE = 0x80, RECORDS_MAX = 4, BYTES_MAX = RECORDS_MAX * 3 * 96 * 96 };

static const struct set {
    const char *format, *split, *names, *labels, *pictures;
    uint32_t record;
} sets[] = {
    {"cifar100", "train", "fine_label_names.txt", NULL, "train.bin", 3074},
    {"cifar100", "test", "fine_label_names.txt", NULL, "test.bin", 3074},
    {"cifar100-coarse", "train", "coarse_label_names.txt", NULL, "train.bin", 3074},
    {"cifar10", "test", "batches.meta.txt", NULL, "test_batch.bin", 3073},
    {"stl10", "train", "class_names.txt", "train_y.bin", "train_X.bin", 27648},
    {"stl10", "unlabeled", "class_names.txt", NULL, "unlabeled_X.bin", 27648},
};
enum { SETS = sizeof sets / sizeof sets[0] };

static uint8_t *pictures; /* [BYTES_MAX] */

static void look(const struct source *source, const struct set *set)
{
    scratch_check(source->samples >= 1, "taken, and without samples");
    for (uint32_t i = 0; i < source->samples; i++) {
        struct item item;
        struct stat st;
        source->item(source, i, &item);
        scratch_check(stat(item.path, &st) == 0, "a path that leads nowhere");
        scratch_check(item.length == 3 * (uint64_t)item.w * item.h &&
                          item.offset + item.length <= (uint64_t)st.st_size,
                      "a sample beyond its file");
        scratch_check(item.coding != ITEM_FILE, "raw pixels that are none");
        scratch_check(item.label >= -1 && item.label < (int64_t)source->classes,
                      "a label of no class");
        scratch_check((item.label == -1) == (strcmp(set->split, "unlabeled") == 0),
                      "labels where there are none");
    }
    for (uint32_t c = 0; c < source->classes; c++)
        scratch_check(source->class_name(source, c)[0], "a class without a name");
}

static size_t pictures_make(const struct set *set, bool whole, const uint8_t *data, size_t size)
{
    if (!pictures)
        pictures = malloc(BYTES_MAX);
    scratch_check(pictures, "no memory");
    size_t len = size < BYTES_MAX - set->record ? size : BYTES_MAX - set->record;
    memcpy(pictures, data, len);
    if (whole) {
        const size_t up = (len + set->record - 1) / set->record * set->record;
        memset(pictures + len, 0, up - len);
        len = up;
    }
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    const struct set *set = &sets[(data[0] & ~WHOLE) % SETS];
    const size_t left = size - 3;
    const size_t names = (size_t)data[1] * 8 < left ? (size_t)data[1] * 8 : left;
    const size_t labels = set->labels ? (data[2] < left - names ? data[2] : left - names) : 0;
    const uint8_t *at = data + 3;
    const char *file = scratch_file(set->names, at, names);
    if (names == 0)
        unlink(file);
    if (set->labels)
        scratch_file(set->labels, at + names, labels);
    const size_t len =
        pictures_make(set, data[0] & WHOLE, at + names + labels, left - names - labels);
    scratch_file(set->pictures, pictures, len);

    const struct source_spec spec = {
        .format = set->format, .path = scratch_folder(), .split = set->split};
    struct source *source = NULL;
    const int rc = source_open(&spec, &source);
    scratch_check(rc == 0 || rc == -EBADMSG || rc == -ENODATA, "neither taken nor refused");
    scratch_check(rc == 0 || strstr(err_text(), spec.path), "a message that does not name the set");
    if (rc == 0)
        look(source, set);
    source_free(source);
    return 0;
}

void fuzz_done(void)
{
    free(pictures);
    pictures = NULL;
    scratch_done();
}
