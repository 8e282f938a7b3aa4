/* SPDX-License-Identifier: Apache-2.0 */
/* node: a data node for tests: a real augstream-loaderd in a scratch folder, told and heard through
 * the notify socket as a service manager would, and clients that speak to it, well or not. Nothing
 * here sleeps: a test waits for READY, for a status, for a message, for an exit. Include it in one
 * source file of a program. */
#ifndef AUGSTREAM_TESTS_NODE_H
#define AUGSTREAM_TESTS_NODE_H

#include "../unit/garden.h"

#include "common/crc32c.h"
#include "common/notify.h"
#include "common/stat.h"
#include "proto/link.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
    PATIENCE_MS = 60000, /* then a test has failed */
    NODE_SAMPLES = 48,
    NODE_BATCH = 8,
    NODE_SIDE = 32,
    NODE_SLOTS = 16, /* the default */
};

/* --- the daemon --- */

struct node {
    struct garden garden;
    char endpoint[128];
    int notify_fd;
    pid_t pid;                          /* 0: not running */
    char status[1024];                  /* the last STATUS= heard */
    const char *lines;                  /* more lines for loaderd.yaml, or NULL */
    const char *program;                /* NULL: the built one */
    void (*before_exec)(struct node *); /* in the child, or NULL */
};

static inline void node_new(struct node *node)
{
    *node = (struct node){.notify_fd = -1};
    garden_new(&node->garden);
    garden_plant(&node->garden, "set", NODE_SAMPLES);
    snprintf(node->endpoint, sizeof node->endpoint, "ipc://%s/socket", node->garden.root);
    assert_int_equal(notify_listen(garden_path(&node->garden, "notify"), &node->notify_fd), 0);
}

static inline void node_configure(const struct node *node)
{
    char text[1024];
    snprintf(text, sizeof text, "listen: %s\nlog: debug\n%s\ndatasets:\n  set: {path: %s/set}\n",
             node->endpoint, node->lines ? node->lines : "workers: 1", node->garden.root);
    garden_write(&node->garden, "loaderd.yaml", text);
}

/* In the child. */
static inline void node_exec(struct node *node)
{
    char config[256], notify[256];
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is aborted leaves nobody */
    snprintf(config, sizeof config, "%s", garden_path(&node->garden, "loaderd.yaml"));
    snprintf(notify, sizeof notify, "%s", garden_path(&node->garden, "notify"));
    setenv("NOTIFY_SOCKET", notify, 1);
    const char *program =
        node->program ? node->program : built_program("loaderd/augstream-loaderd");
    int log = open(garden_path(&node->garden, "log"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    dup2(log, STDERR_FILENO);
    if (node->before_exec)
        node->before_exec(node);
    execl(program, program, "--config", config, (char *)NULL);
    _exit(127);
}

static inline void node_spawn(struct node *node)
{
    node_configure(node);
    node->status[0] = 0;
    node->pid = fork();
    assert_true(node->pid >= 0);
    if (node->pid == 0)
        node_exec(node);
}

/* Everything the daemon has logged; the caller frees. */
static inline char *node_log(const struct node *node)
{
    auto_close int fd = open(garden_path(&node->garden, "log"), O_RDONLY);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_true(read(fd, text, (size_t)st.st_size) == st.st_size);
    return text;
}

static inline bool node_logged(const struct node *node, const char *words)
{
    auto_free char *text = node_log(node);
    return strstr(text, words) != NULL;
}

/* Until the service manager is told something that begins with `begin` and holds `words`. */
static inline void node_hear(struct node *node, const char *begin, const char *words)
{
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    for (;;) {
        char text[1024];
        int r = notify_receive(node->notify_fd, PATIENCE_MS, text, sizeof text);
        if (r < 0 || stat_now() > end_s) {
            auto_free char *log = node_log(node);
            fail_msg("never heard '%s...%s': %s\n%s", begin, words, err_text(), log);
        }
        if (strncmp(text, "STATUS=", 7) == 0)
            snprintf(node->status, sizeof node->status, "%s", text + 7);
        if (strncmp(text, begin, strlen(begin)) == 0 && strstr(text, words))
            return;
    }
}

static inline void node_start(struct node *node)
{
    node_spawn(node);
    node_hear(node, "READY=1", "");
}

/* Waits for its end; the status as waitpid gives it. */
static inline int node_wait(struct node *node)
{
    int status;
    assert_int_equal(waitpid(node->pid, &status, 0), node->pid);
    node->pid = 0;
    return status;
}

static inline void node_end(struct node *node)
{
    kill(node->pid, SIGTERM);
    int status = node_wait(node);
    if (status != 0) {
        auto_free char *log = node_log(node);
        fail_msg("ended with status %x:\n%s", (unsigned)status, log);
    }
}

static inline void node_done(struct node *node)
{
    if (node->pid > 0) {
        kill(node->pid, SIGKILL);
        waitpid(node->pid, NULL, 0);
    }
    close(node->notify_fd);
    garden_done(&node->garden);
}

static inline void node_copy(const struct node *node, const char *from, const char *name)
{
    char command[8192];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, garden_path(&node->garden, name));
    assert_int_equal(system(command), 0);
}

/* The daemon's program in the scratch folder, and beside it what it takes for its worker. */
static inline void node_install(struct node *node, const char *worker)
{
    static char program[256];
    node_copy(node, worker, "augstream-loaderd-worker");
    node_copy(node, built_program("loaderd/augstream-loaderd"), "augstream-loaderd");
    snprintf(program, sizeof program, "%s", garden_path(&node->garden, "augstream-loaderd"));
    node->program = program;
}

static inline pid_t node_worker(const struct node *node)
{
    pid_t pid[1] = {0};
    assert_int_equal(children_of(node->pid, pid, 1), 1);
    return pid[0];
}

/* Until the process is stopped, or, with 0, has gone. /proc is the only place that tells of a
 * process that is not our child. */
static inline void wait_process(pid_t pid, char wanted)
{
    double end_s = stat_now() + PATIENCE_MS * 1e-3;
    for (char state = wanted ? 0 : 'R'; state != wanted;) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *f = fopen(path, "r");
        if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1 || state == 'Z')
            state = 0;
        if (f)
            fclose(f);
        assert_true(stat_now() < end_s);
    }
}

