/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: where two recipes part, for whoever resumes a run with another one. */
#ifndef AUGSTREAM_TRAINER_RECIPE_DIFFERENCE_H
#define AUGSTREAM_TRAINER_RECIPE_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* Two texts of conf_dump. Of the options that batches or the model depend on, those that differ:
 * "model.width is 8 there, 16 here" and how many more; cut to cap. False: none does. */
bool recipe_difference(const char *there, const char *here, char *ret, size_t cap);

/* An option that is not the same in both: the values as they stand in the texts, not ended by a
 * NUL; NULL where the text has no such option. */
struct recipe_part {
    const char *key;
    const char *there, *here;
    size_t there_bytes, here_bytes;
};
typedef void (*recipe_part_fn)(void *hint, const struct recipe_part *part);

/* Two texts of conf_dump: every option in which they differ, the ones of `there` first, in its
 * order, then those that only `here` has. Of a text that conf_dump would not have written, what
 * stands before the first such line. */
void recipe_compare(const char *there, const char *here, recipe_part_fn each, void *hint);

#endif
