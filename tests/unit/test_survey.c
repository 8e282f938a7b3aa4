/* SPDX-License-Identifier: Apache-2.0 */
/* survey: batches as a loader tells them -> counts, sizes, bad images of every fault; what a
 * private loader says of them; table, JSON and list. The epoch itself, with real loaders, is run by
 * tests/flow/dataset.sh. */
#include "test.h"

#include "common/file.h"
#include "tools/inspect/survey/survey.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 8 };
static const uint8_t fingerprint[DIGEST_BYTES] = {0xab, 1};

/* A batch of samples from `first` on, all 40 x 30 and of label 1. */
struct bed {
    struct omega omega[N];
    int64_t labels[N];
    uint32_t boxes[4 * N];
    struct wire_substitution bad[N];
    struct wire_batch batch;
};

static void bed_make(struct bed *b, uint32_t first)
{
    *b = (struct bed){.batch = {.n_samples = N, .n_views = 1}};
    for (uint32_t i = 0; i < N; i++) {
        b->omega[i] = (struct omega){.sample = first + i, .source_w = 40, .source_h = 30};
        b->labels[i] = 1;
    }
    b->batch.omega = b->omega;
    b->batch.labels = b->labels;
    b->batch.substituted = b->bad;
}

static void bed_bad(struct bed *b, uint32_t position, enum wire_fault fault)
{
    b->bad[b->batch.n_substituted++] =
        (struct wire_substitution){position, b->omega[position].sample, fault};
    b->omega[position].sample = 0; /* who stands there counts for nothing */
    b->labels[position] = 0;
    b->omega[position].source_w = 999;
}

static void test_counts(void **state)
{
    (void)state;
    struct survey s = {0};
    struct bed b;
    assert_int_equal(survey_begin(&s, 2 * N, 3, fingerprint), 0);
    bed_make(&b, 0);
    b.labels[0] = -1;
    b.labels[1] = 2;
    b.labels[2] = 3; /* no class */
    b.omega[3].source_w = 10;
    b.omega[4].source_w = 30;
    b.batch.boxes = b.boxes;
    memcpy(b.boxes + 0, (uint32_t[]){0, 0, 40, 30}, 16); /* all of the picture */
    memcpy(b.boxes + 4, (uint32_t[]){1, 0, 40, 30}, 16); /* a pixel too wide */
    memcpy(b.boxes + 8, (uint32_t[]){0, 25, 9, 6}, 16);  /* a pixel too low */
    assert_int_equal(survey_add(&s, &b.batch), 0);
    bed_make(&b, N);
    for (int k = FAULT_NONE + 1; k < FAULT_KINDS; k++)
        bed_bad(&b, (uint32_t)k, (enum wire_fault)k);
    assert_int_equal(survey_add(&s, &b.batch), 0);

    assert_int_equal(s.good, 2 * N - (FAULT_KINDS - 1));
    assert_int_equal(s.unlabelled, 1);
    assert_int_equal(s.strange, 1);
    assert_int_equal(s.of_class[0], 0);
    assert_int_equal(s.of_class[1], s.good - 3);
    assert_int_equal(s.of_class[2], 1);
    assert_int_equal(s.boxed, 3);
    assert_int_equal(s.outside, 2);
    assert_int_equal(s.n_bad, FAULT_KINDS - 1);
    for (int k = 1; k < FAULT_KINDS; k++) {
        assert_int_equal(s.bad[k - 1].sample, N + k);
        assert_int_equal(s.bad[k - 1].fault, k);
    }
    struct survey_size common[4];
    assert_int_equal(survey_commonest(&s, 4, common), 3);
    assert_int_equal(common[0].n, s.good - 2);
    assert_true(common[0].w == 40 && common[0].h == 30);
    assert_true(common[1].w == 10 && common[2].w == 30); /* once each: by size */
    assert_int_equal(survey_commonest(&s, 1, common), 1);
    uint64_t shapes[3];
    survey_shapes(&s, shapes);
    assert_true(shapes[0] == s.good - 2 && shapes[1] == 1 && shapes[2] == 1);
    survey_done(&s);
}

