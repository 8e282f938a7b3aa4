/* SPDX-License-Identifier: Apache-2.0 */
/* herd_receiver: trainers without a model: recv in a process of its own, which writes a record of
 * each batch into a pipe. Owns the pipes' ends; the process dies with the tool. */
#include "herd.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "common/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EPOCHS = 1000000, RECEIVERS_MAX = 8 };

/* What is told of each view is what its pixels sum up to. */
static void check_views(const struct recv_batch *batch)
{
    const struct wire_batch *b = batch->header;
    const struct encoder_run *run = batch->model.run;
    if (!b->checks)
        herd_fail("receiver: views without checksums");
    for (uint32_t f = 0, at = 0; f < b->n_frames; f++)
        for (uint32_t i = 0; i < (uint32_t)run[f].rows; i++, at++) {
            const size_t side = b->sizes[at / b->n_samples], bytes = side * side * 3;
            if (crc32c(0, run[f].pixels + i * bytes, bytes) != b->checks[at])
                herd_fail("receiver: the checksum of view %u of position %u is not its pixels'",
                          at / b->n_samples, at % b->n_samples);
        }
}

/* Everything of a batch that is the same whoever made it. */
static void batch_digest(const struct recv_batch *batch, uint8_t ret[DIGEST_BYTES])
{
    const struct wire_batch *b = batch->header;
    struct digest d;
    digest_init(&d);
    digest_add(&d, b->session, DIGEST_BYTES);
    const uint32_t numbers[] = {b->epoch, b->index, b->n_samples, b->n_views, b->n_substituted};
    digest_add(&d, numbers, sizeof numbers);
    digest_add(&d, b->labels, b->n_samples * sizeof *b->labels);
    for (uint32_t i = 0; i < b->n_substituted; i++) {
        digest_add_u64(&d, b->substituted[i].position);
        digest_add_u64(&d, b->substituted[i].sample);
        digest_add_u64(&d, b->substituted[i].fault);
    }
    for (uint32_t i = 0; i < b->n_views * b->n_samples; i++) {
        char line[1024];
        omega_json(&b->omega[i], &(struct omega_place){0}, line, sizeof line);
        digest_add_str(&d, line);
    }
    check_views(batch);
    digest_add(&d, b->checks, b->n_views * b->n_samples * sizeof *b->checks);
    const struct encoder_run *run = batch->model.run;
    for (uint32_t i = 0; i < b->n_frames; i++)
        digest_add(&d, run[i].pixels, b->frames[i].bytes);
    digest_end(&d, ret);
}

static void tell(void *hint, const char *text)
{
    (void)hint;
    fprintf(stderr, "receiver: %s\n", text);
}

/* Whole records: they are shorter than a pipe's atomic write. */
static void put(int fd, const struct herd_record *record)
{
    if (write(fd, record, sizeof *record) != sizeof *record)
        _exit(1);
}

static void connect_to(const struct herd_receiver_config *config, struct recv **ret)
{
    const struct recv_config recv_config = {.spec = &config->spec,
                                            .endpoints = &config->endpoints,
                                            .keys = config->curve ? &config->keys : NULL,
                                            .window = config->window,
                                            .deadline_s = config->deadline_s,
                                            .retry_s = 60,
                                            .epochs = EPOCHS,
                                            .tell = tell};
    if (recv_open(&recv_config, ret) < 0)
        herd_fail("receiver: %s", err_text());
}

static void visit(const struct herd_receiver_config *config, uint32_t n)
{
    struct recv *recv;
    connect_to(config, &recv);
    for (uint32_t i = 0; i < n; i++) {
        struct recv_batch batch;
        if (recv_next(recv, NULL, &batch) < 0)
            herd_fail("receiver: %s", err_text());
        recv_release(recv, &batch);
    }
    recv_close(recv);
}

/* In a process of its own, which ends without a search for leaks: libzmq 4.3.4 loses what came of a
 * message of several parts when its socket is closed in the midst of it, and a visitor leaves with
 * batches on their way. */
void herd_visit(const struct herd_receiver_config *config, uint32_t n)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        herd_fail("fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        visit(config, n);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        herd_fail("a visitor ended with status %x", (unsigned)status);
}

