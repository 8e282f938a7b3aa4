/* SPDX-License-Identifier: Apache-2.0 */
/* herd: scratch folder, loaders, figures from /proc. The receivers are in herd_receiver.c. One
 * thread. */
#include "herd.h"

#include "aside.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"
#include "tools/synth/flower.h"
#include "tools/synth/jpeg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDE = 64, CLASSES = 2, BAD_EVERY = 12, PATH_BYTES = 512, WORKERS_MAX = 64 };

static char scratch[64]; /* for herd_fail; "" in children */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void herd_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("failed: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (scratch[0])
        fprintf(stderr, "(left: %s)\n", scratch);
    _exit(1);
}

/* --- the scratch folder --- */

void herd_begin(struct herd *herd, const char *loaderd)
{
    static char program[PATH_MAX];
    if (!realpath(loaderd, program))
        herd_fail("%s: %s", loaderd, strerror(errno));
    *herd = (struct herd){.root = "/tmp/augstream-herd-XXXXXX", .loaderd = program};
    if (!mkdtemp(herd->root))
        herd_fail("%s: %s", herd->root, strerror(errno));
    snprintf(scratch, sizeof scratch, "%s", herd->root);
    signal(SIGPIPE, SIG_IGN); /* a receiver that ended is met where it is read */
    keep_little_aside();
}

void herd_end(struct herd *herd)
{
    nftw(herd->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        herd_fail("%s: %s", path, strerror(errno));
}

static void write_text(const char *path, const char *text)
{
    auto_fclose FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0)
        herd_fail("%s: %s", path, strerror(errno));
}

void herd_keys(struct herd *herd)
{
    char command[4 * PATH_BYTES];
    snprintf(command, sizeof command,
             "cd '%s' && '%.900s' keygen --out loader >/dev/null && '%.900s' keygen --out trainer "
             ">/dev/null && mkdir clients && cp trainer clients/",
             herd->root, herd->loaderd, herd->loaderd);
    if (system(command) != 0)
        herd_fail("keys cannot be made: %s", command);
    herd->curve = true;
}

static void picture_path(const struct herd *herd, const char *folder, uint32_t number, char *ret)
{
    snprintf(ret, PATH_BYTES, "%s/%s/class-%" PRIu32 "/%04" PRIu32 ".jpg", herd->root, folder,
             number % CLASSES, number);
}

static void draw(const char *path, uint32_t number, int quality)
{
    uint8_t rgb[SIDE * SIDE * 3];
    flower_draw(&flower_kinds[number % CLASSES], 1, number, SIDE, SIDE, rgb);
    if (jpeg_write(path, rgb, SIDE, SIDE, quality) < 0)
        herd_fail("%s", err_text());
}

/* Bad in three ways by turns: cut off, not an image, nothing. */
static void spoil(const char *path, uint32_t turn)
{
    struct stat st;
    if (turn % 3 == 1)
        write_text(path, "this is no picture\n");
    else if (stat(path, &st) < 0 || truncate(path, turn % 3 ? 0 : st.st_size / 2) < 0)
        herd_fail("%s: %s", path, strerror(errno));
}

void herd_plant(const struct herd *herd, const char *folder, uint32_t n, bool bad)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", herd->root, folder);
    make_folder(path);
    for (uint32_t c = 0; c < CLASSES; c++) {
        snprintf(path, sizeof path, "%s/%s/class-%" PRIu32, herd->root, folder, c);
        make_folder(path);
    }
    for (uint32_t i = 0; i < n; i++) {
        picture_path(herd, folder, i, path);
        draw(path, i, 90);
        if (bad && i % BAD_EVERY == BAD_EVERY - 1)
            spoil(path, i / BAD_EVERY);
    }
}

void herd_falsify(const struct herd *herd, const char *folder)
{
    char path[PATH_BYTES];
    struct stat before, after;
    picture_path(herd, folder, 0, path);
    if (stat(path, &before) < 0)
        herd_fail("%s: %s", path, strerror(errno));
    draw(path, CLASSES, 60); /* worse, so smaller; what follows a picture's end is not looked at */
    if (stat(path, &after) < 0 || after.st_size >= before.st_size ||
        truncate(path, before.st_size) < 0)
        herd_fail("%s: cannot be falsified", path);
}

