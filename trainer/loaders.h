/* SPDX-License-Identifier: Apache-2.0 */
/* loaders: where a recipe's batches come from: the endpoints that it names, or those of a private
 * loader that is started for it. Owner: whoever opened it. */
#ifndef AUGSTREAM_TRAINER_LOADERS_H
#define AUGSTREAM_TRAINER_LOADERS_H

#include "trainer/embed.h"
#include "trainer/recipe.h"

struct loaders {
    struct embed *embed; /* NULL: the loaders are not ours */
    struct conf_strs endpoints;
};

/* Ours serves the training set and, where nearest neighbours are wanted, the two labelled ones.
 * embed_start's errors; stop as there. Zeroed structs may be closed. */
int loaders_open(const struct recipe *recipe, const volatile int *stop, struct loaders *ret);
void loaders_close(struct loaders *loaders);

/* The name under which they know the recipe's knn.train or knn.test. */
const char *loaders_knn(const struct loaders *loaders, const struct recipe *recipe, bool test);

#endif