/* Against a sorted list of all, for sizes that fill the table several times over. */
static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_ranges(void **state)
{
    (void)state;
    enum { IMAGES = 4000 };
    static double all[SURVEY_FIGURES][IMAGES];
    struct survey s = {0};
    struct survey_range range[SURVEY_FIGURES];
    assert_int_equal(survey_begin(&s, IMAGES, 0, fingerprint), 0);
    assert_int_equal(survey_ranges(&s, range), 0);
    assert_true(range[SURVEY_WIDTH].max == 0);
    uint32_t dice = 1;
    for (uint32_t i = 0; i < IMAGES; i += N) {
        struct bed b;
        bed_make(&b, i);
        for (uint32_t k = 0; k < N; k++) {
            struct omega *o = &b.omega[k];
            b.labels[k] = -1;
            dice = dice * 1664525 + 1013904223;
            o->source_w = 1 + (dice >> 16) % 50;
            o->source_h = 1 + (dice >> 24) % 90;
            all[SURVEY_WIDTH][i + k] = o->source_w;
            all[SURVEY_HEIGHT][i + k] = o->source_h;
            all[SURVEY_PIXELS][i + k] = o->source_w * o->source_h;
            all[SURVEY_RATIO][i + k] = (double)o->source_w / o->source_h;
        }
        assert_int_equal(survey_add(&s, &b.batch), 0);
    }
    assert_true(s.n_sizes > 1000);
    assert_int_equal(survey_ranges(&s, range), 0);
    for (int k = 0; k < SURVEY_FIGURES; k++) {
        qsort(all[k], IMAGES, sizeof all[k][0], by_value);
        assert_true(range[k].min == all[k][0]);
        assert_true(range[k].median == all[k][IMAGES / 2 - 1]);
        assert_true(range[k].max == all[k][IMAGES - 1]);
    }
    uint64_t sum = 0;
    static struct survey_size sizes[IMAGES];
    int n = survey_commonest(&s, IMAGES, sizes);
    assert_int_equal(n, s.n_sizes);
    for (int i = 0; i < n; i++) {
        assert_true(i == 0 || sizes[i].n <= sizes[i - 1].n);
        sum += sizes[i].n;
    }
    assert_int_equal(sum, IMAGES);
    survey_done(&s);
}

/* The loader's own words: which sample, its fault, why. */
static void test_words(void **state)
{
    (void)state;
    struct survey_words *words;
    struct survey s = {0};
    char line[256];
    assert_int_equal(survey_words_new(&words), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(line, sizeof line,
                 "augstream-loaderd: warning: dataset set: sample %u is bad and will be "
                 "substituted: %s: /a: sample 7 is bad: why %u",
                 i * 3, i % 2 ? "truncated" : "not_image", i);
        survey_said(words, line);
        survey_said(words, line); /* twice is once */
    }
    assert_int_equal(survey_words_fault(words, 3), FAULT_TRUNCATED);
    assert_int_equal(survey_words_fault(words, 0), FAULT_NOT_IMAGE);
    assert_int_equal(survey_words_fault(words, 4), FAULT_NONE);
    assert_int_equal(survey_words_fault(words, 3 * 999), FAULT_TRUNCATED);

    assert_int_equal(survey_begin(&s, 3000, 0, fingerprint), 0);
    assert_int_equal(survey_add_bad(&s, 0, FAULT_NONE, NULL), 0);
    assert_int_equal(survey_add_bad(&s, 3, FAULT_CRASH, NULL), 0);
    assert_int_equal(survey_add_bad(&s, 5, FAULT_NONE, NULL), 0);
    assert_int_equal(survey_add_bad(&s, 6, FAULT_NONE, "known"), 0);
    assert_int_equal(survey_explain_all(&s, words), 0);
    assert_int_equal(s.bad[0].fault, FAULT_NOT_IMAGE);
    assert_string_equal(s.bad[0].reason, "/a: sample 7 is bad: why 0");
    assert_int_equal(s.bad[1].fault, FAULT_CRASH); /* as the batch told it */
    assert_string_equal(s.bad[1].reason, "/a: sample 7 is bad: why 1");
    assert_int_equal(s.bad[2].fault, FAULT_NONE);
    assert_null(s.bad[2].reason);
    assert_string_equal(s.bad[3].reason, "known");
    assert_int_equal(s.n_bad, 4);
    survey_done(&s);
    survey_words_free(words);
}

