/* SPDX-License-Identifier: Apache-2.0 */
/* line: the same events in each format: none of them loses a gap, a restart or a substitution; a
 * row of CSV has its columns, whatever it is of; a table keeps within its width and comes back into
 * it. */
#include "test.h"

#include "tools/inspect/feed/line.h"
#include "wire_samples.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VIEWS = SAMPLE_VIEWS * SAMPLE_BATCH, FIELDS_MAX = 80 };

static struct samples samples;

/* What a line tells of a gap of 3, a restart, one with 1 missing, and the sample batch. The caller
 * frees it. */
static char *told(enum line_format format, const struct filter *filter, uint64_t most,
                  uint32_t repeat)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    struct line line = {.format = format, .out = out, .repeat = repeat};
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    line_missing(&line, &(struct feed_event){.kind = FEED_GAP, .gap = 3});
    line_missing(&line, &(struct feed_event){.kind = FEED_RESTART});
    line_missing(&line, &(struct feed_event){.kind = FEED_RESTART, .gap = 1});
    const uint64_t n = line_batch(&line, tap, filter, most);
    assert_true(n <= most);
    assert_int_equal(fclose(out), 0);
    return text;
}

static const struct filter all;

static struct filter filter_of(int key, const char *arg)
{
    struct filter filter = {0};
    assert_int_equal(filter_option(&filter, key, arg), 1);
    return filter;
}

static void test_jsonl(void **state)
{
    (void)state;
    static char want[1 << 16];
    char *at = want;
    at += snprintf(at, sizeof want,
                   "{\"gap\":{\"batches\":3}}\n{\"restart\":{\"batches\":0}}\n"
                   "{\"restart\":{\"batches\":1}}\n"
                   "{\"substituted\":{\"epoch\":7,\"batch\":4294967295,\"position\":1,\"bad\":70,"
                   "\"reason\":\"truncated\",\"sample\":101}}\n"
                   "{\"substituted\":{\"epoch\":7,\"batch\":4294967295,\"position\":4,"
                   "\"bad\":4000000000,\"reason\":\"deadline\",\"sample\":104}}\n");
    auto_free char *said = told(LINE_JSONL, &all, 7, 0);
    for (uint32_t i = 0; i < 7; i++) {
        const uint32_t view = i / SAMPLE_BATCH;
        const struct omega_place place = {7, UINT32_MAX, view, view ? 8 : 16,
                                          samples.labels[i % SAMPLE_BATCH]};
        at += omega_json(&samples.omega[i], &place, at, 1024);
        *at++ = '\n';
    }
    assert_string_equal(said, want);
}

/* The fields of each line; none of ours has a comma in it but the data set's. */
static size_t split(char *line, char *fields[FIELDS_MAX])
{
    size_t n = 0;
    for (char *at = line; at; n++) {
        assert_true(n < FIELDS_MAX);
        fields[n] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = 0;
    }
    return n;
}

static const char *field(char *const names[], char *const values[], size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return values[i];
    fail_msg("no column %s", name);
    return NULL;
}

static void test_csv(void **state)
{
    (void)state;
    auto_free char *said = told(LINE_CSV, &all, UINT64_MAX, 0);
    char *names[FIELDS_MAX], *values[FIELDS_MAX], *rest = said;
    char *line = strsep(&rest, "\n");
    line[strlen(line) - 1] = 0;
    const size_t n = split(line, names);
    assert_int_equal(n, 5 + params_n + 4);
    static const char *const events[] = {"gap", "restart", "restart", "substituted", "substituted"};
    for (uint32_t row = 0; row < ARRAY_LEN(events) + VIEWS; row++) {
        line = strsep(&rest, "\n");
        assert_non_null(line);
        assert_int_equal(line[strlen(line) - 1], '\r');
        line[strlen(line) - 1] = 0;
        assert_int_equal(split(line, values), n);
        const bool is_view = row >= ARRAY_LEN(events);
        assert_string_equal(values[0], is_view ? "view" : events[row]);
        if (!is_view)
            continue;
        struct param_view view;
        param_view_at(&samples.message, row - (uint32_t)ARRAY_LEN(events), &view);
        for (size_t p = 0; p < params_n; p++) {
            const char *text = field(names, values, n, params[p].name);
            if (!param_applied(&params[p], &view))
                assert_string_equal(text, "");
            else if (params[p].kind == PARAM_REAL)
                assert_true(strtof(text, NULL) == params[p].get(&view));
            else
                assert_true(strtod(text, NULL) == params[p].get(&view));
        }
        assert_string_equal(field(names, values, n, "sequence"), "12");
        assert_string_equal(field(names, values, n, "dataset"), "flowers");
        assert_int_equal(strlen(field(names, values, n, "session")), 32);
    }
    assert_string_equal(rest, "");
}

