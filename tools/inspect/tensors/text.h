/* SPDX-License-Identifier: Apache-2.0 */
/* text: what stands in a file from anywhere, made fit for a line of a terminal. No state. */
#ifndef AUGSTREAM_TOOLS_INSPECT_TEXT_H
#define AUGSTREAM_TOOLS_INSPECT_TEXT_H

#include "trainer/safetensors.h"

enum { TEXT_MAX = 320 }; /* bytes with the NUL: a whole tensor's name, a shape, a line */

/* len bytes in at most `width` columns; what is too long has "..." at its end. Control characters,
 * line ends among them, become '?'. width < TEXT_MAX. */
void text_line(const char *text, size_t len, size_t width, char ret[TEXT_MAX]);

/* The same of a name, cut in its midst: "layer4.0.down~1.running_var". */
void text_name(const char *name, size_t width, char ret[TEXT_MAX]);

void text_shape(const struct safetensor *tensor, char ret[TEXT_MAX]); /* "[64,3,7,7]"; "[]" */

#endif
