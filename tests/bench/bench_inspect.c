/* SPDX-License-Identifier: Apache-2.0 */
/* bench_inspect: how many views a second augstream-inspect writes out as lines, on one core, and
 * how many bytes of a record a view takes. bench_inspect [--passes N] [--views N] INSPECT
 *
 * stream_records_per_s: views over the processor time of a whole `stream --format jsonl
 * >/dev/null`, pinned to one core, from its exec to its end (ZeroMQ's thread too), that listens to
 * a tap on an ipc socket which another process tells of batches as fast as it can pack them: 256
 * samples of two views of 224 pixels by the law of SimSiam, each drawn anew for its place in an
 * epoch of 1.28 million, labels of 1000 classes, sources of 256 to 1023 pixels a side. The tap
 * sheds what is too fast; only what was printed counts. The others are the same for other formats,
 * and for a record.
 *
 * record_bytes_per_view: of the messages as they were on the wire; compressed_bytes_per_view: of
 * the whole file. Both of a record of the very same batches. record_us_per_batch: processor time
 * that a batch takes to be recorded, packed, compressed and written: what run.omega adds to a step
 * of a trainer. */
#include "tests/bench/figure.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/rng.h"
#include "common/stat.h"
#include "proto/link.h"
#include "proto/record.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, VIEWS = 2, SAMPLES = 1280000, BATCHES_KEPT = 64 };

struct bench {
    const char *inspect;
    uint32_t passes, views;
    char folder[64], endpoint[96], record[96];
};

/* The batches that go round, made once. */
static struct maker {
    struct omega omega[BATCHES_KEPT][VIEWS * BATCH];
    uint32_t checks[BATCHES_KEPT][VIEWS * BATCH];
    int64_t labels[BATCHES_KEPT][BATCH];
    struct wire_message tap;
} maker;

static void spec_fill(struct spec *spec)
{
    *spec = (struct spec){.dataset = "imagenet", .seed = 1, .batch = BATCH, .n_views = VIEWS};
    for (uint32_t v = 0; v < VIEWS; v++)
        spec->views[v] = (struct view_spec){
            .size = 224,
            .crop = CROP_RANDOM,
            .scale = {0.2, 1},
            .ratio = {0.75, 4.0 / 3},
            .flip = 0.5,
            .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
            .grayscale = 0.2,
            .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = 23},
        };
}

static void batches_make(void)
{
    struct spec *spec = &maker.tap.tap.spec;
    spec_fill(spec);
    for (uint32_t b = 0; b < BATCHES_KEPT; b++)
        for (uint32_t n = 0; n < BATCH; n++) {
            struct rng rng;
            rng_init(&rng, &(struct rng_key){.epoch = b, .sample = n, .purpose = RNG_TEST});
            const uint32_t sample = rng_u32(&rng) % SAMPLES;
            const uint32_t w = 256 + rng_u32(&rng) % 768, h = 256 + rng_u32(&rng) % 768;
            maker.labels[b][n] = rng_u32(&rng) % 1000;
            for (uint32_t v = 0; v < VIEWS; v++) {
                const struct omega_key key = {spec->seed, 0, b, sample, v};
                omega_draw(&spec->views[v], &key, w, h, &maker.omega[b][v * BATCH + n]);
                maker.checks[b][v * BATCH + n] = rng_u32(&rng);
            }
        }
    struct wire_message *m = &maker.tap;
    m->type = WIRE_TAP;
    m->tap.server_epoch = 1;
    m->tap.at_us = 1764081000123456;
    m->tap.told_spec = true;
    snprintf(m->tap.dataset, sizeof m->tap.dataset, "%s", spec->dataset);
    spec_digest(spec, m->tap.fingerprint, m->tap.batch.session);
}

static const struct wire_message *batch_at(uint64_t sequence)
{
    const uint64_t b = (sequence - 1) % BATCHES_KEPT;
    maker.tap.tap.sequence = sequence;
    maker.tap.tap.at_us += 50000;
    struct wire_batch *batch = &maker.tap.tap.batch;
    batch->index = (uint32_t)(sequence - 1);
    batch->n_samples = BATCH;
    batch->n_views = VIEWS;
    batch->sizes[0] = batch->sizes[1] = 224;
    batch->omega = maker.omega[b];
    batch->checks = maker.checks[b];
    batch->labels = maker.labels[b];
    return &maker.tap;
}

static void check(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_inspect: %s\n", err_text());
    exit(1);
}

/* In a process of its own, until it is killed. */
static void publish(const char *endpoint)
{
    struct link_context *context;
    struct link *link;
    struct wire *wire;
    check(link_context_new(&context));
    check(link_pub_bind(context, endpoint, &link));
    check(wire_new(WIRE_OMEGAS_MAX, &wire));
    for (uint64_t sequence = 1;; sequence++) {
        const void *bytes;
        size_t len;
        check(wire_pack(wire, batch_at(sequence), &bytes, &len));
        check(link_send(link, NULL, bytes, len, NULL, 0));
    }
}