static void test_csv_of_events(void **state)
{
    (void)state;
    const struct filter none = filter_of('W', "size=1"); /* nor of substitutions then */
    auto_free char *said = told(LINE_CSV, &none, UINT64_MAX, 0);
    char commas[64] = {0};
    memset(commas, ',', params_n + 4);
    char want[256];
    snprintf(want, sizeof want, "reason\r\ngap%s,3,,,\r\nrestart%s,0,,,\r\nrestart%s,1,,,\r\n",
             commas, commas, commas);
    assert_string_equal(strstr(said, "reason\r\n"), want);

    const struct filter one = filter_of('I', "70"); /* the bad one: who stands in for it is told */
    auto_free char *bad = told(LINE_CSV, &one, UINT64_MAX, 0);
    assert_non_null(strstr(bad, "substituted,12,"));
    assert_non_null(strstr(bad, ",1,70,truncated\r\n"));
    assert_null(strstr(bad, "deadline"));
    assert_null(strstr(bad, "\nview"));
}

static void test_csv_quotes(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct line line = {.format = LINE_CSV, .out = out};
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    snprintf(tap->tap.dataset, sizeof tap->tap.dataset, "roses, \"red\"");
    tap->tap.at_us = 0;
    line_batch(&line, tap, &all, 1);
    fclose(out);
    assert_non_null(strstr(text, "\nview,12,,\"roses, \"\"red\"\"\","));
    free(text);
}

static void test_table(void **state)
{
    (void)state;
    const struct filter second = filter_of('V', "1");
    auto_free char *said = told(LINE_TABLE, &second, 2, 0);
    const uint8_t *name = samples.message.tap.batch.session;
    char want[1024];
    snprintf(
        want, sizeof want,
        "-- gap: 3 batches are missing\n"
        "-- restart: the loader was started anew\n"
        "-- restart: the loader was started anew; 1 batch is missing\n"
        "-- flowers, session %02x%02x%02x%02x%02x%02x: 2 views of 5 samples\n"
        "epoch batch  sample  v label    source              crop  area fg  bri  con  sat   hue "
        "blur  sol rot\n"
        "                                wxh px   wxh+left+top px     %%       x    x    x  turn   "
        "px      deg\n"
        "-- position 1 of epoch 7 batch 4294967295: sample 101 in place of 70, which is bad: "
        "truncated\n"
        "-- position 4 of epoch 7 batch 4294967295: sample 104 in place of 4000000000, which is "
        "bad: deadline\n"
        "    7 4294967295 100 1     - 600x65535   101x535+1+65000   0.1 -- 0.80 0.00 1.00 -0.10 "
        "1.14 0.50   0\n"
        "    7 4294967295 101 1     0 601x65535   102x535+1+65000   0.1 f- 0.80 0.00 1.00 -0.00 "
        "1.14 0.50  90\n",
        name[0], name[1], name[2], name[3], name[4], name[5]);
    assert_string_equal(said, want);
}

/* A name from the wire steers no terminal. */
static void test_table_plain(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct line line = {.format = LINE_TABLE, .out = out};
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    snprintf(tap->tap.dataset, sizeof tap->tap.dataset,
             "flo\xc2\x9b"
             "2Jwers");
    line_batch(&line, tap, &all, 1);
    fclose(out);
    assert_int_equal(strncmp(text, "-- flo?2Jwers, session ", 23), 0);
    assert_null(strstr(text, "\xc2\x9b"));
    free(text);
}

