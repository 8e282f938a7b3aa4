/* SPDX-License-Identifier: Apache-2.0 */
/* stamp: what a result was made of, as a digest: where one of its inputs has changed, so has the
 * digest, and the result is out of date. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_STAMP_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_STAMP_H

#include "common/digest.h"
#include "trainer/recipe.h"

/* The name, and of every file that is there under it its name, size and time of change: a file, a
 * folder with all below it (links followed), or what is meant in PATH:SPLIT. What is no path is a
 * name that loaders know: of that, the name is all there is. -errno for a folder that cannot be
 * read. */
int stamp_place(struct digest *d, const char *name);

/* Every value of it, and the file of class names that it may name. */
int stamp_recipe(struct digest *d, const struct recipe *recipe);

#endif