/* --- stream --- */

static void pin(int core)
{
    cpu_set_t may, one;
    CPU_ZERO(&may);
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof may, &may);
    for (int c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET(c, &may) && core-- == 0)
            CPU_SET(c, &one);
    if (CPU_COUNT(&one)) /* a machine of one core: both share it */
        sched_setaffinity(0, sizeof one, &one);
}

/* Seconds of processor time, and of the clock, that stream takes for so many views. */
static int stream_run(const struct bench *b, const char *from, const char *format, double ret_s[2])
{
    char count[16];
    snprintf(count, sizeof count, "%u", b->views);
    const double since = stat_now();
    const pid_t pid = fork();
    if (pid == 0) {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        pin(0);
        execl(b->inspect, b->inspect, "stream", from, "--format", format, "--count", count,
              (char *)NULL);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0 || status != 0)
        return err_set(-EIO, "%s stream %s does not end well", b->inspect, from);
    ret_s[1] = stat_now() - since;
    ret_s[0] = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return 0;
}

static int streams(const struct bench *b)
{
    static const struct {
        const char *format, *name, *wall;
        bool is_record;
    } rows[] = {
        {"jsonl", "stream_records_per_s", "stream_wall_records_per_s", false},
        {"csv", "stream_csv_records_per_s", NULL, false},
        {"table", "stream_table_records_per_s", NULL, false},
        {"jsonl", "stream_file_records_per_s", NULL, true},
    };
    struct figure figures[ARRAY_LEN(rows)] = {0}, walls = {0};
    for (uint32_t pass = 0; pass < b->passes; pass++)
        for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
            double s[2] = {0};
            int rc = stream_run(b, rows[r].is_record ? b->record : b->endpoint, rows[r].format, s);
            if (rc < 0)
                return rc;
            figure_add(&figures[r], b->views / s[0]);
            if (rows[r].wall)
                figure_add(&walls, b->views / s[1]);
        }
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        figure_print(&figures[r], "", rows[r].name, "records/s");
        if (rows[r].wall)
            figure_print(&walls, "", rows[r].wall, "records/s");
    }
    return 0;
}

/* --- record --- */

/* Returns the microseconds of processor time that a batch takes: packing, compressing, writing. */
static double record_write(const struct bench *b)
{
    struct record_writer *writer;
    struct timespec begun, done;
    uint64_t s = 1;
    check(record_create(b->record, &writer));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
    for (; (s - 1) * BATCH * VIEWS < b->views; s++)
        check(record_add(writer, batch_at(s)));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &done);
    check(record_close(writer));
    return (1e6 * (double)(done.tv_sec - begun.tv_sec) +
            1e-3 * (double)(done.tv_nsec - begun.tv_nsec)) /
           (double)(s - 1);
}

static void record_sizes(const struct bench *b)
{
    struct record *record;
    check(record_open(b->record, &record));
    const struct record_info *info = record_info(record);
    const double views = (double)info->views;
    figure_print_value((double)info->raw_bytes / views, "", "record_bytes_per_view", "bytes");
    figure_print_value((double)info->stored_bytes / views, "", "compressed_bytes_per_view",
                       "bytes");
    record_free(record);
}

/* --- the whole --- */

static uint32_t number(const char *text, uint32_t low, uint32_t high)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || value < low || value > high)
        check(err_set(-EINVAL, "%s: a number from %u to %u is wanted", text, low, high));
    return (uint32_t)value;
}

static void parse(struct bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"passes", required_argument, NULL, 'p'}, {"views", required_argument, NULL, 'v'}, {0}};
    for (int key; (key = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (key == 'p')
            b->passes = number(optarg, 1, FIGURE_PASSES_MAX);
        else if (key == 'v')
            b->views = number(optarg, BATCH * VIEWS, 100000000);
        else
            exit(EXIT_USAGE);
    if (optind + 1 != argc)
        check(err_set(-EINVAL, "bench_inspect [--passes N] [--views N] INSPECT"));
    b->inspect = argv[optind];
}

int main(int argc, char **argv)
{
    struct bench b = {.passes = 5, .views = 500000};
    parse(&b, argc, argv);
    snprintf(b.folder, sizeof b.folder, "/tmp/augstream-bench-XXXXXX");
    if (!mkdtemp(b.folder))
        check(err_set(-errno, "%s: %s", b.folder, strerror(errno)));
    snprintf(b.endpoint, sizeof b.endpoint, "ipc://%s/tap", b.folder);
    snprintf(b.record, sizeof b.record, "%s/run.omega", b.folder);
    batches_make();
    const double record_us = record_write(&b);
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(1);
        publish(b.endpoint);
    }
    const int rc = streams(&b);
    if (!rc) {
        record_sizes(&b);
        figure_print_value(record_us, "", "record_us_per_batch", "us");
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(b.record);
    unlink(b.endpoint + strlen("ipc://"));
    rmdir(b.folder);
    check(rc);
    return 0;
}