/* The width holds as long as the numbers are such as occur; the head comes again. */
static void test_table_width(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    struct line line = {.format = LINE_TABLE, .out = out, .repeat = 4};
    struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    tap->tap.batch.epoch = 99999;
    tap->tap.batch.index = 99999;
    for (uint32_t i = 0; i < VIEWS; i++) {
        struct omega *o = &samples.omega[i];
        *o = (struct omega){.sample = 9999999, .source_w = 9999, .source_h = 9999};
        o->crop_width = o->crop_height = 9999;
        o->jitter.applied = o->blur.applied = o->solarize.applied = o->flip = o->grayscale = true;
        o->jitter.brightness = o->jitter.contrast = o->jitter.saturation = 1.5f;
        o->jitter.hue = -0.5f;
        o->blur.sigma = 9.99f;
        o->rotation = 3;
        samples.labels[i % SAMPLE_BATCH] = 99999;
    }
    tap->tap.batch.n_substituted = 0;
    line_batch(&line, tap, &all, UINT64_MAX);
    line_batch(&line, tap, &all, UINT64_MAX);
    fclose(out);
    size_t heads = 0, rows = 0, sessions = 0;
    for (char *rest = text, *row; (row = strsep(&rest, "\n")) && *row;) {
        assert_true(strlen(row) <= 100);
        heads += strncmp(row, "epoch", 5) == 0;
        sessions += strncmp(row, "-- ", 3) == 0;
        rows += strncmp(row, "99999 99999 9999999  ", 21) == 0 && strlen(row) == 100;
    }
    assert_int_equal(rows, 2 * VIEWS);
    assert_int_equal(heads, 2 * VIEWS / 4);
    assert_int_equal(sessions, 1); /* it stays the same */
    free(text);
}

static void test_most(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    const struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    const struct filter odd = filter_of('W', "flip=1"); /* two of each five */
    for (enum line_format f = 0; f < LINE_FORMATS; f++) {
        struct line line = {.format = f, .out = out};
        assert_int_equal(line_batch(&line, tap, &odd, UINT64_MAX), 4);
        assert_int_equal(line_batch(&line, tap, &odd, 3), 3);
        assert_int_equal(line_batch(&line, tap, &all, VIEWS), VIEWS);
    }
    fclose(out);
    free(text);
}

static void test_names(void **state)
{
    (void)state;
    enum line_format format = LINE_FORMATS;
    assert_int_equal(line_format_parse("table", &format), 0);
    assert_int_equal(format, LINE_TABLE);
    assert_int_equal(line_format_parse("csv", &format), 0);
    assert_int_equal(format, LINE_CSV);
    assert_int_equal(line_format_parse("jsonl", &format), 0);
    assert_int_equal(format, LINE_JSONL);
    assert_int_equal(line_format_parse("json", &format), -EINVAL);
    assert_non_null(strstr(err_text(), "--format json: jsonl, csv and table"));
}

/* A reader who goes away is told apart from a disk that is full. */
static void test_flush(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    const struct wire_message *tap = sample_message(&samples, WIRE_TAP);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct line line = {.format = LINE_CSV, .out = fdopen(ends[1], "w")};
    assert_int_equal(line_flush(&line), 0);
    char head[6] = {0};
    assert_int_equal(read(ends[0], head, 5), 5); /* with nothing behind it yet */
    assert_string_equal(head, "event");
    close(ends[0]);
    assert_int_equal(line_flush(&line), 1); /* seen without a word to say */
    for (int i = 0; i < 100; i++)           /* more than any buffer holds */
        line_batch(&line, tap, &all, UINT64_MAX);
    assert_int_equal(line_flush(&line), 1);
    assert_int_equal(fclose(line.out), 0); /* nothing is left that could fail */

    struct line full = {.format = LINE_JSONL, .out = fopen("/dev/full", "w")};
    line_batch(&full, tap, &all, 1);
    assert_int_equal(line_flush(&full), -EIO);
    assert_non_null(strstr(err_text(), "standard output"));
    fclose(full.out);
}

/* On a terminal there is a head in sight, if there is room for one. */
static void test_repeat(void **state)
{
    (void)state;
    static const struct {
        unsigned short rows;
        uint32_t repeat;
    } cases[] = {{24, 20}, {60, 56}, {8, 0}, {9, 5}, {0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct winsize size = {.ws_row = cases[i].rows, .ws_col = 100};
        int ours, theirs;
        assert_int_equal(openpty(&ours, &theirs, NULL, NULL, &size), 0);
        FILE *out = fdopen(theirs, "w");
        assert_int_equal(line_repeat(out), cases[i].repeat);
        fclose(out);
        close(ours);
    }
    FILE *out = tmpfile();
    assert_int_equal(line_repeat(out), 0);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jsonl),         cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_of_events), cmocka_unit_test(test_csv_quotes),
        cmocka_unit_test(test_table),         cmocka_unit_test(test_table_plain),
        cmocka_unit_test(test_table_width),   cmocka_unit_test(test_most),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_flush),
        cmocka_unit_test(test_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
