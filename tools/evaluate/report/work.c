/* SPDX-License-Identifier: Apache-2.0 */
/* work: takes an agenda and a folder, runs the verbs that are missing there. One thread; owns the
 * records and the lock of the folder. */
#include "tools/evaluate/report/work.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "common/stat.h"
#include "tools/evaluate/report/child.h"
#include "tools/evaluate/report/stamp.h"
#include "trainer/method/method.h"
#include "trainer/resnet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { WORDS_MAX = 24 + 4 * CONF_LIST_MAX }; /* of a command line */

/* A backbone's features of a dataset. */
struct work_set {
    size_t backbone;
    const char *dataset;
    char path[PATH_MAX];
    struct record record;
};

/* --- command lines --- */

struct words {
    char *v[WORDS_MAX + 1];
    size_t n;
    bool full;
};

static void words_done(struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i]);
}

__attribute__((format(printf, 2, 3))) static void word(struct words *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (w->n == WORDS_MAX || vasprintf(&w->v[w->n], format, args) < 0)
        w->full = true;
    else
        w->v[++w->n] = NULL;
    va_end(args);
}

/* What a verb wants to make features itself. */
static void words_backbone(struct words *w, const struct work *work, size_t backbone)
{
    const struct agenda_backbone *b = &work->agenda->backbones[backbone];
    word(w, "%s", b->recipe);
    word(w, "--backbone=%s", b->backbone);
    for (size_t i = 0; i < work->agenda->set.n; i++)
        word(w, "--set=%s", work->agenda->set.v[i]);
    for (size_t i = 0; i < b->set.n; i++)
        word(w, "--set=%s", b->set.v[i]);
}

/* Runs it. What came of it is in record but for its scores; 0 also where it failed. */
static int words_run(const struct words *w, struct record *record, int *ret_code)
{
    if (w->full)
        return err_set(-ENOMEM, "report: no memory for a command line");
    struct child_end end;
    const double begun = stat_now();
    const int rc = child_run(w->v, &end);
    if (rc < 0)
        return rc;
    record->seconds = stat_now() - begun;
    record->state = end.code ? RECORD_FAILED : RECORD_DONE;
    if (end.code)
        child_why(&end, record->error);
    *ret_code = end.code;
    return 0;
}

/* --- the folder --- */

__attribute__((format(printf, 3, 4))) static int
path_make(const struct work *work, char ret[PATH_MAX], const char *format, ...)
{
    const int used = snprintf(ret, PATH_MAX, "%s/", work->dir);
    va_list args;
    va_start(args, format);
    const int more = vsnprintf(ret + used, PATH_MAX - (size_t)used, format, args);
    va_end(args);
    return used + more < PATH_MAX ? 0
                                  : err_set(-ENAMETOOLONG, "%s: the name is too long", work->dir);
}

static int folder_open(struct work *work, const char *dir)
{
    static const char *const folders[] = {"features", "scores"};
    char path[PATH_MAX];
    if (snprintf(work->dir, sizeof work->dir, "%s", dir) >= PATH_MAX - 1024)
        return err_set(-ENAMETOOLONG, "%s: the name is too long", dir);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        int rc = path_make(work, path, "%s", folders[i]);
        if (!rc)
            rc = file_mkdirs(path);
        if (rc < 0)
            return rc;
    }
    work->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->lock < 0)
        return err_set(-errno, "%s: %s", dir, strerror(errno));
    if (flock(work->lock, LOCK_EX | LOCK_NB) < 0)
        return err_set(-errno, "%s: %s", dir,
                       errno == EWOULDBLOCK ? "another report is at work there" : strerror(errno));
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        int rc = path_make(work, path, "%s", folders[i]);
        if (!rc)
            rc = file_sweep(path); /* what a report that was killed left half-written */
        if (rc < 0)
            return rc;
    }
    return file_sweep(dir);
}

/* --- features --- */

/* The last part of a dataset's name, for a file's, and a hash of all of it. */
static void set_name(const char *dataset, char ret[96])
{
    struct digest d;
    uint8_t bytes[DIGEST_BYTES];
    char hex[2 * DIGEST_BYTES + 1], part[48];
    digest_init(&d);
    digest_add_str(&d, dataset);
    digest_end(&d, bytes);
    digest_hex(bytes, hex);
    const char *slash = strrchr(dataset, '/');
    snprintf(part, sizeof part, "%s", slash && slash[1] ? slash + 1 : dataset);
    for (char *c = part; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c))
            *c = '_';
    snprintf(ret, 96, "%s-%.8s", part, hex);
}

