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

/* Names are the same text elsewhere; then ret points where m does. */
static void names_agree(const struct wire_message *m, struct wire_message *ret)
{
    if (m->type != WIRE_SESSION_OPENED)
        return;
    for (uint32_t i = 0; i < m->session_opened.classes; i++)
        assert_string_equal(ret->session_opened.class_names[i], m->session_opened.class_names[i]);
    ret->session_opened.class_names = m->session_opened.class_names;
}

/* Both structs were zeroed and have no pointers but to names, so all their bytes must agree. */
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
        names_agree(m, &back);
        assert_memory_equal(&back, m, sizeof back);
    }
}

/* The same message as a peer sees it that does not know the field: it has another one's number. */
static void pass_over(struct wire *w, const struct wire_message *m, const void *bytes, size_t len)
{
    enum { OURS = 7 << 3 | 2, UNKNOWN = 14 << 3 | 2 };
    static uint8_t made[WIRE_CONTROL_MAX];
    static struct wire_message back;
    const uint32_t n = m->session_opened.classes;
    memcpy(made, bytes, len);
    uint8_t *at = made + len - WIRE_SEAL;
    for (uint32_t i = n; i-- > 0;) { /* from the last one backwards: nothing stands behind them */
        const size_t size = strlen(m->session_opened.class_names[i]);
        at -= size + (size < 128 ? 2 : 3);
        assert_int_equal(*at, OURS);
        *at = UNKNOWN;
    }
    wire_seal(made, len - WIRE_SEAL);
    assert_int_equal(wire_unpack(w, made, len, &back), 0);
    assert_null(back.session_opened.class_names);
    assert_int_equal(back.session_opened.classes, n);
}

/* As many as may be, and as long together as may be: they fit into the message, and into the
 * memory of whoever takes it. */
static void test_class_names_at_their_bounds(void **state)
{
    (void)state;
    static char texts[CLASS_NAMES_MAX][CLASS_NAME_MAX];
    static const char *names[CLASS_NAMES_MAX];
    static struct wire_message m, back;
    struct wire *least; /* what is the least that a wire can be made with */
    const uint32_t counts[] = {CLASS_NAMES_MAX, CLASS_NAMES_BYTES / (255 + CLASS_NAME_COST), 1};
    assert_int_equal(wire_new(1, &least), 0);
    for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
        const uint32_t n = counts[c];
        size_t left = CLASS_NAMES_BYTES - n * CLASS_NAME_COST;
        for (uint32_t i = 0; i < n; i++) {
            size_t len = (left + n - i - 1) / (n - i);
            len = len < CLASS_NAME_MAX ? len : CLASS_NAME_MAX - 1;
            memset(texts[i], 'a' + (int)(i % 26), len);
            texts[i][len] = 0;
            left -= len;
            names[i] = texts[i];
        }
        m = (struct wire_message){.type = WIRE_SESSION_OPENED,
                                  .session_opened = {.request = UINT64_MAX,
                                                     .samples = UINT64_MAX,
                                                     .batches = UINT64_MAX,
                                                     .classes = n,
                                                     .class_names = names}};
        const void *bytes;
        size_t len;
        assert_int_equal(wire_pack(least, &m, &bytes, &len), 0);
        assert_true(len <= WIRE_CONTROL_MAX);
        assert_int_equal(wire_unpack(least, bytes, len, &back), 0);
        names_agree(&m, &back);
        assert_memory_equal(&back, &m, sizeof back);
        assert_int_equal(wire_pack(least, &m, &bytes, &len), 0);
        pass_over(least, &m, bytes, len);
    }
    wire_free(least);
}

/* None, some of the classes only, or one that may not be: the message is refused, both ways. */
static void test_class_names_that_may_not_be(void **state)
{
    (void)state;
    static struct samples s;
    static struct wire_message back;
    static uint8_t made[4096];
    struct wire_message *m = sample_message(&s, WIRE_SESSION_OPENED);
    const void *bytes;
    size_t len;
    static const char *const bad[][4] = {
        {"a", "b", "", "d"}, {"a", "b", "c", "d\x1b[2J"}, {"a", "\xe9", "c", "d"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        m->session_opened.class_names = bad[i];
        assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
        assert_non_null(strstr(err_text(), "class_names"));
        len = sample_bytes(wire, m, &wire_control_rows[WIRE_SESSION_OPENED], made);
        wire_seal(made, len);
        assert_int_equal(wire_unpack(wire, made, len + WIRE_SEAL, &back), -EBADMSG);
        assert_non_null(strstr(err_text(), "class_names"));
    }
    sample_message(&s, WIRE_SESSION_OPENED);
    assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
    memcpy(made, bytes, len);
    uint8_t *classes = memchr(made, 6 << 3, len); /* field 6, a varint */
    while (classes && classes[1] != m->session_opened.classes)
        classes = memchr(classes + 1, 6 << 3, len - (size_t)(classes + 1 - made));
    assert_non_null(classes);
    classes[1]++;
    wire_seal(made, len - WIRE_SEAL);
    assert_int_equal(wire_unpack(wire, made, len, &back), -EBADMSG);
    assert_non_null(strstr(err_text(), "4 of 5 classes"));

    m->session_opened.class_names = NULL; /* as an older loader has it */
    assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
    assert_int_equal(wire_unpack(wire, bytes, len, &back), 0);
    assert_null(back.session_opened.class_names);
    assert_int_equal(back.session_opened.classes, 4);
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
        cmocka_unit_test(test_class_names_at_their_bounds),
        cmocka_unit_test(test_class_names_that_may_not_be),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_texts_and_digests_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
