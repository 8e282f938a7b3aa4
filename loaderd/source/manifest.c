/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: takes a CSV file that names images, gives a listing. Its first line names the columns,
 * in any order: path, and where wanted label, split, and x, y, w, h; others are passed over. It is
 * read twice: labels are numbered over all rows, whichever split is asked for, so that the splits
 * of one file agree; then the rows are listed. Every image is looked at (stat), none is opened. Any
 * thread. Who writes a manifest chooses the files: absolute paths and ".." are as good as others.
 */
#include "loaderd/source/listing.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/source/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LABEL_BYTES_MAX = 255,
    /* A number beyond is taken for a class only in a file of as many rows: who writes the ids of a
     * database as labels shall hear of it, and not get a million classes. */
    CLASSES_FREE = 65536,
    BOX_DIGITS = 16,
};

enum column { PATH, LABEL, SPLIT, BOX_X, BOX_Y, BOX_W, BOX_H, COLUMNS };

static const char *const column_names[COLUMNS] = {"path", "label", "split", "x", "y", "w", "h"};

struct manifest {
    const struct source_spec *spec;
    struct listing *listing;
    char root[ITEM_PATH_MAX]; /* what paths are relative to */
    int folder;               /* the same, open */
    FILE *in;
    struct csv csv;
    int at[COLUMNS];      /* of its field in a record; -1 = the file has no such column */
    size_t n;             /* fields of a record */
    struct listing names; /* labels that are names, in the order found, as its classes */
    uint64_t number_line, name_line; /* of the first label of each kind; 0 = there is none */
    uint32_t number_max;
    uint64_t max_line; /* of number_max */
    uint64_t rows, of_split;
};

static void manifest_free(struct manifest **manifest)
{
    struct manifest *m = *manifest;
    if (!m)
        return;
    if (m->in)
        fclose(m->in);
    if (m->folder >= 0)
        close(m->folder);
    listing_done(&m->names);
    free(m);
}

#define fail(m, code, ...) fail_at(m, (m)->csv.line, code, __VA_ARGS__)
#define fail_at(m, line, code, format, ...)                                                        \
    err_set(code, "%s:%llu: " format, (m)->spec->path,                                             \
            (unsigned long long)(line)__VA_OPT__(, ) __VA_ARGS__)

/* A record's field; "" where the file has no such column. */
static const char *field(const struct manifest *m, enum column column)
{
    return m->at[column] < 0 ? "" : m->csv.field[m->at[column]];
}

/* Blanks around a column's name are nobody's intention. */
static bool is_called(const char *field, const char *name)
{
    field += strspn(field, " \t");
    const size_t len = strlen(name);
    return strncmp(field, name, len) == 0 && field[len + strspn(field + len, " \t")] == 0;
}

static int read_header(struct manifest *m)
{
    int r = csv_next(&m->csv);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(-EBADMSG, "%s: empty: the first line names the columns", m->spec->path);
    m->n = m->csv.n;
    for (int c = 0; c < COLUMNS; c++) {
        m->at[c] = -1;
        for (size_t i = 0; i < m->n; i++) {
            if (!is_called(m->csv.field[i], column_names[c]))
                continue;
            if (m->at[c] >= 0)
                return fail(m, -EBADMSG, "two columns are called '%s'", column_names[c]);
            m->at[c] = (int)i;
        }
    }
    if (m->at[PATH] < 0)
        return fail(m, -EBADMSG, "no column is called 'path': the first line names the columns");
    for (int c = BOX_Y; c <= BOX_H; c++)
        if ((m->at[c] < 0) != (m->at[BOX_X] < 0))
            return fail(m, -EBADMSG, "a box takes all four columns, x, y, w and h");
    const char *split = m->spec->split;
    if (split && *split && m->at[SPLIT] < 0)
        return fail(m, -EINVAL, "split '%s' is asked for, and no column is called 'split'", split);
    return 0;
}

