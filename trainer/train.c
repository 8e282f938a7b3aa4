/* SPDX-License-Identifier: Apache-2.0 */
/* train: THE page. Takes a recipe, gives a run folder. One thread; owns everything that a run is
 * made of. Read train_run first: it says what a run is, from top to bottom. Does not know how
 * batches come (recv), what a step computes (model), how a file is laid out (ckpt) or what is told
 * of a step, and where (watch/). */
#include "trainer/train.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "trainer/ckpt.h"
#include "trainer/import.h"
#include "trainer/knn.h"
#include "trainer/loaders.h"
#include "trainer/method/method.h"
#include "trainer/resume.h"
#include "trainer/run_folder.h"
#include "trainer/schedule.h"
#include "trainer/watch/guard.h"
#include "trainer/watch/journal.h"
#include "trainer/watch/recorder.h"
#include "trainer/watch/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double LINE_EVERY_S = 10; /* progress lines where there is no terminal */
static const char knn_name[] = "knn_top1";

struct train {
    const struct train_config *config;
    const struct recipe *recipe;
    struct ops *ops;
    struct model *model;
    struct run_folder folder;
    char *recipe_text; /* resolved, kept in every checkpoint */
    struct resume resume;
    struct loaders loaders;
    struct recv *recv;
    struct schedule schedule;
    struct guard *guard;
    struct journal *journal;
    struct recorder *recorder; /* with run.omega */
    struct profile profile;    /* with config->profile */
    struct ckpt_place place;
    uint64_t whole, end;        /* the step the recipe ends at, and that this process ends at */
    uint64_t saved;             /* the step of the last checkpoint; UINT64_MAX = none */
    uint64_t tried;             /* ... that was last begun, whether or not it came to be */
    struct model_losses losses; /* of the last step */
    double begin_s, away_s;     /* away: not stepping (evaluation, checkpoints) */
    double knn_first, knn_last; /* below 0: not measured */
    uint32_t epochs_before, epochs_done; /* before and after the last step */
    bool torn;                           /* within a step, or a guard objects: no state to keep */
    bool views_shown;
};

/* --- beginning --- */

static int make_model(struct train *t)
{
    int rc = model_backend(t->recipe, &t->ops);
    if (rc == 0)
        rc = model_new(t->recipe, t->ops, &t->model);
    if (rc == 0 && !t->config->resume)
        rc = import_weights(model_net(t->model), t->recipe);
    return rc < 0 ? rc : guard_new(t->recipe, t->model, &t->guard);
}

static int dump_recipe(struct train *t)
{
    size_t len;
    FILE *out = open_memstream(&t->recipe_text, &len);
    if (!out)
        return err_set(-ENOMEM, "recipe: out of memory");
    int rc = conf_dump(&recipe_table, t->recipe, out);
    if (fclose(out) != 0 && rc == 0)
        rc = err_set(-ENOMEM, "recipe: out of memory");
    return rc;
}

static uint64_t batches_a_step(const struct train *t)
{
    return (uint64_t)t->recipe->optim.accumulate;
}

static uint64_t images_a_step(const struct train *t)
{
    return batches_a_step(t) * (uint64_t)t->recipe->data.batch;
}

/* A line for the user, below the progress line. */
static void tell(void *hint, const char *text)
{
    struct train *t = hint;
    journal_break(t->journal);
    log_warn("%s", text);
}

static int open_recv(struct train *t)
{
    struct spec spec;
    recipe_spec(t->recipe, &spec);
    const struct recv_config config = {.spec = &spec,
                                       .endpoints = &t->loaders.endpoints,
                                       .keys = &t->recipe->data.curve,
                                       .window = (uint32_t)t->recipe->data.window,
                                       .deadline_s = t->recipe->data.deadline,
                                       .retry_s = t->recipe->data.retry,
                                       .epoch = t->place.epoch,
                                       .index = t->place.index,
                                       .epochs = (uint32_t)t->recipe->optim.epochs,
                                       .stop = t->config->stop,
                                       .embed = t->loaders.embed,
                                       .tell = tell,
                                       .tell_hint = t};
    int rc = recv_open(&config, &t->recv);
    if (rc < 0)
        return rc;
    const struct recv_info *info = recv_info(t->recv);
    rc = method_check_classes(t->recipe, info->classes);
    if (rc < 0)
        return rc;
    char warning[ERR_TEXT_MAX];
    if (method_warning(t->recipe, info->samples, warning, sizeof warning))
        tell(t, warning);
    if (t->config->resume)
        rc = resume_batches(&t->resume, &t->place, info->session);
    if (rc < 0)
        return rc;
    memcpy(t->place.session, info->session, DIGEST_BYTES);
    schedule_init(&t->schedule, t->recipe, info->batches);
    rc = schedule_steps(t->recipe, info->batches, &t->whole);
    if (rc < 0)
        return rc;
    t->end = t->config->steps && t->config->steps < t->whole ? t->config->steps : t->whole;
    const struct resume_steps steps = {t->whole, batches_a_step(t), info->batches};
    return t->config->resume ? resume_place(&t->resume, &t->place, &steps) : 0;
}

