/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: the verbs of augstream-inspect. Each gets its own argv (argv[0] = the verb) and returns
 * an exit code, its error already told. */
#ifndef AUGSTREAM_TOOLS_INSPECT_H
#define AUGSTREAM_TOOLS_INSPECT_H

#include "common/usage.h"
#include "trainer/embed.h"
#include "trainer/recipe.h"
#include "trainer/recv.h"
#include "trainer/watch/sheet.h"

extern const struct usage inspect_stream_usage, inspect_record_usage, inspect_dump_usage,
    inspect_batch_usage, inspect_sheet_usage, inspect_runs_usage, inspect_render_usage,
    inspect_grid_usage, inspect_replay_usage;
int inspect_stream(int argc, char **argv);
int inspect_record(int argc, char **argv);
int inspect_dump(int argc, char **argv);
int inspect_batch(int argc, char **argv);
int inspect_sheet(int argc, char **argv);
int inspect_runs(int argc, char **argv);
int inspect_render(int argc, char **argv);
int inspect_grid(int argc, char **argv);
int inspect_replay(int argc, char **argv);

extern const struct usage inspect_dataset_usage;
int inspect_dataset(int argc, char **argv);

extern const struct usage inspect_stats_usage;
int inspect_stats(int argc, char **argv);

/* serve.c; its parts are in serve/ */
extern const struct usage inspect_serve_usage;
int inspect_serve(int argc, char **argv);

extern const struct usage inspect_checkpoint_usage;
int inspect_checkpoint(int argc, char **argv);

/* Logs err_text() and gives the exit code for rc. */
int inspect_fail(int rc);

/* The exit code where a command line is not followed: rc < 0, it is wrong, err_text() logged; or
 * USAGE_TOLD, it asked for help and has it. */
int inspect_parsed(int rc);

/* fetch: one batch of a recipe, asked for as the trainer asks. endpoint "embedded" starts a private
 * loader; SIGINT and SIGTERM end it as well. Zero-initialise; done is fine on a half-made one. */
struct fetch {
    struct recipe recipe;
    struct spec spec;
    struct embed *embed;
    struct recv *recv;
    struct recv_batch batch; /* views in order; loans until fetch_done */
    bool held;
};
struct fetch_options {
    const char *endpoint, *recipe;
    const char *sets[CONF_LIST_MAX]; /* --set a.b=v */
    size_t n_sets;
    int64_t epoch, index;
};
/* The options that every fetching verb has, for its rows; fetch_option takes one of them: 1 when it
 * was one, 0 when it is the verb's own, -EINVAL. */
#define FETCH_OPTIONS                                                                              \
    {"recipe", "FILE", 'r', "which dataset, which views", USAGE_REQUIRED},                         \
        {"set", "KEY=VALUE", 's', "override one key of the recipe; VALUE is YAML",                 \
         USAGE_REPEATED, NULL, &recipe_table},                                                     \
        {"epoch", "E", 'e', "of which epoch, from 0 (default 0)"},                                 \
    {                                                                                              \
        "index", "I", 'i', "which batch of the epoch, from 0 (default 0)"                          \
    }
#define FETCH_ENDPOINT                                                                             \
    "ENDPOINT is a loader's: tcp://HOST:PORT or ipc://PATH; or embedded: a private loader of the " \
    "recipe's data.path is started."
int fetch_option(struct fetch_options *o, int c, const char *arg);

int fetch_open(struct fetch *fetch, const struct fetch_options *o);
void fetch_done(struct fetch *fetch);

/* The batch, cut up into images; loans until fetch_done. */
struct sheet_batch fetch_sheet(const struct fetch *fetch);

#endif
