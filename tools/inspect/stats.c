/* SPDX-License-Identifier: Apache-2.0 */
/* stats: takes a tap or a record, tallies the omega of each session in it, and tells the figures
 * and whether they follow the sessions' laws. */
#include "common/auto.h"
#include "common/err.h"
#include "tools/inspect/feed/feed.h"
#include "tools/inspect/feed/filter.h"
#include "tools/inspect/figures/sketch.h"
#include "tools/inspect/figures/tell.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"
#include "tools/progress.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS_MAX = 8 };

struct options {
    struct feed_options feed;
    struct filter filter;
    const char *from, *recipe;
    const char *sets[CONF_LIST_MAX];
    size_t n_sets;
    int64_t count;
    double level;
    bool json, check;
};

static const struct usage_option rows[] = {
    {"count", "N", 'c', "end with the batch that brings N views (default: go on to the end)"},
    {"json", NULL, 'j', "one JSON object instead of the table"},
    {"recipe", "FILE", 'r', "the laws are this recipe's, instead of those that the tap tells"},
    {"set", "KEY=VALUE", 's', "override one key of the recipe; VALUE is YAML", USAGE_REPEATED,
     .keys = &recipe_table},
    {"level", "P", 'l',
     "the chance that anything at all is called wrong when nothing is, 1e-12 to 0.5 (default "
     "0.001)"},
    {"check", NULL, 'x', "exit 65 when something is wrong, and when nothing could be tested"},
    FILTER_OPTIONS,
    FEED_OPTIONS,
};

