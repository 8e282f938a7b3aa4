/* SPDX-License-Identifier: Apache-2.0 */
/* grid_page: takes the table, gives the page: the table, a plot of each column, the notes, what
 * failed, and what each row and column is of. One thread; owns nothing. */
#include "common/auto.h"
#include "tools/evaluate/html.h"
#include "tools/evaluate/report/chart.h"
#include "tools/evaluate/report/grid.h"

#include <math.h>
#include <string.h>

/* A table that scrolls by itself, by the keyboard too. */
static void table_begin(const char *caption, FILE *out)
{
    fputs("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"", out);
    html_text(caption, out);
    fputs("\">\n<table>\n<caption>", out);
    html_text(caption, out);
    fputs("</caption>\n", out);
}

static void table_end(FILE *out)
{
    fputs("</tbody>\n</table>\n</div>\n", out);
}

/* <open>text</tag> */
static void element(const char *open, const char *text, const char *tag, FILE *out)
{
    fprintf(out, "<%s>", open);
    html_text(text, out);
    fprintf(out, "</%s>", tag);
}

static void heads_of_columns(const char *const names[], size_t n, FILE *out)
{
    fputs("<thead><tr>", out);
    for (size_t i = 0; i < n; i++)
        element("th scope=\"col\"", names[i], "th", out);
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void cell(const struct grid *g, size_t row, size_t column, FILE *out)
{
    const struct grid_cell *at = grid_at(g, row, column);
    char text[1024];
    fputs("<td class=\"figure\">", out);
    if (at->state == RECORD_DONE) {
        grid_value(at, g->columns[column].unit, text);
        html_text(text, out);
    } else if (at->state == RECORD_FAILED) {
        fputs("<a class=\"bad\" href=\"#failed\">failed</a>", out);
    } else {
        fputs("<span class=\"soft\">not yet</span>", out);
    }
    if (at->paper) {
        grid_published(&at->figure, text);
        fprintf(out, "<br><span class=\"soft\">paper %s</span>", text);
    }
    fputs("</td>", out);
}

static void results(const struct grid *g, FILE *out)
{
    char score[128];
    fputs("<h2>Results</h2>\n", out);
    table_begin("Scores, backbones by measures", out);
    fputs("<thead><tr><th scope=\"col\">backbone</th>", out);
    for (size_t c = 0; c < g->n_columns; c++) {
        grid_score(&g->columns[c], score);
        fputs("<th scope=\"col\" class=\"figure\">", out);
        html_text(g->columns[c].measure->title, out);
        fputs("<br><span class=\"soft\">", out);
        html_text(score, out);
        fputs("</span></th>", out);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        fputs("<tr>", out);
        element("th scope=\"row\"", g->rows[row].title, "th", out);
        for (size_t c = 0; c < g->n_columns; c++)
            cell(g, row, c, out);
        fputs("</tr>\n", out);
    }
    table_end(out);
}

static void notes(const struct grid *g, FILE *out)
{
    char text[1024];
    for (size_t i = 0; grid_note(g, i, sizeof text, text); i++) {
        element("p class=\"soft\"", text, "p", out);
        putc('\n', out);
    }
}

static void failures(const struct grid *g, FILE *out)
{
    bool head = false;
    char text[1024];
    for (size_t row = 0; row < g->agenda->n_backbones; row++)
        for (size_t c = 0; c < g->n_columns; c++) {
            if (grid_at(g, row, c)->state != RECORD_FAILED)
                continue;
            fputs(head ? "<li>" : "<h2 id=\"failed\">Failed</h2>\n<ul>\n<li>", out);
            head = true;
            grid_why(g, row, c, sizeof text, text);
            html_print(out, "%s, %s: ", g->rows[row].title, g->columns[c].measure->title);
            element("code", text, "code", out);
            fputs("</li>\n", out);
        }
    fputs(head ? "</ul>\n" : "", out);
}

static void plot(const struct grid *g, size_t column, FILE *out)
{
    const struct grid_column *c = &g->columns[column];
    const size_t n = g->agenda->n_backbones;
    struct chart_bar bars[AGENDA_BACKBONES_MAX];
    char texts[AGENDA_BACKBONES_MAX][80], score[128], name[CONF_STR_MAX + 160];
    for (size_t row = 0; row < n; row++) {
        const struct grid_cell *at = grid_at(g, row, column);
        snprintf(texts[row], sizeof texts[row], "%s",
                 at->state == RECORD_FAILED ? "failed" : "not yet");
        if (at->state == RECORD_DONE)
            grid_value(at, c->unit, texts[row]);
        bars[row] = (struct chart_bar){
            .label = g->rows[row].title,
            .text = texts[row],
            .value = at->value,
            .plus_minus = at->plus_minus,
            .mark = at->paper ? at->figure.value : NAN,
            .accent = g->rows[row].heads != PAPER_NONE,
        };
    }
    grid_score(c, score);
    snprintf(name, sizeof name, "%s (%s)", c->measure->title, score);
    fputs("<figure>\n<figcaption>", out);
    html_text(name, out);
    fputs("</figcaption>\n", out);
    chart_svg(&(struct chart){name, bars, n}, out);
    fputs("</figure>\n", out);
}

static bool column_has(const struct grid *g, size_t column, bool paper)
{
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        const struct grid_cell *at = grid_at(g, row, column);
        if (paper ? at->paper : at->state == RECORD_DONE)
            return true;
    }
    return false;
}

/* Columns without a value have no plot. */
static void plots(const struct grid *g, FILE *out)
{
    bool any = false, paper = false;
    for (size_t c = 0; c < g->n_columns; c++) {
        any |= column_has(g, c, false);
        paper |= column_has(g, c, true);
    }
    if (!any)
        return;
    fputs("<h2>Plots</h2>\n<p class=\"soft legend\"><span><i class=\"key\"></i>trained without "
          "AugSelf's heads</span> <span><i class=\"key accent\"></i>trained with some</span>",
          out);
    fputs(paper ? " <span><i class=\"key line\"></i>the paper's figure</span>" : "", out);
    fputs("</p>\n<div class=\"charts\">\n", out);
    for (size_t c = 0; c < g->n_columns; c++)
        if (column_has(g, c, false))
            plot(g, c, out);
    fputs("</div>\n", out);
}

static void backbones(const struct grid *g, FILE *out)
{
    static const char *const names[] = {"backbone", "method", "AugSelf's heads", "recipe",
                                        "weights"};
    fputs("<h2>Backbones</h2>\n", out);
    table_begin("What each backbone is", out);
    heads_of_columns(names, ARRAY_LEN(names), out);
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        const struct agenda_backbone *b = &g->agenda->backbones[row];
        fputs("<tr>", out);
        element("th scope=\"row\"", g->rows[row].title, "th", out);
        element("td", g->rows[row].method, "td", out);
        element("td", paper_heads_names[g->rows[row].heads], "td", out);
        element("td", b->recipe, "td", out);
        element("td", b->backbone, "td", out);
        fputs("</tr>\n", out);
    }
    table_end(out);
}

