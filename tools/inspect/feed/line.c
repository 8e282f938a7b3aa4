/* SPDX-License-Identifier: Apache-2.0 */
/* line: takes batches and what is missing between them, writes lines. A format is a row of three
 * functions. Owns nothing. */
#include "tools/inspect/feed/line.h"

#include "common/auto.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/plain.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { JSON_MAX = 1024, DIGITS_SHOWN = 12 /* of a session's name, in the table */ };

/* --- jsonl --- */

static void json_missing(struct line *line, const struct feed_event *event)
{
    fprintf(line->out, "{\"%s\":{\"batches\":%" PRIu64 "}}\n",
            event->kind == FEED_RESTART ? "restart" : "gap", event->gap);
}

static void json_substituted(struct line *line, const struct wire_message *tap,
                             const struct wire_substitution *s)
{
    const struct wire_batch *b = &tap->tap.batch;
    fprintf(line->out,
            "{\"substituted\":{\"epoch\":%" PRIu32 ",\"batch\":%" PRIu32 ",\"position\":%" PRIu32
            ",\"bad\":%" PRIu32 ",\"reason\":\"%s\",\"sample\":%" PRIu32 "}}\n",
            b->epoch, b->index, s->position, s->sample, wire_fault_name(s->fault),
            b->omega[s->position].sample);
}

static void json_view(struct line *line, const struct wire_message *tap,
                      const struct param_view *view)
{
    (void)tap;
    char text[JSON_MAX];
    const struct omega_place place = {view->epoch, view->batch, view->view, view->size,
                                      view->label};
    int len = omega_json(view->omega, &place, text, sizeof text - 1);
    text[len++] = '\n';
    fwrite(text, 1, (size_t)len, line->out);
}

/* --- csv (RFC 4180) --- */

static void csv_text(const char *text, FILE *out)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void csv_number(double value, enum param_kind kind, FILE *out)
{
    if (kind == PARAM_REAL)
        fprintf(out, "%.9g", value); /* gives a float back bit for bit */
    else
        fprintf(out, "%.0f", value);
}

static void csv_head(struct line *line)
{
    fputs("event,sequence,at_us,dataset,session", line->out);
    for (size_t p = 0; p < params_n; p++)
        fprintf(line->out, ",%s", params[p].name);
    fputs(",missing,position,bad,reason\r\n", line->out);
    line->begun = true;
}

/* The first columns. */
static void csv_begin(struct line *line, const char *event, const struct wire_message *tap)
{
    if (!line->begun)
        csv_head(line);
    if (!tap) {
        fprintf(line->out, "%s,,,,", event);
        return;
    }
    char session[2 * DIGEST_BYTES + 1];
    digest_hex(tap->tap.batch.session, session);
    fprintf(line->out, "%s,%" PRIu64 ",", event, tap->tap.sequence);
    if (tap->tap.at_us)
        fprintf(line->out, "%" PRIu64, tap->tap.at_us);
    putc(',', line->out);
    csv_text(tap->tap.dataset, line->out);
    fprintf(line->out, ",%s", session);
}

static void csv_missing(struct line *line, const struct feed_event *event)
{
    csv_begin(line, event->kind == FEED_RESTART ? "restart" : "gap", NULL);
    for (size_t p = 0; p < params_n; p++)
        putc(',', line->out);
    fprintf(line->out, ",%" PRIu64 ",,,\r\n", event->gap);
}

static void csv_substituted(struct line *line, const struct wire_message *tap,
                            const struct wire_substitution *s)
{
    const struct wire_batch *b = &tap->tap.batch;
    csv_begin(line, "substituted", tap);
    for (size_t p = 0; p < params_n; p++) {
        static const char *const known[] = {"epoch", "batch", "sample"};
        const uint32_t values[] = {b->epoch, b->index, b->omega[s->position].sample};
        putc(',', line->out);
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            if (strcmp(params[p].name, known[k]) == 0)
                fprintf(line->out, "%" PRIu32, values[k]);
    }
    fprintf(line->out, ",,%" PRIu32 ",%" PRIu32 ",%s\r\n", s->position, s->sample,
            wire_fault_name(s->fault));
}

static void csv_view(struct line *line, const struct wire_message *tap,
                     const struct param_view *view)
{
    csv_begin(line, "view", tap);
    for (size_t p = 0; p < params_n; p++) {
        putc(',', line->out);
        if (param_applied(&params[p], view))
            csv_number(params[p].get(view), params[p].kind, line->out);
    }
    fputs(",,,,\r\n", line->out);
}

