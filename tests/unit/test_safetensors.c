/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: what is written reads back, byte for byte as the format says; a damaged or hostile
 * file is refused with a message that names it, never read out of bounds. */
#include "test.h"

#include "common/crc32c.h"
#include "trainer/safetensors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* also says that no temporary file was left */
}

static void put_file(const void *bytes, size_t len)
{
    unlink(path); /* ext4 flushes a file that is cut to nothing and written again: slow */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* A file of this header text, padded with spaces to a multiple of 8, and data_len bytes of data. */
static void put_header(const char *text, size_t data_len)
{
    unsigned char bytes[4096] = {0};
    char header[2048];
    uint64_t len = (uint64_t)snprintf(header, sizeof header, "%s%*s", text,
                                      (int)(7 - (strlen(text) + 7) % 8), "");
    assert_true(len < sizeof header);
    assert_true(8 + len + data_len <= sizeof bytes);
    memcpy(bytes, &len, 8);
    memcpy(bytes + 8, header, len);
    put_file(bytes, 8 + len + data_len);
}

static void write_sample(void)
{
    static const float weight[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t counter = 7, labels[2] = {-1, 1ll << 40};
    static const uint8_t pixels[3] = {0, 128, 255};
    struct safetensors_out *out;
    assert_int_equal(safetensors_out_new(&out), 0);
    int64_t weight_shape[] = {2, 3}, pixels_shape[] = {3}, labels_shape[] = {2}, none[] = {0, 5};
    assert_int_equal(safetensors_add(out, "b.weight", ST_F32, 2, weight_shape, weight), 0);
    assert_int_equal(safetensors_add(out, "counter", ST_I64, 0, NULL, &counter), 0);
    assert_int_equal(safetensors_add(out, "pixels", ST_U8, 1, pixels_shape, pixels), 0);
    assert_int_equal(safetensors_add(out, "labels", ST_I64, 1, labels_shape, labels), 0);
    assert_int_equal(safetensors_add(out, "empty", ST_F32, 2, none, NULL), 0);
    assert_int_equal(safetensors_meta(out, "format", "augstream"), 0);
    assert_int_equal(safetensors_meta(out, "recipe", "run:\n  name: \"x\"\n"), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
}

static void list_meta(void *hint, const char *key, const char *value)
{
    char *ret = hint;
    snprintf(ret + strlen(ret), 128 - strlen(ret), "%s=%s;", key, value);
}

/* Types that only others write, and all metadata. */
static void test_foreign(void **state)
{
    (void)state;
    char metas[128] = "";
    struct safetensors *st;
    put_header("{\"a\":{\"dtype\":\"U16\",\"shape\":[2],\"data_offsets\":[0,4]},"
               "\"b\":{\"dtype\":\"F8_E4M3\",\"shape\":[3],\"data_offsets\":[4,7]},"
               "\"__metadata__\":{\"z\":\"1\",\"a\":\"2\"},"
               "\"c\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[7,8]}}",
               8);
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_n(st), 3);
    assert_string_equal(safetensors_dtype_name(safetensors_at(st, 1)->dtype), "F8_E4M3");
    safetensors_each_meta(st, list_meta, metas);
    assert_string_equal(metas, "z=1;a=2;");
    safetensors_close(st);
    write_sample();
    assert_int_equal(safetensors_open(path, &st), 0);
    safetensors_close(st);
}

static void test_round_trip(void **state)
{
    (void)state;
    write_sample();
    struct safetensors *st;
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_n(st), 5);
    /* wide elements first, then by name */
    const char *const order[] = {"counter", "labels", "b.weight", "empty", "pixels"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        assert_string_equal(safetensors_at(st, i)->name, order[i]);

    const void *data;
    int64_t shape[] = {2, 3};
    assert_int_equal(safetensors_expect(st, "b.weight", ST_F32, 2, shape, &data), 0);
    assert_true(((const float *)data)[5] == 6.0f);
    assert_int_equal(safetensors_expect(st, "counter", ST_I64, 0, NULL, &data), 0);
    assert_int_equal(*(const int64_t *)data, 7);
    assert_int_equal(safetensors_find(st, "empty")->bytes, 0);
    assert_string_equal(safetensors_get_meta(st, "recipe"), "run:\n  name: \"x\"\n");
    assert_null(safetensors_get_meta(st, "absent"));

    assert_int_equal(safetensors_expect(st, "absent", ST_F32, 2, shape, &data), -ENOENT);
    assert_int_equal(safetensors_expect(st, "b.weight", ST_I64, 2, shape, &data), -EBADMSG);
    shape[1] = 4;
    assert_int_equal(safetensors_expect(st, "b.weight", ST_F32, 2, shape, &data), -EBADMSG);
    assert_non_null(strstr(err_text(), "b.weight is F32 [2,3], expected F32 [2,4]"));
    assert_non_null(strstr(err_text(), path));
    safetensors_close(st);
}

/* The bytes, against the format's own words: u64 length, JSON from byte 8, data right after it. */
static void test_bytes(void **state)
{
    (void)state;
    write_sample();
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char bytes[4096];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    uint64_t len;
    memcpy(&len, bytes, 8);
    assert_int_equal((8 + len) % 64, 0);
    assert_int_equal(n, 8 + len + 8 + 16 + 24 + 3);
    static const char *const head =
        "{\"__metadata__\":{\"format\":\"augstream\",\"recipe\":\"run:\\n  name: \\\"x\\\"\\n\"},"
        "\"counter\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"labels\":{\"dtype\":\"I64\",\"shape\":[2],\"data_offsets\":[8,24]},"
        "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[24,48]},"
        "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[48,48]},"
        "\"pixels\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[48,51]}}";
    assert_memory_equal(bytes + 8, head, strlen(head));
    for (size_t i = 8 + strlen(head); i < 8 + len; i++)
        assert_int_equal(bytes[i], ' ');
    assert_int_equal((unsigned char)bytes[n - 1], 255);
}

static void test_writer_refuses(void **state)
{
    (void)state;
    struct safetensors_out *out;
    assert_int_equal(safetensors_out_new(&out), 0);
    float x = 0;
    int64_t one[] = {1}, negative[] = {-1}, huge[] = {1ll << 62, 1ll << 62};
    assert_int_equal(safetensors_add(out, "x", ST_F32, 1, negative, &x), -EINVAL);
    assert_int_equal(safetensors_add(out, "x", ST_F32, 2, huge, &x), -EINVAL);
    assert_int_equal(safetensors_meta(out, "k", "\xff"), -EINVAL);
    assert_int_equal(safetensors_add(out, "x", ST_F32, 1, one, &x), 0);
    assert_int_equal(safetensors_add(out, "x", ST_F32, 1, one, &x), 0);
    unlink(path);
    assert_int_equal(safetensors_write(out, path), -EINVAL);
    assert_int_equal(access(path, F_OK), -1);
    safetensors_out_free(out);
    safetensors_out_free(NULL);
}

/* header, bytes of data behind it, what the message must say */
static const struct {
    const char *header;
    size_t data;
    const char *says;
} hostile[] = {
    {"[]", 0, "not a safetensors file"},
    {"{", 0, "header"},
    {"{]", 0, "header"},
    {"{\"a\":1}", 0, "needs dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "needs dtype"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
     "shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}", 4,
     "shape"}, /* times four wraps round to 4 */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4,
     "header"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}", 4, "two numbers"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]}}", 4,
     "outside"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "fill"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "after the last"},
    {"{}", 4, "after the last"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "duplicate"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}  ",
     6, "overlaps"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
     4, "overlaps"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
     3, "hole"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
     5, "not aligned"},
    {"{\"__metadata__\":[]}", 0, "__metadata__"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "not a string"},
    {"{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "header"},
};

