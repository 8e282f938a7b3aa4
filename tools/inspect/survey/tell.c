/* SPDX-License-Identifier: Apache-2.0 */
/* tell: takes a survey, gives a table for eyes, JSON for programs, a list of bad images. Names come
 * from files and from peers: none may steer the terminal. */
#include "tools/inspect/survey/survey.h"

#include "common/auto.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/file.h"
#include "common/plain.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLASSES_ALL = 40,  /* so many are told one by one; of more ... */
    CLASSES_SOME = 12, /* ... so many of the largest, and of the smallest */
    SIZES_SOME = 10,
    BAD_SOME = 20,
    BAR = 30,
    NAMES_MAX = 40, /* columns of the classes' names */
};
static const char *const figure_names[SURVEY_FIGURES] = {"width", "height", "pixels", "ratio"};
static const char *const shape_names[] = {"wider", "higher", "square"};

/* At least `columns` of them. */
static void put_name(FILE *out, const char *name, int columns)
{
    for (int n = plain_put(out, name); n < columns; n++)
        fputc(' ', out);
}

static void put_bar(FILE *out, uint64_t n, uint64_t of)
{
    const int len = of ? (int)((double)n / (double)of * BAR + .5) : 0;
    if (n)
        fputs("  ", out);
    for (int i = 0; i < len || (i == 0 && n); i++)
        fputc(len ? '#' : '.', out);
}

static double share(uint64_t n, uint64_t of)
{
    return of ? 100 * (double)n / (double)of : 0;
}

static const char *fault_name(enum wire_fault fault)
{
    return fault == FAULT_NONE ? "not told" : wire_fault_name(fault);
}

/* --- bad images --- */

static const char *sample_name(const struct survey_about *about, uint32_t sample)
{
    const struct source *source = about->source;
    return source && source->name && sample < source->samples ? source->name(source, sample) : NULL;
}

static int64_t sample_label(const struct survey_about *about, uint32_t sample)
{
    struct item item = {.label = -1};
    if (about->source && sample < about->source->samples)
        about->source->item(about->source, sample, &item);
    return item.label;
}

/* Without the file's path before it, of which the name is told anyway. */
static const char *bad_reason(const struct survey_about *about, const struct survey_bad *bad)
{
    struct item item;
    if (!bad->reason || !about->source || bad->sample >= about->source->samples)
        return bad->reason;
    about->source->item(about->source, bad->sample, &item);
    const size_t len = strlen(item.path);
    const bool begins = strncmp(bad->reason, item.path, len) == 0;
    if (begins && bad->reason[len] == 0)
        return NULL;
    return begins && strncmp(bad->reason + len, ": ", 2) == 0 ? bad->reason + len + 2 : bad->reason;
}

static void faults_count(const struct survey *s, uint64_t ret[FAULT_KINDS])
{
    memset(ret, 0, FAULT_KINDS * sizeof *ret);
    for (size_t i = 0; i < s->n_bad; i++)
        ret[s->bad[i].fault]++;
}

static void tell_bad(const struct survey *s, const struct survey_about *about, FILE *out)
{
    if (s->n_bad == 0)
        return;
    fprintf(out, "\n%10s  %-12s  %s\n", "bad sample", "fault", about->source ? "name" : "");
    for (size_t i = 0; i < s->n_bad && i < BAD_SOME; i++) {
        const struct survey_bad *bad = &s->bad[i];
        const char *name = sample_name(about, bad->sample), *reason = bad_reason(about, bad);
        fprintf(out, "%10" PRIu32 "  %-12s", bad->sample, fault_name(bad->fault));
        if (name) {
            fputs("  ", out);
            put_name(out, name, 0);
        }
        if (reason) {
            fputs(name ? ": " : "  ", out);
            put_name(out, reason, 0);
        }
        fputc('\n', out);
    }
    if (s->n_bad > BAD_SOME)
        fprintf(out, "%10s  and %zu more: --bad FILE writes all of them\n", "...",
                s->n_bad - BAD_SOME);
}

/* --- classes --- */

struct class_row {
    uint32_t label;
    uint64_t good, bad;
};

static int by_size(const void *a, const void *b)
{
    const struct class_row *x = a, *y = b;
    if (x->good != y->good)
        return x->good < y->good ? 1 : -1;
    return (x->label > y->label) - (x->label < y->label);
}

/* The caller frees. NULL where memory is out. */
static struct class_row *class_rows(const struct survey *s, const struct survey_about *about)
{
    struct class_row *rows = calloc(s->classes + 1u, sizeof *rows);
    for (uint32_t c = 0; rows && c < s->classes; c++)
        rows[c] = (struct class_row){.label = c, .good = s->of_class[c]};
    for (size_t i = 0; rows && i < s->n_bad; i++) {
        const int64_t label = sample_label(about, s->bad[i].sample);
        if (label >= 0 && label < s->classes)
            rows[label].bad++;
    }
    return rows;
}