/* --- table --- */

enum { CELL_MAX = 64 };

static void cell_number(const struct param_view *v, const char *name, const char *format,
                        double scale, char *ret)
{
    const struct view_param *param = param_find(name);
    if (!param_applied(param, v))
        snprintf(ret, CELL_MAX, "-");
    else if (param->kind == PARAM_REAL)
        snprintf(ret, CELL_MAX, format, scale * param->get(v));
    else
        snprintf(ret, CELL_MAX, "%.0f", scale * param->get(v));
}

static void cell_source(const struct omega *o, char *ret)
{
    snprintf(ret, CELL_MAX, "%" PRIu32 "x%" PRIu32, o->source_w, o->source_h);
}

static void cell_crop(const struct omega *o, char *ret)
{
    snprintf(ret, CELL_MAX, "%" PRId32 "x%" PRId32 "+%" PRId32 "+%" PRId32, o->crop_width,
             o->crop_height, o->crop_left, o->crop_top);
}

static void cell_flags(const struct omega *o, char *ret)
{
    snprintf(ret, CELL_MAX, "%c%c", o->flip ? 'f' : '-', o->grayscale ? 'g' : '-');
}

/* A column: a parameter by name, or what `text` makes of the record. `end` is where its cells end,
 * counted in columns from 1. */
static const struct column {
    const char *head, *unit;
    int end;
    const char *param, *format;
    double scale;
    void (*text)(const struct omega *omega, char *ret);
} columns[] = {
    {"epoch", "", 5, "epoch", NULL, 1, NULL},
    {"batch", "", 11, "batch", NULL, 1, NULL},
    {"sample", "", 19, "sample", NULL, 1, NULL},
    {"v", "", 22, "view", NULL, 1, NULL},
    {"label", "", 28, "label", NULL, 1, NULL},
    {"source", "wxh px", 38, NULL, NULL, 1, cell_source},
    {"crop", "wxh+left+top px", 56, NULL, NULL, 1, cell_crop},
    {"area", "%", 62, "crop.area", "%.1f", 100, NULL},
    {"fg", "", 65, NULL, NULL, 1, cell_flags},
    {"bri", "x", 70, "jitter.brightness", "%.2f", 1, NULL},
    {"con", "x", 75, "jitter.contrast", "%.2f", 1, NULL},
    {"sat", "x", 80, "jitter.saturation", "%.2f", 1, NULL},
    {"hue", "turn", 86, "jitter.hue", "%+.2f", 1, NULL},
    {"blur", "px", 91, "blur.sigma", "%.2f", 1, NULL},
    {"sol", "", 96, "solarize.threshold", "%.2f", 1, NULL},
    {"rot", "deg", 100, "rotation", NULL, 90, NULL},
};

/* A cell that is too long shifts the ones behind it only until one of them has room. */
static int cell_write(const char *text, int at, int end, FILE *out)
{
    const int pad = end - at - (int)strlen(text);
    return at + fprintf(out, "%*s%s", pad > (at > 0) ? pad : at > 0, "", text);
}

static void table_head(struct line *line)
{
    int at = 0;
    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        at = cell_write(columns[c].head, at, columns[c].end, line->out);
    putc('\n', line->out);
    at = 0;
    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        if (columns[c].unit[0])
            at = cell_write(columns[c].unit, at, columns[c].end, line->out);
    putc('\n', line->out);
    line->begun = true;
    line->since = 0;
}

static void table_missing(struct line *line, const struct feed_event *event)
{
    const char *restart = event->kind == FEED_RESTART ? "restart: the loader was started anew" : "";
    line->since++;
    if (restart[0] && event->gap == 0)
        fprintf(line->out, "-- %s\n", restart);
    else
        fprintf(line->out, "-- %s%s%" PRIu64 " %s missing\n", restart,
                restart[0] ? "; " : "gap: ", event->gap,
                event->gap == 1 ? "batch is" : "batches are");
}

/* Whose views these are, where that changes. */
static void table_session(struct line *line, const struct wire_message *tap)
{
    const struct wire_batch *b = &tap->tap.batch;
    char session[2 * DIGEST_BYTES + 1];
    if (line->begun && memcmp(line->session, b->session, DIGEST_BYTES) == 0)
        return;
    digest_hex(b->session, session);
    memcpy(line->session, b->session, DIGEST_BYTES);
    fputs("-- ", line->out);
    plain_put(line->out, tap->tap.dataset);
    fprintf(line->out, ", session %.*s: %" PRIu32 " views of %" PRIu32 " samples\n", DIGITS_SHOWN,
            session, b->n_views, b->n_samples);
    line->since++;
    if (!line->begun)
        table_head(line);
}

