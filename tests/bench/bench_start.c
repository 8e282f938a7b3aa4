/* SPDX-License-Identifier: Apache-2.0 */
/* bench_start: how long a loader takes from exec to the first batch in a trainer's hands, with no
 * index kept and with one.
 *     bench_start --path PATH [--format FORMAT] [--state DIR] [--passes N] [--batch N]
 * The first pass is without an index, in a folder of state of its own unless DIR is given; what it
 * keeps is there for the other passes. Prints cold_start_s, warm_start_s (median) and its spread,
 * samples and index_bytes_per_sample; on standard error what the loader says of its index. A pass
 * whose index was not what its name says is an error. $AUGSTREAM_LOADERD is the loader, if not the
 * one of the same build. tools/bench/many.py makes large sets. */
#include "figure.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "trainer/recv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PASSES_MAX = 20, WAIT_S = 600, POLL_US = 500 };

struct bench {
    const char *path, *format, *state;
    int passes, batch;
    char dir[64]; /* scratch */
    char loaderd[4096], config[128], log[128], socket[128];
    struct recipe recipe; /* large */
    struct spec spec;
    uint64_t samples;
};

static int find_loaderd(struct bench *b)
{
    const char *given = getenv("AUGSTREAM_LOADERD");
    char self[2048];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    if (given)
        snprintf(b->loaderd, sizeof b->loaderd, "%s", given);
    else
        snprintf(b->loaderd, sizeof b->loaderd, "%s/../../loaderd/augstream-loaderd",
                 dirname(self));
    return access(b->loaderd, X_OK) == 0 ? 0
                                         : err_set(-errno, "%s: %s", b->loaderd, strerror(errno));
}

static int bench_init(struct bench *b)
{
    snprintf(b->dir, sizeof b->dir, "/tmp/augstream-bench-XXXXXX");
    if (!mkdtemp(b->dir))
        return err_set(-errno, "%s: %s", b->dir, strerror(errno));
    snprintf(b->config, sizeof b->config, "%s/loaderd.yaml", b->dir);
    snprintf(b->log, sizeof b->log, "%s/log", b->dir);
    snprintf(b->socket, sizeof b->socket, "%s/socket", b->dir);
    FILE *out = fopen(b->config, "w");
    if (!out)
        return err_set(-errno, "%s: %s", b->config, strerror(errno));
    fprintf(out, "listen: [\"ipc://%s\"]\nstate: \"", b->socket);
    if (b->state)
        fprintf(out, "%s", b->state);
    else
        fprintf(out, "%s/state", b->dir);
    fprintf(out, "\"\ndatasets:\n  bench: {path: \"%s\", format: %s}\n", b->path, b->format);
    fclose(out);
    char loaders[192], batch[64];
    snprintf(loaders, sizeof loaders, "data.loaders=[\"ipc://%s\"]", b->socket);
    snprintf(batch, sizeof batch, "data.batch=%d", b->batch);
    const char *sets[] = {"run.name=bench", "data.dataset=bench", loaders, batch,
                          "views.size=32",  "views.blur.kernel=3"};
    int r = recipe_load(&b->recipe, NULL, sets, ARRAY_LEN(sets));
    if (r == 0)
        recipe_spec(&b->recipe, &b->spec);
    return r < 0 ? r : find_loaderd(b);
}

static void remove_in(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}

static void bench_done(struct bench *b)
{
    char state[128];
    if (!b->dir[0])
        return;
    snprintf(state, sizeof state, "%s/state", b->dir);
    remove_in(state);
    rmdir(state);
    remove_in(b->dir);
    rmdir(b->dir);
}