/* NULL: not known. */
static const char *class_name(const struct survey *s, const struct survey_about *about,
                              uint32_t label)
{
    const struct source *source = about->source;
    if (source && source->class_name && label < source->classes)
        return source->class_name(source, label);
    return s->class_names && label < s->classes ? s->class_names[label] : NULL;
}

/* How the rows of the table are laid out. */
struct class_table {
    uint64_t largest;
    int names; /* columns of the names; 0: there are none */
    bool bad;  /* whose bad images are whose is known */
};

static struct class_table table_of(const struct survey *s, const struct survey_about *about)
{
    struct class_table t = {.bad = about->source && s->n_bad};
    for (uint32_t c = 0; c < s->classes; c++) {
        const char *name = class_name(s, about, c);
        const int len = name ? (int)strnlen(name, NAMES_MAX) + 2 : 0;
        t.names = len > t.names ? len : t.names;
        t.largest = s->of_class[c] > t.largest ? s->of_class[c] : t.largest;
    }
    return t;
}

static void tell_class(const struct survey *s, const struct survey_about *about,
                       const struct class_table *t, const struct class_row *row, FILE *out)
{
    const char *name = class_name(s, about, row->label);
    char number[16];
    snprintf(number, sizeof number, "%" PRIu32, row->label);
    fprintf(out, "%6s  ", number);
    put_name(out, name && strcmp(name, number) ? name : "", t->names);
    fprintf(out, "%10" PRIu64 "  %5.1f %%", row->good, share(row->good, s->good));
    if (t->bad)
        fprintf(out, "%8" PRIu64, row->bad);
    put_bar(out, row->good, t->largest);
    fputc('\n', out);
}

static void tell_classes(const struct survey *s, const struct survey_about *about, FILE *out)
{
    auto_free struct class_row *rows = class_rows(s, about);
    if (!rows || s->classes == 0)
        return;
    const bool all = s->classes <= CLASSES_ALL;
    const struct class_table t = table_of(s, about);
    if (!all)
        qsort(rows, s->classes, sizeof *rows, by_size);
    fprintf(out, "\n%6s  %-*s%10s  %7s%s\n", "class", t.names, "", "images", "share",
            t.bad ? "     bad" : "");
    for (uint32_t c = 0; c < s->classes; c++) {
        if (all || c < CLASSES_SOME || c >= s->classes - CLASSES_SOME)
            tell_class(s, about, &t, &rows[c], out);
        else if (c == CLASSES_SOME)
            fprintf(out, "%6s  %" PRIu32 " classes between the largest and the smallest\n", "...",
                    s->classes - 2 * CLASSES_SOME);
    }
}

struct balance {
    uint64_t least, most;
    uint32_t empty;
};

static struct balance balance_of(const struct survey *s)
{
    struct balance b = {.least = s->classes ? UINT64_MAX : 0};
    for (uint32_t c = 0; c < s->classes; c++) {
        const uint64_t n = s->of_class[c];
        b.least = n < b.least ? n : b.least;
        b.most = n > b.most ? n : b.most;
        b.empty += n == 0;
    }
    return b;
}

/* --- sizes --- */

static void tell_sizes(const struct survey *s, FILE *out)
{
    struct survey_range range[SURVEY_FIGURES];
    struct survey_size common[SIZES_SOME];
    uint64_t shapes[3];
    int n = survey_ranges(s, range) < 0 ? -1 : survey_commonest(s, SIZES_SOME, common);
    if (n <= 0)
        return;
    fprintf(out, "\n%-14s%12s%12s%12s\n", "size", "least", "median", "most");
    for (int k = 0; k < SURVEY_FIGURES; k++)
        if (k == SURVEY_RATIO)
            fprintf(out, "%-14s%12.3g%12.3g%12.3g\n", "width/height", range[k].min, range[k].median,
                    range[k].max);
        else
            fprintf(out, "%-14s%12.0f%12.0f%12.0f\n", figure_names[k], range[k].min,
                    range[k].median, range[k].max);
    survey_shapes(s, shapes);
    for (int k = 0; k < 3; k++)
        fprintf(out, "%s%" PRIu64 " %s (%.1f %%)%s", k ? ", " : "", shapes[k], shape_names[k],
                share(shapes[k], s->good), k == 2 ? "\n" : "");
    fprintf(out, "\n%14s%12s  %7s   of %zu size%s\n", "width x height", "images", "share",
            s->n_sizes, s->n_sizes == 1 ? "" : "s");
    for (int i = 0; i < n; i++) {
        fprintf(out, "%6" PRIu32 " x %5" PRIu32 "%12" PRIu64 "  %5.1f %%", common[i].w, common[i].h,
                common[i].n, share(common[i].n, s->good));
        put_bar(out, common[i].n, common[0].n);
        fputc('\n', out);
    }
}