static void table_substituted(struct line *line, const struct wire_message *tap,
                              const struct wire_substitution *s)
{
    const struct wire_batch *b = &tap->tap.batch;
    table_session(line, tap);
    line->since++;
    fprintf(line->out,
            "-- position %" PRIu32 " of epoch %" PRIu32 " batch %" PRIu32 ": sample %" PRIu32
            " in place of %" PRIu32 ", which is bad: %s\n",
            s->position, b->epoch, b->index, b->omega[s->position].sample, s->sample,
            wire_fault_name(s->fault));
}

static void table_view(struct line *line, const struct wire_message *tap,
                       const struct param_view *view)
{
    int at = 0;
    table_session(line, tap);
    if (line->repeat && line->since >= line->repeat)
        table_head(line);
    line->since++;
    for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
        char cell[CELL_MAX];
        if (columns[c].text)
            columns[c].text(view->omega, cell);
        else
            cell_number(view, columns[c].param, columns[c].format, columns[c].scale, cell);
        at = cell_write(cell, at, columns[c].end, line->out);
    }
    putc('\n', line->out);
}

/* --- all --- */

static const struct {
    const char *name;
    void (*missing)(struct line *line, const struct feed_event *event);
    void (*substituted)(struct line *line, const struct wire_message *tap,
                        const struct wire_substitution *s);
    void (*view)(struct line *line, const struct wire_message *tap, const struct param_view *view);
} formats[LINE_FORMATS] = {
    [LINE_JSONL] = {"jsonl", json_missing, json_substituted, json_view},
    [LINE_CSV] = {"csv", csv_missing, csv_substituted, csv_view},
    [LINE_TABLE] = {"table", table_missing, table_substituted, table_view},
};

int line_format_parse(const char *name, enum line_format *ret)
{
    for (enum line_format f = 0; f < LINE_FORMATS; f++)
        if (strcmp(formats[f].name, name) == 0) {
            *ret = f;
            return 0;
        }
    return err_set(-EINVAL, "--format %s: jsonl, csv and table are all there is", name);
}

uint32_t line_repeat(FILE *out)
{
    enum { HEAD = 2, LEFT = 2 /* lines of the head, and of a prompt and what is half seen */ };
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_row <= 2 * (HEAD + LEFT))
        return 0;
    return size.ws_row - HEAD - LEFT;
}

void line_missing(struct line *line, const struct feed_event *event)
{
    formats[line->format].missing(line, event);
}

/* Whether a view at the position is wanted, under either number. */
static bool is_wanted(const struct wire_message *tap, const struct filter *filter,
                      const struct wire_substitution *s)
{
    const struct wire_batch *b = &tap->tap.batch;
    for (uint32_t v = 0; v < b->n_views; v++) {
        struct param_view view;
        param_view_at(tap, v * b->n_samples + s->position, &view);
        struct omega bad = *view.omega;
        bad.sample = s->sample;
        if (filter_view(filter, tap, &view))
            return true;
        view.omega = &bad;
        if (filter_view(filter, tap, &view))
            return true;
    }
    return false;
}

uint64_t line_batch(struct line *line, const struct wire_message *tap, const struct filter *filter,
                    uint64_t most)
{
    const struct wire_batch *b = &tap->tap.batch;
    uint64_t n = 0;
    for (uint32_t i = 0; i < b->n_substituted; i++)
        if (is_wanted(tap, filter, &b->substituted[i]))
            formats[line->format].substituted(line, tap, &b->substituted[i]);
    for (uint32_t i = 0; i < b->n_views * b->n_samples && n < most; i++) {
        struct param_view view;
        param_view_at(tap, i, &view);
        if (!filter_view(filter, tap, &view))
            continue;
        formats[line->format].view(line, tap, &view);
        n++;
    }
    return n;
}

int line_flush(struct line *line)
{
    struct pollfd out = {.fd = fileno(line->out)};
    if (line->format == LINE_CSV && !line->begun)
        csv_head(line); /* also where nothing follows */
    const bool flushed = fflush(line->out) == 0 && !ferror(line->out);
    const int why = errno;
    if (poll(&out, 1, 0) > 0 && out.revents & POLLERR) {
        __fpurge(line->out);
        clearerr(line->out);
        return 1;
    }
    return flushed ? 0 : err_set(-EIO, "standard output: %s", strerror(why));
}
