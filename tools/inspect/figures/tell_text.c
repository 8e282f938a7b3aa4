/* SPDX-License-Identifier: Apache-2.0 */
/* tell_text: takes rows, gives a table: for each a line of what is said of it, then what was seen
 * and, below it, what its law says. */
#include "common/auto.h"
#include "common/digest.h"
#include "common/plain.h"
#include "tools/inspect/figures/sketch.h"
#include "tools/inspect/figures/tell.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* A row's columns: name, n, law, D, p, verdict; below it a label, bars, a label, quantiles. 80 in
 * all, and as many more as the bars are wider. */
enum {
    CELLS = 24,
    CELLS_WIDE = 48,
    NAME = 23,
    COUNT = 8,
    WORDS = 25,
    GAP = 7,
    P = 8,
    LABEL = 7,
    DIGITS_SHOWN = 8, /* of a session's name */
    WIDE = 80 + CELLS_WIDE - CELLS,
};

struct page {
    FILE *out;
    const struct tell_style *style;
    size_t cells;
    int words;     /* the column of the law */
    bool selected; /* of the tell */
};

static const char *const edge[2][2] = {{"[", "]"}, {"▕", "▏"}};

/* "0.120", "2e-14", "<1e-300". */
static void p_text(double p, char ret[16])
{
    if (p >= 0.001)
        snprintf(ret, 16, "%.3f", p);
    else if (p >= 1e-300)
        snprintf(ret, 16, "%.0e", p);
    else
        snprintf(ret, 16, "<1e-300");
}

/* Seven columns, four figures behind the point where they fit. */
static void number_text(double value, char ret[16])
{
    const double size = fabs(value);
    const int behind = size < 10 ? 4 : size < 100 ? 3 : size < 1000 ? 2 : 0;
    if (size >= 1e6)
        snprintf(ret, 16, "%.3g", value);
    else
        snprintf(ret, 16, "%.*f", behind, size < 5e-5 ? 0.0 : value);
}

static void quantiles(const struct page *page, const double value[TALLY_QUANTILES])
{
    char text[16];
    for (size_t i = 0; i < TALLY_QUANTILES; i++) {
        number_text(value[i], text);
        fprintf(page->out, " %7s", text);
    }
    fputc('\n', page->out);
}

/* A line of its own, under the name. */
static void moments(const struct page *page, const struct tally_row *row)
{
    const struct {
        const char *name;
        double value;
    } all[] = {{"mean", row->mean},
               {"dev", row->deviation},
               {"min", row->min},
               {"max", row->max},
               {"variance", row->variance}};
    char text[16];
    fprintf(page->out, "%*s", LABEL - 1, "");
    for (size_t i = 0; i < ARRAY_LEN(all) - (row->view != TALLY_PAIR); i++) {
        number_text(all[i].value, text);
        fprintf(page->out, "  %s %s", all[i].name, text);
    }
    fputc('\n', page->out);
}

/* LABEL wide before the bars; behind them as well, where something follows. */
static void bars_line(const struct page *page, const char *label, const char *bars,
                      const char *behind, bool follows)
{
    const char *const *e = edge[page->style->blocks];
    fprintf(page->out, "%*s%s%s%s", LABEL, label, e[0], bars, e[1]);
    fprintf(page->out, "%-*s%s", follows ? LABEL : 0, behind, follows ? "" : "\n");
}

static void sketch_of(const struct page *page, const struct tally_row *row)
{
    char low[16], high[16], seen[SKETCH_TEXT_MAX], law[SKETCH_TEXT_MAX];
    double share[TALLY_BARS];
    const bool told = row->law.kind != LAW_NONE, classes = row->law.classes > 0;
    for (size_t i = 0; i < row->bars; i++)
        share[i] = (double)row->bar[i] / (double)row->n;
    const double full = sketch_full(share, row->expected, row->bars, page->cells);
    snprintf(low, sizeof low, "%.4g", row->law.low);
    snprintf(high, sizeof high, "%.4g",
             classes ? row->law.low + (double)row->law.classes - 1 : row->law.high);
    sketch_bars(share, row->bars, page->cells, full, page->style->blocks, seen);
    sketch_bars(row->expected, row->bars, page->cells, full, page->style->blocks, law);
    if (!classes)
        moments(page, row);
    bars_line(page, low, seen, high, !classes);
    if (!classes)
        quantiles(page, row->quantile);
    if (told)
        bars_line(page, "law", law, "", !classes);
    if (told && !classes)
        quantiles(page, row->expected_quantile);
}

/* A bit: how often it was set, and should be. */
static void share_line(const struct page *page, const char *label, double share)
{
    char bar[SKETCH_TEXT_MAX], percent[16];
    snprintf(percent, sizeof percent, "%.2f%%", 100 * share);
    sketch_share(share, page->cells, page->style->blocks, bar);
    bars_line(page, label, bar, percent, false);
}

static void share_of(const struct page *page, const struct tally_row *row)
{
    share_line(page, "", row->mean);
    if (row->law.kind != LAW_NONE)
        share_line(page, "law", row->law.share[1]);
}

static const char *verdict(const struct tally_row *row)
{
    if (row->wrong)
        return "WRONG";
    return row->test == TALLY_UNTESTED ? "-" : "ok";
}

