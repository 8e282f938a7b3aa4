/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_sets: the table of datasets whose own layout is understood. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"

#include <string.h>

#define TOP_1 "top-1"
#define PER_CLASS "mean-per-class"

const struct manifest_set manifest_sets[] = {
    {"flowers102",
     "Oxford 102 Flowers",
     PER_CLASS,
     "imagelabels.mat, setid.mat, jpg/image_NNNNN.jpg",
     flowers102_make,
     102,
     false,
     {{"train", 1020}, {"val", 1020}, {"test", 6149}}},
};
const size_t manifest_sets_n = ARRAY_LEN(manifest_sets);

const struct manifest_set *manifest_set_find(const char *name)
{
    for (size_t i = 0; i < manifest_sets_n; i++)
        if (strcmp(manifest_sets[i].name, name) == 0)
            return &manifest_sets[i];
    return NULL;
}
