/* SPDX-License-Identifier: Apache-2.0 */
/* fc100: FC100 (Oreshkin et al. 2018, appendix): CIFAR-100's classes, parted by their superclass,
 * so that no kind of thing is in two parts: 60, 20 and 20 classes. Loaders read the pictures in
 * CIFAR-100's own binary files; what a part takes is the list of its classes, which is what is
 * written: for `classes` of the declaration (split: train+test, all 600 images of each). Which
 * superclass a class is of, the records themselves say: a coarse and a fine label in each. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { COARSE = 20, FINE = 100, RECORD = 2 + 3 * 32 * 32 };

/* Bit i: superclass i. They are numbered in the order of their names. */
#define BIT(i) (1u << (i))
static const uint32_t val = BIT(8) | BIT(11) | BIT(13) | BIT(16);
static const uint32_t test = BIT(0) | BIT(7) | BIT(12) | BIT(14);

/* coarse of each fine class; -1 = no picture of it was seen. */
static int read_records(struct manifest *m, const char *file, int coarse[FINE])
{
    unsigned char record[RECORD];
    manifest_at(m, file, 0);
    auto_close int fd = openat(m->folder, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    auto_fclose FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
    if (!in)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    take_fd(&fd);
    for (uint32_t n = 0;; n++) {
        const size_t got = fread(record, 1, sizeof record, in);
        if (got == 0 && !ferror(in))
            return 0;
        if (got != sizeof record)
            return manifest_fail(m, ferror(in) ? -EIO : -EBADMSG, "record %u is cut", n);
        if (record[0] >= COARSE || record[1] >= FINE)
            return manifest_fail(m, -EBADMSG, "record %u: labels %u and %u, of %d and %d", n,
                                 record[0], record[1], COARSE, FINE);
        int *of = &coarse[record[1]];
        if (*of >= 0 && *of != record[0])
            return manifest_fail(m, -EBADMSG, "record %u: class %u is of superclass %u, and of %d",
                                 n, record[1], record[0], *of);
        *of = record[0];
    }
}

/* The names of the part's classes become the manifest's labels. */
static int make(struct manifest *m, uint32_t part)
{
    static const char names_file[] = "fine_label_names.txt";
    auto_with(manifest_words_done) struct manifest_words names = {0};
    int coarse[FINE];
    for (int i = 0; i < FINE; i++)
        coarse[i] = -1;
    int r = manifest_words(m, names_file, &names);
    if (r == 0 && names.n != FINE)
        r = manifest_fail(m, -EBADMSG, "%zu names, of %d classes", names.n, FINE);
    if (r == 0)
        r = read_records(m, "train.bin", coarse);
    if (r == 0)
        r = read_records(m, "test.bin", coarse);
    for (int i = 0; r == 0 && i < FINE; i++) {
        uint32_t place;
        if (coarse[i] < 0)
            return manifest_fail(m, -EBADMSG, "no picture of class %d (%s)", i, names.word[i]);
        if (part & BIT(coarse[i]))
            r = manifest_words_add(&m->labels, names.word[i], &place);
    }
    return r;
}

int fc100_train_make(struct manifest *m)
{
    return make(m, ~(val | test));
}

int fc100_val_make(struct manifest *m)
{
    return make(m, val);
}

int fc100_test_make(struct manifest *m)
{
    return make(m, test);
}
