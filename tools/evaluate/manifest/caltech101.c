/* SPDX-License-Identifier: Apache-2.0 */
/* caltech101: Caltech-101 (Fei-Fei et al. 2004). It has no splits: 30 images of each class train,
 * the rest test, as its authors propose; of the 30, five validate. Two rows: the 101 categories
 * alone, which gives the paper's counts, and with the folder of background pictures as one class
 * more, which gives those of Kornblith et al. 2019 (3060 and 6084). */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"

#include <string.h>

enum { TRAIN = 25, VAL = 5 };

static const char folder[] = "101_ObjectCategories", background[] = "BACKGROUND_Google";

static void leave_out(struct manifest_words *names, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->n; i++) {
        char *word = names->word[i];
        if (strcmp(word, name) == 0)
            auto_free_fn(&word);
        else
            names->word[kept++] = word;
    }
    names->n = kept;
}

static int make(struct manifest *m, bool with_background)
{
    auto_with(manifest_words_done) struct manifest_words names = {0};
    uint32_t place;
    int r = manifest_names(m, folder, MANIFEST_FOLDERS, &names);
    if (r < 0)
        return r;
    leave_out(&names, background);
    /* Named whether it is there or not: where it is missing, that shall be an error. */
    if (with_background)
        r = manifest_words_add(&names, background, &place);
    if (r == 0)
        r = manifest_class_folders(m, folder, "test", &names);
    manifest_at(m, folder, 0);
    if (r == 0)
        r = manifest_draw(
            m, &(struct manifest_part_drawn){.from = "test", .to = "train", .each = TRAIN});
    if (r == 0)
        r = manifest_draw(m,
                          &(struct manifest_part_drawn){.from = "test", .to = "val", .each = VAL});
    return r;
}

int caltech101_make(struct manifest *m)
{
    return make(m, false);
}

int caltech101_background_make(struct manifest *m)
{
    return make(m, true);
}
