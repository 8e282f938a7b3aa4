/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-evaluate: measures a frozen backbone. One verb, one file. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"
#include "tools/verbs.h"

static const struct verb verbs[] = {
    {"features", evaluate_features,
     "features of every image of a dataset, into a safetensors file"},
    {"knn", evaluate_knn, "nearest-neighbour accuracy"},
};

int main(int argc, char **argv)
{
    return verbs_run("augstream-evaluate", verbs, ARRAY_LEN(verbs), argc, argv);
}
