/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: the verbs of augstream-evaluate. A frozen backbone is measured through the line itself:
 * images come from a loader (evaluation law), features from the trainer's own forward pass. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_H
#define AUGSTREAM_TOOLS_EVALUATE_H

#include "common/usage.h"

/* Each gets its own argv (argv[0] = the verb) and returns an exit code, its error already told. */
extern const struct usage evaluate_features_usage, evaluate_knn_usage;
int evaluate_features(int argc, char **argv);
int evaluate_knn(int argc, char **argv);
extern const struct usage evaluate_fewshot_usage;
int evaluate_fewshot(int argc, char **argv);
extern const struct usage evaluate_localize_usage;
int evaluate_localize(int argc, char **argv);
extern const struct usage evaluate_linear_usage;
int evaluate_linear(int argc, char **argv);
extern const struct usage evaluate_manifest_usage;
int evaluate_manifest(int argc, char **argv);
extern const struct usage evaluate_mutual_usage;
int evaluate_mutual(int argc, char **argv);
extern const struct usage evaluate_retrieve_usage;
int evaluate_retrieve(int argc, char **argv);
extern const struct usage evaluate_report_usage;
int evaluate_report(int argc, char **argv);

/* Logs err_text() and gives the exit code for rc. */
int evaluate_fail(int rc);

/* The exit code where a command line is not followed: rc < 0, it is wrong, err_text() logged; or
 * USAGE_TOLD, it asked for help and has it. */
int evaluate_parsed(int rc);

#endif
