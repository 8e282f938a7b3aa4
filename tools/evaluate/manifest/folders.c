/* SPDX-License-Identifier: Apache-2.0 */
/* folders: any set of class folders below train, val and test: what else there is comes as this.
 * All splits number their classes alike, which loaderd's format `folder`, one split at a time, does
 * only where all of them have the same folders. train and test must be there; where val is not, a
 * fifth of train is drawn for it. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

int folders_make(struct manifest *m)
{
    int r = manifest_class_folders(m, "train", "train", NULL);
    const bool val = manifest_has(m, "val");
    if (r == 0 && val)
        r = manifest_class_folders(m, "val", "val", NULL);
    if (r == 0)
        r = manifest_class_folders(m, "test", "test", NULL);
    if (r == 0 && !val)
        r = manifest_draw(m, &(struct manifest_part_drawn){"train", "val", .share = .2});
    return r;
}
