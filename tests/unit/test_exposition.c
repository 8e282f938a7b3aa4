/* SPDX-License-Identifier: Apache-2.0 */
/* exposition: the text holds to the format: HELP and TYPE before samples, families whole, names by
 * the rules, histograms cumulative; every number comes from its field; names are escaped; it always
 * fits in EXPOSITION_MAX. tests/flow/metrics.sh watches a real daemon's; tests/flow/promtool.sh has
 * Prometheus' own checker look at it. */
#include "test.h"

#include "common/auto.h"
#include "loaderd/monitor/exposition.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metrics metrics;
static struct exposition figures;
static char text[EXPOSITION_MAX];

static void write_all(void)
{
    const int n = exposition_write(&figures, text, sizeof text);
    assert_int_equal(n, strlen(text));
    assert_int_equal(text[n - 1], '\n');
}

/* The value behind "\nNAME{LABELS} ". */
static double value_of(const char *series)
{
    char line[256];
    snprintf(line, sizeof line, "\n%s ", series);
    const char *at = strstr(text, line);
    if (!at)
        fail_msg("no %s", series);
    assert_null(strstr(at + 1, line)); /* once */
    return strtod(at + strlen(line), NULL);
}

static void test_values(void **state)
{
    (void)state;
    metrics = (struct metrics){.batches = 1,
                               .bytes = UINT64_MAX,
                               .refused = 3,
                               .worker_exits = 10,
                               .worker_overdue = 4,
                               .worker_stuck = 5,
                               .reloads_failed = 6};
    struct metrics_dataset *dataset = metrics_dataset(&metrics, "a\"b\\c\nd");
    dataset->faults[FAULT_TRUNCATED] = 7;
    dataset->size = 8;
    figures = (struct exposition){.metrics = &metrics,
                                  .working = 9,
                                  .workers_down = 11,
                                  .process = {.cpu_s = .125, .start_s = 1.7e9 + .5}};
    metrics_time(&metrics.render, .0001);
    metrics_time(&metrics.render, .0005); /* a bound belongs to its bucket */
    metrics_time(&metrics.render, .3);
    metrics_time(&metrics.render, 100);
    write_all();
    assert_non_null(strstr(text, "augstream_loaderd_sent_bytes_total 18446744073709551615\n"));
    static const struct {
        const char *series;
        double value;
    } expected[] = {
        {"augstream_loaderd_build_info{version=\"" AUGSTREAM_VERSION "\"}", 1},
        {"augstream_loaderd_batches_sent_total", 1},
        {"augstream_loaderd_requests_refused_total", 3},
        {"augstream_loaderd_worker_restarts_total{reason=\"deadline\"}", 4},
        {"augstream_loaderd_worker_restarts_total{reason=\"stuck\"}", 5},
        {"augstream_loaderd_worker_restarts_total{reason=\"exit\"}", 1},
        {"augstream_loaderd_reloads_total{result=\"refused\"}", 6},
        {"augstream_loaderd_bad_samples_total{dataset=\"a\\\"b\\\\c\\nd\",reason=\"truncated\"}",
         7},
        {"augstream_loaderd_dataset_samples{dataset=\"a\\\"b\\\\c\\nd\"}", 8},
        {"augstream_loaderd_requests{stage=\"working\"}", 9},
        {"augstream_loaderd_workers{state=\"down\"}", 11},
        {"process_cpu_seconds_total", .125},
        {"process_start_time_seconds", 1700000000.5},
        {"augstream_loaderd_render_seconds_bucket{le=\"0.0005\"}", 2},
        {"augstream_loaderd_render_seconds_bucket{le=\"0.25\"}", 2},
        {"augstream_loaderd_render_seconds_bucket{le=\"0.5\"}", 3},
        {"augstream_loaderd_render_seconds_bucket{le=\"20\"}", 3},
        {"augstream_loaderd_render_seconds_bucket{le=\"+Inf\"}", 4},
        {"augstream_loaderd_render_seconds_count", 4},
        {"augstream_loaderd_render_seconds_sum", 100.3006},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        if (value_of(expected[i].series) != expected[i].value)
            fail_msg("%s is %.17g", expected[i].series, value_of(expected[i].series));
}

/* Every field of struct metrics that counts is in some row: each is set, and its number looked for.
 */
static void test_none_left_out(void **state)
{
    (void)state;
    memset(&metrics, 0, sizeof metrics);
    figures = (struct exposition){.metrics = &metrics};
    uint64_t *counters = (uint64_t *)&metrics;
    const size_t n = offsetof(struct metrics, turning_away) / sizeof *counters;
    for (size_t i = 0; i < n; i++) {
        /* shown by dataset, or as what is left of others */
        const size_t at = i * sizeof *counters;
        if (at == offsetof(struct metrics, samples) ||
            at == offsetof(struct metrics, substituted) ||
            (at >= offsetof(struct metrics, faults) && at < offsetof(struct metrics, refused)) ||
            at == offsetof(struct metrics, worker_exits) || counters[i])
            continue;
        metrics.worker_exits = UINT64_C(9000000000000000000);
        counters[i] = 1234567;
        write_all();
        if (!strstr(text, " 1234567\n"))
            fail_msg("the %zu. counter of struct metrics is in no row", i);
        counters[i] = 0;
    }
}

static bool ends(const char *name, const char *end)
{
    return strlen(name) > strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}

static void check_name(const char *name, const char *type)
{
    for (const char *c = name; *c; c++)
        assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
    assert_true(strncmp(name, "augstream_loaderd_", 18) == 0 || strncmp(name, "process_", 8) == 0);
    if (ends(name, "_total") != (strcmp(type, "counter") == 0))
        fail_msg("%s is a %s", name, type);
}

static void test_form(void **state)
{
    (void)state;
    metrics = (struct metrics){.batches = 0};
    metrics_dataset(&metrics, "d");
    figures.metrics = &metrics;
    write_all();
    char family[128] = "", seen[8192] = " ";
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
        char name[128] = "", type[32] = "", quoted[130];
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line, "# HELP %127s", family), 1);
            snprintf(quoted, sizeof quoted, " %s ", family);
            assert_null(strstr(seen, quoted)); /* a family is in one place */
            strncat(seen, quoted + 1, sizeof seen - strlen(seen) - 1);
            assert_true(strlen(line) > 8 + strlen(family));
        } else if (line[0] == '#') {
            assert_int_equal(sscanf(line, "# TYPE %127s %31s", name, type), 2);
            assert_string_equal(name, family);
            check_name(name, type);
        } else {
            assert_true(strncmp(line, family, strlen(family)) == 0 && *family);
            const char *space = strrchr(line, ' ');
            char *end;
            strtod(space + 1, &end);
            assert_true(space && end != space + 1 && *end == 0);
        }
    }
}

