/* SPDX-License-Identifier: Apache-2.0 */
/* journal: see journal.h. Takes figures by their plain names, gives each of its two readers what it
 * wants of them. Decides nothing: a run without it trains the same. */
#include "trainer/watch/journal.h"

#include "common/auto.h"
#include "common/err.h"
#include "trainer/watch/board.h"
#include "trainer/watch/picture.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

struct journal {
    struct progress *progress;
    struct board *board;
};

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void close_fn(struct journal **journal)
{
    journal_close(*journal);
}

int journal_open(const struct journal_config *config, struct journal **ret)
{
    auto_with(close_fn) struct journal *j = calloc(1, sizeof *j);
    if (!j)
        return err_set(-ENOMEM, "%s: out of memory", config->folder);
    int rc = progress_open(&config->progress, &j->progress); /* first: it may refuse its file */
    if (rc == 0)
        rc = board_open(config->folder, wall_s(), &j->board);
    if (rc == 0 && config->resumed)
        rc = board_restart(j->board, wall_s(), (int64_t)config->progress.first_step + 1);
    if (rc < 0)
        return rc;
    *ret = take_ptr(&j);
    return 0;
}

void journal_close(struct journal *j)
{
    if (!j)
        return;
    progress_close(j->progress);
    board_close(j->board);
    free(j);
}

void journal_break(struct journal *j)
{
    if (j)
        progress_break(j->progress);
}

/* --- a step --- */

/* The scalars of one Event, their tags with them. */
struct scalars {
    char tag[BOARD_SCALARS_MAX][BOARD_TAG_MAX];
    struct board_scalar scalar[BOARD_SCALARS_MAX];
    size_t n;
};

/* A score that is no number this time has no point in its curve. */
static void scalar_add(struct scalars *s, const char *group, const char *name, double value)
{
    if (!isfinite(value) || s->n == BOARD_SCALARS_MAX)
        return;
    snprintf(s->tag[s->n], BOARD_TAG_MAX, "%s/%s", group, name);
    s->scalar[s->n] = (struct board_scalar){s->tag[s->n], (float)value};
    s->n++;
}

static int board_step(struct journal *j, const struct journal_step *step,
                      const struct progress_step *told)
{
    struct scalars s;
    s.n = 0;
    for (uint32_t i = 0; i < step->losses->n; i++)
        scalar_add(&s, "train", step->losses->item[i].name, (double)step->losses->item[i].value);
    for (size_t i = 0; i < told->n_figures; i++)
        scalar_add(&s, "train", told->figures[i].name, told->figures[i].value);
    scalar_add(&s, "train", "lr", step->lr);
    scalar_add(&s, "speed", "images_per_s", progress_rate(j->progress));
    scalar_add(&s, "speed", "wait", progress_wait(j->progress));
    for (size_t i = 0; i < told->n_times; i++)
        scalar_add(&s, "profile", told->times[i].name, told->times[i].value);
    return board_scalars(j->board, wall_s(), (int64_t)step->step, s.scalar, s.n);
}

int journal_step(struct journal *j, const struct journal_step *step)
{
    _Static_assert(MODEL_LOSSES_MAX + 4 + PROFILE_PHASES <= BOARD_SCALARS_MAX, "all of a step");
    char names[PROFILE_PHASES][16];
    struct progress_figure rank, times[PROFILE_PHASES];
    struct progress_step told = {.step = step->step,
                                 .epoch = step->epoch,
                                 .losses = step->losses,
                                 .lr = step->lr,
                                 .now_s = step->now_s,
                                 .wait_s = step->wait_s,
                                 .figures = &rank,
                                 .times = times};
    if (step->rank) {
        rank = (struct progress_figure){"rank", *step->rank};
        told.n_figures = 1;
    }
    /* the rest of a step is not over while it is told */
    for (int i = 0; step->profile->on && i < PROFILE_REST; i++) {
        snprintf(names[i], sizeof names[i], "%s_s", profile_names[i]);
        times[told.n_times++] = (struct progress_figure){names[i], step->profile->step_s[i]};
    }
    int rc = progress_step(j->progress, &told);
    return rc < 0 ? rc : board_step(j, step, &told);
}

/* --- now and then --- */

int journal_score(struct journal *j, uint64_t step, uint32_t epoch,
                  const struct journal_score *score)
{
    const struct board_scalar scalar = {score->tag, (float)score->value};
    int rc = progress_note(j->progress, step, epoch, score->name, score->value);
    return rc < 0 ? rc : board_scalars(j->board, wall_s(), (int64_t)step, &scalar, 1);
}

static bool is_shown(const struct param *p)
{
    return p->ndim > 1 && p->group != PARAM_TARGET;
}

int journal_weights(struct journal *j, uint64_t step, struct net *net)
{
    size_t most = 1;
    for (size_t i = 0; i < net->n_params; i++)
        most = net->param[i].count > most ? net->param[i].count : most;
    auto_free float *host = malloc(most * sizeof *host);
    if (!host)
        return err_set(-ENOMEM, "journal: out of memory");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < net->n_params; i++) {
        const struct param *p = &net->param[i];
        if (!is_shown(p))
            continue;
        char tag[BOARD_TAG_MAX];
        struct histogram h;
        snprintf(tag, sizeof tag, "weights/%.*s", BOARD_TAG_MAX - 9, p->name);
        rc = net_store(net, p, p->w, host);
        if (rc < 0)
            return rc;
        histogram_make(host, p->count, &h);
        rc = board_histogram(j->board, wall_s(), (int64_t)step, tag, &h);
    }
    return rc;
}

int journal_views(struct journal *j, uint64_t step, const struct sheet_batch *batch,
                  uint32_t samples)
{
    struct sheet sheet = {0};
    struct board_picture picture = {.tag = "views"};
    auto_free void *png = NULL;
    int rc = sheet_draw(batch, samples, &sheet);
    if (rc == 0)
        rc = picture_encode(sheet.rgb, sheet.w, sheet.h, &png, &picture.len);
    free(sheet.rgb);
    if (rc < 0)
        return rc;
    picture.w = sheet.w;
    picture.h = sheet.h;
    picture.png = png;
    return board_picture(j->board, wall_s(), (int64_t)step, &picture);
}