void herd_spec(uint64_t seed, uint32_t batch, struct spec *ret)
{
    *ret = (struct spec){
        .dataset = "set", .seed = seed, .batch = batch, .shuffle = true, .n_views = 2};
    for (uint32_t v = 0; v < 2; v++)
        ret->views[v] = (struct view_spec){.size = 48,
                                           .crop_resize = 48,
                                           .scale = {.2, 1},
                                           .ratio = {.75, 1.25},
                                           .flip = .5,
                                           .jitter = {.p = .8, .brightness = .4, .hue = .1},
                                           .grayscale = .2,
                                           .blur = {.p = .5, .sigma = {.1, 2}, .kernel = 3}};
}

/* --- loaders --- */

static void loader_path(const struct herd_loader *loader, const char *end, char *ret)
{
    snprintf(ret, PATH_BYTES, "%s/%s%s", loader->herd->root, loader->name, end);
}

void herd_endpoint(const struct herd_loader *loader, char *ret, size_t cap)
{
    if (loader->herd->curve)
        snprintf(ret, cap, "tcp://127.0.0.1:%u", loader->port);
    else
        snprintf(ret, cap, "ipc://%s/%s.sock", loader->herd->root, loader->name);
}

static void loader_configure(const struct herd_loader *loader, const char *path)
{
    char text[2048], endpoint[PATH_BYTES], keys[PATH_BYTES] = "";
    const char *root = loader->herd->root;
    herd_endpoint(loader, endpoint, sizeof endpoint);
    if (loader->herd->curve)
        snprintf(keys, sizeof keys, "curve: {secret: %s/loader_secret, clients: %s/clients}\n",
                 root, root);
    snprintf(text, sizeof text,
             "listen: %s\n%slog: debug\nbad_rate_max: 0.5\n%s\ndatasets:\n  set: {path: %s/%s}\n",
             endpoint, keys, loader->lines, root, loader->folder);
    write_text(path, text);
}

void herd_loader_start(struct herd_loader *loader)
{
    char config[PATH_BYTES], log[PATH_BYTES];
    loader_path(loader, ".yaml", config);
    loader_path(loader, ".log", log);
    loader_configure(loader, config);
    loader->stopped = false;
    loader->pid = fork();
    if (loader->pid < 0)
        herd_fail("fork: %s", strerror(errno));
    if (loader->pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0)
        execl(loader->herd->loaderd, loader->herd->loaderd, "--config", config, (char *)NULL);
    _exit(127);
}

static int reap(struct herd_loader *loader)
{
    int status = -1;
    while (waitpid(loader->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    loader->pid = 0;
    loader->stopped = false;
    return status;
}

void herd_loader_kill(struct herd_loader *loader)
{
    kill(loader->pid, SIGKILL);
    int status = reap(loader);
    if (!WIFSIGNALED(status)) /* a blow must fall on one that lives */
        herd_fail("loader %s had ended by itself with status %x", loader->name, (unsigned)status);
}

void herd_loader_stop(struct herd_loader *loader, bool stop)
{
    if (kill(loader->pid, stop ? SIGSTOP : SIGCONT) < 0)
        herd_fail("loader %s: %s", loader->name, strerror(errno));
    loader->stopped = stop;
}

/* Serves, or 10 s are over. One that has just begun has not taken its signals yet, and dies of
 * SIGTERM, as programs do; its sockets come after. */
static void await_service(const struct herd_loader *loader)
{
    for (int tries = 0; tries < 2000 && !herd_loader_serves(loader); tries++)
        poll(NULL, 0, 5);
}

void herd_loader_end(struct herd_loader *loader)
{
    if (!loader->stopped)
        await_service(loader);
    kill(loader->pid, SIGTERM);
    int status = reap(loader);
    if (status != 0)
        herd_fail("loader %s ended with status %x at SIGTERM", loader->name, (unsigned)status);
}

static int socket_connect(const struct sockaddr *at, socklen_t len)
{
    auto_close int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -1 : connect(fd, at, len);
}

bool herd_loader_serves(const struct herd_loader *loader)
{
    if (loader->herd->curve) {
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons(loader->port)};
        return socket_connect((const struct sockaddr *)&at, sizeof at) == 0;
    }
    char path[PATH_BYTES];
    loader_path(loader, ".sock", path);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path)
        herd_fail("%s: too long for a socket", path);
    memcpy(at.sun_path, path, strlen(path));
    return socket_connect((const struct sockaddr *)&at, sizeof at) == 0;
}

