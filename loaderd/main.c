/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-loaderd: serves batches of augmented views and the parameters that made them. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/usage.h"
#include "loaderd/config.h"
#include "loaderd/crew/program.h"
#include "loaderd/daemon/daemon.h"
#include "loaderd/daemon/gate.h"
#include "loaderd/daemon/stock.h"
#include "loaderd/keygen.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

static const struct usage_option options[] = {
    {"config", "FILE", 'c', "what to serve, and where; YAML, the keys are below", USAGE_REQUIRED},
    {"check", NULL, 'n', "read FILE, open its datasets, say what they hold, and end"},
};

static const struct usage_section sections[] = {
    {"Signals",
     "SIGTERM and SIGINT end the daemon well: trainers are told, what they have asked for "
     "is finished and sent within 25 s. A second one ends it at once. SIGHUP reads "
     "FILE (log and bad_rate_max; the log names the keys that wait for a restart) and the list of "
     "clients (curve.clients) again and ends nothing; what is wrong changes nothing. SIGUSR1 says "
     "in the log how things stand."},
    {"Environment",
     "NOTIFY_SOCKET, WATCHDOG_USEC: a service manager's; it is told of readiness, of a "
     "line of figures each second, of life and of the end. JOURNAL_STREAM: log lines "
     "begin with their level as the journal reads it. CREDENTIALS_DIRECTORY: where curve.secret is "
     "looked for first."},
    {"Watching",
     "With the key http, /metrics has figures for Prometheus, /livez says 200, or 500 and why the "
     "daemon should be started anew, /readyz says 200 while requests are taken and 503 while "
     "starting or draining. docs/monitoring.md tells what each figure is; a Grafana dashboard and "
     "alert rules are installed below share/augstream."},
    {"Examples", "    augstream-loaderd keygen --out node1\n"
                 "    augstream-loaderd --config loaderd.yaml --check\n"
                 "    augstream-loaderd --config loaderd.yaml\n"
                 "    systemctl start augstream-loaderd    # the unit that is installed with it"},
};

static const struct usage *const verbs[] = {&keygen_usage};

static const struct usage usage = {
    .name = "augstream-loaderd",
    .chapter = 8,
    .summary = "serve batches of augmented views to trainers",
    .operands = "",
    .about =
        "Decodes and augments the images of its datasets in worker processes and sends the "
        "batches that augstream-trainer asks for, together with omega, the exact parameters that "
        "made each view. A batch depends on nothing but the trainer's recipe, the dataset, the "
        "epoch and the index: any number of loaders with the same data may serve one run, and "
        "one that is restarted goes on as if nothing had been.",
    .options = options,
    .n_options = ARRAY_LEN(options),
    .verbs = verbs,
    .n_verbs = ARRAY_LEN(verbs),
    .keys = &config_table,
    .keys_of = "FILE",
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

/* Standard streams that are closed must not become sockets, into which the log would be written. */
static void open_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/dev/null", O_RDWR); /* the lowest free number: this one */
}

/* What --check looks at: the key, then the datasets. */
static int check_all(const struct config *config)
{
    int r = gate_check(config);
    return r < 0 ? r : stock_check(config, stdout);
}

static int run(const struct config *config)
{
    static char worker[PROGRAM_PATH_MAX];
    int r = program_find("augstream-loaderd-worker", AUGSTREAM_LIBEXECDIR, worker);
    return r < 0 ? r : daemon_run(config, worker);
}

int main(int argc, char **argv)
{
    static struct config config; /* too large for a stack */
    const char *path = NULL;
    bool check = false;
    open_streams();
    log_open("augstream-loaderd", LOG_INFO);
    int key;
    if (argc > 1 && strcmp(argv[1], keygen_usage.name) == 0)
        return keygen_run(argc - 1, argv + 1);
    while ((key = usage_next(&usage, argc, argv)) != USAGE_END) {
        if (key == USAGE_TOLD)
            return EXIT_OK;
        if (key < 0) {
            log_error("%s", err_text());
            return EXIT_USAGE;
        }
        if (key == 'c')
            path = optarg;
        else
            check = true;
    }
    if (!path || optind < argc) {
        log_error("give --config FILE, and nothing else but --check (see --help)");
        return EXIT_USAGE;
    }
    int r = config_load(&config, path);
    if (r < 0) {
        log_error("%s", err_text());
        return EXIT_CONFIG;
    }
    log_open("augstream-loaderd", config_log_level(&config));
    r = check ? check_all(&config) : run(&config);
    if (r < 0)
        log_error("%s", err_text());
    return err_exit(r);
}
