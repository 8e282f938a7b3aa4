/* SPDX-License-Identifier: Apache-2.0 */
/* progress: takes how much is done, gives lines for a person. One thread, which owns the struct. */
#include "tools/progress.h"

#include "common/plain.h"
#include "common/stat.h"

#include <unistd.h>

static const double REDRAW_S = 0.1; /* at most so often on a terminal */

void progress_begin_on(struct progress_line *p, FILE *out, bool terminal, const char *label,
                       size_t total)
{
    *p = (struct progress_line){.out = out, .total = total, .terminal = terminal};
    snprintf(p->label, sizeof p->label, "%s", label);
    plain_text(p->label);
    p->begun_s = stat_now();
    p->told_s = p->begun_s - REDRAW_S;
}

void progress_begin(struct progress_line *p, const char *label, size_t total)
{
    progress_begin_on(p, stderr, isatty(STDERR_FILENO) == 1, label, total);
}

static void tell(struct progress_line *p, size_t done, double now_s)
{
    double spent_s = now_s - p->begun_s;
    fprintf(p->out, "%s%s: %zu of %zu", p->terminal ? "\r" : "", p->label, done, p->total);
    if (done > 0 && done < p->total)
        fprintf(p->out, ", %.0f s left", spent_s * (double)(p->total - done) / (double)done);
    else if (done > 0)
        fprintf(p->out, ", %.1f s", spent_s);
    fputs(p->terminal ? "\033[K" : "\n", p->out);
    fflush(p->out);
    p->open = p->terminal;
    p->told_s = now_s;
}

void progress_at(struct progress_line *p, size_t done)
{
    if (!p->out || p->total == 0)
        return;
    const size_t tenth = (size_t)((double)done / (double)p->total * 10);
    if (!p->terminal && tenth <= p->tenth)
        return;
    p->tenth = tenth;
    const double now_s = stat_now();
    if (!p->terminal || done >= p->total || now_s - p->told_s >= REDRAW_S)
        tell(p, done, now_s);
}

void progress_pause(struct progress_line *p)
{
    if (!p->open)
        return;
    fputc('\n', p->out);
    fflush(p->out);
    p->open = false;
}

void progress_end(struct progress_line *p)
{
    progress_pause(p);
    p->out = NULL;
}
