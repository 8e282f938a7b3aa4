/* SPDX-License-Identifier: Apache-2.0 */
/* progress: every step is one JSON line that a parser reads back; a resumed run cuts what it will
 * repeat; the line for a person says what it should, when it should. */
#include "test.h"

#include "trainer/watch/progress.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char path[64];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static const struct model_losses losses = {
    3, {{"loss", -0.75f, false}, {"augself.crop", 0.125f, false}, {"augself.color", 0.1f, false}}};

static void do_step(struct progress *p, uint64_t step, double now_s, double wait_s)
{
    struct progress_step s = {
        .step = step, .epoch = 2, .losses = &losses, .lr = 0.03, .now_s = now_s, .wait_s = wait_s};
    assert_int_equal(progress_step(p, &s), 0);
}

static size_t read_lines(json_t *lines[], size_t cap)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char line[4096];
    size_t n = 0;
    while (fgets(line, sizeof line, f)) {
        assert_true(n < cap);
        lines[n] = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(lines[n]);
        n++;
    }
    fclose(f);
    return n;
}

static double number(json_t *line, const char *key)
{
    assert_true(json_is_number(json_object_get(line, key)));
    return json_number_value(json_object_get(line, key));
}

static void test_lines(void **state)
{
    (void)state;
    unlink(path);
    struct progress *p;
    struct progress_config config = {.path = path, .steps = 10, .images = 64};
    assert_int_equal(progress_open(&config, &p), 0);
    assert_true(progress_rate(p) == 0);
    do_step(p, 1, 100.0, 0.5);
    do_step(p, 2, 102.0, 0.5);
    do_step(p, 3, 104.0, 0.1);
    assert_true(fabs(progress_rate(p) - 32) < 1e-9);
    assert_true(fabs(progress_wait(p) - 0.15) < 1e-9);
    assert_int_equal(progress_note(p, 3, 2, "knn_top1", 0.625), 0);
    struct model_losses broken = {1, {{"loss", NAN, false}}};
    const struct progress_figure rank = {"rank", 12.5}, times[] = {{"a_s", 0.25}, {"b_s", 0.5}};
    struct progress_step bad = {.step = 4,
                                .losses = &broken,
                                .now_s = 105,
                                .figures = &rank,
                                .times = times,
                                .n_figures = 1,
                                .n_times = 2};
    assert_int_equal(progress_step(p, &bad), 0);

    json_t *lines[8];
    assert_int_equal(read_lines(lines, 8), 5); /* before close: every line was flushed */
    progress_close(p);
    assert_true(number(lines[0], "images_per_s") == 0);
    assert_true(number(lines[2], "step") == 3 && number(lines[2], "epoch") == 2);
    assert_true((float)number(lines[2], "loss") == -0.75f);
    assert_true((float)number(lines[2], "augself.color") == 0.1f);
    assert_true(number(lines[2], "lr") == 0.03 && number(lines[2], "wait_s") == 0.1);
    assert_true(number(lines[2], "images_per_s") == 32);
    assert_true(number(lines[3], "knn_top1") == 0.625 && number(lines[3], "step") == 3);
    assert_true(json_is_null(json_object_get(lines[4], "loss")));
    assert_true(number(lines[4], "rank") == 12.5 && !json_object_get(lines[2], "rank"));
    assert_true(number(lines[4], "a_s") == 0.25 && number(lines[4], "b_s") == 0.5);
    for (size_t i = 0; i < 5; i++)
        json_decref(lines[i]);
}

/* The window forgets: after many slow steps, as many fast ones give the fast rate alone. */
static void test_window(void **state)
{
    (void)state;
    unlink(path);
    struct progress *p;
    struct progress_config config = {.path = path, .steps = 1000, .images = 10};
    assert_int_equal(progress_open(&config, &p), 0);
    double now = 0;
    for (int i = 0; i < 50; i++)
        do_step(p, (uint64_t)i, now += 100, 100);
    for (int i = 50; i < 100; i++)
        do_step(p, (uint64_t)i, now += 0.5, 0);
    assert_true(fabs(progress_rate(p) - 20) < 1e-6);
    assert_true(progress_wait(p) == 0);
    progress_close(p);
}