static void test_bounds(void **state)
{
    (void)state;
    char name[WIRE_NAME_MAX], list[32768];
    memset(&metrics, 0xff, offsetof(struct metrics, turning_away)); /* the longest numbers */
    metrics.n_datasets = 0;
    memset(name, '"', sizeof name); /* and names, each byte as two */
    name[sizeof name - 1] = 0;
    for (int i = 0; i < METRICS_DATASETS_MAX; i++) {
        name[0] = (char)('!' + i);
        struct metrics_dataset *dataset = metrics_dataset(&metrics, name);
        assert_non_null(dataset);
        dataset->size = dataset->samples = dataset->substituted = UINT64_MAX;
        memset(dataset->faults, 0xff, sizeof dataset->faults);
    }
    assert_null(metrics_dataset(&metrics, "one more"));
    write_all();
    print_message("%zu of %d bytes\n", strlen(text), EXPOSITION_MAX);
    for (size_t cap = 1; cap < strlen(text); cap += 997)
        assert_int_equal(exposition_write(&figures, (char[EXPOSITION_MAX]){0}, cap), -ENOSPC);
    assert_true(exposition_list(list, sizeof list) > 0);
    assert_non_null(
        strstr(list, "| `augstream_loaderd_bad_samples_total` | counter | dataset, reason |"));
    assert_int_equal(exposition_list(list, 100), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_none_left_out),
                                       cmocka_unit_test(test_form), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
