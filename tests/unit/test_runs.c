/* SPDX-License-Identifier: Apache-2.0 */
/* runs: the table shows scores and the losses between them; a line that is no JSON is named. */
#include "test.h"

#include "tools/inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    char path[64], file[128];
};

static void folder_make(struct folder *f, const char *lines)
{
    snprintf(f->path, sizeof f->path, "/tmp/augstream-runs-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->file, sizeof f->file, "%s/metrics.jsonl", f->path);
    FILE *out = fopen(f->file, "w");
    assert_non_null(out);
    fputs(lines, out);
    fclose(out);
}

static void folder_drop(struct folder *f)
{
    unlink(f->file);
    rmdir(f->path);
}

/* Runs the verb with standard output going to text. */
static int captured(char **argv, char *text, size_t cap)
{
    int argc = 0, fds[2];
    while (argv[argc])
        argc++;
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    dup2(fds[1], STDOUT_FILENO);
    close(fds[1]);
    int code = inspect_runs(argc, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ssize_t n = read(fds[0], text, cap - 1);
    text[n > 0 ? n : 0] = 0;
    close(fds[0]);
    return code;
}

/* What a row says after its step. */
static void assert_row(const char *text, const char *row)
{
    if (!strstr(text, row))
        fail_msg("no row '%s' in:\n%s", row, text);
}

/* A row where there is a score: losses are means since the row before, the score is that step's. */
static void test_scores_make_rows(void **state)
{
    (void)state;
    struct folder f;
    char text[4096];
    folder_make(&f, "{\"step\":0,\"epoch\":0,\"knn_top1\":0.125}\n"
                    "{\"step\":1,\"epoch\":0,\"loss\":1.0,\"augself.crop\":0.5,\"lr\":0.1}\n"
                    "{\"step\":2,\"epoch\":0,\"loss\":2.0,\"augself.crop\":0.25,\"lr\":0.1}\n"
                    "{\"step\":2,\"epoch\":1,\"knn_top1\":0.75}\n"
                    "{\"step\":3,\"epoch\":1,\"loss\":-0.5,\"augself.crop\":0.75,\"lr\":0.1}\n");
    char *argv[] = {"runs", f.path, NULL};
    assert_int_equal(captured(argv, text, sizeof text), 0);
    assert_row(text, "  step  |     knn     loss     crop\n");
    assert_row(text, "\n     0  |  0.1250        -        -\n");
    assert_row(text, "\n     2  |  0.7500   1.5000   0.3750\n");
    assert_row(text, "\n     3  |       -  -0.5000   0.7500\n");
    assert_null(strstr(text, "lr"));
    folder_drop(&f);
}

/* Scores stand beside their losses, under the head's name; what was measured in some steps only has
 * its mean over those; a score that was no number is not there; times are no figures. */
static void test_heads(void **state)
{
    (void)state;
    struct folder f;
    char text[4096];
    folder_make(&f, "{\"step\":1,\"augself.crop\":0.5,\"augself.crop.r2\":null,\"lr\":0.1}\n"
                    "{\"step\":2,\"augself.crop\":0.5,\"augself.crop.r2\":0.25,\"rank\":12.5,"
                    "\"lr\":0.1,\"data_s\":9,\"forward_s\":9,\"augself_s\":9,"
                    "\"backward_s\":9,\"optim_s\":9}\n"
                    "{\"step\":2,\"knn_top1\":0.75}\n{\"step\":3,\"augself.crop\":1,\"lr\":1}\n"
                    "{\"step\":3,\"knn_top1\":0.5}\n");
    char *argv[] = {"runs", f.path, NULL};
    assert_int_equal(captured(argv, text, sizeof text), 0);
    assert_row(text, "  step  |    crop  crop.r2     rank      knn\n");
    assert_row(text, "\n     2  |  0.5000   0.2500  12.5000   0.7500\n");
    assert_row(text, "\n     3  |  1.0000        -        -   0.5000\n");
    folder_drop(&f);
}

/* The rows are those of all runs together; a run that has nothing there says so. */
static void test_two_runs(void **state)
{
    (void)state;
    struct folder f, g;
    char text[4096];
    folder_make(&f, "{\"step\":1,\"loss\":1.0,\"lr\":0.1}\n{\"step\":1,\"knn_top1\":0.5}\n"
                    "{\"step\":2,\"loss\":3.0,\"lr\":0.1}\n");
    folder_make(&g, "{\"step\":1,\"loss\":0.5,\"lr\":0.1}\n");
    char *argv[] = {"runs", f.path, g.path, NULL};
    assert_int_equal(captured(argv, text, sizeof text), 0);
    assert_row(text, "\n     1  |  1.0000   0.5000  |  0.5000\n");
    assert_row(text, "\n     2  |  3.0000        -  |       -\n");
    folder_drop(&f);
    folder_drop(&g);
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* A long run: 16 rows below the two of the head, the last step among them, each step in one row. */
static void test_long_runs(void **state)
{
    (void)state;
    enum { STEPS = 100 };
    for (int scored = 0; scored < 2; scored++) {
        struct folder f;
        char lines[16384], text[4096];
        size_t used = 0;
        for (int i = 1; i <= STEPS; i++) {
            used += (size_t)snprintf(lines + used, sizeof lines - used,
                                     "{\"step\":%d,\"loss\":%d,\"lr\":0.1}\n", i, i <= 7);
            if (scored)
                used += (size_t)snprintf(lines + used, sizeof lines - used,
                                         "{\"step\":%d,\"knn_top1\":0.5}\n", i);
        }
        folder_make(&f, lines);
        char *argv[] = {"runs", f.path, NULL};
        assert_int_equal(captured(argv, text, sizeof text), 0);
        assert_int_equal(count_lines(text), 2 + 16);
        assert_row(text, scored ? "\n     1  |  1.0000   0.5000\n" : "\n     7  |  1.0000\n");
        assert_row(text, scored ? "\n     7  |  1.0000   0.5000\n" : "\n    13  |  0.0000\n");
        assert_row(text, scored ? "\n   100  |  0.0000   0.5000\n" : "\n   100  |  0.0000\n");
        folder_drop(&f);
    }
}

static void test_bad_line(void **state)
{
    (void)state;
    struct folder f;
    char text[4096];
    folder_make(&f, "{\"step\":1,\"epoch\":0,\"loss\":1.0}\nnot json\n");
    char *argv[] = {"runs", f.path, NULL};
    assert_int_equal(captured(argv, text, sizeof text), 65);
    assert_non_null(strstr(err_text(), "metrics.jsonl:2"));
    folder_drop(&f);
}

static void test_no_folder(void **state)
{
    (void)state;
    char text[64];
    char *argv[] = {"runs", "/nonexistent/run", NULL};
    assert_int_equal(captured(argv, text, sizeof text), 65);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_make_rows), cmocka_unit_test(test_heads),
        cmocka_unit_test(test_two_runs),         cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_bad_line),         cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