/* All that the features are made of. */
static int set_digest(const struct work *work, const struct work_set *set, char ret[33])
{
    const struct agenda_backbone *b = &work->agenda->backbones[set->backbone];
    const char *sets[2 * CONF_LIST_MAX];
    size_t n = 0;
    for (size_t i = 0; i < work->agenda->set.n; i++)
        sets[n++] = work->agenda->set.v[i];
    for (size_t i = 0; i < b->set.n; i++)
        sets[n++] = b->set.v[i];
    auto_free struct recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe)
        return err_set(-ENOMEM, "report: out of memory");
    struct digest d;
    uint8_t bytes[DIGEST_BYTES];
    digest_init(&d);
    digest_add_str(&d, "features " AUGSTREAM_VERSION);
    int rc = recipe_load(recipe, b->recipe, sets, n);
    if (!rc)
        rc = stamp_recipe(&d, recipe);
    if (!rc)
        rc = stamp_place(&d, b->backbone);
    if (!rc)
        rc = stamp_place(&d, set->dataset);
    digest_end(&d, bytes);
    digest_hex(bytes, ret);
    return rc;
}

/* Makes the features, or takes those that are there; set->record tells. */
static int set_make(struct work *work, struct work_set *set)
{
    const char *backbone = work->agenda->backbones[set->backbone].name;
    char name[96], digest[33], record[PATH_MAX];
    set_name(set->dataset, name);
    int rc = path_make(work, set->path, "features/%s.%s.safetensors", backbone, name);
    if (!rc)
        rc = path_make(work, record, "features/%s.%s.json", backbone, name);
    if (rc < 0)
        return rc;
    rc = set_digest(work, set, digest);
    if (rc < 0) {
        set->record.state = RECORD_FAILED;
        snprintf(set->record.error, sizeof set->record.error, "%s", err_text());
        work->code = work->code ? work->code : err_exit(rc);
        return 0;
    }
    if (record_read(record, &set->record) == 0 && set->record.state == RECORD_DONE &&
        strcmp(set->record.digest, digest) == 0 && access(set->path, R_OK) == 0)
        return 0;
    set->record = (struct record){0};
    memcpy(set->record.digest, digest, sizeof digest);
    log_info("%s: features of %s", backbone, set->dataset);
    auto_with(words_done) struct words w = {0};
    int code = 0;
    word(&w, "%s", work->program);
    word(&w, "features");
    words_backbone(&w, work, set->backbone);
    word(&w, "--images=%s", set->dataset);
    word(&w, "--out=%s", set->path);
    rc = words_run(&w, &set->record, &code);
    work->code = work->code ? work->code : code;
    return rc < 0 ? rc : record_write(&set->record, record);
}

static int set_of(struct work *work, size_t backbone, const char *dataset, struct work_set **ret)
{
    for (size_t i = 0; i < work->n_sets; i++) {
        *ret = &work->sets[i];
        if ((*ret)->backbone == backbone && strcmp((*ret)->dataset, dataset) == 0)
            return 0;
    }
    *ret = &work->sets[work->n_sets++]; /* there is room for every role of every measure */
    **ret = (struct work_set){.backbone = backbone, .dataset = dataset};
    return set_make(work, *ret);
}

/* --- measures --- */

/* The command line but for --json, the digest of what it reads, and the first of its sets that has
 * no features. */
static int measure_words(struct work *work, size_t backbone, size_t measure, struct words *w,
                         char ret_digest[33], const struct work_set **ret_failed)
{
    const struct agenda_measure *m = &work->agenda->measures[measure];
    const struct agenda_verb *verb = agenda_verb(m->verb);
    struct digest d;
    uint8_t bytes[DIGEST_BYTES];
    digest_init(&d);
    digest_add_str(&d, "measure " AUGSTREAM_VERSION);
    digest_add_str(&d, m->verb);
    word(w, "%s", work->program);
    word(w, "%s", m->verb);
    if (verb->images)
        words_backbone(w, work, backbone);
    for (size_t i = 0; i < ROLES; i++) {
        if (!m->role[i][0])
            continue;
        struct work_set *set;
        int rc = set_of(work, backbone, m->role[i], &set);
        if (rc < 0)
            return rc;
        if (set->record.state != RECORD_DONE && !*ret_failed)
            *ret_failed = set;
        digest_add_str(&d, agenda_roles[i]);
        digest_add_str(&d, set->record.digest);
        word(w, "--%s=%s", agenda_roles[i], verb->images ? set->dataset : set->path);
    }
    digest_add_str(&d, m->metric);
    if (m->metric[0])
        word(w, "--metric=%s", m->metric);
    for (size_t i = 0; i < m->options.n; i++) {
        digest_add_str(&d, m->options.v[i]);
        word(w, "--%s", m->options.v[i]);
    }
    digest_end(&d, bytes);
    digest_hex(bytes, ret_digest);
    return 0;
}

static void measure_run(struct work *work, const struct words *w, const char *json,
                        struct record *record, int *ret_rc)
{
    int code = 0;
    *ret_rc = words_run(w, record, &code);
    if (*ret_rc == 0 && record->state == RECORD_DONE) {
        const int rc = record_scores(json, &record->scores);
        if (rc < 0) {
            record->state = RECORD_FAILED;
            snprintf(record->error, sizeof record->error, "%s", err_text());
            code = err_exit(rc);
        }
    }
    unlink(json);
    work->code = work->code ? work->code : code;
}

