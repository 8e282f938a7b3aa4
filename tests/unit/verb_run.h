/* SPDX-License-Identifier: Apache-2.0 */
/* verb_run: a verb of augstream-evaluate as a process of its own (usage_next reads one command line
 * per process), and made-up tables for it, in a folder that verb_folder makes. */
#ifndef AUGSTREAM_TESTS_VERB_RUN_H
#define AUGSTREAM_TESTS_VERB_RUN_H

#include "common/file.h"
#include "test.h"
#include "tools/evaluate/table.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*verb_fn)(int argc, char **argv);

struct verb_run {
    char folder[32];
    char out[1 << 16], err[1 << 16]; /* of the last run, strings */
};

static inline void verb_folder(struct verb_run *v)
{
    snprintf(v->folder, sizeof v->folder, "/tmp/verb.XXXXXX");
    assert_non_null(mkdtemp(v->folder));
}

static inline int verb_drop(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st, (void)flag, (void)at;
    return remove(path);
}

static inline int verb_clear(const struct verb_run *v)
{
    return nftw(v->folder, verb_drop, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void verb_path(const struct verb_run *v, const char *name, char ret[128])
{
    snprintf(ret, 128, "%s/%s", v->folder, name);
}

static inline void verb_slurp(const struct verb_run *v, const char *name, char *ret, size_t max)
{
    char path[128], *text;
    size_t len;
    verb_path(v, name, path);
    assert_int_equal(file_read(path, max - 1, &text, &len), 0);
    memcpy(ret, text, len + 1);
    free(text);
}

/* Its exit code. argv: the verb's name first, NULL last. The folder is where it runs. */
static inline int verb_run(struct verb_run *v, verb_fn verb, const char *const argv[])
{
    int argc = 0, status;
    while (argv[argc])
        argc++;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        if (chdir(v->folder) || !freopen("out", "w", stdout) || !freopen("err", "w", stderr))
            _exit(127);
        int code = verb(argc, (char **)argv);
        fflush(NULL);
        _exit(code);
    }
    assert_true(waitpid(child, &status, 0) == child && WIFEXITED(status));
    verb_slurp(v, "out", v->out, sizeof v->out);
    verb_slurp(v, "err", v->err, sizeof v->err);
    return WEXITSTATUS(status);
}

#endif
