/* SPDX-License-Identifier: Apache-2.0 */
/* progress: takes a step's figures, gives a JSON line in a file and a line for a person. One
 * thread; owned by train. Does not decide anything: a run with it closed trains the same. */
#include "trainer/watch/progress.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    WINDOW = 32,     /* steps that the rate and the share of waiting are taken over */
    TEXT_MAX = 2048, /* bytes of a JSON line */
};
static const double REDRAW_S = 0.1; /* at most so often on a terminal */

struct progress {
    struct progress_config config;
    FILE *file;
    bool tty;
    int columns;
    bool open_line; /* the terminal's line has no newline yet */
    double shown_s; /* when it was last drawn; below 0: never */
    struct {
        double now_s, wait_s;
    } window[WINDOW];
    uint64_t in_window; /* steps ever put in */
};

/* Text being put together; what does not fit is cut. */
struct text {
    char at[TEXT_MAX];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->used, sizeof t->at - t->used, format, args);
    va_end(args);
    t->used += n > 0 ? (size_t)n : 0;
    if (t->used >= sizeof t->at)
        t->used = sizeof t->at - 1;
}

/* JSON has no nan and no infinity. digits: enough to read the same number back. */
static void put_number(struct text *t, const char *name, int digits, double value)
{
    if (isfinite(value))
        put(t, ",\"%s\":%.*g", name, digits, value);
    else
        put(t, ",\"%s\":null", name);
}

/* --- the file --- */

static int write_line(struct progress *p, struct text *t)
{
    put(t, "}\n");
    if (fwrite(t->at, t->used, 1, p->file) != 1 || fflush(p->file) != 0)
        return err_set(errno ? -errno : -EIO, "%s: cannot write: %s", p->config.path,
                       strerror(errno));
    return 0;
}

/* The rest of a line; false where the file ends in it. */
static bool skip_line(FILE *file)
{
    int c;
    while ((c = fgetc(file)) != '\n' && c != EOF)
        continue;
    return c == '\n';
}

/* Where the lines of steps after `last` begin, and the bytes of a last line that is not whole (the
 * writer was killed in it). Whatever else is no line of ours is not ours to cut off. */
static int find_end(FILE *file, const char *path, uint64_t last, off_t *ret)
{
    char line[TEXT_MAX];
    off_t keep = 0;
    unsigned long long step, before = 0;
    for (uint64_t n = 1; fgets(line, sizeof line, file); n++) {
        bool whole = strchr(line, '\n'); /* a power cut may leave zeros */
        if (!whole && !skip_line(file))
            break;
        if (!whole || sscanf(line, "{\"step\":%llu,", &step) != 1)
            return err_set(-EBADMSG, "%s:%" PRIu64 ": is no line of a run's metrics", path, n);
        if (step < before)
            return err_set(-EBADMSG, "%s:%" PRIu64 ": step %llu comes after step %llu", path, n,
                           step, before);
        before = step;
        if (step <= last)
            keep = ftello(file);
    }
    if (ferror(file))
        return err_set(-EIO, "%s: cannot read", path);
    *ret = keep;
    return 0;
}

static int cut_after(FILE *file, const char *path, uint64_t last)
{
    off_t keep;
    int rc = find_end(file, path, last, &keep);
    if (rc < 0)
        return rc;
    if (fflush(file) != 0 || ftruncate(fileno(file), keep) < 0 || fseeko(file, keep, SEEK_SET) < 0)
        return err_set(-errno, "%s: cannot continue: %s", path, strerror(errno));
    return 0;
}

bool progress_first(const char *path, const char *name, double *ret)
{
    char line[TEXT_MAX], begin[96];
    FILE *file = fopen(path, "re");
    bool found = false;
    int n = snprintf(begin, sizeof begin, "{\"step\":0,\"epoch\":0,\"%s\":", name);
    /* step 0 comes first */
    while (file && !found && fgets(line, sizeof line, file) && strncmp(line, begin, 10) == 0)
        found = strncmp(line, begin, (size_t)n) == 0 && sscanf(line + n, "%lf", ret) == 1;
    if (file)
        fclose(file);
    return found;
}

/* --- the terminal --- */