/* --- all of it, for eyes --- */

static void tell_labels(const struct survey *s, FILE *out)
{
    const struct balance b = balance_of(s);
    fprintf(out, "%-15s%" PRIu32, "classes", s->classes);
    if (b.least < b.most)
        fprintf(out, ", %" PRIu64 " to %" PRIu64 " images each", b.least, b.most);
    else if (b.most)
        fprintf(out, ", %" PRIu64 " images each", b.most);
    if (b.least && b.most > b.least)
        fprintf(out, " (%.1f times)", (double)b.most / (double)b.least);
    if (b.empty)
        fprintf(out, ", %" PRIu32 " without any", b.empty);
    fprintf(out, "\n%-15s%" PRIu64 " (%.1f %%)\n", "without label", s->unlabelled,
            share(s->unlabelled, s->good));
    if (s->strange)
        fprintf(out, "%-15s%" PRIu64 " images have a label that is no class\n", "strange",
                s->strange);
    if (s->boxed)
        fprintf(out, "%-15s%" PRIu64 " (%.1f %%), of which %" PRIu64 " leave the picture\n",
                "boxes", s->boxed, share(s->boxed, s->good), s->outside);
}

void survey_tell(const struct survey *s, const struct survey_about *about, FILE *out)
{
    char fingerprint[2 * DIGEST_BYTES + 1];
    uint64_t faults[FAULT_KINDS];
    const uint64_t seen = s->good + s->n_bad;
    fprintf(out, "%-15s", "dataset");
    put_name(out, about->name, 0);
    if (about->format)
        fprintf(out, " (%s)", about->format);
    digest_hex(s->fingerprint, fingerprint);
    fprintf(out, "\n%-15s%s\n%-15s%" PRIu64 "\n", "fingerprint", fingerprint, "images", s->samples);
    if (seen < s->samples)
        fprintf(out, "%-15s%" PRIu64 ": the figures below are of these\n", "seen", seen);
    fprintf(out, "%-15s%" PRIu64 " (%.1f %%)\n", "good", s->good, share(s->good, seen));
    fprintf(out, "%-15s%zu", "bad", s->n_bad);
    faults_count(s, faults);
    for (int k = 0, n = 0; k < FAULT_KINDS; k++)
        if (faults[k])
            fprintf(out, "%s%" PRIu64 " %s", n++ ? ", " : ": ", faults[k],
                    fault_name((enum wire_fault)k));
    if (about->source && about->source->ignored)
        fprintf(out, "\n%-15s%" PRIu64 ", by their names", "left out", about->source->ignored);
    fputc('\n', out);
    tell_labels(s, out);
    if (s->seconds > 0)
        fprintf(out, "%-15s%.1f s, %.0f images/s\n", "read in", s->seconds,
                (double)seen / s->seconds);
    tell_classes(s, about, out);
    tell_sizes(s, out);
    tell_bad(s, about, out);
}

/* --- for programs --- */

