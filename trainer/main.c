/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-trainer: runs one experiment from its recipe. Arguments, signals and the exit code are
 * here; everything else is in train. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/usage.h"
#include "trainer/ops/spin.h"
#include "trainer/plan.h"
#include "trainer/train.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SETS_MAX = 64 };

static volatile int stop; /* a signal came */

/* The first signal asks for a good end. A later one ends us, if it comes a second after the first
 * or more: timeout and others signal a process and then its group, and mean one end. */
static void on_signal(int number)
{
    static struct timespec first;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!stop) {
        first = now;
        stop = 1;
    } else if (now.tv_sec - first.tv_sec > (now.tv_nsec < first.tv_nsec)) {
        signal(number, SIG_DFL);
        raise(number); /* delivered when this handler returns */
    }
}

/* A handler, for what is ignored stays so in the programs that are started; one that is caught does
 * not. */
static void on_pipe(int signal)
{
    (void)signal;
}

/* A closed terminal ends a run as well as SIGTERM does, unless nohup saw to it. A limit of file
 * sizes, and a pipe whose reader went away, are errors of the write that meets them. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, hangup;
    const struct sigaction pipe = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &pipe, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

static const struct usage_option options[] = {
    {"set", "KEY=VALUE", 's', "override one key of the recipe; VALUE is YAML", USAGE_REPEATED,
     .keys = &recipe_table},
    {"run-dir", "DIR", 'd', "the run folder; without it, run.dir/run.name"},
    {"resume", NULL, 'r', "go on from the newest checkpoint in the run folder"},
    {"profile", NULL, 'p',
     "time each phase of a step: in metrics.jsonl, TensorBoard and at the end"},
    {"steps", "N", 'n', "end after step N of the run, whose schedule stays that of the whole"},
    {"dry-run", NULL, 'c',
     "check the recipe; say what it would take: parameters, arithmetic, memory, steps; train "
     "nothing"},
};

static const struct usage_section sections[] = {
    {"Signals",
     "SIGTERM, SIGINT and a terminal's SIGHUP write a checkpoint and end the run with exit code "
     "0; --resume goes on with it. Before the first step there is nothing to keep: the code is "
     "70. A signal that comes a second or more after the first one ends the program at once."},
    {"Files",
     "In the run folder: recipe.yaml (every key, as the run had it), metrics.jsonl (a line a "
     "step), events.out.tfevents.* (TensorBoard), checkpoints/step-NNNNNNNN.safetensors (all "
     "that --resume needs) and, at the end, backbone.safetensors (torchvision's names)."},
    {"Environment",
     "AUGSTREAM_LOADERD: with data.loaders embedded, the augstream-loaderd to start; "
     "without it, the one beside this program or in PATH. TMPDIR: where the folder of "
     "its socket is made, /tmp without it. GOMP_SPINCOUNT, OMP_WAIT_POLICY: how long "
     "threads that wait for one another spin before they sleep; without either, 4000 "
     "rounds, which leaves the cores to the loader."},
    {"Examples",
     "    augstream-trainer recipe.yaml --set data.path=/data/flowers/train\n"
     "    augstream-trainer recipe.yaml --set 'data.loaders=[tcp://node1:5555, tcp://node2:5555]'\n"
     "    augstream-trainer recipe.yaml --resume --set device.threads=8"},
};

static const struct usage usage = {
    .name = "augstream-trainer",
    .chapter = 1,
    .summary = "train a vision backbone from augmented views",
    .operands = "RECIPE.yaml",
    .about =
        "Trains a backbone as RECIPE.yaml says, from batches that augstream-loaderd sends, and "
        "keeps everything in a run folder. Where data.loaders is embedded, as it is by default, "
        "a private loader of data.path is started and ended with the run.",
    .options = options,
    .n_options = ARRAY_LEN(options),
    .keys = &recipe_table,
    .keys_of = "RECIPE.yaml",
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

struct arguments {
    const char *recipe;
    const char *sets[SETS_MAX];
    size_t n_sets;
    bool dry_run;
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
    for (int key; (key = usage_next(&usage, argc, argv)) != USAGE_END;) {
        switch (key) {
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
        case 'c':
            a->dry_run = true;
            break;
        case 'p':
            a->train.profile = true;
            break;
        case 'n':
            if (parse_steps(optarg, &a->train.steps) < 0) {
                log_error("--steps %s: a number from 1 up is needed", optarg);
                return EXIT_USAGE;
            }
            break;
        case USAGE_TOLD:
            return EXIT_OK;
        default:
            log_error("%s", err_text());
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

/* Everything that would refuse the run before its first step refuses it here, with the same code.
 */
static int dry_run(const struct recipe *recipe)
{
    struct plan plan;
    int rc = plan_model(recipe, &plan);
    if (rc == 0)
        rc = plan_data(recipe, &stop, &plan);
    if (rc == 0)
        plan_print(recipe, &plan, stdout);
    return rc;
}

static int run(struct arguments *a, struct recipe *recipe)
{
    int rc = recipe_load(recipe, a->recipe, a->sets, a->n_sets);
    if (rc == 0)
        rc = recipe_fed(recipe, a->recipe, a->sets, a->n_sets);
    if (rc == 0)
        rc = recipe_trainable(recipe, a->recipe, a->sets, a->n_sets);
    if (rc == 0) {
        catch_signals();
        rc = a->dry_run ? dry_run(recipe) : train_run(&a->train);
        if (rc == -ENODATA) /* a dataset has too few samples for one batch */
            rc = recipe_blame(rc, "data.batch", a->recipe, a->sets, a->n_sets);
        else if (rc < 0)
            rc = recipe_place(rc, a->recipe, a->sets, a->n_sets);
    }
    if (rc < 0)
        log_error("%s", err_text());
    return err_exit(rc);
}

/* Of the text on standard output: the code, unless it never got there. */
static int end_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    log_error("standard output: cannot write all that was to be said");
    return code == EXIT_OK ? EXIT_INTERNAL : code;
}

int main(int argc, char **argv)
{
    static struct recipe recipe; /* too large for a stack */
    struct arguments a = {.train = {.recipe = &recipe, .stop = &stop}};
    spin_limit(argv);
    log_open("augstream-trainer", LOG_INFO);
    int code = parse_arguments(argc, argv, &a);
    if (code < 0)
        code = run(&a, &recipe);
    return end_output(code);
}