static int run(const struct herd_receiver_config *config, int records, int credit,
               struct recv_counts *counts)
{
    int rc = 0;
    struct recv *recv;
    connect_to(config, &recv);
    uint64_t epoch = recv_info(recv)->batches;
    for (uint64_t i = 0; i < config->batches && rc == 0; i++) {
        char word;
        struct recv_batch batch;
        if (config->credited && read(credit, &word, 1) != 1)
            break;
        rc = recv_next(recv, NULL, &batch);
        if (rc < 0)
            break;
        struct herd_record record = {.position = batch.header->epoch * epoch + batch.header->index,
                                     .at_s = stat_now()};
        if (!config->blind)
            batch_digest(&batch, record.digest);
        recv_release(recv, &batch);
        *counts = *recv_counts(recv);
        bool chosen = i == config->batches / 2;
        if (!(chosen && config->fault == HERD_DROP))
            put(records, &record);
        if (chosen && config->fault == HERD_DOUBLE)
            put(records, &record);
    }
    recv_close(recv);
    return rc;
}

void herd_receiver_keys(const struct herd *herd, struct herd_receiver_config *config)
{
    config->curve = herd->curve;
    config->keys.server.n = 1;
    snprintf(config->keys.server.v[0], CONF_STR_MAX, "%s/loader", herd->root);
    snprintf(config->keys.secret, CONF_STR_MAX, "%s/trainer_secret", herd->root);
}

void herd_receiver_config(const struct herd_loader *loader, uint64_t seed, uint32_t batch,
                          struct herd_receiver_config *ret)
{
    *ret = (struct herd_receiver_config){
        .endpoints.n = 1, .window = 3, .deadline_s = 20, .batches = UINT64_MAX, .blind = true};
    herd_spec(seed, batch, &ret->spec);
    herd_receiver_keys(loader->herd, ret);
    herd_endpoint(loader, ret->endpoints.v[0], CONF_STR_MAX);
}

void herd_receiver_start(struct herd_receiver *receiver, const struct herd_receiver_config *config)
{
    int records[2], credit[2];
    *receiver = (struct herd_receiver){.records = -1, .credit = -1};
    void *shared = mmap(NULL, sizeof *receiver->counts, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe2(records, O_CLOEXEC) < 0 || pipe2(credit, O_CLOEXEC) < 0)
        herd_fail("a receiver's pipes: %s", strerror(errno));
    receiver->counts = shared;
    fflush(stdout);
    receiver->pid = fork();
    if (receiver->pid < 0)
        herd_fail("fork: %s", strerror(errno));
    if (receiver->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(records[0]);
        close(credit[1]);
        int rc = run(config, records[1], credit[0], shared);
        if (rc < 0)
            fprintf(stderr, "receiver: %s\n", err_text());
        _exit(rc < 0 ? 1 : 0);
    }
    close(records[1]);
    close(credit[0]);
    receiver->records = records[0];
    receiver->credit = credit[1];
}

void herd_grant(struct herd_receiver *receiver, uint32_t batches)
{
    for (uint32_t i = 0; i < batches; i++)
        if (write(receiver->credit, "x", 1) != 1)
            return; /* it has ended; herd_next says how */
}

static void forget(struct herd_receiver *receiver)
{
    close(take_fd(&receiver->records));
    close(take_fd(&receiver->credit));
    receiver->pid = 0;
}

/* The pipe's end: the process has ended, or is about to. */
static void ended(struct herd_receiver *receiver)
{
    int status = -1;
    waitpid(receiver->pid, &status, 0);
    forget(receiver);
    if (status != 0)
        herd_fail("a receiver ended with status %x", (unsigned)status);
}

uint32_t herd_next(struct herd_receiver *receivers, uint32_t n, int timeout_ms,
                   struct herd_record *ret)
{
    static uint32_t turn; /* so that none is always first, and another one starves */
    struct pollfd polls[RECEIVERS_MAX];
    for (uint32_t i = 0; i < n; i++)
        polls[i] = (struct pollfd){.fd = receivers[i].records, .events = POLLIN};
    int r = poll(polls, n, timeout_ms);
    if (r < 0 && errno != EINTR)
        herd_fail("poll: %s", strerror(errno));
    turn++;
    for (uint32_t k = 0; r > 0 && k < n; k++) {
        const uint32_t i = (turn + k) % n;
        if (polls[i].revents == 0)
            continue;
        ssize_t got = read(receivers[i].records, ret, sizeof *ret);
        if (got == sizeof *ret) {
            receivers[i].got++;
            return i;
        }
        ended(&receivers[i]);
    }
    return n;
}

void herd_receiver_kill(struct herd_receiver *receiver)
{
    if (receiver->pid == 0)
        return;
    kill(receiver->pid, SIGKILL);
    waitpid(receiver->pid, NULL, 0);
    forget(receiver);
}