static void terminal_open(struct progress *p)
{
    struct winsize size;
    p->columns = TEXT_MAX;
    p->shown_s = -1;
    p->tty = p->config.terminal && isatty(fileno(p->config.terminal));
    if (p->tty && ioctl(fileno(p->config.terminal), TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        p->columns = size.ws_col - 1; /* a line that wraps cannot be drawn over */
}

static void put_time(struct text *t, double seconds)
{
    uint64_t s = (uint64_t)seconds;
    if (s >= 3600)
        put(t, "%llu:%02u:%02u", (unsigned long long)(s / 3600), (unsigned)(s / 60 % 60),
            (unsigned)(s % 60));
    else
        put(t, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
}

/* "step 120/4000  epoch 3  loss -0.8123  crop 0.0412  crop.r2 0.7110 ...  412 images/s  wait 3% ETA
 * 12:31" */
static void draw(struct progress *p, const struct progress_step *s)
{
    static const char group[] = "augself."; /* goes without saying */
    struct text t = {.used = 0};
    put(&t, "step %llu/%llu  epoch %u", (unsigned long long)s->step,
        (unsigned long long)p->config.steps, s->epoch);
    for (uint32_t i = 0; i < s->losses->n; i++) {
        const char *name = s->losses->item[i].name;
        double value = (double)s->losses->item[i].value;
        size_t skip = strncmp(name, group, strlen(group)) == 0 ? strlen(group) : 0;
        if (isfinite(value))
            put(&t, "  %s %.4f", name + skip, value);
        else
            put(&t, "  %s -", name + skip);
    }
    double rate = progress_rate(p);
    if (rate > 0) {
        put(&t, "  %.0f images/s  wait %.0f%%  ETA ", rate, 100 * progress_wait(p));
        put_time(&t, (double)(p->config.steps - s->step) * p->config.images / rate);
    }
    if (p->tty) {
        fprintf(p->config.terminal, "\r%.*s\033[K", p->columns, t.at);
        p->open_line = true;
    } else {
        fprintf(p->config.terminal, "%s\n", t.at);
    }
    fflush(p->config.terminal);
    p->shown_s = s->now_s;
}

void progress_break(struct progress *p)
{
    if (!p || !p->open_line)
        return;
    fputc('\n', p->config.terminal);
    fflush(p->config.terminal);
    p->open_line = false;
}

/* --- the figures --- */

/* Steps between the oldest and the newest in the window. */
static uint64_t window_steps(const struct progress *p)
{
    uint64_t n = p->in_window < WINDOW ? p->in_window : WINDOW;
    return n > 1 ? n - 1 : 0;
}

static double window_seconds(const struct progress *p)
{
    uint64_t newest = p->in_window - 1, oldest = newest - window_steps(p);
    return p->window[newest % WINDOW].now_s - p->window[oldest % WINDOW].now_s;
}

double progress_rate(const struct progress *p)
{
    uint64_t steps = window_steps(p);
    double seconds = steps ? window_seconds(p) : 0;
    return seconds > 0 ? (double)steps * p->config.images / seconds : 0;
}

double progress_wait(const struct progress *p)
{
    uint64_t steps = window_steps(p);
    double seconds = steps ? window_seconds(p) : 0, wait_s = 0;
    for (uint64_t i = 0; i < steps; i++) /* the oldest only marks where the time begins */
        wait_s += p->window[(p->in_window - 1 - i) % WINDOW].wait_s;
    if (seconds <= 0)
        return 0;
    return wait_s < seconds ? wait_s / seconds : 1;
}

/* --- */

static void close_fn(struct progress **progress)
{
    progress_close(*progress);
}

int progress_open(const struct progress_config *config, struct progress **ret)
{
    auto_with(close_fn) struct progress *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(-ENOMEM, "%s: out of memory", config->path);
    p->config = *config;
    p->file = fopen(config->path, "a+e");
    if (!p->file)
        return err_set(-errno, "%s: cannot open: %s", config->path, strerror(errno));
    rewind(p->file);
    int rc = cut_after(p->file, config->path, config->first_step);
    if (rc < 0)
        return rc;
    terminal_open(p);
    *ret = take_ptr(&p);
    return 0;
}

void progress_close(struct progress *p)
{
    if (!p)
        return;
    progress_break(p);
    if (p->file)
        fclose(p->file);
    free(p);
}

int progress_step(struct progress *p, const struct progress_step *s)
{
    p->window[p->in_window % WINDOW].now_s = s->now_s;
    p->window[p->in_window % WINDOW].wait_s = s->wait_s;
    p->in_window++;

    struct text t = {.used = 0};
    put(&t, "{\"step\":%llu,\"epoch\":%u", (unsigned long long)s->step, s->epoch);
    for (uint32_t i = 0; i < s->losses->n; i++)
        put_number(&t, s->losses->item[i].name, 9, (double)s->losses->item[i].value);
    for (size_t i = 0; i < s->n_figures; i++)
        put_number(&t, s->figures[i].name, 9, s->figures[i].value);
    put_number(&t, "lr", 9, s->lr);
    put_number(&t, "images_per_s", 5, progress_rate(p));
    put_number(&t, "wait_s", 4, s->wait_s);
    for (size_t i = 0; i < s->n_times; i++)
        put_number(&t, s->times[i].name, 4, s->times[i].value);
    int rc = write_line(p, &t);
    if (rc < 0 || !p->config.terminal)
        return rc;

    double every = p->tty ? REDRAW_S : p->config.line_every_s;
    if (p->shown_s < 0 || s->now_s - p->shown_s >= every || s->step == p->config.steps)
        draw(p, s);
    return 0;
}

int progress_note(struct progress *p, uint64_t step, uint32_t epoch, const char *name, double value)
{
    struct text t = {.used = 0};
    put(&t, "{\"step\":%llu,\"epoch\":%u", (unsigned long long)step, epoch);
    put_number(&t, name, 9, value);
    return write_line(p, &t);
}
