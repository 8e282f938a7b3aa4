/* SPDX-License-Identifier: Apache-2.0 */
/* test: what every cmocka program needs, in the order cmocka wants it. */
#ifndef AUGSTREAM_TESTS_TEST_H
#define AUGSTREAM_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/auto.h"
#include "common/err.h"

#endif
