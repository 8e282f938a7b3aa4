/* SPDX-License-Identifier: Apache-2.0 */
/* digest: known BLAKE2b values (Python's hashlib.blake2b(digest_size=16)), and what each kind of
 * field adds. */
#include "test.h"

#include "common/digest.h"

#include <string.h>

static void hex_of(const void *bytes, size_t len, char ret[2 * DIGEST_BYTES + 1])
{
    struct digest d;
    uint8_t out[DIGEST_BYTES];
    digest_init(&d);
    digest_add(&d, bytes, len);
    digest_end(&d, out);
    digest_hex(out, ret);
}

static void test_known(void **state)
{
    (void)state;
    char hex[2 * DIGEST_BYTES + 1];
    hex_of("", 0, hex);
    assert_string_equal(hex, "cae66941d9efbd404e4d88758ea67670");
    hex_of("abc", 3, hex);
    assert_string_equal(hex, "cf4ab791c62b8d2b2109c90275287816");
}

static void test_fields(void **state)
{
    (void)state;
    struct digest d;
    uint8_t out[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1], expected[2 * DIGEST_BYTES + 1];
    digest_init(&d);
    digest_add_u64(&d, 0x0102030405060708);
    digest_add_f64(&d, 1.5);
    digest_add_f64(&d, -0.0);
    digest_add_str(&d, "ab");
    digest_end(&d, out);
    digest_hex(out, hex);
    static const uint8_t bytes[] = {8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0,
                                    0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,    'a',  'b'};
    hex_of(bytes, sizeof bytes, expected);
    assert_string_equal(hex, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