/* What is no word about a bad image goes to standard error as it is, and is kept nowhere. */
static void test_other_words(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "augstream-loaderd: warning: dataset set: 3 files left out",
        "dataset set: sample x is bad and will be substituted: truncated: a",
        "dataset set: sample 4294967296 is bad and will be substituted: truncated: a",
        "dataset set: sample 4 is bad and will be substituted: sour: a",
        "dataset set: sample 4 is bad and will be substituted: truncated",
        " is bad and will be substituted: truncated: a: sample 4",
        "",
    };
    struct survey_words *words;
    char name[] = "/tmp/augstream-test-XXXXXX", *text, expected[1024] = "";
    size_t len;
    assert_int_equal(survey_words_new(&words), 0);
    fflush(stderr);
    int kept = dup(STDERR_FILENO), fd = mkstemp(name);
    assert_true(kept >= 0 && fd >= 0);
    dup2(fd, STDERR_FILENO);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        survey_said(words, lines[i]);
        size_t at = strlen(expected);
        snprintf(expected + at, sizeof expected - at, "%s\n", lines[i]);
    }
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(fd);
    assert_int_equal(file_read(name, 4096, &text, &len), 0);
    unlink(name);
    assert_string_equal(text, expected);
    assert_int_equal(survey_words_fault(words, 4), FAULT_NONE);
    assert_int_equal(survey_words_fault(words, 0), FAULT_NONE);
    free(text);
    survey_words_free(words);
}

/* --- what is told --- */

static const char *name_of(const struct source *source, uint32_t sample)
{
    static char names[2][32];
    (void)source;
    snprintf(names[sample % 2], sizeof names[0], "a\tb/%u\xff.jpg", sample);
    return names[sample % 2];
}
static const char *class_of(const struct source *source, uint32_t label)
{
    (void)source;
    return label == 1 ? "ro\033se" : "lily";
}
static void item_of(const struct source *source, uint32_t sample, struct item *ret)
{
    (void)source;
    *ret = (struct item){.sample = sample, .label = 2};
    snprintf(ret->path, sizeof ret->path, "/data/%u", sample);
}

static void seen(struct survey *s)
{
    struct bed b;
    assert_int_equal(survey_begin(s, 2 * N, 3, fingerprint), 0);
    bed_make(&b, 0);
    bed_bad(&b, 3, FAULT_TRUNCATED);
    bed_bad(&b, 5, FAULT_DEADLINE);
    assert_int_equal(survey_add(s, &b.batch), 0);
    assert_int_equal(survey_explain(s, 3, FAULT_TRUNCATED, "/data/3: cut \"off\""), 0);
    s->seconds = 2;
}

static char *told(const struct survey *s, const struct survey_about *about, bool json)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    if (json)
        assert_int_equal(survey_json(s, about, out), 0);
    else
        survey_tell(s, about, out);
    fclose(out);
    return text;
}

static const struct source source = {.samples = 2 * N,
                                     .classes = 3,
                                     .ignored = 4,
                                     .item = item_of,
                                     .class_name = class_of,
                                     .name = name_of};
static const struct survey_about about = {.name = "x\ny", .format = "folder", .source = &source};

static void test_table(void **state)
{
    (void)state;
    struct survey s = {0};
    seen(&s);
    auto_free char *text = told(&s, &about, false);
    static const char *const wanted[] = {
        "dataset        x?y (folder)\n",
        "fingerprint    ab01",
        "images         16\nseen           8: the figures below are of these\n",
        "good           6 (75.0 %)\nbad            2: 1 truncated, 1 deadline\n",
        "left out       4, by their names\nclasses        3, 0 to 6 images each, 2 without any\n",
        "read in        2.0 s, 4 images/s\n",
        "     1  ro?se           6  100.0 %       0  ##############################\n",
        "     2  lily            0    0.0 %       2\n",
        "width                   40          40          40\n",
        "    40 x    30           6  100.0 %  ##############################\n",
        "         3  truncated     a?b/3\xff.jpg: cut \"off\"\n",
        "         5  deadline      a?b/5\xff.jpg\n",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(text, wanted[i]))
            fail_msg("no \"%s\" in:\n%s", wanted[i], text);
    survey_done(&s);
}

/* A loader's names, where there is no source; and the source's before them. */
static void test_told_names(void **state)
{
    (void)state;
    struct survey s = {0};
    const struct survey_about endpoint = {.name = "flowers"};
    char second[] = "rose";
    const char *const names[] = {"0", second, "a <\"lily\">"};
    const char *const odd[] = {"0",
                               ("ro\xc2\x9b"
                                "se"),
                               "2"};
    seen(&s);
    assert_int_equal(survey_name(&s, NULL), 0);
    assert_null(s.class_names);
    assert_int_equal(survey_name(&s, names), 0);
    memset(second, 'x', 4); /* it was a loan */
    auto_free char *text = told(&s, &endpoint, false);
    assert_non_null(strstr(text, "     1  rose                 6  100.0 %  #####"));
    assert_non_null(strstr(text, "     0                       0    0.0 %")); /* says no more */
    auto_free char *own = told(&s, &about, false);
    assert_non_null(strstr(own, "     1  ro?se "));
    auto_free char *object = told(&s, &endpoint, true);
    assert_non_null(strstr(object, "\"a <\\\"lily\\\">\""));
    survey_done(&s);
    assert_null(s.class_names);
    seen(&s);
    assert_int_equal(survey_name(&s, odd), 0);
    auto_free char *plain = told(&s, &endpoint, false);
    assert_non_null(strstr(plain, "     1  ro?se "));
    assert_null(strstr(plain, "\xc2\x9b"));
    survey_done(&s);
}