static pid_t spawn(const struct bench *b)
{
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    const int log = open(b->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(log, STDERR_FILENO);
    execl(b->loaderd, b->loaderd, "--config", b->config, (char *)NULL);
    _exit(127);
}

/* The first batch of a loader that has just been started. */
static int first_batch(struct bench *b, pid_t pid, double begin_s, double *ret_s)
{
    while (access(b->socket, F_OK) != 0) { /* a peer would try less often */
        if (waitpid(pid, NULL, WNOHANG) != 0 || stat_now() - begin_s > WAIT_S)
            return err_set(-ECONNREFUSED, "%s: no loader", b->loaderd);
        usleep(POLL_US);
    }
    struct recv *recv = NULL;
    const struct recv_config config = {.spec = &b->spec,
                                       .endpoints = &b->recipe.data.loaders,
                                       .window = 1,
                                       .deadline_s = WAIT_S,
                                       .retry_s = WAIT_S,
                                       .epochs = UINT32_MAX};
    struct recv_batch batch;
    int r = recv_open(&config, &recv);
    if (r == 0)
        r = recv_next(recv, NULL, &batch);
    if (r == 0) {
        *ret_s = stat_now() - begin_s;
        b->samples = recv_info(recv)->samples;
        recv_release(recv, &batch);
    }
    recv_close(recv);
    return r;
}

/* What the loader said of its index goes to standard error; whether it says `how`. */
static bool said(const struct bench *b, const char *how)
{
    FILE *f = fopen(b->log, "r");
    char line[2048];
    bool found = false;
    while (f && fgets(line, sizeof line, f))
        if (strstr(line, "dataset bench: ")) {
            fputs(line, stderr);
            found = found || strstr(line, how);
        }
    if (f)
        fclose(f);
    return found;
}

static int pass(struct bench *b, const char *how, double *ret_s)
{
    unlink(b->socket);
    const double begin_s = stat_now();
    const pid_t pid = spawn(b);
    if (pid < 0)
        return err_set(-errno, "fork: %s", strerror(errno));
    int r = first_batch(b, pid, begin_s, ret_s);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    return r < 0 || said(b, how) ? r : err_set(-EINVAL, "the loader does not say '%s'", how);
}

static uint64_t index_bytes(const struct bench *b)
{
    char folder[4096];
    uint64_t bytes = 0;
    if (b->state)
        snprintf(folder, sizeof folder, "%s", b->state);
    else
        snprintf(folder, sizeof folder, "%s/state", b->dir);
    DIR *d = opendir(folder);
    struct stat st;
    for (struct dirent *e; d && (e = readdir(d));)
        if (strstr(e->d_name, ".index") && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
            bytes += (uint64_t)st.st_size;
    if (d)
        closedir(d);
    return bytes;
}

static int run(struct bench *b)
{
    double s = 0;
    struct figure warm = {0};
    int r = bench_init(b);
    if (r == 0)
        r = pass(b, "no index was kept; the index is kept", &s);
    if (r < 0)
        return r;
    figure_print_value(s, "", "cold_start_s", "s");
    for (int i = 1; r == 0 && i < b->passes; i++) {
        r = pass(b, "index as it was kept", &s);
        figure_add(&warm, s);
    }
    if (r < 0)
        return r;
    figure_print(&warm, "", "warm_start_s", "s");
    figure_print_value((double)b->samples, "", "samples", "samples");
    figure_print_value((double)index_bytes(b) / (double)b->samples, "", "index_bytes_per_sample",
                       "bytes");
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench bench; /* too large for a stack */
    bench = (struct bench){.format = "folder", .passes = 6, .batch = 256};
    static const struct option options[] = {
        {"path", required_argument, NULL, 'p'},  {"format", required_argument, NULL, 'f'},
        {"state", required_argument, NULL, 's'}, {"passes", required_argument, NULL, 'n'},
        {"batch", required_argument, NULL, 'b'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (c == 'p')
            bench.path = optarg;
        else if (c == 'f')
            bench.format = optarg;
        else if (c == 's')
            bench.state = optarg;
        else if (c == 'n')
            bench.passes = (int)strtol(optarg, NULL, 10);
        else if (c == 'b')
            bench.batch = (int)strtol(optarg, NULL, 10);
        else
            bench.path = NULL, optind = argc + 1;
    }
    if (!bench.path || optind != argc || bench.passes < 2 || bench.passes > PASSES_MAX) {
        fprintf(stderr, "usage: bench_start --path PATH [--format FORMAT] [--state DIR] "
                        "[--passes 2..20] [--batch N]\n");
        return EXIT_USAGE;
    }
    const int r = run(&bench);
    if (r < 0)
        fprintf(stderr, "bench_start: %s\n", err_text());
    bench_done(&bench);
    return err_exit(r);
}
