/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-evaluate: measures a frozen backbone. One verb, one file. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/evaluate/evaluate.h"
#include "tools/verbs.h"
#include "trainer/ops/spin.h"

static const struct verb verbs[] = {
    {&evaluate_features_usage, evaluate_features},
    {&evaluate_linear_usage, evaluate_linear},
    {&evaluate_knn_usage, evaluate_knn},
    {&evaluate_fewshot_usage, evaluate_fewshot},
    {&evaluate_localize_usage, evaluate_localize},
    {&evaluate_manifest_usage, evaluate_manifest},
    {&evaluate_mutual_usage, evaluate_mutual},
    {&evaluate_retrieve_usage, evaluate_retrieve},
    {&evaluate_report_usage, evaluate_report},
};

static const struct usage_section sections[] = {
    {"Environment", "AUGSTREAM_LOADERD, TMPDIR: for embedded loaders, as in augstream-trainer."},
    {"Examples",
     "    augstream-evaluate knn runs/flowers/recipe.yaml --backbone "
     "runs/flowers/backbone.safetensors "
     "\\\n        --train flowers-train --test flowers-test\n"
     "    augstream-evaluate features runs/flowers/recipe.yaml --set data.loaders=embedded \\\n"
     "        --backbone runs/flowers/backbone.safetensors --images /data/flowers/test \\\n"
     "        --out features.safetensors"},
};

static const struct usage usage = {
    .name = "augstream-evaluate",
    .chapter = 1,
    .summary = "measure a trained backbone",
    .operands = "VERB ...",
    .about =
        "Measures a frozen backbone on labelled images: each is resized, its centre cropped, and "
        "sent once through the backbone, whose pooled output are the features.",
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

int main(int argc, char **argv)
{
    spin_limit(argv);
    return verbs_run(&usage, verbs, ARRAY_LEN(verbs), argc, argv);
}