static void test_resume_cuts(void **state)
{
    (void)state;
    static const char *const kept =
        "{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":1}\n{\"step\":2,\"k\":1}\n";
    static const char *const tails[] = {
        "{\"step\":3,\"a\":1}\n{\"step\":4,\"a\":1}\n", /* later steps */
        "{\"step\":2,\"a\"",                            /* killed in the middle of a line */
        "{\"step\":3,\"a\":1}\n{\"st",                  /* both */
        "",
    };
    for (size_t i = 0; i <= ARRAY_LEN(tails); i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "%s%s", kept, i < ARRAY_LEN(tails) ? tails[i] : "{\"st");
        if (i == ARRAY_LEN(tails)) /* as a power cut may leave it */
            assert_int_equal(ftruncate(fileno(f), 10000), 0);
        fclose(f);
        struct progress *p;
        struct progress_config config = {.path = path, .first_step = 2, .steps = 9, .images = 1};
        assert_int_equal(progress_open(&config, &p), 0);
        assert_int_equal(progress_note(p, 3, 0, "b", 1), 0);
        progress_close(p);
        char text[512] = "", want[512];
        f = fopen(path, "r");
        assert_non_null(f);
        size_t n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        text[n] = 0;
        snprintf(want, sizeof want, "%s{\"step\":3,\"epoch\":0,\"b\":1}\n", kept);
        assert_string_equal(text, want);
    }
}

/* What is not to be repeated is not cut: a file that says what no run of ours wrote is refused with
 * its line, and stays as it is. */
static void test_resume_spares(void **state)
{
    (void)state;
#define LONG1 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG LONG1 LONG1 LONG1 LONG1 LONG1 LONG1 LONG1 LONG1
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{\"step\":1,\"a\":1}\n\n{\"step\":2,\"a\":1}\n{\"step\":3,\"a\":1}\n",
         ":2: is no line of a run's metrics"},
        {"{\"step\":1,\"a\":1}\n{\"step\":2,\"a\":\"" LONG LONG LONG LONG LONG "\"}\n",
         ":2: is no line of a run's metrics"},
        {"# mine\n{\"step\":1,\"a\":1}\n", ":1: is no line of a run's metrics"},
        {"{\"step\":1,\"a\":1}\n{\"step\":3,\"a\":1}\n{\"step\":2,\"a\":1}\n",
         ":3: step 2 comes after step 3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(rows[i].text, f);
        fclose(f);
        struct progress *p;
        struct progress_config config = {.path = path, .first_step = 2, .steps = 9, .images = 1};
        assert_int_equal(progress_open(&config, &p), -EBADMSG);
        char says[256], text[4096] = "";
        snprintf(says, sizeof says, "%s%s", path, rows[i].says);
        if (strncmp(err_text(), says, strlen(says)) != 0)
            fail_msg("%s", err_text());
        f = fopen(path, "r");
        assert_non_null(f);
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
        assert_string_equal(text, rows[i].text);
    }
}

/* The score a run began with is in its file. */
static void test_first(void **state)
{
    (void)state;
    double value = 7;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"step\":0,\"epoch\":0,\"knn_top1\":0.125}\n{\"step\":1,\"epoch\":0,\"loss\":3}\n"
          "{\"step\":1,\"epoch\":1,\"knn_top1\":0.5}\n",
          f);
    fclose(f);
    assert_true(progress_first(path, "knn_top1", &value));
    assert_true(value == 0.125);
    assert_false(progress_first(path, "loss", &value)); /* not of step 0 */
    assert_false(progress_first(path, "top1", &value)); /* no such name */
    unlink(path);
    assert_false(progress_first(path, "knn_top1", &value));
    assert_true(value == 0.125);
}