/* 0, or what is wrong with a string that shall go into messages and to peers. */
static int check_text(const struct manifest *m, enum column column)
{
    for (const char *s = field(m, column); *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return fail(m, -EBADMSG, "%s: a control character (0x%02x)", column_names[column],
                        (unsigned char)*s);
    return 0;
}

static bool is_chosen(const struct manifest *m)
{
    const char *split = m->spec->split;
    return !split || !*split || strcmp(field(m, SPLIT), split) == 0;
}

/* All rows, from the first on. */
static int each_row(struct manifest *m, int (*row)(struct manifest *m))
{
    rewind(m->in);
    csv_begin(&m->csv, m->in, m->spec->path);
    int r = read_header(m);
    while (r >= 0 && (r = csv_next(&m->csv)) == 1) {
        if (m->csv.n != m->n)
            return fail(m, -EBADMSG, "%zu fields, and %zu columns are named", m->csv.n, m->n);
        r = row(m);
    }
    return r;
}

/* --- labels --- */

static bool is_number(const char *label)
{
    return strspn(label, "0123456789") == strlen(label) || strcmp(label, "-1") == 0;
}

/* What spreadsheets and pandas make of whole numbers when one of them is missing: 2.0. As names
 * they would be in another order. */
static bool is_fraction(const char *label)
{
    char *end;
    (void)strtod(label, &end);
    return end != label && *end == 0 && strspn(label, "+-.0123456789eE") == strlen(label);
}

/* Of a label that is_number; -1, which many write for none, is none. */
static int number_of(const struct manifest *m, int32_t *ret)
{
    const char *label = field(m, LABEL);
    char *end;
    errno = 0;
    const long value = strtol(label, &end, 10);
    if (errno || value >= SOURCE_CLASSES_MAX)
        return fail(m, -EBADMSG, "label %.20s: at most %d", label, SOURCE_CLASSES_MAX - 1);
    *ret = (int32_t)value;
    return 0;
}

static int note_number(struct manifest *m)
{
    int32_t number = -1;
    int r = number_of(m, &number);
    if (r < 0 || number < 0)
        return r;
    if (!m->number_line)
        m->number_line = m->csv.line;
    if ((uint32_t)number > m->number_max) {
        m->number_max = (uint32_t)number;
        m->max_line = m->csv.line;
    }
    return 0;
}

static int note_name(struct manifest *m)
{
    const char *label = field(m, LABEL);
    if (strlen(label) > LABEL_BYTES_MAX)
        return fail(m, -EBADMSG, "a label of more than %d bytes", LABEL_BYTES_MAX);
    int r = check_text(m, LABEL);
    if (r < 0)
        return r;
    if (!m->name_line)
        m->name_line = m->csv.line;
    uint32_t place;
    return listing_class(&m->names, label, &place);
}

static int note_label(struct manifest *m)
{
    m->rows++;
    m->of_split += is_chosen(m);
    const char *label = field(m, LABEL);
    if (!*label)
        return 0;
    if (!is_number(label) && is_fraction(label))
        return fail(m, -EBADMSG,
                    "label '%.60s': labels are whole numbers from 0 on, -1 or nothing for none, or "
                    "names",
                    label);
    int r = is_number(label) ? note_number(m) : note_name(m);
    if (r == 0 && m->number_line && m->name_line)
        return fail(m, -EBADMSG,
                    "label '%.60s': line %llu has a number and line %llu a name: all or none",
                    label, (unsigned long long)m->number_line, (unsigned long long)m->name_line);
    return r;
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names become classes in bytewise order, as class folders do. */
static int class_names(struct manifest *m)
{
    const size_t n = m->names.n_classes;
    auto_free char **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted)
        return err_set(-ENOMEM, "%s: no memory for %zu labels", m->spec->path, n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = m->names.names + m->names.classes[i];
    qsort(sorted, n, sizeof *sorted, name_order);
    uint32_t label;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = listing_class(m->listing, sorted[i], &label);
    return r;
}

static int class_numbers(struct manifest *m)
{
    int r = 0;
    if (m->number_max >= CLASSES_FREE && m->number_max >= m->rows)
        return fail_at(m, m->max_line, -EBADMSG,
                       "label %u, of %llu rows: labels are numbered from 0 (ids would be names)",
                       m->number_max, (unsigned long long)m->rows);
    for (uint32_t i = 0; r == 0 && i <= m->number_max; i++) {
        char name[16];
        uint32_t label;
        snprintf(name, sizeof name, "%u", i);
        r = listing_class(m->listing, name, &label);
    }
    return r;
}

/* -1 = none. The file may have changed since labels were noted. */
static int label_of(const struct manifest *m, int32_t *ret)
{
    const char *label = field(m, LABEL);
    *ret = -1;
    if (!*label)
        return 0;
    if (m->name_line) {
        *ret = listing_class_find(m->listing, label);
        return *ret >= 0 ? 0 : fail(m, -EBADMSG, "the file changed while it was read");
    }
    int r = is_number(label) ? number_of(m, ret) : -1;
    if (r < 0 || (*ret >= 0 && (!m->number_line || (uint32_t)*ret > m->number_max)))
        return fail(m, -EBADMSG, "the file changed while it was read");
    return 0;
}

/* --- rows --- */

/* A side or place in pixels; some tools write fractions. */
static int box_part(const struct manifest *m, enum column column, int32_t *ret)
{
    const char *text = field(m, column);
    const size_t len = strlen(text);
    char *end = NULL;
    double value = -1;
    if (len <= BOX_DIGITS && strspn(text, "0123456789.") == len)
        value = strtod(text, &end);
    if (!end || end == text || *end || value > SOURCE_BOX_MAX)
        return fail(m, -EBADMSG, "%s '%.20s': pixels, 0 to %d", column_names[column], text,
                    SOURCE_BOX_MAX);
    *ret = (int32_t)lround(value);
    return 0;
}

/* 1, or 0 where the row has none. */
static int box_of(const struct manifest *m, int32_t ret[4])
{
    int given = 0;
    for (int c = BOX_X; c <= BOX_H; c++)
        given += *field(m, c) != 0;
    if (given == 0)
        return 0;
    if (given < 4)
        return fail(m, -EBADMSG, "a box takes all four of x, y, w and h, or none");
    for (int c = BOX_X; c <= BOX_H; c++) {
        int r = box_part(m, c, &ret[c - BOX_X]);
        if (r < 0)
            return r;
    }
    if (ret[2] < 1 || ret[3] < 1)
        return fail(m, -EBADMSG, "a box of %dx%d pixels", ret[2], ret[3]);
    return 1;
}

static int list_row(struct manifest *m)
{
    if (!is_chosen(m))
        return 0;
    struct listed listed = {.name = field(m, PATH), .file = LISTING_NO_FILE};
    int32_t box[4];
    int r = check_text(m, PATH);
    if (r == 0)
        r = label_of(m, &listed.label);
    if (r == 0)
        r = box_of(m, box);
    if (r < 0)
        return r;
    listed.box = r ? box : NULL;
    if (!*listed.name)
        return fail(m, -EBADMSG, "no path");
    struct stat st;
    if (fstatat(m->folder, listed.name, &st, 0) != 0)
        return fail(m, -errno, "%s: %s", listed.name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(m, -EBADMSG, "%s: not a regular file", listed.name);
    listed.bytes = (uint64_t)st.st_size;
    return listing_add(m->listing, &listed);
}

/* --- the file --- */

static int manifest_open(const struct source_spec *spec, struct listing *listing,
                         struct manifest *m)
{
    const char *slash = strrchr(spec->path, '/');
    const size_t len = slash ? (size_t)(slash - spec->path) : 0;
    if (len >= sizeof m->root)
        return err_set(-ENAMETOOLONG, "%s: a path of more than %d bytes", spec->path,
                       ITEM_PATH_MAX - 1);
    memcpy(m->root, spec->path, len);
    if (len == 0)
        m->root[0] = slash ? '/' : '.';
    m->spec = spec;
    m->listing = listing;
    /* A FIFO must not hold the daemon up. */
    auto_close int fd = open(spec->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(-errno, "%s: %s", spec->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "%s: a manifest is a file",
                       spec->path);
    m->folder = open(m->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (m->folder < 0)
        return err_set(-errno, "%s: %s", m->root, strerror(errno));
    m->in = fdopen(fd, "r");
    if (!m->in)
        return err_set(-errno, "%s: %s", spec->path, strerror(errno));
    take_fd(&fd);
    int r = listing_begin(listing, m->root);
    return r < 0 ? r : listing_watch(listing, spec->path, &st);
}

int manifest_list(const struct source_spec *spec, struct listing *listing)
{
    auto_with(manifest_free) struct manifest *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(-ENOMEM, "%s: no memory to read it", spec->path);
    m->folder = -1;
    int r = manifest_open(spec, listing, m);
    if (r == 0)
        r = listing_begin(&m->names, m->root);
    if (r == 0)
        r = each_row(m, note_label);
    if (r < 0)
        return r;
    if (m->of_split == 0 && spec->split && *spec->split)
        return err_set(-EINVAL, "%s: no row is of split '%s'", spec->path, spec->split);
    if (m->name_line)
        r = class_names(m);
    else if (m->number_line)
        r = class_numbers(m);
    return r < 0 ? r : each_row(m, list_row);
}