static void test_hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        put_header(hostile[i].header, hostile[i].data);
        struct safetensors *st = NULL;
        int rc = safetensors_open(path, &st);
        if (rc != -EBADMSG || !strstr(err_text(), hostile[i].says) || !strstr(err_text(), path))
            fail_msg("header %s: %d, %s", hostile[i].header, rc, err_text());
        assert_null(st);
    }
}

static void test_long_name(void **state)
{
    (void)state;
    char name[SAFETENSORS_NAME_MAX + 1], header[1024];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
    put_header(header, 0);
    struct safetensors *st;
    assert_int_equal(safetensors_open(path, &st), -EBADMSG);
    assert_non_null(strstr(err_text(), "too long"));
}

/* The length field and the file's own length. */
static void test_lengths(void **state)
{
    (void)state;
    struct safetensors *st;
    for (size_t len = 0; len < 10; len++) {
        put_file("\2\0\0\0\0\0\0\0{}", len);
        assert_int_equal(safetensors_open(path, &st), -EBADMSG);
    }
    put_file("\2\0\0\0\0\0\0\0{}", 10);
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_n(st), 0);
    assert_null(safetensors_find(st, "a"));
    safetensors_close(st);
    put_file("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    assert_int_equal(safetensors_open(path, &st), -EBADMSG);
    assert_int_equal(safetensors_open(folder, &st), -EBADMSG);
    unlink(path);
    assert_int_equal(safetensors_open(path, &st), -ENOENT);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
    assert_int_equal(safetensors_open(path, &st), -EBADMSG);
    unlink(path);
}