/* "--train X --test Y --metric m --shots=5" */
static void command(const struct agenda_measure *m, FILE *out)
{
    html_text(m->verb, out);
    for (size_t i = 0; i < ROLES; i++)
        if (m->role[i][0])
            html_print(out, " --%s %s", agenda_roles[i], m->role[i]);
    if (m->metric[0])
        html_print(out, " --metric %s", m->metric);
    for (size_t i = 0; i < m->options.n; i++)
        html_print(out, " --%s", m->options.v[i]);
}

/* What the verbs noted: of the first backbone that has a result. */
static void measure_notes(const struct grid *g, size_t measure, FILE *out)
{
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        const struct record *r = &g->records[row * g->agenda->n_measures + measure];
        if (r->state != RECORD_DONE)
            continue;
        for (size_t i = 0; i < r->scores.n_notes; i++)
            html_print(out, "%s%s: %s", i ? "; " : "", r->scores.note[i].key,
                       r->scores.note[i].text);
        return;
    }
}

static void measures(const struct grid *g, FILE *out)
{
    static const char *const names[] = {"measure", "augstream-evaluate",
                                        "it says (of the first backbone)"};
    fputs("<h2>Measures</h2>\n", out);
    table_begin("How each was measured", out);
    heads_of_columns(names, ARRAY_LEN(names), out);
    for (size_t i = 0; i < g->agenda->n_measures; i++) {
        fputs("<tr>", out);
        element("th scope=\"row\"", g->agenda->measures[i].title, "th", out);
        fputs("<td><code>", out);
        command(&g->agenda->measures[i], out);
        fputs("</code></td><td>", out);
        measure_notes(g, i, out);
        fputs("</td></tr>\n", out);
    }
    table_end(out);
}

void grid_page(const struct grid *g, FILE *out)
{
    html_begin(g->agenda->title, chart_style, out);
    results(g, out);
    notes(g, out);
    failures(g, out);
    plots(g, out);
    backbones(g, out);
    measures(g, out);
    html_end(out);
}
