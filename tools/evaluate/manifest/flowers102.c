/* SPDX-License-Identifier: Apache-2.0 */
/* flowers102: Oxford 102 Flowers (Nilsback and Zisserman 2008). labels[i], 1 to 102, is the class
 * of jpg/image_%05d.jpg, i from 1 on; three lists of i are the splits. Classes have no names in the
 * set: their numbers, from 0 on, are the labels. */
#include "tools/evaluate/manifest/mat.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>

enum { CLASSES = 102 };

static int add_split(struct manifest *m, const struct mat *labels, const char *variable,
                     const char *split)
{
    auto_with(mat_freep) struct mat *ids = NULL;
    int r = mat_open(m, "setid.mat", variable, &ids);
    for (size_t i = 0; r == 0 && i < mat_count(ids); i++) {
        long id = 0, label = 0;
        char path[64];
        r = mat_integer(ids, i, NULL, (const long[]){1, (long)mat_count(labels)}, &id);
        if (r == 0)
            r = mat_integer(labels, (size_t)id - 1, NULL, (const long[]){1, CLASSES}, &label);
        snprintf(path, sizeof path, "jpg/image_%05ld.jpg", id);
        if (r == 0)
            r = manifest_add(m, &(struct manifest_row){
                                    .path = path, .number = (int32_t)label - 1, .split = split});
    }
    return r;
}

int flowers102_make(struct manifest *m)
{
    static const char *const splits[][2] = {
        {"trnid", "train"}, {"valid", "val"}, {"tstid", "test"}};
    auto_with(mat_freep) struct mat *labels = NULL;
    int r = mat_open(m, "imagelabels.mat", "labels", &labels);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(splits); i++)
        r = add_split(m, labels, splits[i][0], splits[i][1]);
    return r;
}