const struct usage inspect_stats_usage = {
    .name = "stats",
    .program = "augstream-inspect",
    .summary = "figures of omega beside the laws it should follow",
    .operands = "ENDPOINT|FILE",
    .about =
        "Of each view and each parameter: how many, mean, deviation, quantiles, a histogram above "
        "the one that the law would make, and how likely so large a difference is when all is "
        "right (p). Of views 0 and 1 the same for what AugSelf predicts of them, and what a head "
        "loses that always says the same. The last line says whether anything is not as its law "
        "says. An endpoint is listened to until --count, or until it is interrupted: then the "
        "figures are printed. docs/inspect.md tells which test is which. " FEED_FROM
        " " FILTER_ABOUT
        " Where a --where is about what was drawn there is no law for what is left, and "
        "nothing is tested.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

static int option(struct options *o, int key)
{
    switch (key) {
    case 'c':
        return number_whole("count", optarg, 1, INT64_MAX, &o->count);
    case 'j':
        o->json = true;
        return 0;
    case 'r':
        o->recipe = optarg;
        return 0;
    case 's':
        if (o->n_sets == ARRAY_LEN(o->sets))
            return err_set(-EINVAL, "--set: at most %zu", ARRAY_LEN(o->sets));
        o->sets[o->n_sets++] = optarg;
        return 0;
    case 'l':
        return number_real("level", optarg, &(struct number_bounds){1e-12, 0.5}, &o->level);
    case 'x':
        o->check = true;
        return 0;
    default:
        return 0;
    }
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_stats_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : feed_option(&o->feed, key, optarg);
        rc = rc ? rc : filter_option(&o->filter, key, optarg);
        rc = rc ? rc : option(o, key);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (o->n_sets && !o->recipe)
        return err_set(-EINVAL, "--set: it overrides a key of --recipe");
    if (optind + 1 != argc)
        return err_set(-EINVAL, "stats needs one ENDPOINT or FILE");
    o->from = argv[optind];
    return 0;
}

/* --- sessions --- */

struct session {
    uint8_t name[DIGEST_BYTES];
    char dataset[WIRE_NAME_MAX];
    const char *law;
    uint32_t n_views, sizes[OMEGA_VIEWS_MAX];
    struct tally *tally;
    struct tally_row *rows;
    size_t n_rows;
};

struct stats {
    const struct options *o;
    struct spec spec; /* of --recipe */
    bool selected;    /* by what was drawn: no law holds of what is left */
    struct session sessions[SESSIONS_MAX];
    struct tell_session told[SESSIONS_MAX];
    size_t n_sessions;
    uint64_t views, gaps, others;
    bool *keep; /* [WIRE_OMEGAS_MAX], where there is a filter */
};

/* Whether the views of a batch are as those of --recipe; evaluations run through the same tap. */
static bool of_recipe(const struct stats *s, const struct wire_batch *b)
{
    bool same = b->n_views == s->spec.n_views;
    for (uint32_t v = 0; same && v < b->n_views; v++)
        same = b->sizes[v] == s->spec.views[v].size;
    return same;
}

/* NULL in ret: it is not told of. */
static int session_of(struct stats *s, const struct wire_message *tap, struct session **ret)
{
    const struct wire_batch *b = &tap->tap.batch;
    *ret = NULL;
    for (size_t i = 0; i < s->n_sessions; i++)
        if (memcmp(s->sessions[i].name, b->session, DIGEST_BYTES) == 0) {
            *ret = &s->sessions[i];
            return 0;
        }
    if (s->n_sessions == SESSIONS_MAX || (s->o->recipe && !of_recipe(s, b)))
        return 0;
    struct session *new = &s->sessions[s->n_sessions];
    const struct spec *told = s->o->recipe ? &s->spec : tap->tap.told_spec ? &tap->tap.spec : NULL;
    if (s->selected)
        told = NULL;
    *new = (struct session){.n_views = b->n_views};
    if (told)
        new->law = s->o->recipe ? s->o->recipe : "the session's own";
    memcpy(new->name, b->session, DIGEST_BYTES);
    memcpy(new->sizes, b->sizes, sizeof new->sizes);
    snprintf(new->dataset, sizeof new->dataset, "%s", tap->tap.dataset);
    const struct tally_config config = {
        .n_views = b->n_views, .laws = told ? told->views : NULL, .seed = 1};
    int rc = tally_new(&config, &new->tally);
    if (rc)
        return rc;
    s->n_sessions++;
    *ret = new;
    return 0;
}

/* Which views of the batch are meant; false: none. */
static bool meant(struct stats *s, const struct wire_message *tap)
{
    const struct wire_batch *b = &tap->tap.batch;
    bool any = false;
    for (uint32_t i = 0; i < b->n_views * b->n_samples; i++) {
        struct param_view view;
        param_view_at(tap, i, &view);
        s->keep[i] = filter_view(&s->o->filter, tap, &view);
        any = any || s->keep[i];
    }
    return any;
}

static int batch_add(struct stats *s, const struct wire_message *tap)
{
    struct session *session;
    if (s->keep && !meant(s, tap))
        return 0;
    int rc = session_of(s, tap, &session);
    if (rc)
        return rc;
    if (!session) {
        s->others++;
        return 0;
    }
    rc = tally_add(session->tally, &tap->tap.batch, s->keep);
    if (rc < 0)
        return rc;
    s->views += (uint64_t)rc;
    return 0;
}

/* Reads until there is enough, an end, or a signal. */
static int gather(struct stats *s, struct feed *feed, const volatile int *stop)
{
    const uint64_t count = (uint64_t)s->o->count;
    struct progress_line line = {0};
    int rc = 0;
    if (count)
        progress_begin(&line, "views", count);
    while (!rc && !*stop && !(count && s->views >= count)) {
        struct feed_event event;
        rc = feed_next(feed, -1, &event);
        if (rc)
            break;
        if (event.kind == FEED_GAP || event.kind == FEED_RESTART)
            s->gaps += event.gap;
        if (event.kind == FEED_BATCH)
            rc = batch_add(s, event.tap);
        if (count)
            progress_at(&line, s->views < count ? s->views : count);
    }
    progress_end(&line);
    return rc == -ENODATA ? 0 : rc;
}

/* --- what came of it --- */

/* Judged all together: one array. */
static int judge(struct stats *s, struct tell *tell)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_sessions; i++) {
        int rc = tally_rows(s->sessions[i].tally, &s->sessions[i].rows, &s->sessions[i].n_rows);
        if (rc)
            return rc;
        n += s->sessions[i].n_rows;
    }
    struct tally_row *all = malloc((n ? n : 1) * sizeof *all), *at = all;
    if (!all)
        return err_set(-ENOMEM, "out of memory");
    for (size_t i = 0; i < s->n_sessions; i++) {
        memcpy(at, s->sessions[i].rows, s->sessions[i].n_rows * sizeof *at);
        at += s->sessions[i].n_rows;
    }
    tell->wrong = tally_judge(all, n, s->o->level, &tell->tests);
    at = all;
    for (size_t i = 0; i < s->n_sessions; i++) {
        memcpy(s->sessions[i].rows, at, s->sessions[i].n_rows * sizeof *at);
        at += s->sessions[i].n_rows;
    }
    free(all);
    return 0;
}

