/* SPDX-License-Identifier: Apache-2.0 */
/* wire_control: every small message comes out as it went in, bit for bit. */
#include "test.h"

#include "wire_samples.h"

#include <errno.h>

static struct wire *wire;

static int setup(void **state)
{
    (void)state;
    return wire_new(64, &wire);
}

static int teardown(void **state)
{
    (void)state;
    wire_free(wire);
    return 0;
}

/* Both structs were zeroed and are without pointers, so all their bytes must agree. */
static void test_round_trips(void **state)
{
    (void)state;
    static struct samples s;
    static struct wire_message back;
    for (int type = WIRE_HELLO; type <= WIRE_TAP; type++) {
        if (type == WIRE_BATCH || type == WIRE_TAP)
            continue;
        const struct wire_message *m = sample_message(&s, (enum wire_type)type);
        const void *bytes;
        size_t len;
        assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
        assert_int_equal(wire_unpack(wire, bytes, len, &back), 0);
        assert_memory_equal(&back, m, sizeof back);
    }
}

static void test_empty_values(void **state)
{
    (void)state;
    static struct wire_message m, back;
    const enum wire_type types[] = {WIRE_HELLO, WIRE_OPEN_SESSION, WIRE_GET_BATCH, WIRE_CANCEL,
                                    WIRE_PING,  WIRE_PONG,         WIRE_DRAINING};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        memset(&m, 0, sizeof m);
        m.type = types[i];
        const void *bytes;
        size_t len;
        assert_int_equal(wire_pack(wire, &m, &bytes, &len), 0);
        assert_int_equal(wire_unpack(wire, bytes, len, &back), 0);
        if (m.type == WIRE_HELLO) /* said by default */
            m.hello.versions = (struct wire_versions){WIRE_VERSION, WIRE_VERSION};
        assert_memory_equal(&back, &m, sizeof back);
    }
}

static void test_texts_and_digests_that_do_not_fit(void **state)
{
    (void)state;
    char small[4] = "old";
    assert_int_equal(wire_read_text(small, sizeof small, "abc", "field"), 0);
    assert_string_equal(small, "abc");
    assert_int_equal(wire_read_text(small, sizeof small, "abcd", "the field"), -EBADMSG);
    assert_non_null(strstr(err_text(), "the field"));
    assert_string_equal(small, "abc");

    uint8_t bytes[DIGEST_BYTES + 1] = {0}, digest[DIGEST_BYTES];
    for (size_t len = 0; len <= sizeof bytes; len++) {
        ProtobufCBinaryData data = {len, len ? bytes : NULL};
        assert_int_equal(wire_read_digest(digest, &data, "the digest"),
                         len == DIGEST_BYTES ? 0 : -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_texts_and_digests_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
