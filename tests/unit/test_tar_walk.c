/* SPDX-License-Identifier: Apache-2.0 */
/* tar_walk: entries of each form of tar come with the place of their bytes; numbers at their
 * bounds; archives that are cut anywhere, altered, compressed or sparse are refused with file and
 * offset. */
#include "tar_make.h"
#include "test.h"

#include "common/err.h"
#include "loaderd/source/tar_walk.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct tar_make tar;
static struct tar_walk walk;
static int fd = -1;

static void begin(void)
{
    if (fd >= 0)
        close(fd);
    fd = memfd_create("tar", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, tar.bytes, tar.len), tar.len);
    tar_begin(&walk, fd, "a.tar", tar.len);
}

static void next_is(enum tar_kind kind, const char *name, uint64_t offset, uint64_t size)
{
    struct tar_entry e;
    const int r = tar_next(&walk, &e);
    if (r != 1)
        fail_msg("%s: %d %s", name, r, r < 0 ? err_text() : "");
    assert_string_equal(e.name, name);
    assert_int_equal(e.kind, kind);
    assert_int_equal(e.offset, offset);
    assert_int_equal(e.size, size);
}

static void ends(void)
{
    struct tar_entry e;
    const int r = tar_next(&walk, &e);
    if (r != 0)
        fail_msg("%d %s", r, r < 0 ? err_text() : "an entry");
}

/* Walks to the end: the error, whose message must name the offset and say what. */
static void refused(int code, size_t at, const char *what)
{
    begin();
    struct tar_entry e;
    int r;
    while ((r = tar_next(&walk, &e)) > 0)
        continue;
    char place[64];
    snprintf(place, sizeof place, "a.tar: offset %zu: ", at);
    if (r != code || strncmp(err_text(), place, strlen(place)) != 0 || !strstr(err_text(), what))
        fail_msg("%d '%s', not %d '%s' '%s'", r, err_text(), code, place, what);
}

static void test_forms(void **state)
{
    (void)state;
    char hundred[101], long_name[301], prefix[156];
    memset(hundred, 'n', 100);
    hundred[100] = 0;
    memset(long_name, 'l', 300);
    long_name[300] = 0;
    memset(prefix, 'p', 155);
    prefix[155] = 0;
    tar.len = 0;
    tar_make_text(&tar, "a.txt", "hello");
    tar_make_add(&tar, 0, "old", "x", 1);
    tar_make_add(&tar, 0, "oldfolder/", "", 0);
    tar_make_add(&tar, '5', "folder", "", 0);
    tar_make_add(&tar, '2', "link", "", 0);
    tar_make_text(&tar, hundred, "");
    const size_t with_prefix = tar_make_add(&tar, '0', "n", "12", 2);
    memcpy(tar.bytes + with_prefix + 345, prefix, 155);
    tar_make_sign(tar.bytes + with_prefix);
    tar_make_add(&tar, 'L', "././@LongLink", long_name, 301);
    tar_make_text(&tar, "cut", "gnu");
    tar_make_add(&tar, 'K', "././@LongLink", long_name, 301);
    tar_make_text(&tar, "after a link's name", "");
    tar_make_pax(&tar, 'g', "comment", "nothing");
    tar_make_pax(&tar, 'x', "path", "from/pax");
    tar_make_text(&tar, "cut", "pax");
    const size_t sized = tar.len;
    tar_make_pax(&tar, 'x', "size", "4");
    const size_t zero = tar_make_add(&tar, '0', "size.from.pax", "1234", 4);
    memset(tar.bytes + zero + 124, '0', 11);
    tar_make_sign(tar.bytes + zero);
    const size_t binary = tar_make_add(&tar, '0', "binary", "12345", 5);
    memset(tar.bytes + binary + 124, 0, 12);
    tar.bytes[binary + 124] = 0x80;
    tar.bytes[binary + 135] = 5;
    tar_make_sign(tar.bytes + binary);
    tar_make_end(&tar);
    begin();
    next_is(TAR_FILE, "a.txt", 512, 5);
    char text[6] = "";
    assert_int_equal(tar_read(&walk, 512, text, 5), 0);
    assert_string_equal(text, "hello");
    next_is(TAR_FILE, "old", 1536, 1);
    next_is(TAR_FOLDER, "oldfolder/", 2560, 0);
    next_is(TAR_FOLDER, "folder", 3072, 0);
    next_is(TAR_LINK, "link", 3584, 0);
    next_is(TAR_FILE, hundred, 4096, 0);
    char joined[300];
    snprintf(joined, sizeof joined, "%s/n", prefix);
    next_is(TAR_FILE, joined, with_prefix + 512, 2);
    next_is(TAR_FILE, long_name, with_prefix + 2560, 3);
    next_is(TAR_FILE, "after a link's name", with_prefix + 4608, 0);
    next_is(TAR_FILE, "from/pax", sized - 512, 3);
    next_is(TAR_FILE, "size.from.pax", zero + 512, 4);
    next_is(TAR_FILE, "binary", binary + 512, 5);
    ends();
    ends();
}

