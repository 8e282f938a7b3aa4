/* SPDX-License-Identifier: Apache-2.0 */
/* csv: RFC 4180's rules one by one, and every breach told with its line. */
#include "test.h"

#include "loaderd/source/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct csv csv;

/* All records of a text as one string: fields joined by '|', records by ';' with their line first.
 * At an error, its message. */
static const char *told(const char *text, size_t len)
{
    static char out[1024];
    FILE *in = fmemopen((void *)text, len, "r");
    assert_non_null(in);
    setvbuf(in, NULL, _IONBF, 0); /* nothing is read ahead of what is asked for */
    csv_begin(&csv, in, "f.csv");
    size_t at = 0;
    int r;
    out[0] = 0;
    while ((r = csv_next(&csv)) == 1) {
        at += (size_t)snprintf(out + at, sizeof out - at, "%llu:", (unsigned long long)csv.line);
        for (size_t i = 0; i < csv.n; i++)
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s", i ? "|" : "", csv.field[i]);
        at += (size_t)snprintf(out + at, sizeof out - at, ";");
    }
    fclose(in);
    if (r < 0)
        snprintf(out, sizeof out, "%d %s", r, err_text());
    return out;
}

static void test_records(void **state)
{
    (void)state;
    static const struct {
        const char *text, *records;
    } rows[] = {
        {"a,b\n1,2\n", "1:a|b;2:1|2;"},
        {"a,b\r\n1,2\r\n", "1:a|b;2:1|2;"},
        {"a,b\n1,2", "1:a|b;2:1|2;"},
        {"a", "1:a;"},
        {",", "1:|;"},
        {",\n,", "1:|;2:|;"},
        {"a,", "1:a|;"},
        {"\n\n\r\na\n\nb\n\n", "4:a;6:b;"},
        {"\n", ""},
        {"\xef\xbb\xbfpath,label\n", "1:path|label;"},
        {"\xef\xbb\xbf\n\nx", "3:x;"},
        {"\xef\xbb\xbf", ""},
        {"x\xef\xbb\xbf", "1:x\xef\xbb\xbf;"},
        /* what begins as a mark does and is none: a letter of another script, a stray byte */
        {"\xef\xbd\x90,path\n", "1:\xef\xbd\x90|path;"},
        {"\xef\xbb", "1:\xef\xbb;"},
        {"\xef\n", "1:\xef;"},
        {"\xef\xbb\xbf\xef\xbb\xbfx", "1:\xef\xbb\xbfx;"},
        {"\xef\xbb\xbf\"a\"\n", "1:a;"},
        {"\"a,b\",\"c\"\"d\"\n", "1:a,b|c\"d;"},
        {"\"\",\"\"\"\"\n", "1:|\";"},
        {"\"\"\n", "1:;"},
        {"\"two\nlines\",x\nnext", "1:two\nlines|x;3:next;"},
        {"\"two\r\nlines\"\r\nnext", "1:two\nlines;3:next;"},
        {"\"last\"", "1:last;"},
        {" a , b \n", "1: a | b ;"},
        {"#path\n", "1:#path;"},
        {"\xc3\xa9t\xc3\xa9,\xff\n", "1:\xc3\xa9t\xc3\xa9|\xff;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(told(rows[i].text, strlen(rows[i].text)), rows[i].records);
}

static void test_breaches(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *message;
    } rows[] = {
        {"a\nb\"c\n", 6, "f.csv:2: a quote within"},
        {"a,b\"\n", 5, "f.csv:1: a quote within"},
        {"\n\"a\"b\n", 6, "f.csv:2: more behind"},
        {"\"a\" ,b\n", 7, "f.csv:1: more behind"},
        {"a\n\"b\nc", 6, "f.csv:2: a quote that is never closed"},
        {"\"", 1, "f.csv:1: a quote that is never closed"},
        {"a\rb\n", 4, "f.csv:1: a carriage return"},
        {"a\n\r", 3, "f.csv:2: a carriage return"},
        {"\"a\rb\"", 5, "f.csv:1: a carriage return"},
        {"a\nb\0c\n", 6, "f.csv:2: a NUL byte"},
        {"\0", 1, "f.csv:1: a NUL byte"},
        {"\"\0\"", 3, "f.csv:1: a NUL byte"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char start[16];
        snprintf(start, sizeof start, "%d ", -EBADMSG);
        const char *text = told(rows[i].text, rows[i].len);
        assert_memory_equal(text, start, strlen(start));
        assert_non_null(strstr(text, rows[i].message));
    }
}

/* The first record of a text, left in csv. */
static int first(const char *text, size_t len)
{
    FILE *in = fmemopen((void *)text, len, "r");
    assert_non_null(in);
    csv_begin(&csv, in, "f.csv");
    int r = csv_next(&csv);
    fclose(in);
    return r;
}

/* As many fields and bytes as there may be, and one more. */
static void test_bounds(void **state)
{
    (void)state;
    enum { CAP = CSV_RECORD_MAX + 8 };
    auto_free char *text = malloc(CAP);
    assert_non_null(text);
    memset(text, ',', CSV_FIELDS_MAX);
    assert_int_equal(first(text, CSV_FIELDS_MAX - 1), 1);
    assert_int_equal(csv.n, CSV_FIELDS_MAX);
    assert_int_equal(first(text, CSV_FIELDS_MAX), -E2BIG);
    assert_non_null(strstr(err_text(), "f.csv:1: more than 256 fields"));

    memset(text, 'x', CAP);
    assert_int_equal(first(text, CSV_RECORD_MAX - 1), 1);
    assert_int_equal(strlen(csv.field[0]), CSV_RECORD_MAX - 1);
    assert_int_equal(first(text, CSV_RECORD_MAX), -E2BIG);
    assert_non_null(strstr(err_text(), "f.csv:1: a record of more than 65536"));
    text[0] = '"';
    assert_int_equal(first(text, CAP), -E2BIG);
    assert_non_null(strstr(err_text(), "f.csv:1: a record of more than 65536"));
}

static void test_unreadable(void **state)
{
    (void)state;
    FILE *in = fopen("/", "r"); /* reading a folder fails */
    assert_non_null(in);
    csv_begin(&csv, in, "folder");
    assert_int_equal(csv_next(&csv), -EISDIR);
    assert_non_null(strstr(err_text(), "folder: "));
    fclose(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
