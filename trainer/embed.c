/* SPDX-License-Identifier: Apache-2.0 */
/* embed: takes datasets, gives the endpoint of a private loader process. The caller's thread; one
 * more thread copies the loader's standard error to ours, so that what it says of bad images is
 * seen, and keeps the last line for the message when it ends too soon. Owns the child, and a folder
 * for its socket and configuration. Does not restart a loader that died: recv reports that. */
#include "trainer/embed.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/notify.h"
#include "trainer/embed_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_POLL_MS = 50,
    STOP_POLL_MS = 20,
    STOP_WAIT_MS = 15000, /* a loader drains in less; then it is killed */
    SOCKET_PATH_MAX = EMBED_FOLDER_PATH_MAX,
    LAST_LINE_MAX = 2048, /* an error's text, with what stands before it */
};
static char binary[] = "augstream-loaderd";

struct embed {
    struct embed_folder folder;
    char endpoint[SOCKET_PATH_MAX + 8], tap[SOCKET_PATH_MAX + 8];
    pid_t pid; /* 0 = none, or already waited for */
    int end;   /* below 0: it ended by itself */
    int notify_fd, log_fd;
    bool copying;
    pthread_t copier;
    atomic_bool ready;
    char last_line[LAST_LINE_MAX];              /* the copier's, until it is joined */
    bool passed;                                /* ... as is this: it was told already */
    void (*said)(void *hint, const char *line); /* or NULL: standard error */
    void *said_hint;
};

/* The files in the folder. */
static const char *const entries[] = {"loaderd.yaml", "loaderd", "tap", "notify"};
enum { ENTRY_CONFIG, ENTRY_SOCKET, ENTRY_TAP, ENTRY_NOTIFY };

static int entry_path(const struct embed *e, int entry, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s/%s", e->folder.path, entries[entry]);
    if (n < 0 || (size_t)n >= cap || n > SOCKET_PATH_MAX)
        return err_set(-ENAMETOOLONG, "%s: too long for a socket's folder; set TMPDIR",
                       e->folder.path);
    return 0;
}

static int make_folder(struct embed *e)
{
    const char *base = getenv("TMPDIR");
    return embed_folder_make(base && base[0] == '/' ? base : "/tmp", &e->folder);
}

/* --- its configuration --- */

/* text as a YAML double-quoted scalar. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c; c++)
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20 || *c == 0x7f)
            fprintf(out, "\\x%02x", (unsigned)*c);
        else
            fputc(*c, out);
    fputc('"', out);
}

static void put_dataset(FILE *out, const struct embed_dataset *d)
{
    const struct {
        const char *key, *value;
    } pairs[] = {
        {"path", d->path}, {"format", d->format}, {"split", d->split}, {"classes", d->classes}};
    fputs("  ", out);
    put_quoted(out, d->name);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!pairs[i].value || !pairs[i].value[0])
            continue;
        fprintf(out, "%s%s: ", i ? ", " : ": {", pairs[i].key);
        put_quoted(out, pairs[i].value);
    }
    if (d->fraction > 0 && d->fraction < 1)
        fprintf(out, ", fraction: %.17g", d->fraction);
    fputs("}\n", out);
}

static int write_config(const struct embed *e, const struct embed_config *config)
{
    char path[SOCKET_PATH_MAX + 1];
    int rc = entry_path(e, ENTRY_CONFIG, path, sizeof path);
    struct file_write w = {0};
    if (rc == 0)
        rc = file_write_begin(&w, path);
    if (rc < 0)
        return rc;
    fputs("listen: ", w.out);
    put_quoted(w.out, e->endpoint);
    fputs("\ntap: ", w.out);
    put_quoted(w.out, e->tap);
    fprintf(w.out, "\nworkers: %u\nwindow: %u\nlog: warning\n", config->workers, config->window);
    unsigned long long batch_mib = (config->batch_bytes + (1 << 20) - 1) >> 20;
    if (batch_mib > 0) /* its one trainer may have a whole window of them */
        fprintf(w.out, "slot_mib: %llu\nwindow_mib: %llu\n", batch_mib, config->window * batch_mib);
    if (config->bad_rate_max)
        fprintf(w.out, "bad_rate_max: %.17g\n", *config->bad_rate_max);
    fputs("datasets:\n", w.out);
    for (size_t i = 0; i < config->n_datasets; i++)
        put_dataset(w.out, &config->datasets[i]);
    return file_write_commit(&w);
}

/* --- the child --- */

