/* SPDX-License-Identifier: Apache-2.0 */
/* grid: takes an agenda and its records, gives the table and its two plain forms. One thread; owns
 * columns and cells. */
#include "tools/evaluate/report/grid.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct record *record_at(const struct grid *g, size_t row, size_t measure)
{
    return &g->records[row * g->agenda->n_measures + measure];
}

static const struct score *score_find(const struct record *r, const char *name)
{
    for (size_t i = 0; r->state == RECORD_DONE && i < r->scores.n; i++)
        if (strcmp(r->scores.v[i].name, name) == 0)
            return &r->scores.v[i];
    return NULL;
}

/* The first score of the first backbone that has a result. */
static const char *first_score(const struct grid *g, size_t measure)
{
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        const struct record *r = record_at(g, row, measure);
        if (r->state == RECORD_DONE && r->scores.n)
            return r->scores.v[0].name;
    }
    return "";
}

static const char *unit_of(const struct grid *g, size_t measure, const char *score)
{
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        const struct score *s = score_find(record_at(g, row, measure), score);
        if (s)
            return s->unit;
    }
    return "";
}

static void add_columns(struct grid *g, size_t measure)
{
    const struct agenda_measure *m = &g->agenda->measures[measure];
    for (size_t i = 0; i < (m->scores.n ? m->scores.n : 1); i++) {
        const char *score = m->scores.n ? m->scores.v[i] : first_score(g, measure);
        g->columns[g->n_columns++] = (struct grid_column){
            .measure = m,
            .of = measure,
            .score = score,
            .unit = unit_of(g, measure, score),
        };
    }
}

static struct grid_cell cell_make(const struct grid *g, size_t row, const struct grid_column *c)
{
    const struct record *r = record_at(g, row, c->of);
    struct grid_cell cell = {r->state, NAN, NAN, r, false, false, {0}};
    const struct score *s = score_find(r, c->score);
    if (s) {
        cell.value = s->value;
        cell.plus_minus = s->plus_minus;
    } else if (r->state == RECORD_DONE) {
        cell.state = RECORD_FAILED;
        cell.no_score = true;
    }
    const struct paper_query query = {g->rows[row].method, g->rows[row].heads, c->measure->paper,
                                      c->score};
    cell.paper = paper_find(&query, &cell.figure) && strcmp(cell.figure.unit, c->unit) == 0;
    return cell;
}

int grid_init(struct grid *g, const struct agenda *agenda, const struct grid_row *rows,
              const struct record *records)
{
    size_t most = 0;
    for (size_t m = 0; m < agenda->n_measures; m++)
        most += agenda->measures[m].scores.n ? agenda->measures[m].scores.n : 1;
    *g = (struct grid){.agenda = agenda, .rows = rows, .records = records};
    g->columns = calloc(most, sizeof *g->columns);
    g->cells = calloc(agenda->n_backbones * most, sizeof *g->cells);
    if (!g->columns || !g->cells) {
        grid_done(g);
        return err_set(-ENOMEM, "report: out of memory");
    }
    for (size_t m = 0; m < agenda->n_measures; m++)
        add_columns(g, m);
    for (size_t row = 0; row < agenda->n_backbones; row++)
        for (size_t c = 0; c < g->n_columns; c++)
            g->cells[row * g->n_columns + c] = cell_make(g, row, &g->columns[c]);
    return 0;
}

void grid_done(struct grid *g)
{
    free(g->columns);
    free(g->cells);
    *g = (struct grid){0};
}

const struct grid_cell *grid_at(const struct grid *g, size_t row, size_t column)
{
    return &g->cells[row * g->n_columns + column];
}

void grid_number(double value, const char *unit, char ret[32])
{
    /* Small ones keep their zeros at the end; counts have no point. */
    const bool small = fabs(value) < 1 && value != 0;
    snprintf(ret, 32, strcmp(unit, "%") == 0 ? "%.2f" : small ? "%#.4g" : "%.4g", value);
}

void grid_published(const struct paper_figure *figure, char ret[32])
{
    snprintf(ret, 32, strcmp(figure->unit, "%") == 0 ? "%.2f" : "%#.3g", figure->value);
}

void grid_value(const struct grid_cell *cell, const char *unit, char ret[80])
{
    char value[32], around[32];
    grid_number(cell->value, unit, value);
    grid_number(cell->plus_minus, unit, around);
    snprintf(ret, 80, isnan(cell->plus_minus) ? "%s" : "%s ± %s", value, around);
}

void grid_score(const struct grid_column *c, char ret[128])
{
    snprintf(ret, 128, "%.60s%s%.60s", c->score[0] ? c->score : c->measure->verb,
             c->unit[0] ? ", " : "", c->unit);
}

void grid_why(const struct grid *g, size_t row, size_t column, size_t cap, char *ret)
{
    const struct grid_cell *cell = grid_at(g, row, column);
    ret[0] = 0;
    if (cell->state == RECORD_MISSING)
        snprintf(ret, cap, "not measured yet");
    else if (cell->no_score)
        snprintf(ret, cap, "%s has no score %s; its first is %s", g->columns[column].measure->verb,
                 g->columns[column].score, cell->record->scores.v[0].name);
    else if (cell->state == RECORD_FAILED)
        snprintf(ret, cap, "%s", cell->record->error);
}

/* Whether a figure of the paper's stands in this row: 1, of its setting; 2, of another table. */
static unsigned papers_of(const struct grid *g, size_t row)
{
    unsigned found = 0;
    for (size_t c = 0; c < g->n_columns; c++)
        if (grid_at(g, row, c)->paper)
            found |= grid_at(g, row, c)->figure.setting ? 1 : 2;
    return found;
}