/* The place to go on from: the newest checkpoint's, or the very beginning. */
static int find_place(struct train *t)
{
    t->resume = (struct resume){&t->folder, t->recipe_text, 0};
    t->place.seed = (uint64_t)t->recipe->run.seed;
    int rc = run_folder_init(&t->folder, t->recipe, t->config->run_dir);
    if (rc == 0)
        rc = run_folder_check(&t->folder, t->config->resume, &t->resume.step);
    if (rc < 0 || !t->config->resume)
        return rc;
    progress_first(t->folder.metrics, knn_name, &t->knn_first); /* or nobody knows */
    return resume_load(&t->resume, model_net(t->model), &t->place);
}

/* --- now and then --- */

static int save_checkpoint(struct train *t)
{
    double begin_s = stat_now();
    char path[RUN_PATH_MAX + 96];
    t->tried = t->place.step;
    int rc = ckpt_path(t->folder.checkpoints, t->place.step, path, sizeof path);
    if (rc == 0)
        rc = guard_net(model_net(t->model), t->place.step, t->saved);
    if (rc == 0)
        rc = ckpt_save(model_net(t->model), &t->place, t->recipe_text, path);
    if (rc == 0)
        rc = ckpt_prune(t->folder.checkpoints, (uint64_t)t->recipe->checkpoint.keep);
    if (rc == 0)
        t->saved = t->place.step;
    t->away_s += stat_now() - begin_s;
    return rc;
}

static int extract(struct train *t, bool test, struct features *ret)
{
    struct spec spec;
    recipe_eval_spec(t->recipe, loaders_knn(&t->loaders, t->recipe, test), &spec);
    const struct features_config config = {.spec = &spec,
                                           .endpoints = &t->loaders.endpoints,
                                           .keys = &t->recipe->data.curve,
                                           .window = (uint32_t)t->recipe->data.window,
                                           .deadline_s = t->recipe->data.deadline,
                                           .retry_s = t->recipe->data.retry,
                                           .stop = t->config->stop,
                                           .embed = t->loaders.embed,
                                           .tell = tell,
                                           .tell_hint = t};
    return features_extract(t->model, &config, ret);
}

/* Nearest-neighbour accuracy of the backbone as it is now. */
static int score_knn(struct train *t)
{
    double begin_s = stat_now();
    auto_with(features_done) struct features bank = {0}, queries = {0};
    int rc = extract(t, false, &bank);
    if (rc == 0)
        rc = extract(t, true, &queries);
    if (rc == 0)
        rc = knn_accuracy(&bank, &queries, &t->knn_last);
    if (t->place.step == 0)
        t->knn_first = t->knn_last;
    t->away_s += stat_now() - begin_s;
    return rc;
}

static int tell_knn(struct train *t)
{
    const struct journal_score score = {knn_name, "knn/top1", t->knn_last};
    int rc = journal_score(t->journal, t->place.step, t->place.epoch, &score);
    journal_break(t->journal);
    log_info("step %" PRIu64 "  epoch %u  nearest neighbour %.2f %%", t->place.step, t->place.epoch,
             100 * t->knn_last);
    return rc;
}

static int show_weights(struct train *t)
{
    double begin_s = stat_now();
    int rc = journal_weights(t->journal, t->place.step, model_net(t->model));
    t->away_s += stat_now() - begin_s;
    return rc;
}

/* --- a step --- */

/* A run that went wrong says so at once, and by name. */
static int guard(struct train *t)
{
    int rc = guard_step(t->guard, t->place.step, t->saved, &t->losses);
    const char *warning = guard_warning(t->guard);
    if (warning)
        tell(t, warning);
    return rc;
}

static int tell_step(struct train *t, uint32_t epoch, double lr, double wait_s)
{
    double rank;
    const struct journal_step step = {.step = t->place.step,
                                      .epoch = epoch,
                                      .losses = &t->losses,
                                      .rank = guard_rank(t->guard, &rank) ? &rank : NULL,
                                      .lr = lr,
                                      .now_s = stat_now() - t->away_s,
                                      .wait_s = wait_s,
                                      .profile = &t->profile};
    return journal_step(t->journal, &step);
}