static int find_binary(char *ret, size_t cap)
{
    const char *given = getenv("AUGSTREAM_LOADERD");
    if (given && given[0]) {
        snprintf(ret, cap, "%s", given);
        return access(ret, X_OK) == 0
                   ? 0
                   : err_set(-ENOENT, "$AUGSTREAM_LOADERD: %s: %s", given, strerror(errno));
    }
    char self[2048];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash) {
        *slash = 0;
        /* installed; built: trainer/, tools/evaluate/ */
        static const char *const places[] = {"", "../loaderd/", "../../loaderd/"};
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            snprintf(ret, cap, "%s/%s%s", self, places[i], binary);
            if (access(ret, X_OK) == 0)
                return 0;
        }
    }
    const char *dirs = getenv("PATH");
    while (dirs && *dirs) {
        size_t n = strcspn(dirs, ":");
        snprintf(ret, cap, "%.*s/%s", (int)n, dirs, binary);
        if (n > 0 && access(ret, X_OK) == 0)
            return 0;
        dirs += n + (dirs[n] == ':');
    }
    return err_set(-ENOENT, "%s is neither beside this program nor in PATH", binary);
}

/* Our environment for the child: its own notify socket, and not our watchdog. The list is malloc'd,
 * the strings are loans. */
static char **child_environment(char *notify)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **list = calloc(n + 2, sizeof(char *));
    if (!list)
        return NULL;
    size_t used = 0;
    list[used++] = notify;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "NOTIFY_SOCKET=", 14) != 0 &&
            strncmp(environ[i], "WATCHDOG_", 9) != 0)
            list[used++] = environ[i];
    return list;
}

/* In the forked child: only calls that are safe there, then exec. */
static void become_loader(const char *path, char *const *argv, char *const *envp, int log_fd,
                          pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(127); /* it died before we asked to be told */
    setpgid(0, 0);  /* a terminal's ^C is for the trainer, which then ends us */
    dup2(log_fd, STDERR_FILENO);
    execve(path, argv, envp);
    _exit(127);
}

static int spawn(struct embed *e)
{
    char path[4096], config[SOCKET_PATH_MAX + 1], notify[SOCKET_PATH_MAX + 1];
    char variable[sizeof notify + 16];
    int rc = find_binary(path, sizeof path);
    if (rc == 0)
        rc = entry_path(e, ENTRY_CONFIG, config, sizeof config);
    if (rc == 0)
        rc = entry_path(e, ENTRY_NOTIFY, notify, sizeof notify);
    if (rc == 0)
        rc = notify_listen(notify, &e->notify_fd);
    if (rc < 0)
        return rc;
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_set(-errno, "pipe: %s", strerror(errno));
    e->log_fd = fds[0];
    auto_close int write_end = fds[1];
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", notify);
    char *argv[] = {binary, "--config", config, NULL};
    auto_free char **envp = child_environment(variable);
    if (!envp)
        return err_set(-ENOMEM, "embedded loader: out of memory");
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return err_set(-errno, "fork: %s", strerror(errno));
    if (pid == 0)
        become_loader(path, argv, envp, write_end, parent);
    e->pid = pid;
    return 0;
}

/* --- what it says --- */

static void pass_on(const struct embed *e, const char *line)
{
    if (e->said) {
        e->said(e->said_hint, line);
        return;
    }
    char text[LAST_LINE_MAX + 1];
    int n = snprintf(text, sizeof text, "%s\n", line);
    while (write(STDERR_FILENO, text, (size_t)n) < 0 && errno == EINTR)
        continue; /* any other failure: nobody listens, and the loader must not block */
}

/* One whole line. Until READY the newest one is held back: when the loader ends with it, it is ours
 * to tell, and is told once. */
static void take_line(struct embed *e, const char *line)
{
    if (e->last_line[0] && !e->passed)
        pass_on(e, e->last_line);
    snprintf(e->last_line, sizeof e->last_line, "%s", line);
    e->passed = atomic_load(&e->ready);
    if (e->passed)
        pass_on(e, line);
}

/* What is in bytes, line by line; what is left of a line that is not whole yet. */
static size_t take_lines(struct embed *e, char bytes[LAST_LINE_MAX], size_t used)
{
    for (char *end; (end = memchr(bytes, '\n', used));) {
        *end = 0;
        take_line(e, bytes);
        used -= (size_t)(end + 1 - bytes);
        memmove(bytes, end + 1, used);
    }
    if (used < LAST_LINE_MAX - 1)
        return used;
    bytes[used] = 0; /* too long for us: in pieces */
    take_line(e, bytes);
    return 0;
}

/* Runs until the last writer of the pipe is gone. Once wait_ready is done with the notify socket,
 * empties that as well, so that a loader can go on telling its status. */
static void *copy_log(void *arg)
{
    struct embed *e = arg;
    char bytes[LAST_LINE_MAX], status[64];
    size_t used = 0;
    for (;;) {
        bool ready = atomic_load(&e->ready);
        struct pollfd fds[] = {{.fd = e->log_fd, .events = POLLIN},
                               {.fd = ready ? e->notify_fd : -1, .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), ready ? -1 : READY_POLL_MS) <= 0)
            continue;
        if (fds[1].revents)
            while (recv(e->notify_fd, status, sizeof status, MSG_DONTWAIT) >= 0)
                continue;
        if (!fds[0].revents)
            continue;
        ssize_t n = read(e->log_fd, bytes + used, sizeof bytes - 1 - used);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0)
            used = take_lines(e, bytes, used + (size_t)n);
    }
    if (used > 0) { /* it ended within a line */
        bytes[used] = 0;
        take_line(e, bytes);
    }
    if (atomic_load(&e->ready) && e->last_line[0] && !e->passed)
        pass_on(e, e->last_line);
    return NULL;
}

