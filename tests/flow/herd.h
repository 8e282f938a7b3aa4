/* SPDX-License-Identifier: Apache-2.0 */
/* herd: real loaders and real receivers as processes, for the tools that hurt and measure them
 * (storm, stall, soak, recover). A receiver is the trainer's own recv in a child process, which
 * tells of each batch what it was and when it came. All of them die with the tool. Whatever goes
 * wrong here ends the tool with a line on standard error and exit code 1. */
#ifndef AUGSTREAM_TESTS_HERD_H
#define AUGSTREAM_TESTS_HERD_H

#include "common/digest.h"
#include "common/omega.h"
#include "trainer/recipe.h"
#include "trainer/recv.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

void herd_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* --- the scratch folder and what is in it --- */

struct herd {
    char root[64];
    const char *loaderd; /* path of augstream-loaderd */
    bool curve;          /* herd_keys was called: tcp and keys in place of ipc */
};

void herd_begin(struct herd *herd, const char *loaderd);
void herd_end(struct herd *herd);

/* Makes keys, of the loaders and of the receivers, who are the only ones let in. */
void herd_keys(struct herd *herd);

/* ROOT/folder with n pictures of 64 pixels in two classes, and beside them, when bad, one file in
 * twelve that cannot be decoded. The same n gives the same files, byte for byte. */
void herd_plant(const struct herd *herd, const char *folder, uint32_t n, bool bad);

/* One picture's pixels become those of another; name, size and so the fingerprint stay. */
void herd_falsify(const struct herd *herd, const char *folder);

/* batch samples of dataset `set` of the folder, two small views. */
void herd_spec(uint64_t seed, uint32_t batch, struct spec *ret);

/* --- loaders --- */

struct herd_loader {
    const struct herd *herd;
    const char *name;   /* names its socket, its log, its configuration */
    const char *folder; /* what it serves as `set` */
    const char *lines;  /* more lines for its configuration */
    pid_t pid;          /* 0: not running */
    bool stopped;
    uint16_t port; /* with keys; herd_port */
};

uint16_t herd_port(void);                           /* of 127.0.0.1, which nobody has now */
void herd_loader_start(struct herd_loader *loader); /* does not wait */
void herd_loader_kill(struct herd_loader *loader);
void herd_loader_stop(struct herd_loader *loader, bool stop); /* SIGSTOP, SIGCONT */
void herd_loader_end(struct herd_loader *loader); /* SIGTERM; it must end with exit code 0 */
bool herd_loader_serves(const struct herd_loader *loader); /* somebody listens at its socket */
void herd_endpoint(const struct herd_loader *loader, char *ret, size_t cap);

uint32_t herd_children(pid_t parent, pid_t *ret, uint32_t cap);

/* --- what the loader's processes hold: the daemon's and its workers' --- */

struct herd_held {
    uint64_t private_kib;            /* anonymous memory, summed */
    uint64_t shared_kib;             /* shared memory; they share it */
    uint64_t daemon_kib, worker_kib; /* anonymous, of the daemon and of the worker that has most */
    uint32_t daemon_fds, daemon_threads, workers;
    uint32_t worker_fds, worker_threads; /* of the worker that has most */
};

void herd_hold(const struct herd_loader *loader, struct herd_held *ret);

/* --- receivers --- */

struct herd_record {
    uint64_t position;            /* batches before it, from the first of epoch 0 */
    double at_s;                  /* stat_now */
    uint8_t digest[DIGEST_BYTES]; /* pixels, omega, labels, substitutions */
};

enum herd_fault { HERD_NONE, HERD_DROP, HERD_DOUBLE }; /* what a receiver can be made to do wrong */

struct herd_receiver_config {
    struct spec spec;
    struct conf_strs endpoints;
    uint32_t window;
    double deadline_s;
    uint64_t batches; /* it ends after so many */
    bool credited;    /* takes a batch only for each one granted */
    bool blind;       /* makes no digests */
    bool curve;
    struct recipe_keys keys; /* with curve */
    enum herd_fault fault;
};

struct herd_receiver {
    pid_t pid; /* 0: not running */
    int records, credit;
    struct recv_counts *counts; /* shared with it; whole at its end */
    uint64_t got;
};

void herd_receiver_start(struct herd_receiver *receiver, const struct herd_receiver_config *config);
void herd_grant(struct herd_receiver *receiver, uint32_t batches);

/* Fills in keys, where the herd has some. */
void herd_receiver_keys(const struct herd *herd, struct herd_receiver_config *config);

/* Takes `n` batches of a spec in a process that has ended when this returns: a trainer that comes
 * and goes. */
void herd_visit(const struct herd_receiver_config *config, uint32_t n);

/* What every receiver here asks of one loader. */
void herd_receiver_config(const struct herd_loader *loader, uint64_t seed, uint32_t batch,
                          struct herd_receiver_config *ret);

/* The next record of any of n receivers, waiting up to timeout_ms. Which one it is from, or n when
 * none came in time. One that has ended by itself gives no more; it is a failure when it failed. */
uint32_t herd_next(struct herd_receiver *receivers, uint32_t n, int timeout_ms,
                   struct herd_record *ret);

void herd_receiver_kill(
    struct herd_receiver *receiver); /* and forgets it; fine on one that ended */

/* --- numbers --- */

struct herd_dice {
    uint64_t state;
};
uint32_t herd_roll(struct herd_dice *dice, uint32_t below);

/* The fraction's quantile of n values, which are put in order. */
double herd_quantile(double *values, size_t n, double fraction);

/* "--name" and a number, for tools whose options are all numbers. */
struct herd_option {
    const char *name;
    uint64_t *value;
};
/* The arguments that are not options are left in argv[1 ...]; their number. */
int herd_options(int argc, char **argv, const struct herd_option *options, size_t n);

#endif
