/* SPDX-License-Identifier: Apache-2.0 */
/* zap: the one client that fuzz_zap's list has, for the target and its corpus. */
#ifndef AUGSTREAM_TESTS_ZAP_H
#define AUGSTREAM_TESTS_ZAP_H

#include <stdint.h>

#define ZAP_KNOWN_NAME "alice"
static const uint8_t zap_known_key[32] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3,
                                          2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3, 2, 7, 9, 5};

#endif