static void row_print(const struct page *page, const struct tally_row *row)
{
    char gap[16] = "", p[16] = "";
    const bool chance = row->test != TALLY_UNTESTED && row->test != TALLY_CERTAIN;
    if (chance || row->wrong) {
        snprintf(gap, sizeof gap, "%.4f", row->gap);
        p_text(row->p, p);
    }
    const char *words = page->selected && row->law.kind == LAW_NONE ? "set aside" : row->words;
    fprintf(page->out, "%-*s%*" PRIu64 "  %-*s%*s%*s  %s\n", NAME, row->name, COUNT, row->n,
            page->words, words, GAP, gap, P, p, verdict(row));
    if (row->n == 0 || row->bars == 0 || (row->test == TALLY_CERTAIN && !row->wrong))
        return; /* there is nothing to see */
    if (row->law.classes == 2)
        share_of(page, row);
    else
        sketch_of(page, row);
    if (row->outside > 0)
        fprintf(page->out, "%*s%" PRIu64 " values are outside of %.4g .. %.4g\n", LABEL + 1, "",
                row->outside, row->law.low, row->law.high);
}

static void head_print(const struct page *page, const char *title, bool pair)
{
    static const char *const names[TALLY_QUANTILES] = {"5%", "25%", "50%", "75%", "95%"};
    const int blank = (int)page->cells + 2 * LABEL + 2;
    fputc('\n', page->out);
    for (int i = 0; i < NAME + COUNT + 2 + page->words + GAP + P + 7; i++)
        fputs(page->style->blocks ? "─" : "-", page->out);
    fprintf(page->out, "\n%-*s%*s  %-*s%*s%*s\n%*s", NAME, title, COUNT, pair ? "pairs" : "views",
            page->words, "law", GAP, "D", P, "p", blank, "");
    for (int i = 0; i < TALLY_QUANTILES; i++)
        fprintf(page->out, " %7s", names[i]);
    fputc('\n', page->out);
}

/* Of a target that never changes there is nothing to beat. */
static void trivial_print(const struct page *page, const struct tell_session *s)
{
    fprintf(page->out, "\nto beat, the loss of a head that always says the same:");
    for (int k = 0; k < AUGSELF_KINDS; k++)
        if (s->trivial[k] > 0)
            fprintf(page->out, " %s %.4f", augself_kind_name((enum augself_kind)k), s->trivial[k]);
    fputc('\n', page->out);
}

static const char *law_from(const struct page *page, const struct tell_session *s)
{
    if (page->selected)
        return "set aside, for --where picks by what was drawn";
    return s->law ? s->law : "not told (--recipe gives one)";
}

static void session_print(const struct page *page, const struct tell_session *s)
{
    char name[2 * DIGEST_BYTES + 1];
    digest_hex(s->session, name);
    plain_put(page->out, s->dataset);
    fprintf(page->out, ", session %.*s: %" PRIu64 " views of %" PRIu64 " batches; the law: %s\n",
            DIGITS_SHOWN, name, s->info.views, s->info.batches, law_from(page, s));
    if (s->info.repeated || s->info.stand_ins)
        fprintf(page->out,
                "left out: %" PRIu64 " batches that were told again, %" PRIu64
                " samples in place of bad ones\n",
                s->info.repeated, s->info.stand_ins);
    int32_t view = -2;
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct tally_row *row = &s->rows[i];
        if (row->views == 0) /* a view that was not asked for */
            continue;
        if (row->view != view) {
            char title[48] = "view 0 minus view 1";
            if (row->view != TALLY_PAIR)
                snprintf(title, sizeof title, "view %d, %" PRIu32 " px", row->view,
                         s->sizes[row->view]);
            head_print(page, title, row->view == TALLY_PAIR);
        }
        view = row->view;
        row_print(page, row);
    }
    if (!isnan(s->trivial[AUGSELF_CROP]))
        trivial_print(page, s);
}

static void closing_print(const struct page *page, const struct tell *t)
{
    const char *separator = "";
    if (t->tests == 0 && t->wrong == 0) {
        fprintf(page->out, "\nnothing was tested: %s\n",
                t->selected                           ? "of picked views no law holds"
                : t->n_sessions && t->sessions[0].law ? "too few views"
                                                      : "no law is told");
        return;
    }
    if (t->wrong == 0) {
        fprintf(page->out,
                "\nas the law says: none of %zu tests disagrees, at level %g for all together\n",
                t->tests, t->level);
        return;
    }
    fprintf(page->out, "\nNOT as the law says: ");
    for (size_t s = 0; s < t->n_sessions; s++)
        for (size_t i = 0; i < t->sessions[s].n_rows; i++) {
            const struct tally_row *row = &t->sessions[s].rows[i];
            if (!row->wrong)
                continue;
            fprintf(page->out, "%s%s", separator, row->name);
            if (row->view != TALLY_PAIR)
                fprintf(page->out, " of view %d", row->view);
            separator = ", ";
        }
    fprintf(page->out, "; %zu of %zu tests, at level %g for all together\n", t->wrong, t->tests,
            t->level);
}

void tell_text(const struct tell *t, const struct tell_style *style, FILE *out)
{
    const size_t cells = style->columns >= WIDE ? CELLS_WIDE : CELLS;
    const struct page page = {out, style, cells, WORDS + (int)(cells - CELLS), t->selected};
    for (size_t i = 0; i < t->n_sessions; i++) {
        if (i > 0)
            fputc('\n', out);
        session_print(&page, &t->sessions[i]);
    }
    if (t->gaps || t->others)
        fprintf(out,
                "\n%" PRIu64 " batches were shed or lost, %" PRIu64
                " are of sessions that are not told of here\n",
                t->gaps, t->others);
    closing_print(&page, t);
}