/* The views of the first batch that this process trains on. */
static int show_views(struct train *t, const struct recv_batch *batch)
{
    const struct wire_batch *h = batch->header;
    const struct sheet_batch views = {&batch->model, h->n_samples, h->n_views,
                                      (uint32_t)t->recipe->views.count, h->sizes};
    t->views_shown = true;
    if (t->recipe->board.pairs == 0)
        return 0;
    return journal_views(t->journal, t->place.step, &views, (uint32_t)t->recipe->board.pairs);
}

/* recv -> net -> loss. A step once begun is not interrupted by a signal: its first batches have
 * moved averages and queues already. The place moves on when the step is done. */
static int take_batch(struct train *t, bool first)
{
    struct recv_batch batch;
    int rc = recv_next(t->recv, first ? t->config->stop : NULL, &batch);
    if (rc < 0)
        return rc;
    profile_mark(&t->profile, PROFILE_DATA);
    if (t->recorder)
        rc = recorder_add(t->recorder, t->place.step + 1, batch.header);
    t->torn = t->torn || rc == 0;
    if (rc == 0 && !t->views_shown)
        rc = show_views(t, &batch);
    profile_mark(&t->profile, PROFILE_REST);
    if (rc == 0)
        rc = model_gradients(t->model, &batch.model);
    recv_release(t->recv, &batch);
    profile_mark(&t->profile, PROFILE_REST);
    return rc;
}

static void move_on(struct train *t)
{
    uint64_t batches = recv_info(t->recv)->batches;
    uint64_t index = t->place.index + batches_a_step(t);
    t->place.step++;
    t->place.epoch += (uint32_t)(index / batches);
    t->place.index = (uint32_t)(index % batches);
}

/* The batches of a step -> optim, and word of it. */
static int take_step(struct train *t)
{
    double waited_s = recv_counts(t->recv)->wait_s;
    int rc = 0;
    profile_begin(&t->profile);
    for (uint64_t i = 0; rc == 0 && i < batches_a_step(t); i++)
        rc = take_batch(t, i == 0);
    struct rates rates;
    schedule_rates(&t->schedule, t->place.step, &rates);
    if (rc == 0)
        rc = model_update(t->model, &rates);
    if (rc == 0)
        rc = model_losses(t->model, &t->losses);
    if (rc < 0)
        return rc;
    profile_mark(&t->profile, PROFILE_OPTIM);
    uint32_t epoch = t->place.epoch;
    move_on(t);
    rc = guard(t);
    t->torn = rc < 0;
    if (rc == 0)
        rc = tell_step(t, epoch, (double)rates.lr, recv_counts(t->recv)->wait_s - waited_s);
    t->epochs_before = epoch;
    t->epochs_done = t->place.epoch;
    if (t->place.step == t->whole && t->place.index > 0) /* of the last one no whole step is left */
        t->epochs_done++;
    profile_mark(&t->profile, PROFILE_REST);
    profile_end(&t->profile);
    return rc;
}

/* The last step ended an epoch whose number is a multiple of `every`; it may have ended several. */
static bool epoch_due(const struct train *t, int64_t every)
{
    return every > 0 && t->epochs_done / (uint64_t)every > t->epochs_before / (uint64_t)every;
}

/* What falls due after a step. */
static int after_step(struct train *t)
{
    uint64_t every = (uint64_t)t->recipe->checkpoint.every;
    int rc = 0;
    if (every ? t->place.step % every == 0 : epoch_due(t, 1)) {
        rc = save_checkpoint(t);
        if (rc == 0 && t->recorder)
            rc = recorder_flush(t->recorder);
    }
    if (rc == 0 && recipe_knn(t->recipe) && epoch_due(t, t->recipe->knn.every)) {
        rc = score_knn(t);
        if (rc == 0)
            rc = tell_knn(t);
    }
    if (rc == 0 && epoch_due(t, t->recipe->board.histograms))
        rc = show_weights(t);
    return rc;
}

/* --- the run --- */

/* Nothing of this leaves a trace: a recipe that cannot work makes no run folder. */
static int prepare(struct train *t)
{
    int rc = dump_recipe(t);
    if (rc == 0)
        rc = make_model(t);
    if (rc == 0)
        rc = find_place(t);
    if (rc == 0)
        rc = loaders_open(t->recipe, t->config->stop, &t->loaders);
    if (rc == 0)
        rc = open_recv(t);
    if (rc == 0 && recipe_knn(t->recipe) && !t->config->resume)
        rc = score_knn(t);
    return rc;
}

static int begin_record(struct train *t)
{
    struct spec spec;
    recipe_spec(t->recipe, &spec);
    return recorder_open(t->folder.omega, &spec, recv_info(t->recv)->fingerprint, t->place.step,
                         &t->recorder);
}