/* A name may be no UTF-8, which JSON wants: then its bytes beyond ASCII show as '?'. */
static json_t *as_text(const char *text)
{
    json_t *json = text ? json_string(text) : json_null();
    if (json)
        return json;
    auto_free char *ascii = strdup(text);
    for (char *c = ascii; c && *c; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    return ascii ? json_string(ascii) : NULL;
}

static json_t *as_count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static bool put_json(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool json_bad(json_t *top, const struct survey *s, const struct survey_about *about)
{
    uint64_t n[FAULT_KINDS];
    json_t *faults = json_object(), *list = json_array();
    bool fine = put_json(top, "faults", faults) && put_json(top, "bad_images", list);
    faults_count(s, n);
    for (int k = 0; fine && k < FAULT_KINDS; k++)
        if (n[k])
            fine = put_json(faults, fault_name((enum wire_fault)k), as_count(n[k]));
    for (size_t i = 0; fine && i < s->n_bad; i++) {
        const struct survey_bad *bad = &s->bad[i];
        const int64_t label = sample_label(about, bad->sample);
        json_t *row = json_object();
        fine = json_array_append_new(list, row) == 0 &&
               put_json(row, "sample", as_count(bad->sample)) &&
               put_json(row, "fault", as_text(fault_name(bad->fault))) &&
               put_json(row, "name", as_text(sample_name(about, bad->sample))) &&
               put_json(row, "label", label < 0 ? json_null() : json_integer(label)) &&
               put_json(row, "reason", as_text(bad_reason(about, bad)));
    }
    return fine;
}

static bool json_classes(json_t *top, const struct survey *s, const struct survey_about *about)
{
    json_t *list = json_array();
    auto_free struct class_row *rows = class_rows(s, about);
    bool fine = put_json(top, "classes", list) && rows;
    for (uint32_t c = 0; fine && c < s->classes; c++) {
        json_t *row = json_object();
        fine = json_array_append_new(list, row) == 0 && put_json(row, "label", as_count(c)) &&
               put_json(row, "name", as_text(class_name(s, about, c))) &&
               put_json(row, "images", as_count(rows[c].good)) &&
               put_json(row, "bad", about->source ? as_count(rows[c].bad) : json_null());
    }
    return fine;
}

static bool json_sizes(json_t *top, const struct survey *s)
{
    struct survey_range range[SURVEY_FIGURES];
    struct survey_size common[SIZES_SOME];
    uint64_t shapes[3];
    json_t *sizes = json_object(), *list = json_array();
    int n = survey_ranges(s, range) < 0 ? -1 : survey_commonest(s, SIZES_SOME, common);
    bool fine = put_json(top, "sizes", sizes) && put_json(sizes, "common", list) && n >= 0;
    survey_shapes(s, shapes);
    for (int k = 0; fine && k < SURVEY_FIGURES && s->good; k++)
        fine = put_json(sizes, figure_names[k],
                        json_pack("{s:f,s:f,s:f}", "min", range[k].min, "median", range[k].median,
                                  "max", range[k].max));
    for (int k = 0; fine && k < 3; k++)
        fine = put_json(sizes, shape_names[k], as_count(shapes[k]));
    for (int i = 0; fine && i < n; i++)
        fine = json_array_append_new(list, json_pack("{s:i,s:i,s:I}", "width", (int)common[i].w,
                                                     "height", (int)common[i].h, "images",
                                                     (json_int_t)common[i].n)) == 0;
    return fine && put_json(sizes, "distinct", as_count(s->n_sizes));
}

int survey_json(const struct survey *s, const struct survey_about *about, FILE *out)
{
    char fingerprint[2 * DIGEST_BYTES + 1];
    const uint64_t seen = s->good + s->n_bad;
    json_t *top = json_object();
    digest_hex(s->fingerprint, fingerprint);
    bool fine =
        put_json(top, "dataset", as_text(about->name)) &&
        put_json(top, "format", as_text(about->format)) &&
        put_json(top, "fingerprint", json_string(fingerprint)) &&
        put_json(top, "images", as_count(s->samples)) && put_json(top, "seen", as_count(seen)) &&
        put_json(top, "good", as_count(s->good)) && put_json(top, "bad", as_count(s->n_bad)) &&
        put_json(top, "error", as_text(about->error)) &&
        put_json(top, "left_out", about->source ? as_count(about->source->ignored) : json_null()) &&
        put_json(top, "unlabelled", as_count(s->unlabelled)) &&
        put_json(top, "strange", as_count(s->strange)) &&
        put_json(top, "boxed", as_count(s->boxed)) &&
        put_json(top, "outside", as_count(s->outside)) &&
        put_json(top, "seconds", json_real(s->seconds)) &&
        put_json(top, "images_per_s",
                 s->seconds > 0 ? json_real((double)seen / s->seconds) : json_null()) &&
        json_classes(top, s, about) && json_sizes(top, s) && json_bad(top, s, about);
    fine = fine && json_dumpf(top, out, JSON_INDENT(2)) == 0 && fputc('\n', out) != EOF;
    json_decref(top);
    return fine ? 0 : err_set(-EIO, "the survey could not be written as JSON");
}

int survey_bad_write(const struct survey *s, const struct survey_about *about, const char *path)
{
    struct file_write w = {0};
    int rc = file_write_begin(&w, path);
    if (rc)
        return rc;
    for (size_t i = 0; i < s->n_bad; i++) {
        const struct survey_bad *bad = &s->bad[i];
        const char *name = sample_name(about, bad->sample), *reason = bad_reason(about, bad);
        fprintf(w.out, "%" PRIu32 "\t%s\t%" PRId64 "\t", bad->sample, fault_name(bad->fault),
                sample_label(about, bad->sample));
        put_name(w.out, name ? name : "", 0);
        fputc('\t', w.out);
        put_name(w.out, reason ? reason : "", 0);
        fputc('\n', w.out);
    }
    return file_write_commit(&w);
}
