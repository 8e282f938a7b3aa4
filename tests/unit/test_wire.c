/* SPDX-License-Identifier: Apache-2.0 */
/* wire: bytes that nobody sent, cut, flipped or made up, are refused or give a message within its
 * bounds, and never more memory than a struct wire brought. */
#include "alloc_count.h"
#include "test.h"

#include "common/rng.h"
#include "wire_samples.h"

#include <errno.h>
#include <stdlib.h>

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

/* A copy in a block of its own, so that a read past its end is seen; without its checksum. */
static uint8_t *packed(enum wire_type type, size_t *ret_len)
{
    static struct samples s;
    const void *bytes = NULL;
    assert_int_equal(wire_pack(wire, sample_message(&s, type), &bytes, ret_len), 0);
    uint8_t *copy = malloc(*ret_len);
    assert_non_null(copy);
    memcpy(copy, bytes, *ret_len);
    *ret_len -= WIRE_SEAL;
    return copy;
}

/* The bytes with a checksum behind them. */
static uint8_t *sealed(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len + WIRE_SEAL);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    wire_seal(copy, len);
    return copy;
}

static int unpack_sealed(struct wire *w, const uint8_t *bytes, size_t len, struct wire_message *ret)
{
    auto_free uint8_t *whole = sealed(bytes, len);
    return wire_unpack(w, whole, len + WIRE_SEAL, ret);
}

/* Whatever came, a message that is taken can be sent on: it is within all bounds. */
static int unpack_any(const uint8_t *bytes, size_t len)
{
    static struct wire_message back;
    auto_free uint8_t *whole = sealed(bytes, len);
    unsigned long before = alloc_count();
    int rc = wire_unpack(wire, whole, len + WIRE_SEAL, &back);
    assert_int_equal(alloc_count(), before);
    if (rc < 0) {
        assert_int_equal(rc, -EBADMSG);
        return rc;
    }
    const void *again;
    size_t again_len;
    assert_int_equal(wire_pack(wire, &back, &again, &again_len), 0);
    return 0;
}

static void test_truncated(void **state)
{
    (void)state;
    for (int type = WIRE_HELLO; type <= WIRE_RECORD; type++) {
        size_t len;
        auto_free uint8_t *whole = packed((enum wire_type)type, &len);
        for (size_t cut = 0; cut < len; cut++) {
            auto_free uint8_t *part = malloc(cut + !cut);
            assert_non_null(part);
            memcpy(part, whole, cut);
            unpack_any(part, cut);
            /* The envelope's length covers all behind the version. */
            assert_int_equal(unpack_sealed(wire, part, cut, &(struct wire_message){0}), -EBADMSG);
            assert_int_equal(wire_unpack(wire, part, cut, &(struct wire_message){0}), -EBADMSG);
        }
        assert_int_equal(unpack_any(whole, len), 0);
    }
}

/* What the checksum is for: no bit of a message may be wrong, its own bits among them. */
static void test_spoilt(void **state)
{
    (void)state;
    static struct wire_message back;
    for (int type = WIRE_HELLO; type <= WIRE_RECORD; type++) {
        size_t len;
        auto_free uint8_t *whole = packed((enum wire_type)type, &len);
        len += WIRE_SEAL;
        for (size_t bit = 0; bit < 8 * len; bit++) {
            whole[bit / 8] ^= 1u << bit % 8;
            assert_int_equal(wire_unpack(wire, whole, len, &back), -EBADMSG);
            assert_non_null(strstr(err_text(), "checksum"));
            whole[bit / 8] ^= 1u << bit % 8;
        }
        assert_int_equal(wire_unpack(wire, whole, len, &back), 0);
    }
}

/* ... and when whoever spoilt it made the checksum anew. */
static void test_flipped(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 1, .purpose = RNG_TEST});
    uint32_t refused = 0, taken = 0;
    for (int type = WIRE_HELLO; type <= WIRE_RECORD; type++) {
        size_t len;
        auto_free uint8_t *whole = packed((enum wire_type)type, &len);
        auto_free uint8_t *bytes = malloc(len);
        assert_non_null(bytes);
        for (uint32_t turn = 0; turn < 8 * len || turn < 4000; turn++) {
            memcpy(bytes, whole, len);
            uint32_t flips = turn < 8 * len ? 1 : 2 + rng_below(&rng, 7);
            for (uint32_t i = 0; i < flips; i++) { /* each bit alone, then some together */
                uint32_t bit = flips == 1 ? turn : rng_below(&rng, (uint32_t)(8 * len));
                bytes[bit / 8] ^= 1u << bit % 8;
            }
            if (unpack_any(bytes, len) < 0)
                refused++;
            else
                taken++;
        }
    }
    assert_true(refused > 1000 && taken > 1000); /* both ends of the code were reached */
}

static void test_made_up(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 2, .purpose = RNG_TEST});
    for (uint32_t turn = 0; turn < 20000; turn++) {
        size_t len = 1 + rng_below(&rng, 200);
        auto_free uint8_t *bytes = malloc(len);
        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)rng_u32(&rng);
        if (turn % 2 && len > 4) { /* into a body: version 1, one of the types, a length */
            bytes[0] = 0x08;
            bytes[1] = 1;
            bytes[2] = (uint8_t)((2 + rng_below(&rng, 12)) << 3 | 2);
            bytes[3] = (uint8_t)((len - 4) & 0x7f);
        }
        unpack_any(bytes, len);
    }
}

