/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: where two recipes part, for whoever resumes a run with another one. */
#ifndef AUGSTREAM_TRAINER_RECIPE_DIFFERENCE_H
#define AUGSTREAM_TRAINER_RECIPE_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* Two texts of conf_dump. Of the options that a run may not change when it is resumed (enum
 * recipe_resume: the marked rows of recipe_table), those that differ: "model.width is 8 there, 16
 * here; optim.base_lr is ..." and, where cap is not enough for all, how many more. batches: what
 * batches are made of differs too, so that the options RESUME_BATCHES are among them. How many: 0,
 * and nothing is written, where none does. An option that one text does not have, for it is of
 * another version, and one that the table does not know are no difference. */
size_t recipe_difference(const char *there, const char *here, bool batches, char *ret, size_t cap);

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