/* Every byte of a good file's head, turned into each of a few others, and the file cut anywhere:
 * it opens or is refused, and what opens can be read to its end. */
static void test_every_byte_damaged(void **state)
{
    (void)state;
    write_sample();
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    unsigned char good[4096], bad[4096];
    size_t n = fread(good, 1, sizeof good, f);
    fclose(f);
    static const unsigned char into[] = {0, ' ', '"', '0', '9', ',', ']', '}', 0x80, 0xff};
    unsigned sum = 0, refused = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= ARRAY_LEN(into); k++) {
            memcpy(bad, good, n);
            if (k < ARRAY_LEN(into))
                bad[i] = into[k];
            put_file(bad, k < ARRAY_LEN(into) ? n : i); /* the last turn cuts instead */
            struct safetensors *st;
            int rc = safetensors_open(path, &st);
            if (rc < 0) {
                refused++;
                assert_int_equal(rc, -EBADMSG);
                continue;
            }
            for (size_t t = 0; t < safetensors_n(st); t++)
                for (size_t b = 0; b < safetensors_at(st, t)->bytes; b++)
                    sum += ((const unsigned char *)safetensors_at(st, t)->data)[b];
            safetensors_close(st);
        }
    assert_true(sum > 0 && refused > n);
}

/* Sealed, the data's CRC-32C is told; it does not depend on the order of adding. Data that is not
 * what was sealed is refused, an unsealed file is not. */
static void test_seal(void **state)
{
    (void)state;
    static const float a[] = {1, 2, 3}, b[] = {4};
    static const int64_t three[] = {3}, one[] = {1};
    char seal[2][16];
    for (int order = 0; order < 2; order++) {
        struct safetensors_out *out;
        struct safetensors *st;
        assert_int_equal(safetensors_out_new(&out), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(i == order ? safetensors_add(out, "a", ST_F32, 1, three, a)
                                        : safetensors_add(out, "b", ST_F32, 1, one, b),
                             0);
        assert_int_equal(safetensors_seal(out), 0);
        assert_int_equal(safetensors_write(out, path), 0);
        safetensors_out_free(out);
        assert_int_equal(safetensors_open(path, &st), 0);
        assert_int_equal(safetensors_check_seal(st), 0);
        snprintf(seal[order], sizeof seal[0], "%s", safetensors_get_meta(st, "crc32c"));
        safetensors_close(st);
    }
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%08x",
             crc32c_table(crc32c_table(0, a, sizeof a), b, sizeof b));
    assert_string_equal(seal[0], wanted);
    assert_string_equal(seal[1], wanted);
    struct safetensors_out *out;
    struct safetensors *st;
    assert_int_equal(safetensors_out_new(&out), 0);
    assert_int_equal(safetensors_add(out, "a", ST_F32, 1, three, a), 0);
    assert_int_equal(safetensors_meta(out, "crc32c", wanted), 0);
    assert_int_equal(safetensors_write(out, path), 0);
    safetensors_out_free(out);
    assert_int_equal(safetensors_open(path, &st), 0);
    assert_int_equal(safetensors_check_seal(st), -EBADMSG);
    assert_non_null(strstr(err_text(), wanted));
    safetensors_close(st);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_every_byte_damaged),
        cmocka_unit_test(test_seal),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