/* An old endpoint tells no names, and any of bad images no labels. */
static void test_nameless(void **state)
{
    (void)state;
    struct survey s = {0};
    const struct survey_about endpoint = {.name = "flowers"};
    seen(&s);
    auto_free char *text = told(&s, &endpoint, false);
    assert_non_null(strstr(text, " class      images    share\n"));
    assert_non_null(strstr(text, "     1           6  100.0 %  #####"));
    assert_non_null(strstr(text, "         3  truncated     /data/3: cut \"off\"\n"));
    survey_done(&s);
}

static void test_json(void **state)
{
    (void)state;
    struct survey s = {0};
    seen(&s);
    auto_free char *text = told(&s, &about, true);
    json_error_t error;
    json_t *top = json_loads(text, 0, &error);
    assert_non_null(top);
    const char *fault, *name, *reason;
    int images, n_seen, good, bad, least, class_bad, w, truncated;
    assert_int_equal(json_unpack_ex(top, &error, 0,
                                    "{s:i,s:i,s:i,s:i,s:[{},{},{s:i,s:i}],s:{s:{},s:[{s:i}]},s:{s:"
                                    "i},s:[{s:s,s:s,s:s},{s:n}]}",
                                    "images", &images, "seen", &n_seen, "good", &good, "bad", &bad,
                                    "classes", "images", &least, "bad", &class_bad, "sizes",
                                    "width", "common", "width", &w, "faults", "truncated",
                                    &truncated, "bad_images", "fault", &fault, "name", &name,
                                    "reason", &reason, "reason"),
                     0);
    assert_true(images == 16 && n_seen == 8 && good == 6 && bad == 2 && least == 0);
    assert_true(class_bad == 2 && w == 40 && truncated == 1);
    assert_string_equal(fault, "truncated");
    assert_string_equal(name, "a\tb/3?.jpg");
    assert_string_equal(reason, "cut \"off\"");
    json_decref(top);
    survey_done(&s);
}

static void test_list(void **state)
{
    (void)state;
    struct survey s = {0};
    char path[] = "/tmp/augstream-test-XXXXXX", *text;
    size_t len;
    close(mkstemp(path));
    seen(&s);
    assert_int_equal(survey_bad_write(&s, &about, path), 0);
    assert_int_equal(file_read(path, 4096, &text, &len), 0);
    assert_string_equal(text, "3\ttruncated\t2\ta?b/3\xff.jpg\tcut \"off\"\n"
                              "5\tdeadline\t2\ta?b/5\xff.jpg\t\n");
    assert_true(survey_bad_write(&s, &about, "/nonexistent/x") < 0);
    free(text);
    unlink(path);
    survey_done(&s);
}

/* Of many classes the largest and the smallest; each one once. */
static void test_many_classes(void **state)
{
    (void)state;
    struct survey s = {0};
    struct bed b;
    const struct survey_about endpoint = {.name = "flowers"};
    assert_int_equal(survey_begin(&s, 100 * N, 100, fingerprint), 0);
    for (uint32_t i = 0; i < 100; i++) {
        bed_make(&b, i * N);
        for (uint32_t k = 0; k < N; k++)
            b.labels[k] = k < 4 ? i : 57;
        assert_int_equal(survey_add(&s, &b.batch), 0);
    }
    auto_free char *text = told(&s, &endpoint, false);
    assert_non_null(strstr(text, "classes        100, 4 to 404 images each (101.0 times)\n"));
    assert_non_null(strstr(text, " class      images    share\n    57         404   50.5 %  ####"));
    assert_non_null(strstr(text, "    10           4    0.5 %  .\n   ...  76 classes between"));
    assert_non_null(strstr(text, "smallest\n    88           4    0.5 %  .\n"));
    assert_null(strstr(text, "\n    50 "));
    survey_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_words),      cmocka_unit_test(test_other_words),
        cmocka_unit_test(test_table),      cmocka_unit_test(test_nameless),
        cmocka_unit_test(test_told_names), cmocka_unit_test(test_json),
        cmocka_unit_test(test_list),       cmocka_unit_test(test_many_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