uint16_t herd_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        herd_fail("no port: %s", strerror(errno));
    return ntohs(at.sin_port);
}

uint32_t herd_children(pid_t parent, pid_t *ret, uint32_t cap)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    auto_fclose FILE *f = fopen(path, "r");
    uint32_t n = 0;
    while (f && n < cap && fscanf(f, "%d", &ret[n]) == 1)
        n++;
    return n;
}

/* --- figures --- */

static uint64_t status_number(pid_t pid, const char *key)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    auto_fclose FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            return strtoull(line + strlen(key), NULL, 10);
    return 0;
}

static uint32_t descriptors(pid_t pid)
{
    char path[64];
    uint32_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

void herd_hold(const struct herd_loader *loader, struct herd_held *ret)
{
    pid_t pids[WORKERS_MAX + 1] = {loader->pid};
    *ret = (struct herd_held){.workers = herd_children(loader->pid, pids + 1, WORKERS_MAX)};
    for (uint32_t i = 0; i <= ret->workers; i++) {
        uint64_t shared = status_number(pids[i], "RssShmem:");
        uint32_t fds = descriptors(pids[i]);
        uint32_t threads = (uint32_t)status_number(pids[i], "Threads:");
        uint32_t *fds_max = i == 0 ? &ret->daemon_fds : &ret->worker_fds;
        uint32_t *threads_max = i == 0 ? &ret->daemon_threads : &ret->worker_threads;
        uint64_t *kib_max = i == 0 ? &ret->daemon_kib : &ret->worker_kib;
        uint64_t private = status_number(pids[i], "RssAnon:");
        ret->private_kib += private;
        *kib_max = private > *kib_max ? private : *kib_max;
        ret->shared_kib = shared > ret->shared_kib ? shared : ret->shared_kib;
        *fds_max = fds > *fds_max ? fds : *fds_max;
        *threads_max = threads > *threads_max ? threads : *threads_max;
    }
    if (ret->private_kib == 0)
        herd_fail("loader %s is not there", loader->name);
}

/* --- numbers --- */

/* splitmix64 (Steele, Lea, Flood 2014). */
uint32_t herd_roll(struct herd_dice *dice, uint32_t below)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) % below);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double herd_quantile(double *values, size_t n, double fraction)
{
    qsort(values, n, sizeof *values, ascending);
    size_t at = (size_t)(fraction * (double)n);
    return values[at < n ? at : n - 1];
}

static const struct herd_option *option_find(const struct herd_option *options, size_t n,
                                             const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

int herd_options(int argc, char **argv, const struct herd_option *options, size_t n)
{
    int kept = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            argv[++kept] = argv[i];
            continue;
        }
        const struct herd_option *option = option_find(options, n, argv[i] + 2);
        const char *number = option && i + 1 < argc ? argv[++i] : "";
        char *end;
        uint64_t value = strtoull(number, &end, 10);
        if (number[0] >= '0' && number[0] <= '9' && *end == 0) {
            *option->value = value;
        } else {
            fprintf(stderr, "%s: options, each with a number:", argv[0]);
            for (size_t k = 0; k < n; k++)
                fprintf(stderr, " --%s", options[k].name);
            fprintf(stderr, "; then the path of augstream-loaderd\n");
            exit(EXIT_USAGE);
        }
    }
    return kept;
}
