/* SPDX-License-Identifier: Apache-2.0 */
/* record: what is written is read again, what a verb writes is understood, and damage is no result.
 */
#include "test.h"

#include "tools/evaluate/report/record.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/augstream-record-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void put(const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void test_comes_back(void **state)
{
    (void)state;
    struct record *r = calloc(2, sizeof *r);
    assert_non_null(r);
    *r = (struct record){.state = RECORD_DONE, .seconds = 1.5};
    snprintf(r->digest, sizeof r->digest, "%032d", 7);
    assert_int_equal(scores_add(&r->scores, "top_1", 100.0 / 3, 0.25, "%"), 0);
    assert_int_equal(scores_add(&r->scores, "error", 1e-300, NAN, ""), 0);
    assert_int_equal(scores_note(&r->scores, "set", "a \"b\" \\ <c>"), 0);
    assert_int_equal(scores_note(&r->scores, "path", "caf\xe9"), 0); /* no UTF-8 */
    assert_int_equal(record_write(r, path), 0);
    assert_int_equal(record_read(path, r + 1), 0);
    assert_int_equal(r[1].state, RECORD_DONE);
    assert_string_equal(r[1].digest, r->digest);
    assert_true(r[1].seconds == 1.5);
    assert_int_equal(r[1].scores.n, 2);
    assert_string_equal(r[1].scores.v[0].name, "top_1");
    assert_string_equal(r[1].scores.v[0].unit, "%");
    assert_true(r[1].scores.v[0].value == 100.0 / 3 && r[1].scores.v[0].plus_minus == 0.25);
    assert_true(r[1].scores.v[1].value == 1e-300 && isnan(r[1].scores.v[1].plus_minus));
    assert_int_equal(r[1].scores.n_notes, 2);
    assert_string_equal(r[1].scores.note[0].text, "a \"b\" \\ <c>");
    assert_string_equal(r[1].scores.note[1].text, "caf?");
    *r = (struct record){.state = RECORD_FAILED, .error = "x.png: \"no\" image \xff"};
    assert_int_equal(record_write(r, path), 0);
    assert_int_equal(record_read(path, r + 1), 0);
    assert_int_equal(r[1].state, RECORD_FAILED);
    assert_string_equal(r[1].error, "x.png: \"no\" image ?");
    free(r);
}

static void test_of_a_verb(void **state)
{
    (void)state;
    struct scores s = {0}, *read = calloc(1, sizeof *read);
    assert_non_null(read);
    assert_int_equal(scores_add(&s, "knn_1", 12.5, NAN, "%"), 0);
    assert_int_equal(scores_note(&s, "metric", "top-1"), 0);
    assert_int_equal(scores_tell(&s, "knn", path), 0);
    assert_int_equal(record_scores(path, read), 0);
    assert_int_equal(read->n, 1);
    assert_true(read->v[0].value == 12.5);
    assert_string_equal(read->note[0].text, "top-1");
    free(read);
}

#define HEAD "{\"digest\": \"d\", \"state\": \"done\", \"error\": \"\", \"seconds\": 1, "
#define SCORE(value, around, name, unit)                                                           \
    "{\"scores\": [{\"name\": " name ", \"value\": " value ", \"plus_minus\": " around             \
    ", \"unit\": " unit "}]}"
#define LONG "\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\""

static void test_damage(void **state)
{
    (void)state;
    static const char *const records[] = {
        "",
        "[]",
        "null",
        "{}",
        "{",
        HEAD "\"scores\": 7}",
        HEAD "\"scores\": [7]}",
        "{\"digest\": \"d\", \"state\": \"fine\", \"error\": \"\", \"scores\": []}",
        "{\"digest\": \"d\", \"state\": \"missing\", \"error\": \"\", \"scores\": []}",
        "{\"digest\": 1, \"state\": \"done\", \"error\": \"\", \"scores\": []}",
        "{\"digest\": \"0123456789012345678901234567890123\", \"state\": \"done\", \"error\": "
        "\"\", "
        "\"scores\": []}",
        HEAD "\"scores\": [], \"notes\": {\"a\": 1}}",
    };
    static const char *const scores[] = {
        SCORE("\"1\"", "null", "\"a\"", "\"\""),
        SCORE("1", "\"2\"", "\"a\"", "\"\""),
        SCORE("1", "null", "\"\"", "\"\""),
        SCORE("1", "null", LONG, "\"\""),
        SCORE("1", "null", "\"a\"", LONG),
        SCORE("1", "null", "\"a\"", "7"),
        SCORE("1e999", "null", "\"a\"", "\"\""),
        SCORE("NaN", "null", "\"a\"", "\"\""),
        "{\"scores\": []}",
    };
    struct record *r = calloc(1, sizeof *r);
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        put(records[i]);
        if (record_read(path, r) != -EBADMSG || r->state != RECORD_MISSING)
            fail_msg("'%s' is a record", records[i]);
        assert_non_null(strstr(err_text(), path));
    }
    for (size_t i = 0; i < ARRAY_LEN(scores); i++) {
        put(scores[i]);
        if (record_scores(path, &r->scores) != -EBADMSG)
            fail_msg("'%s' has scores", scores[i]);
    }
    put(SCORE("1", "null", "\"a\"", "\"\""));
    assert_int_equal(record_scores(path, &r->scores), 0);
    assert_int_equal(record_read("/nowhere/at/all.json", r), -ENOENT);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_of_a_verb),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
