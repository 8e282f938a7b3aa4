/* SPDX-License-Identifier: Apache-2.0 */
/* raw: CIFAR-10, CIFAR-100 and STL10, whose pictures are records in binary files: a manifest cannot
 * name those, and need not, for loaderd reads the files where they lie. What to declare is told in
 * place of a manifest, once all of the files are there. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/err.h"

#include <errno.h>

enum { FILES_MAX = 8 };

struct raw {
    const char *format, *splits;
    const char *files[FILES_MAX]; /* NULL ends */
};

static int tell(struct manifest *m, const struct raw *raw)
{
    for (size_t i = 0; i < FILES_MAX && raw->files[i]; i++) {
        manifest_at(m, raw->files[i], 0);
        if (!manifest_has(m, raw->files[i]))
            return manifest_fail(m, -ENOENT, "no such file");
    }
    return err_set(-EINVAL,
                   "%s: needs no manifest, loaders read its files as they are: declare {path: %s, "
                   "format: %s, split: %s",
                   m->root, m->base, raw->format, raw->splits);
}

int cifar10_make(struct manifest *m)
{
    return tell(m, &(const struct raw){"cifar10",
                                       "fit} (or val, test, train)",
                                       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                        "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin",
                                        "batches.meta.txt"}});
}

int cifar100_make(struct manifest *m)
{
    return tell(m, &(const struct raw){"cifar100",
                                       "fit} (or val, test, train)",
                                       {"train.bin", "test.bin", "fine_label_names.txt"}});
}

int stl10_make(struct manifest *m)
{
    return tell(m, &(const struct raw){"stl10",
                                       "fit} (or val, test, train)",
                                       {"train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin",
                                        "class_names.txt"}});
}
