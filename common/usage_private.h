/* SPDX-License-Identifier: Apache-2.0 */
/* usage_private: what usage.c and usage_man.c share, and nobody else includes. */
#ifndef AUGSTREAM_COMMON_USAGE_PRIVATE_H
#define AUGSTREAM_COMMON_USAGE_PRIVATE_H

#include "common/usage.h"

enum { USAGE_TEXT_MAX = 128 }; /* bytes of an option's or operands' text with its NUL */

/* --help and --version. */
extern const struct usage_option usage_common[];
extern const size_t usage_common_n;

/* The program's own options, then the common ones. */
const struct usage_option *usage_option_at(const struct usage *usage, size_t i);

struct usage_exit {
    int code;
    const char *meaning;
};
extern const struct usage_exit usage_exits[];
extern const size_t usage_exits_n;

/* "--set KEY=VALUE". Cut to cap. */
void usage_option_text(const struct usage_option *option, char *ret, size_t cap);

/* The i-th piece of the synopsis behind the name: "RECIPE.yaml", "[--set KEY=VALUE ...]". False
 * after the last. */
bool usage_piece(const struct usage *usage, size_t i, char *ret, size_t cap);

#endif
