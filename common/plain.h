/* SPDX-License-Identifier: Apache-2.0 */
/* plain: names and texts from elsewhere, fit to be shown: no byte of them steers a terminal or
 * begins a line of its own. For JSON and other files that programs read it is the wrong thing. */
#ifndef AUGSTREAM_COMMON_PLAIN_H
#define AUGSTREAM_COMMON_PLAIN_H

#include <stddef.h>
#include <stdio.h>

/* Each control character of the first len bytes becomes a '?': C0, DEL, and C1, which UTF-8 writes
 * in two bytes. Returns how many bytes are left; ends nothing with a NUL. */
size_t plain_bytes(char *text, size_t len);

/* The same of a string, which may become shorter. */
void plain_text(char *text);

/* Writes text so. Returns how many columns that is, a character counted as one. */
int plain_put(FILE *out, const char *text);

#endif