/* The folder, the first checkpoint, and the files that grow. */
static int begin(struct train *t)
{
    int rc = run_folder_make(&t->folder, t->recipe_text);
    if (rc == 0 && !t->config->resume)
        rc = save_checkpoint(t);
    const struct journal_config config = {.folder = t->folder.path,
                                          .resumed = t->config->resume,
                                          .progress = {.path = t->folder.metrics,
                                                       .first_step = t->place.step,
                                                       .steps = t->end,
                                                       .images = (uint32_t)images_a_step(t),
                                                       .terminal = stderr,
                                                       .line_every_s = LINE_EVERY_S}};
    if (rc == 0)
        rc = journal_open(&config, &t->journal);
    if (rc == 0 && t->knn_last >= 0)
        rc = tell_knn(t);
    if (rc == 0 && t->recipe->run.omega)
        rc = begin_record(t);
    if (t->config->profile)
        profile_start(&t->profile, t->model);
    t->begin_s = stat_now();
    t->away_s = 0;
    return rc;
}

static int loop(struct train *t)
{
    int rc = 0;
    while (rc == 0 && t->place.step < t->end && !(t->config->stop && *t->config->stop)) {
        rc = take_step(t);
        if (rc == 0)
            rc = after_step(t);
    }
    return rc == -EINTR ? 0 : rc; /* a stop while waiting is a stop between steps */
}

/* The last checkpoint, and what others use. */
static int finish(struct train *t)
{
    int rc = t->saved == t->place.step ? 0 : save_checkpoint(t);
    return rc < 0 ? rc : ckpt_save_backbone(model_net(t->model), t->folder.backbone);
}

/* The record is whole whatever became of the run. */
static int end_record(struct train *t, int rc)
{
    char why[ERR_TEXT_MAX];
    snprintf(why, sizeof why, "%s", err_text());
    int ended = recorder_close(t->recorder);
    t->recorder = NULL;
    return rc < 0 ? err_set(rc, "%s", why) : ended;
}

/* Something went wrong, though not with the net: what was learned since the last checkpoint stays,
 * unless that is what could not be written. */
static void keep_work(struct train *t, int rc)
{
    char why[ERR_TEXT_MAX];
    if (t->torn || t->tried == t->place.step)
        return;
    snprintf(why, sizeof why, "%s", err_text());
    journal_break(t->journal);
    if (save_checkpoint(t) < 0)
        log_error("%s", err_text());
    else
        log_info("step %" PRIu64 " is kept; --resume goes on from it", t->place.step);
    err_set(rc, "%s", why);
}

static void summarise(struct train *t, uint64_t first)
{
    const struct summary summary = {.folder = t->folder.path,
                                    .first = first,
                                    .step = t->place.step,
                                    .end = t->whole,
                                    .images = images_a_step(t),
                                    .seconds = stat_now() - t->begin_s,
                                    .away_s = t->away_s,
                                    .losses = &t->losses,
                                    .rank = guard_rank_last(t->guard),
                                    .knn_first = t->knn_first,
                                    .knn_last = t->knn_last,
                                    .counts = recv_counts(t->recv),
                                    .profile = &t->profile};
    journal_break(t->journal);
    summary_print(&summary, stdout);
    fflush(stdout);
}

/* Whoever waits for this run is not to take it for trained; what an earlier part of it trained is
 * there as it was. */
static int stopped_early(const struct train *t)
{
    if (!t->config->resume)
        return err_set(-EINTR, "stopped before the first step: nothing was trained");
    log_info("stopped before step %" PRIu64 "; --resume goes on", t->place.step + 1);
    return 0;
}

static void train_done(struct train *t)
{
    recorder_close(t->recorder); /* of a run that could not begin: there is nothing in it */
    journal_close(t->journal);
    guard_free(t->guard);
    recv_close(t->recv);
    loaders_close(&t->loaders);
    model_free(t->model);
    ops_close(t->ops);
    run_folder_done(&t->folder);
    free(t->recipe_text);
}

int train_run(const struct train_config *config)
{
    auto_with(train_done) struct train t = {.config = config,
                                            .recipe = config->recipe,
                                            .folder.lock_fd = -1,
                                            .saved = UINT64_MAX,
                                            .tried = UINT64_MAX,
                                            .knn_first = -1,
                                            .knn_last = -1};
    int rc = prepare(&t);
    if (rc == -EINTR)
        return stopped_early(&t);
    if (rc == 0)
        rc = begin(&t);
    if (rc < 0)
        return rc;
    if (config->resume)
        t.saved = t.tried = t.place.step;
    uint64_t first = t.place.step;
    rc = loop(&t);
    if (rc < 0)
        keep_work(&t, rc);
    if (rc == 0)
        rc = finish(&t);
    rc = end_record(&t, rc);
    if (rc == 0)
        summarise(&t, first);
    return rc;
}
