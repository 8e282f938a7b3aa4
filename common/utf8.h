/* SPDX-License-Identifier: Apache-2.0 */
/* utf8: which bytes are a character (RFC 3629: no overlong form, no surrogate, nothing above
 * U+10FFFF). Knows nothing of what characters mean. */
#ifndef AUGSTREAM_COMMON_UTF8_H
#define AUGSTREAM_COMMON_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at p, of which left are there, at least one; 0 for a NUL and for what is
 * no character. ret_value: which one; may be NULL. */
size_t utf8_length(const unsigned char *p, size_t left, uint32_t *ret_value);

#endif
