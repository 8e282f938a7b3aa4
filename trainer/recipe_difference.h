/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: where two recipes part, for whoever resumes a run with another one. */
#ifndef AUGSTREAM_TRAINER_RECIPE_DIFFERENCE_H
#define AUGSTREAM_TRAINER_RECIPE_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* Two texts of conf_dump. Of the options that batches or the model depend on, those that differ:
 * "model.width is 8 there, 16 here" and how many more; cut to cap. False: none does. */
bool recipe_difference(const char *there, const char *here, char *ret, size_t cap);

#endif