static inline void stop_process(pid_t pid)
{
    assert_int_equal(kill(pid, SIGSTOP), 0);
    wait_process(pid, 'T');
}

/* --- a client --- */

struct client {
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    struct wire_message out;
    struct wire_message message; /* the last one received */
    struct link_message in;
    uint8_t session[DIGEST_BYTES];
    uint64_t batches;
};

static inline struct client *client_new(const char *endpoint)
{
    struct client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    assert_int_equal(wire_new(WIRE_BATCH_MAX, &c->wire), 0);
    assert_int_equal(link_context_new(&c->context), 0);
    assert_int_equal(link_dealer_connect(c->context, endpoint, &c->link), 0);
    return c;
}

static inline void client_free(struct client *c)
{
    link_message_done(&c->in);
    link_close(c->link);
    link_context_free(c->context);
    wire_free(c->wire);
    free(c);
}

static inline void client_send(struct client *c)
{
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(c->wire, &c->out, &bytes, &len), 0);
    assert_int_equal(link_send(c->link, NULL, bytes, len, NULL, 0), 0);
}

/* The next message; what type it has is to be seen. */
static inline enum wire_type client_receive(struct client *c)
{
    if (link_wait(&c->link, 1, PATIENCE_MS) != 1)
        fail_msg("no message came within %d ms", PATIENCE_MS);
    assert_int_equal(link_receive(c->link, &c->in), 0);
    if (wire_unpack(c->wire, c->in.body, c->in.body_len, &c->message) < 0)
        fail_msg("%s", err_text());
    return c->message.type;
}

static inline void client_expect(struct client *c, enum wire_type type)
{
    enum wire_type got = client_receive(c);
    if (got == WIRE_ERROR && type != WIRE_ERROR)
        fail_msg("Error %d: %s", (int)c->message.error.code, c->message.error.text);
    assert_int_equal(got, type);
}

static inline void client_expect_error(struct client *c, uint64_t request, enum wire_code code,
                                       bool retryable)
{
    client_expect(c, WIRE_ERROR);
    assert_int_equal(c->message.error.request, request);
    if (c->message.error.code != code)
        fail_msg("code %d instead of %d: %s", (int)c->message.error.code, (int)code,
                 c->message.error.text);
    assert_int_equal(c->message.error.retryable, retryable);
    assert_true(c->message.error.text[0] != 0);
}

static inline void client_hello(struct client *c)
{
    c->out = (struct wire_message){.type = WIRE_HELLO, .hello = {.client = "test"}};
    client_send(c);
    client_expect(c, WIRE_WELCOME);
}

static inline void node_spec(struct spec *ret, uint64_t seed)
{
    *ret = (struct spec){
        .dataset = "set", .seed = seed, .batch = NODE_BATCH, .shuffle = true, .n_views = 2};
    for (uint32_t v = 0; v < 2; v++)
        ret->views[v] = (struct view_spec){.size = NODE_SIDE,
                                           .crop_resize = NODE_SIDE,
                                           .scale = {.2, 1},
                                           .ratio = {.75, 1.25},
                                           .flip = .5,
                                           .jitter = {.p = .8, .brightness = .4, .hue = .1},
                                           .blur = {.p = .5, .sigma = {.1, 2}, .kernel = 3}};
}

static inline void client_ask_open(struct client *c, uint64_t request, const struct spec *spec)
{
    c->out = (struct wire_message){.type = WIRE_OPEN_SESSION};
    c->out.open_session.request = request;
    c->out.open_session.spec = *spec;
    client_send(c);
}