/* Not a terminal: whole lines, the first, then one every line_every_s, and the last. */
static void test_plain_lines(void **state)
{
    (void)state;
    unlink(path);
    char *text = NULL;
    FILE *out = tmpfile();
    assert_non_null(out);
    struct progress *p;
    struct progress_config config = {
        .path = path, .steps = 100, .images = 64, .terminal = out, .line_every_s = 10};
    assert_int_equal(progress_open(&config, &p), 0);
    for (int i = 1; i <= 100; i++)
        do_step(p, (uint64_t)i, i, 0.25);
    progress_close(p);
    rewind(out);
    size_t lines = 0, cap = 0;
    while (getline(&text, &cap, out) > 0) {
        lines++;
        if (lines == 1)
            assert_string_equal(text,
                                "step 1/100  epoch 2  loss -0.7500  crop 0.1250  color 0.1000\n");
        if (lines == 2)
            assert_string_equal(text, "step 11/100  epoch 2  loss -0.7500  crop 0.1250  color "
                                      "0.1000  64 images/s  wait 25%  ETA 1:29\n");
    }
    assert_int_equal(lines, 11); /* 1, 11, ..., 91 and 100 */
    free(text);
    fclose(out);
}

/* Each figure by a name of its own; one that is no number, by none. */
static void test_names(void **state)
{
    (void)state;
    static const struct model_losses some = {4,
                                             {{"augself.crop", 0.25f, false},
                                              {"augself.crop.r2", -INFINITY, true},
                                              {"augself.color.r2", 0.5f, true},
                                              {"supervised.accuracy", NAN, true}}};
    unlink(path);
    FILE *out = tmpfile();
    assert_non_null(out);
    struct progress *p;
    struct progress_config config = {.path = path, .steps = 9, .images = 64, .terminal = out};
    assert_int_equal(progress_open(&config, &p), 0);
    const struct progress_step s = {.step = 1, .losses = &some, .now_s = 1};
    assert_int_equal(progress_step(p, &s), 0);
    progress_close(p);
    rewind(out);
    char text[256] = "";
    assert_non_null(fgets(text, sizeof text, out));
    assert_string_equal(
        text,
        "step 1/9  epoch 0  crop 0.2500  crop.r2 -  color.r2 0.5000  supervised.accuracy -\n");
    fclose(out);
}

/* A terminal: drawn over with \r, cut to its width, ended by a newline once. */
static void test_terminal(void **state)
{
    (void)state;
    unlink(path);
    struct winsize size = {.ws_row = 24, .ws_col = 21};
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    struct termios raw;
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    FILE *out = fdopen(slave, "w");
    struct progress *p;
    struct progress_config config = {.path = path, .steps = 9, .images = 64, .terminal = out};
    assert_int_equal(progress_open(&config, &p), 0);
    do_step(p, 1, 1.0, 0);
    do_step(p, 2, 1.05, 0); /* too soon to be drawn */
    do_step(p, 3, 1.2, 0);
    progress_break(p);
    progress_break(p);
    progress_close(p);
    char text[256] = "";
    for (size_t at = 0; !strchr(text, '\n');) { /* a terminal gives what has come through so far */
        ssize_t n = read(master, text + at, sizeof text - 1 - at);
        assert_true(n > 0);
        at += (size_t)n;
        text[at] = 0;
    }
    assert_string_equal(text, "\rstep 1/9  epoch 2  l\033[K\rstep 3/9  epoch 2  l\033[K\n");
    fclose(out);
    close(master);
}

static void test_cannot_open(void **state)
{
    (void)state;
    struct progress *p;
    struct progress_config config = {.path = "/nonexistent/metrics.jsonl"};
    assert_int_equal(progress_open(&config, &p), -ENOENT);
    assert_non_null(strstr(err_text(), "/nonexistent/metrics.jsonl"));
    progress_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_window),
        cmocka_unit_test(test_resume_cuts), cmocka_unit_test(test_resume_spares),
        cmocka_unit_test(test_first),       cmocka_unit_test(test_plain_lines),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_cannot_open),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
