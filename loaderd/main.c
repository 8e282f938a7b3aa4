/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-loaderd: serves batches of augmented views and the parameters that made them. */
#include "common/err.h"
#include "common/log.h"
#include "loaderd/config.h"
#include "loaderd/daemon.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"check", no_argument, NULL, 'n'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static void help(FILE *out)
{
    fputs("Usage: augstream-loaderd --config FILE [--check]\n"
          "Serves batches of augmented views to augstream-trainer.\n\n"
          "  --config FILE  what to serve, and where (YAML; the keys are below)\n"
          "  --check        read FILE, open its datasets, say what they hold, and exit\n"
          "  --help         this text\n"
          "  --version      the version\n\n"
          "Exit codes: 0 ok, 64 usage, 65 bad data, 69 unavailable, 70 internal, 78 bad config.\n\n"
          "Keys of FILE:\n",
          out);
    conf_help(&config_table, out);
}

int main(int argc, char **argv)
{
    static struct config config; /* too large for a stack */
    const char *path = NULL;
    bool check = false;
    int option;
    log_open("augstream-loaderd", LOG_INFO);
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'n':
            check = true;
            break;
        case 'h':
            help(stdout);
            return EXIT_OK;
        case 'V':
            puts("augstream-loaderd " AUGSTREAM_VERSION);
            return EXIT_OK;
        default:
            return EXIT_USAGE;
        }
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
    r = check ? daemon_check(&config) : daemon_run(&config);
    if (r < 0)
        log_error("%s", err_text());
    return err_exit(r);
}