/* Two bytes on the wire make a struct of a hundred: the arena's end is the limit. */
static void test_amplification(void **state)
{
    (void)state;
    enum { PAIRS = 30000 };
    auto_free uint8_t *bytes = calloc(1, 2 + 4 + 2 * PAIRS);
    assert_non_null(bytes);
    const struct {
        uint8_t body, field;
    } rows[] = {{WIRE_WELCOME, 3},
                {WIRE_BATCH, 10},
                {WIRE_BATCH, 12},
                {WIRE_BATCH, 13},
                {WIRE_SESSION_OPENED, 7}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t *p = bytes;
        *p++ = 0x08; /* version */
        *p++ = WIRE_VERSION;
        *p++ = (uint8_t)(rows[i].body << 3 | 2);
        *p++ = (2 * PAIRS & 0x7f) | 0x80;
        *p++ = (2 * PAIRS >> 7 & 0x7f) | 0x80;
        *p++ = 2 * PAIRS >> 14;
        for (int n = 0; n < PAIRS; n++) {
            *p++ = (uint8_t)(rows[i].field << 3 | 2); /* an empty submessage */
            *p++ = 0;
        }
        assert_int_equal(unpack_any(bytes, (size_t)(p - bytes)), -EBADMSG);
        assert_non_null(strstr(err_text(), "larger than"));
    }
}

static void test_envelope(void **state)
{
    (void)state;
    struct wire_message back = {.type = WIRE_PING};
    const struct {
        uint8_t bytes[8];
        size_t len;
        int rc;
        const char *named;
    } rows[] = {
        {{0}, 0, -EBADMSG, "version 0"},
        {{0x08, 1}, 2, -EBADMSG, "body"},
        {{0x08, 2, WIRE_PING << 3 | 2, 0}, 4, -EBADMSG, "version 2"},
        {{0x08, 1, 14 << 3 | 2, 0}, 4, -EBADMSG, "body"},        /* a type to come */
        {{0x08, 1, 1, 0}, 4, -EBADMSG, "Envelope"},              /* field 0 */
        {{0x08, 1, WIRE_PING << 3 | 2, 0}, 4, 0, NULL},          /* nonce 0 */
        {{0x08, 1, WIRE_PING << 3, 0}, 4, -EBADMSG, "Envelope"}, /* not a submessage */
        {{0x08, 1, WIRE_PING << 3 | 2, 3, 7 << 3, 1}, 6, -EBADMSG, "Envelope"}, /* cut */
        {{0x08, 1, WIRE_PING << 3 | 2, 2, 7 << 3, 1}, 6, 0, NULL}, /* a field to come */
        {{0x08, 1, WIRE_TAP << 3 | 2, 0}, 4, -EBADMSG, "tap.batch"},
        {{0x08, 1, WIRE_OPEN_SESSION << 3 | 2, 0}, 4, -EBADMSG, "spec"},
        {{0x08, 1, WIRE_GET_BATCH << 3 | 2, 0}, 4, -EBADMSG, "session"},
        {{0x08, 1, WIRE_BATCH << 3 | 2, 0}, 4, -EBADMSG, "schema"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(unpack_sealed(wire, rows[i].bytes, rows[i].len, &back), rows[i].rc);
        if (rows[i].named && !strstr(err_text(), rows[i].named))
            fail_msg("row %zu: \"%s\" does not name %s", i, err_text(), rows[i].named);
    }
}

static void test_limits_of_length(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *large = NULL;
    auto_free uint8_t *bytes = calloc(1, WIRE_HEADER_MAX + 1);
    struct wire_message back;
    assert_non_null(bytes);
    assert_int_equal(wire_new(WIRE_OMEGAS_MAX, &large), 0);
    assert_int_equal(wire_unpack(large, bytes, WIRE_HEADER_MAX + 1, &back), -EBADMSG);
    /* A Ping with a long field that we do not know: one byte below and one above the limit. */
    const uint8_t head[] = {0x08, 1, WIRE_PING << 3 | 2, 0, 0x82, 1}; /* 16 */
    memcpy(bytes, head, sizeof head);
    for (uint32_t len = WIRE_CONTROL_MAX - 1; len <= WIRE_CONTROL_MAX + 1; len++) {
        uint32_t rest = len - WIRE_SEAL - (uint32_t)sizeof head - 3;
        bytes[6] = (rest & 0x7f) | 0x80;
        bytes[7] = (rest >> 7 & 0x7f) | 0x80;
        bytes[8] = (uint8_t)(rest >> 14);
        assert_int_equal(unpack_sealed(large, bytes, len - WIRE_SEAL, &back),
                         len <= WIRE_CONTROL_MAX ? 0 : -EBADMSG);
    }
}

static void test_new(void **state)
{
    (void)state;
    struct wire *w = NULL;
    assert_int_equal(wire_new(0, &w), -EINVAL);
    assert_int_equal(wire_new(WIRE_OMEGAS_MAX + 1, &w), -EINVAL);
    assert_null(w);
    wire_free(NULL);
    assert_int_equal(wire_new(1, &w), 0);
    struct wire_message m = {.type = (enum wire_type)1};
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(w, &m, &bytes, &len), -EINVAL);
    m.type = (enum wire_type)(WIRE_RECORD + 1);
    assert_int_equal(wire_pack(w, &m, &bytes, &len), -EINVAL);
    wire_free(w);
}

static void test_fault_names(void **state)
{
    (void)state;
    for (int a = 0; a < FAULT_KINDS; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(wire_fault_name((enum wire_fault)a),
                                    wire_fault_name((enum wire_fault)b));
    assert_string_equal(wire_fault_name(FAULT_TRUNCATED), "truncated");
    assert_string_equal(wire_fault_name(FAULT_KINDS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truncated),        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_spoilt),           cmocka_unit_test(test_made_up),
        cmocka_unit_test(test_amplification),    cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_limits_of_length), cmocka_unit_test(test_new),
        cmocka_unit_test(test_fault_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
