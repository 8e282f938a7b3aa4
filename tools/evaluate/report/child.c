/* SPDX-License-Identifier: Apache-2.0 */
/* child: takes a command line, gives how it ended. One thread; owns the process until it is
 * waited for. */
#include "tools/evaluate/report/child.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char error_mark[] = "error: ";

/* The line that is being read, and the one that is kept. */
struct ear {
    char line[CHILD_LINE_MAX];
    size_t used;
    bool error; /* kept says why, and only another error takes its place */
    char *kept; /* [CHILD_LINE_MAX] */
};

static void line_end(struct ear *ear)
{
    ear->line[ear->used] = 0;
    const char *mark = strstr(ear->line, error_mark);
    if (mark)
        snprintf(ear->kept, CHILD_LINE_MAX, "%s", mark + strlen(error_mark));
    else if (ear->used && !ear->error)
        snprintf(ear->kept, CHILD_LINE_MAX, "%s", ear->line);
    ear->error |= mark != NULL;
    ear->used = 0;
}

/* A line that is drawn over and over ends with a carriage return. */
static void hear(struct ear *ear, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' || c == '\r')
            line_end(ear);
        else if (ear->used < sizeof ear->line - 1)
            ear->line[ear->used++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
}

/* To its end; a standard error of ours that takes no more does not hold it up. */
static void pass_on(int from, struct ear *ear)
{
    char bytes[4096];
    for (;;) {
        const ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        hear(ear, bytes, (size_t)n);
        for (ssize_t done = 0; done < n;) {
            const ssize_t wrote = write(STDERR_FILENO, bytes + done, (size_t)(n - done));
            if (wrote < 0 && errno == EINTR)
                continue;
            if (wrote <= 0)
                break;
            done += wrote;
        }
    }
    line_end(ear);
}

/* In the forked child: only calls that are safe there, then exec. */
static void become(char *const argv[], int error_fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127); /* it died before we asked to be told */
    dup2(error_fd, STDERR_FILENO);
    execv(argv[0], argv);
    _exit(127);
}

int child_run(char *const argv[], struct child_end *ret)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(-errno, "pipe: %s", strerror(errno));
    auto_close int read_end = fds[0];
    auto_close int write_end = fds[1];
    fflush(stdout);
    const pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        return err_set(-errno, "fork: %s", strerror(errno));
    if (pid == 0)
        become(argv, write_end, parent);
    close(take_fd(&write_end));
    *ret = (struct child_end){0};
    struct ear ear = {.kept = ret->line};
    pass_on(read_end, &ear);
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(-errno, "waitpid: %s", strerror(errno));
    ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ret->code = ret->signal ? 128 + ret->signal : WEXITSTATUS(status);
    return 0;
}

void child_why(const struct child_end *end, char ret[CHILD_LINE_MAX])
{
    if (end->signal)
        snprintf(ret, CHILD_LINE_MAX, "ended by signal %d (%s)", end->signal,
                 strsignal(end->signal));
    else if (end->line[0])
        snprintf(ret, CHILD_LINE_MAX, "%s", end->line);
    else
        snprintf(ret, CHILD_LINE_MAX, "ended with exit code %d and said nothing", end->code);
}
