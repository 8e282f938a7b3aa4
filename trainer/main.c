/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-trainer: runs one experiment from its recipe. Arguments, signals and the exit code are
 * here; everything else is in train. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "trainer/train.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS_MAX = 64 };

static volatile int stop; /* a signal came */

/* The first signal asks for a good end; the handler is then gone, so the second one ends us. */
static void on_signal(int signal)
{
    (void)signal;
    stop = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void help(FILE *out)
{
    fputs("Usage: augstream-trainer RECIPE.yaml [--set KEY=VALUE ...] [--run-dir DIR] [--resume]\n"
          "                         [--steps N]\n"
          "Trains a backbone as the recipe says, from batches that augstream-loaderd sends.\n\n"
          "  --set KEY=VALUE  overrides one key of the recipe (VALUE is YAML); may be repeated\n"
          "  --run-dir DIR    the run folder (without it: run.dir/run.name)\n"
          "  --resume         go on from the newest checkpoint in the run folder\n"
          "  --steps N        end after step N of the run\n"
          "  --help           this text\n"
          "  --version        the version\n\n"
          "SIGTERM and SIGINT write a checkpoint and end with 0.\n"
          "Exit codes: 0 ok, 64 usage, 65 bad data, 69 unavailable, 70 internal, 78 bad config.\n\n"
          "Keys of RECIPE.yaml:\n",
          out);
    conf_help(&recipe_table, out);
}

struct arguments {
    const char *recipe;
    const char *sets[SETS_MAX];
    size_t n_sets;
    struct train_config train;
};

static int parse_steps(const char *text, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value == 0)
        return -EINVAL;
    *ret = value;
    return 0;
}

/* -1: go on; else the exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"set", required_argument, NULL, 's'},
        {"run-dir", required_argument, NULL, 'd'},
        {"resume", no_argument, NULL, 'r'},
        {"steps", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        switch (c) {
        case 's':
            if (a->n_sets == SETS_MAX) {
                log_error("at most %d times --set", SETS_MAX);
                return EXIT_USAGE;
            }
            a->sets[a->n_sets++] = optarg;
            break;
        case 'd':
            a->train.run_dir = optarg;
            break;
        case 'r':
            a->train.resume = true;
            break;
        case 'n':
            if (parse_steps(optarg, &a->train.steps) < 0) {
                log_error("--steps %s: a number from 1 up is needed", optarg);
                return EXIT_USAGE;
            }
            break;
        case 'h':
            help(stdout);
            return EXIT_OK;
        case 'V':
            puts("augstream-trainer " AUGSTREAM_VERSION);
            return EXIT_OK;
        default: /* getopt said what */
            return EXIT_USAGE;
        }
    }
    if (argc - optind != 1) {
        log_error("give one RECIPE.yaml (see --help)");
        return EXIT_USAGE;
    }
    a->recipe = argv[optind];
    return -1;
}

int main(int argc, char **argv)
{
    static struct recipe recipe; /* too large for a stack */
    struct arguments a = {.train = {.recipe = &recipe, .stop = &stop}};
    log_open("augstream-trainer", LOG_INFO);
    int code = parse_arguments(argc, argv, &a);
    if (code >= 0)
        return code;
    int rc = recipe_load(&recipe, a.recipe, a.sets, a.n_sets);
    if (rc == 0) {
        catch_signals();
        rc = train_run(&a.train);
    }
    if (rc < 0)
        log_error("%s", err_text());
    return err_exit(rc);
}