/* A window's worth and more, so that reading in and across windows both happen. */
static void test_many(void **state)
{
    (void)state;
    static uint8_t bytes[20000];
    tar.len = 0;
    for (size_t i = 0; i < 60; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        memset(bytes, (int)i + 1, sizeof bytes);
        tar_make_add(&tar, '0', name, bytes, i * i * 5);
    }
    tar_make_end(&tar);
    begin();
    uint64_t at = 0;
    for (size_t i = 0; i < 60; i++) {
        char name[16];
        uint8_t all[20000];
        snprintf(name, sizeof name, "%zu", i);
        next_is(TAR_FILE, name, at + 512, i * i * 5);
        assert_int_equal(tar_read(&walk, at + 512, all, i * i * 5), 0);
        for (size_t b = 0; b < i * i * 5; b++)
            assert_int_equal(all[b], i + 1);
        at += 512 + (i * i * 5 + 511) / 512 * 512;
    }
    ends();
    assert_int_equal(tar_read(&walk, tar.len - 1, bytes, 2), -EBADMSG);
    assert_int_equal(tar_read(&walk, UINT64_MAX, bytes, 2), -EBADMSG);
}

static void test_truncated(void **state)
{
    (void)state;
    tar.len = 0;
    tar_make_text(&tar, "a", "one");
    tar_make_pax(&tar, 'x', "path", "b");
    tar_make_text(&tar, "cut", "two");
    const size_t end = tar.len;
    tar_make_end(&tar);
    const size_t whole = tar.len;
    for (size_t n = 0; n < end + 512; n++) {
        struct tar_entry e;
        int r;
        tar.len = n;
        begin();
        while ((r = tar_next(&walk, &e)) > 0)
            assert_true(e.offset + e.size <= n);
        assert_int_equal(r, -EBADMSG);
        assert_non_null(strstr(err_text(), "truncated"));
    }
    for (tar.len = end + 512; tar.len <= whole; tar.len++) { /* one block of the end is enough */
        begin();
        next_is(TAR_FILE, "a", 512, 3);
        next_is(TAR_FILE, "b", 2560, 3);
        ends();
    }
    tar.len = whole;
    memset(tar.bytes + whole, 0, 9000); /* as tapes have it */
    tar.len += 9000;
    begin();
    next_is(TAR_FILE, "a", 512, 3);
    next_is(TAR_FILE, "b", 2560, 3);
    ends();
    tar.len = whole;
    tar_make_text(&tar, "c", "put on with cat");
    tar_make_end(&tar);
    refused(-EBADMSG, whole, "bytes behind the archive's end");
}

static void one_is_refused(int code, const char *what, char type, const char *name,
                           const char *text)
{
    tar.len = 0;
    tar_make_text(&tar, "first", "1");
    const size_t at = tar_make_add(&tar, type, name, text, strlen(text));
    tar_make_text(&tar, "last", "3");
    tar_make_end(&tar);
    refused(code, at, what);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const pax[] = {
        "x",           "0 path=a\n",   "9 path=ab\n", "7 path=a\n",      "9 pathab\n", "8 path=\n",
        "99 path=a\n", "9  path=a\n",  "9\n",         "9 size=x\n",      "8 size=\n",  "9 path=a ",
        "-9 path=a\n", "9 path=a\n 9", "1\n",         "9999999999 a=b\n"};
    for (size_t i = 0; i < ARRAY_LEN(pax); i++)
        one_is_refused(-EBADMSG, "", 'x', "p", pax[i]);
    one_is_refused(-EBADMSG, "no number", 'x', "p", "28 size=9223372036854775808\n");
    one_is_refused(-EOPNOTSUPP, "sparse", 'x', "p", "22 GNU.sparse.major=1\n");
    one_is_refused(-EOPNOTSUPP, "for all entries", 'g', "p", "9 path=a\n");
    one_is_refused(-EOPNOTSUPP, "for all entries", 'g', "p", "9 size=1\n");
    one_is_refused(-EBADMSG, "a name that is empty", 'L', "p", "");
    one_is_refused(-EOPNOTSUPP, "sparse", 'S', "s", "x");
    one_is_refused(-EOPNOTSUPP, "another volume", 'M', "s", "x");
    one_is_refused(-EOPNOTSUPP, "of a kind", 'Q', "s", "x");

    /* Sizes that a file cannot have. */
    static const uint8_t sizes[][12] = {"77777777777",
                                        "0000000001x",
                                        "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                                        "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "-0000000001"};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (int type = 0; type < 4; type++) {
            tar.len = 0;
            tar_make_text(&tar, "first", "1");
            const size_t at = tar_make_add(&tar, "0xLg"[type], "s", "x", 1);
            memcpy(tar.bytes + at + 124, sizes[i], 12);
            tar_make_sign(tar.bytes + at);
            tar_make_end(&tar);
            refused(-EBADMSG, at, "");
        }

    /* Not a tar, or not any more. */
    static const struct {
        const char *bytes, *what;
        size_t len;
        int code;
    } first[] = {{"\x1f\x8b\x08", "gzip", 3, -EOPNOTSUPP},
                 {"BZh9", "bzip2", 4, -EOPNOTSUPP},
                 {"\xfd"
                  "7zXZ",
                  "xz", 5, -EOPNOTSUPP},
                 {"\x28\xb5\x2f\xfd", "zstd", 4, -EOPNOTSUPP},
                 {"PK\3\4", "zip", 4, -EOPNOTSUPP},
                 {"\xff\xd8\xff", "not a tar header", 3, -EBADMSG}};
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        memset(tar.bytes, 0x55, 2048);
        memcpy(tar.bytes, first[i].bytes, first[i].len);
        tar.len = 2048;
        refused(first[i].code, 0, first[i].what);
    }
    for (int b = 0; b < 512; b++) {
        tar.len = 0;
        tar_make_text(&tar, "first", "1");
        tar_make_text(&tar, "second", "2");
        tar_make_end(&tar);
        tar.bytes[1024 + b] ^= 0x11;
        if (b < 148 || b >= 156) /* the sum's own spaces may be others */
            refused(-EBADMSG, 1024, "checksum");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