static int report(struct stats *s, struct tell *tell)
{
    *tell = (struct tell){.sessions = s->told,
                          .n_sessions = s->n_sessions,
                          .gaps = s->gaps,
                          .others = s->others,
                          .level = s->o->level,
                          .selected = s->selected};
    int rc = judge(s, tell);
    if (rc)
        return rc;
    for (size_t i = 0; i < s->n_sessions; i++) {
        const struct session *from = &s->sessions[i];
        s->told[i] = (struct tell_session){.dataset = from->dataset,
                                           .session = from->name,
                                           .law = from->law,
                                           .n_views = from->n_views,
                                           .sizes = from->sizes,
                                           .info = tally_info(from->tally),
                                           .rows = from->rows,
                                           .n_rows = from->n_rows};
        for (int k = 0; k < AUGSELF_KINDS; k++)
            s->told[i].trivial[k] = tally_trivial(from->tally, (enum augself_kind)k);
    }
    if (s->o->json)
        return tell_json(tell, stdout);
    tell_text(tell, &(struct tell_style){sketch_blocks(), sketch_columns()}, stdout);
    return 0;
}

static int verdict(const struct stats *s, const struct tell *tell)
{
    if (!s->o->check)
        return 0;
    if (tell->wrong)
        return err_set(-EBADMSG, "%s: %zu of %zu tests say that the law is another one", s->o->from,
                       tell->wrong, tell->tests);
    return tell->tests ? 0 : err_set(-ENODATA, "%s: nothing could be tested", s->o->from);
}

/* Terms on these say nothing of what was drawn. */
static bool term_is_free(const struct filter_term *term)
{
    static const char *const free_ones[] = {"epoch", "batch",    "sample",   "view",
                                            "label", "source.w", "source.h", "size"};
    for (size_t i = 0; i < ARRAY_LEN(free_ones); i++)
        if (strcmp(term->param->name, free_ones[i]) == 0)
            return true;
    return false;
}

static int stats_init(struct stats *s, const struct options *o)
{
    *s = (struct stats){.o = o};
    for (uint32_t i = 0; i < o->filter.n_terms; i++)
        s->selected = s->selected || !term_is_free(&o->filter.terms[i]);
    if (filter_any(&o->filter)) {
        s->keep = malloc(WIRE_OMEGAS_MAX * sizeof *s->keep);
        if (!s->keep)
            return err_set(-ENOMEM, "out of memory");
    }
    if (!o->recipe)
        return 0;
    struct recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe)
        return err_set(-ENOMEM, "out of memory");
    int rc = recipe_load(recipe, o->recipe, o->sets, o->n_sets);
    if (!rc)
        recipe_spec(recipe, &s->spec);
    free(recipe);
    return rc;
}

static void stats_done(struct stats *s)
{
    for (size_t i = 0; i < s->n_sessions; i++) {
        tally_free(s->sessions[i].tally);
        free(s->sessions[i].rows);
    }
    free(s->keep);
}

/* A loader that goes away leaves the figures of what came: they are told, then the failure is. */
static int run(struct stats *s, struct feed *feed, const volatile int *stop)
{
    struct tell tell;
    char why[ERR_TEXT_MAX];
    int rc = gather(s, feed, stop);
    snprintf(why, sizeof why, "%s", err_text());
    if (s->n_sessions == 0)
        return rc ? rc
                  : err_set(-ENODATA, "%s: no views to tally came%s", s->o->from,
                            s->others ? ", but those of sessions that are not the recipe's" : "");
    int told = report(s, &tell);
    if (!rc)
        return told ? told : verdict(s, &tell);
    return err_set(rc, "%s", why);
}

int inspect_stats(int argc, char **argv)
{
    struct options o = {.level = 0.001};
    struct feed_config config;
    struct feed *feed = NULL;
    const volatile int *stop = feed_stop_by_signal();
    int rc = parse(argc, argv, &o);
    if (!rc)
        rc = feed_configure(&o.feed, o.from, stop, &config);
    if (rc)
        return inspect_parsed(rc);
    struct stats *s = calloc(1, sizeof *s);
    rc = s ? stats_init(s, &o) : err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = feed_open(&config, &feed);
    if (!rc)
        rc = run(s, feed, stop);
    feed_close(feed);
    if (s)
        stats_done(s);
    free(s);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