static int start_copier(struct embed *e)
{
    sigset_t all, old;
    sigfillset(&all); /* signals are for the thread that trains */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&e->copier, NULL, copy_log, e);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return err_set(-rc, "thread: %s", strerror(rc));
    e->copying = true;
    return 0;
}

static void join_copier(struct embed *e)
{
    if (e->copying)
        pthread_join(e->copier, NULL);
    e->copying = false;
}

/* The child ended by itself: its exit code says of what kind, its last line says what; once it was
 * READY, only where that is an error. */
static int ended(struct embed *e, int status)
{
    e->pid = 0;
    join_copier(e);
    static const struct {
        int exit, error;
    } kinds[] = {{EXIT_DATA, -EBADMSG},
                 {EXIT_UNAVAILABLE, -ECONNREFUSED},
                 {EXIT_CONFIG, -EINVAL},
                 {127, -ENOENT}};
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, rc = -EIO;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].exit == code)
            rc = kinds[i].error;
    const char *said = strstr(e->last_line, "error: ");
    bool ready = atomic_load(&e->ready);
    said = said ? said + strlen("error: ") : ready ? "" : e->last_line;
    if (said[0] && !(ready && WIFSIGNALED(status)))
        return err_set(rc, "embedded loader: %s", said);
    if (WIFSIGNALED(status))
        return err_set(rc, "embedded loader: ended by signal %d", WTERMSIG(status));
    return err_set(rc, "embedded loader: ended with exit code %d and no word", code);
}

static int wait_ready(struct embed *e, const volatile int *stop)
{
    for (;;) {
        char text[1024];
        int status, rc = notify_receive(e->notify_fd, READY_POLL_MS, text, sizeof text);
        if (rc == 0 && (strncmp(text, "READY=1", 7) == 0 || strstr(text, "\nREADY=1")))
            return 0;
        if (rc < 0 && rc != -ETIMEDOUT)
            return rc;
        if (waitpid(e->pid, &status, WNOHANG) == e->pid)
            return ended(e, status);
        if (stop && *stop)
            return err_set(-EINTR, "stopped by a signal");
    }
}

/* --- */

static void stop_fn(struct embed **embed)
{
    embed_stop(*embed);
}

int embed_start(const struct embed_config *config, struct embed **ret)
{
    auto_with(stop_fn) struct embed *e = calloc(1, sizeof *e);
    if (!e)
        return err_set(-ENOMEM, "embedded loader: out of memory");
    e->notify_fd = e->log_fd = -1;
    e->said = config->said;
    e->said_hint = config->said_hint;
    char path[SOCKET_PATH_MAX + 1];
    int rc = make_folder(e);
    if (rc == 0)
        rc = entry_path(e, ENTRY_SOCKET, path, sizeof path);
    if (rc < 0)
        return rc;
    snprintf(e->endpoint, sizeof e->endpoint, "ipc://%s", path);
    rc = entry_path(e, ENTRY_TAP, path, sizeof path);
    if (rc < 0)
        return rc;
    snprintf(e->tap, sizeof e->tap, "ipc://%s", path);
    rc = write_config(e, config);
    if (rc == 0)
        rc = spawn(e);
    if (rc == 0)
        rc = start_copier(e);
    if (rc == 0)
        rc = wait_ready(e, config->stop);
    if (rc < 0)
        return rc;
    atomic_store(&e->ready, true);
    *ret = take_ptr(&e);
    return 0;
}

const char *embed_endpoint(const struct embed *embed)
{
    return embed->endpoint;
}

const char *embed_tap(const struct embed *embed)
{
    return embed->tap;
}

int embed_check(struct embed *e)
{
    int status;
    if (e->pid > 0 && waitpid(e->pid, &status, WNOHANG) == e->pid)
        e->end = ended(e, status);
    else if (e->end < 0)
        return err_set(e->end, "embedded loader: has ended");
    return e->end;
}

/* SIGTERM, some patience, SIGKILL. */
static void end_child(struct embed *e)
{
    kill(e->pid, SIGTERM);
    for (int waited_ms = 0; waited_ms < STOP_WAIT_MS; waited_ms += STOP_POLL_MS) {
        if (waitpid(e->pid, NULL, WNOHANG) != 0)
            return;
        poll(NULL, 0, STOP_POLL_MS);
    }
    kill(e->pid, SIGKILL);
    waitpid(e->pid, NULL, 0);
}

void embed_stop(struct embed *e)
{
    if (!e)
        return;
    if (e->pid > 0)
        end_child(e);
    join_copier(e);
    if (e->log_fd >= 0)
        close(e->log_fd);
    if (e->notify_fd >= 0)
        close(e->notify_fd);
    embed_folder_remove(&e->folder);
    free(e);
}