bool grid_note(const struct grid *g, size_t i, size_t cap, char *ret)
{
    unsigned found = 0;
    for (size_t row = 0; row < g->agenda->n_backbones; row++)
        found |= papers_of(g, row);
    if (found && i-- == 0) {
        snprintf(ret, cap, "Figures marked paper: %s.%s%s%s%s", PAPER_NAME,
                 found & 1 ? " Linear evaluation is of " : "",
                 found & 1 ? paper_setting_text() : "", found & 1 ? "." : "",
                 found & 2 ? " Localisation is by method and heads alone: its pre-training is not "
                             "told with its figures."
                           : "");
        return true;
    }
    for (size_t row = 0; row < g->agenda->n_backbones; row++)
        if (papers_of(g, row) && g->rows[row].differs[0] && i-- == 0) {
            snprintf(ret, cap, "%s is not of the paper's setting: %s.", g->rows[row].title,
                     g->rows[row].differs);
            return true;
        }
    return false;
}

/* --- Markdown --- */

/* Within a cell: its own signs mean themselves, and a line stays a line. */
static void markdown_text(const char *text, FILE *out)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|&~", *text))
            putc('\\', out);
        putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

static void markdown_cell(const struct grid *g, size_t row, size_t column, FILE *out)
{
    const struct grid_cell *cell = grid_at(g, row, column);
    char text[80];
    if (cell->state == RECORD_DONE) {
        grid_value(cell, g->columns[column].unit, text);
        fprintf(out, " %s", text);
    } else {
        fputs(cell->state == RECORD_FAILED ? " failed" : " …", out);
    }
    if (cell->paper) {
        grid_published(&cell->figure, text);
        fprintf(out, " (paper %s)", text);
    }
    fputs(" |", out);
}

void grid_markdown(const struct grid *g, FILE *out)
{
    char text[1024];
    fputs("# ", out);
    markdown_text(g->agenda->title, out);
    fputs("\n\n| backbone |", out);
    for (size_t c = 0; c < g->n_columns; c++) {
        putc(' ', out);
        markdown_text(g->columns[c].measure->title, out);
        grid_score(&g->columns[c], text);
        fputs(" (", out);
        markdown_text(text, out);
        fputs(") |", out);
    }
    fputs("\n|---|", out);
    for (size_t c = 0; c < g->n_columns; c++)
        fputs("---:|", out);
    putc('\n', out);
    for (size_t row = 0; row < g->agenda->n_backbones; row++) {
        fputs("| ", out);
        markdown_text(g->rows[row].title, out);
        fputs(" |", out);
        for (size_t c = 0; c < g->n_columns; c++)
            markdown_cell(g, row, c, out);
        putc('\n', out);
    }
    for (size_t i = 0; grid_note(g, i, sizeof text, text); i++) {
        fputs("\n", out);
        markdown_text(text, out);
        fputs("\n", out);
    }
    bool head = false;
    for (size_t row = 0; row < g->agenda->n_backbones; row++)
        for (size_t c = 0; c < g->n_columns; c++) {
            grid_why(g, row, c, sizeof text, text);
            if (!text[0])
                continue;
            fputs(head ? "* " : "\nNo result:\n\n* ", out);
            head = true;
            markdown_text(g->rows[row].title, out);
            fputs(", ", out);
            markdown_text(g->columns[c].measure->title, out);
            fputs(": ", out);
            markdown_text(text, out);
            putc('\n', out);
        }
}

/* --- CSV --- */

static void csv_text(const char *text, FILE *out)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (char[]){*text, 0}, out);
    putc('"', out);
}

static void csv_number(double value, FILE *out)
{
    if (!isnan(value))
        fprintf(out, "%.9g", value);
    putc(',', out);
}

/* score NULL: there is none. */
static void csv_line(const struct grid *g, size_t row, size_t measure, const struct score *score,
                     FILE *out)
{
    static const char *const states[] = {"missing", "done", "failed"};
    const struct agenda_measure *m = &g->agenda->measures[measure];
    const struct record *r = record_at(g, row, measure);
    const char *texts[] = {g->agenda->backbones[row].name,
                           g->rows[row].title,
                           g->rows[row].method,
                           paper_heads_names[g->rows[row].heads],
                           m->name,
                           m->title,
                           m->verb,
                           agenda_metric(m),
                           states[r->state],
                           score ? score->name : ""};
    double paper = NAN;
    for (size_t c = 0; score && c < g->n_columns; c++)
        if (g->columns[c].of == measure && strcmp(g->columns[c].score, score->name) == 0 &&
            grid_at(g, row, c)->paper)
            paper = grid_at(g, row, c)->figure.value;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        csv_text(texts[i], out);
        putc(',', out);
    }
    csv_number(score ? score->value : NAN, out);
    csv_number(score ? score->plus_minus : NAN, out);
    csv_text(score ? score->unit : "", out);
    putc(',', out);
    csv_number(paper, out);
    csv_text(r->state == RECORD_FAILED ? r->error : "", out);
    fputs("\r\n", out);
}

void grid_csv(const struct grid *g, FILE *out)
{
    fputs(
        "backbone,backbone_title,method,heads,measure,measure_title,verb,metric,state,score,value,"
        "plus_minus,unit,paper,error\r\n",
        out);
    for (size_t row = 0; row < g->agenda->n_backbones; row++)
        for (size_t m = 0; m < g->agenda->n_measures; m++) {
            const struct record *r = record_at(g, row, m);
            for (size_t i = 0; r->state == RECORD_DONE && i < r->scores.n; i++)
                csv_line(g, row, m, &r->scores.v[i], out);
            if (r->state != RECORD_DONE)
                csv_line(g, row, m, NULL, out);
        }
}