static inline void client_open(struct client *c, const struct spec *spec)
{
    client_ask_open(c, 1, spec);
    client_expect(c, WIRE_SESSION_OPENED);
    memcpy(c->session, c->message.session_opened.session, DIGEST_BYTES);
    c->batches = c->message.session_opened.batches;
}

static inline void client_ask(struct client *c, uint64_t request, uint32_t epoch, uint32_t index)
{
    c->out = (struct wire_message){.type = WIRE_GET_BATCH};
    memcpy(c->out.get_batch.session, c->session, DIGEST_BYTES);
    c->out.get_batch.epoch = epoch;
    c->out.get_batch.index = index;
    c->out.get_batch.request = request;
    client_send(c);
}

/* What a batch is, whoever made it and for whichever request: all its bytes. */
struct print {
    uint8_t digest[DIGEST_BYTES];
};

/* The Batch that answers `request`; its frames are as its header says. */
static inline struct print client_batch(struct client *c, uint64_t request)
{
    client_expect(c, WIRE_BATCH);
    struct wire_batch *b = &c->message.batch;
    assert_int_equal(b->request, request);
    assert_int_equal(c->in.n_frames, b->n_frames);
    struct digest d;
    digest_init(&d);
    digest_add(&d, b->session, DIGEST_BYTES);
    const uint32_t numbers[] = {b->epoch, b->index, b->n_samples, b->n_views, b->n_substituted};
    digest_add(&d, numbers, sizeof numbers);
    digest_add(&d, b->labels, b->n_samples * sizeof *b->labels);
    for (uint32_t i = 0; i < b->n_views * b->n_samples; i++) {
        char line[1024];
        omega_json(&b->omega[i], &(struct omega_place){0}, line, sizeof line);
        digest_add_str(&d, line);
    }
    for (uint32_t i = 0; i < b->n_frames; i++) {
        assert_int_equal(c->in.frames[i].len, b->frames[i].bytes);
        assert_int_equal(crc32c(0, c->in.frames[i].data, c->in.frames[i].len), b->frames[i].crc32c);
        digest_add(&d, c->in.frames[i].data, c->in.frames[i].len);
    }
    struct print print;
    digest_end(&d, print.digest);
    return print;
}

static inline struct print client_get(struct client *c, uint32_t epoch, uint32_t index)
{
    uint64_t request = (uint64_t)epoch << 32 | index;
    client_ask(c, request, epoch, index);
    return client_batch(c, request);
}

/* A daemon keeps sealed batches until their slots are wanted. Wants all its slots for other ones,
 * so that a batch which was seen before is made anew. */
static inline void client_forget(struct client *c)
{
    for (uint32_t i = 0; i < NODE_SLOTS; i++)
        client_get(c, 1000000 + i, 0);
}

static inline void assert_same(struct print a, struct print b)
{
    assert_memory_equal(a.digest, b.digest, DIGEST_BYTES);
}

/* A client that is ready to ask for batches of the seed. */
static inline struct client *client_ready(const struct node *node, uint64_t seed)
{
    struct client *c = client_new(node->endpoint);
    struct spec spec;
    node_spec(&spec, seed);
    client_hello(c);
    client_open(c, &spec);
    return c;
}

/* Batches that no socket buffer swallows. */
static inline struct client *client_large(const struct node *node)
{
    struct client *c = client_new(node->endpoint);
    struct spec spec;
    node_spec(&spec, 1);
    for (uint32_t v = 0; v < spec.n_views; v++)
        spec.views[v].size = spec.views[v].crop_resize = 224;
    client_hello(c);
    client_open(c, &spec);
    return c;
}

/* In a process of its own: asks for `n` large batches of one epoch, says so, and waits to be
 * killed. */
static inline pid_t node_trainer(const struct node *node, uint32_t n)
{
    int said[2];
    assert_int_equal(pipe(said), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        char word;
        close(said[1]);
        assert_int_equal(read(said[0], &word, 1), 1);
        close(said[0]);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct client *c = client_large(node);
    for (uint32_t i = 0; i < n; i++)
        client_ask(c, i, (uint32_t)getpid(), i);
    c->out = (struct wire_message){.type = WIRE_PING};
    client_send(c);
    client_expect(c, WIRE_PONG); /* so they have arrived */
    if (write(said[1], "x", 1) == 1)
        pause();
    _exit(0);
}

/* --- a client that keeps to the rules, among others that do not --- */

static struct client *good;
static struct print first; /* its batch 0 of epoch 0 */

static inline void start_with_good(struct node *node)
{
    node_start(node);
    good = client_ready(node, 1);
    first = client_get(good, 0, 0);
}

/* The daemon is the one that was started, and serves those it knows and those who come now. */
static inline void assert_serving(const struct node *node)
{
    assert_same(client_get(good, 0, 0), first);
    struct client *fresh = client_ready(node, 1);
    assert_same(client_get(fresh, 0, 0), first);
    client_free(fresh);
    assert_int_equal(waitpid(node->pid, NULL, WNOHANG), 0);
}

static inline void end_with_good(void)
{
    if (good)
        client_free(good);
    good = NULL;
}

#endif