int work_measure(struct work *work, size_t backbone, size_t measure)
{
    const struct agenda_measure *m = &work->agenda->measures[measure];
    const char *name = work->agenda->backbones[backbone].name;
    struct record *record = &work->records[backbone * work->agenda->n_measures + measure];
    char path[PATH_MAX], json[PATH_MAX], digest[33];
    auto_with(words_done) struct words w = {0};
    const struct work_set *failed = NULL;
    int rc = path_make(work, path, "scores/%s.%s.json", name, m->name);
    if (!rc)
        rc = path_make(work, json, "scores/%s.%s.%s.new", name, m->name, m->verb);
    if (!rc)
        rc = measure_words(work, backbone, measure, &w, digest, &failed);
    if (rc < 0)
        return rc;
    if (!failed && record_read(path, record) == 0 && record->state == RECORD_DONE &&
        strcmp(record->digest, digest) == 0) {
        work->kept++;
        return 0;
    }
    *record = (struct record){.state = RECORD_FAILED};
    memcpy(record->digest, digest, sizeof digest);
    if (failed) {
        snprintf(record->error, sizeof record->error, "features: %.480s", failed->record.error);
    } else {
        log_info("%s: %s (%s)", name, m->name, m->verb);
        word(&w, "--json=%s", json);
        measure_run(work, &w, json, record, &rc);
    }
    if (record->state == RECORD_FAILED)
        work->failed++;
    else
        work->done++;
    return rc < 0 ? rc : record_write(record, path);
}

/* --- the whole --- */

static enum paper_heads heads_of(const struct recipe *recipe)
{
    unsigned heads = PAPER_NONE; /* PAPER_BOTH is the bits of the two */
    for (int kind = 0; kind < AUGSELF_KINDS; kind++) {
        if (!(recipe_augself_weight(recipe, (enum augself_kind)kind) > 0))
            continue;
        if (kind == AUGSELF_CROP)
            heads |= PAPER_CROP;
        else if (kind == AUGSELF_COLOR)
            heads |= PAPER_COLOR;
        else
            return PAPER_OTHER;
    }
    return (enum paper_heads)heads;
}

static int row_make(struct work *work, size_t backbone)
{
    const struct agenda_backbone *b = &work->agenda->backbones[backbone];
    struct grid_row *row = &work->rows[backbone];
    auto_free struct recipe *recipe = calloc(1, sizeof *recipe);
    if (!recipe)
        return err_set(-ENOMEM, "report: out of memory");
    int rc = recipe_load(recipe, b->recipe, NULL, 0);
    if (rc < 0)
        return rc;
    row->title = b->title;
    row->method = b->method[0] ? b->method : method_names[recipe->method.name];
    row->heads =
        b->heads == AGENDA_HEADS_RECIPE ? heads_of(recipe) : (enum paper_heads)(b->heads - 1);
    const struct paper_setting ours = {
        .backbone = resnet_names[recipe->model.backbone],
        .dataset = recipe->data.dataset,
        .width = recipe->model.width,
        .size = recipe->views.size,
        .epochs = recipe->optim.epochs,
        .batch = recipe->data.batch * recipe->optim.accumulate,
    };
    paper_differs(&ours, sizeof row->differs, row->differs);
    return 0;
}

int work_open(struct work *work, const struct agenda *agenda, const char *dir)
{
    const size_t cells = agenda->n_backbones * agenda->n_measures;
    work->agenda = agenda;
    work->lock = -1;
    work->rows = calloc(agenda->n_backbones, sizeof *work->rows);
    work->records = calloc(cells, sizeof *work->records);
    work->sets = calloc(cells * ROLES, sizeof *work->sets);
    if (!work->rows || !work->records || !work->sets)
        return err_set(-ENOMEM, "report: out of memory");
    const ssize_t n = readlink("/proc/self/exe", work->program, sizeof work->program - 1);
    if (n < 0)
        return err_set(-errno, "/proc/self/exe: %s", strerror(errno));
    int rc = 0;
    for (size_t i = 0; !rc && i < agenda->n_backbones; i++)
        rc = row_make(work, i);
    return rc ? rc : folder_open(work, dir);
}

void work_done(struct work *work)
{
    if (work->lock >= 0)
        close(work->lock);
    free(work->rows);
    free(work->records);
    free(work->sets);
    *work = (struct work){.lock = -1};
}

int work_write(const struct work *work)
{
    static const struct {
        const char *file;
        void (*write)(const struct grid *grid, FILE *out);
    } forms[] = {
        {"report.md", grid_markdown}, {"report.csv", grid_csv}, {"report.html", grid_page}};
    struct grid grid;
    int rc = grid_init(&grid, work->agenda, work->rows, work->records);
    if (rc < 0)
        return rc;
    for (size_t i = 0; !rc && i < ARRAY_LEN(forms); i++) {
        char path[PATH_MAX];
        struct file_write w;
        rc = path_make(work, path, "%s", forms[i].file);
        if (!rc)
            rc = file_write_begin(&w, path);
        if (rc < 0)
            break;
        forms[i].write(&grid, w.out);
        rc = file_write_commit(&w);
    }
    grid_done(&grid);
    return rc;
}
