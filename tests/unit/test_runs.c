/* SPDX-License-Identifier: Apache-2.0 */
/* runs: the table shows each epoch's mean; a line that is no JSON is named. */
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

static void test_table(void **state)
{
    (void)state;
    struct folder f;
    char text[4096];
    folder_make(&f, "{\"step\":1,\"epoch\":0,\"loss\":1.0,\"lr\":0.1}\n"
                    "{\"step\":2,\"epoch\":0,\"loss\":2.0,\"lr\":0.1}\n"
                    "{\"step\":3,\"epoch\":1,\"loss\":-0.5,\"augself.crop\":0.25}\n"
                    "{\"step\":3,\"epoch\":1,\"knn\":0.75}\n");
    char *argv[] = {"runs", f.path, NULL};
    assert_int_equal(captured(argv, text, sizeof text), 0);
    assert_non_null(strstr(text, "    0  |   1.5000         -         -\n"));
    assert_non_null(strstr(text, "    1  |  -0.5000    0.2500    0.7500\n"));
    assert_null(strstr(text, "lr"));
    folder_drop(&f);
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
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_bad_line),
        cmocka_unit_test(test_no_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
