/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_rows: takes rows from a maker, keeps those that loaderd will take, and refuses the
 * others with the place that named them. Every image is looked at (stat), none is opened. One
 * thread; owns the folder and all memory of a manifest. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_MAX = 1 << 28, WORDS_MAX = 1 << 20 };

/* A label or path with one of these is refused by loaderd. */
static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

int manifest_begin(struct manifest *m)
{
    auto_free char *real = realpath(m->root, NULL);
    if (!real)
        return err_set(-errno, "%s: %s", m->root, strerror(errno));
    if (strlen(real) >= sizeof m->base)
        return err_set(-ENAMETOOLONG, "%s: a path of more than %d bytes", m->root,
                       MANIFEST_PATH_MAX - 1);
    if (has_control(real))
        return err_set(-EBADMSG, "%s: a control character in the path", m->root);
    m->folder = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->folder < 0)
        return err_set(-errno, "%s: %s", m->root, strerror(errno));
    strncpy(m->base, real, sizeof m->base - 1);
    return 0;
}

void manifest_done(struct manifest *m)
{
    if (m->base[0])
        close(m->folder);
    free(m->text);
    free(m->rows);
    manifest_words_done(&m->labels);
    manifest_words_done(&m->splits);
    *m = (struct manifest){0};
}

void manifest_at(struct manifest *m, const char *file, uint64_t line)
{
    if (strncmp(m->at, file, sizeof m->at) != 0)
        snprintf(m->at, sizeof m->at, "%s", file);
    m->line = line;
}

int manifest_fail(const struct manifest *m, int code, const char *format, ...)
{
    char what[ERR_TEXT_MAX], line[32] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (m->line)
        snprintf(line, sizeof line, ":%llu", (unsigned long long)m->line);
    const bool below = m->at[0] != '/';
    return err_set(code, "%s%s%s%s: %s", below ? m->root : "", below && m->at[0] ? "/" : "", m->at,
                   line, what);
}

bool manifest_has(const struct manifest *m, const char *path)
{
    struct stat st;
    return fstatat(m->folder, path, &st, 0) == 0;
}

/* --- words --- */

int64_t manifest_words_find(const struct manifest_words *words, const char *word)
{
    /* Rows of a class mostly come together: the newest first. */
    for (size_t i = words->n; i-- > 0;)
        if (strcmp(words->word[i], word) == 0)
            return (int64_t)i;
    return -1;
}

int manifest_words_add(struct manifest_words *words, const char *word, uint32_t *ret_place)
{
    if (words->n >= WORDS_MAX)
        return err_set(-E2BIG, "%.60s: more than %d names", word, WORDS_MAX);
    if (words->n == words->cap) {
        const size_t cap = words->cap ? 2 * words->cap : 64;
        char **grown = realloc(words->word, cap * sizeof *grown);
        if (!grown)
            return err_set(-ENOMEM, "no memory for %zu names", cap);
        words->word = grown;
        words->cap = cap;
    }
    char *copy = strdup(word);
    if (!copy)
        return err_set(-ENOMEM, "no memory for a name");
    *ret_place = (uint32_t)words->n;
    words->word[words->n++] = copy;
    return 0;
}

void manifest_words_done(struct manifest_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        free(words->word[i]);
    free(words->word);
    *words = (struct manifest_words){0};
}

static int word_of(struct manifest_words *words, const char *word, uint32_t *ret)
{
    const int64_t at = manifest_words_find(words, word);
    if (at < 0)
        return manifest_words_add(words, word, ret);
    *ret = (uint32_t)at;
    return 0;
}

/* --- rows --- */

static bool climbs(const char *path)
{
    for (const char *part = path; *part;) {
        const size_t len = strcspn(part, "/");
        if (len == 2 && part[0] == '.' && part[1] == '.')
            return true;
        part += len + (part[len] == '/');
    }
    return false;
}

static int check_path(const struct manifest *m, const char *path)
{
    if (!*path)
        return manifest_fail(m, -EBADMSG, "no path");
    if (has_control(path))
        return manifest_fail(m, -EBADMSG, "a control character in a path");
    if (path[0] == '/' || climbs(path))
        return manifest_fail(m, -EBADMSG, "%.200s: leaves the dataset's folder", path);
    if (strlen(m->base) + 1 + strlen(path) >= MANIFEST_PATH_MAX)
        return manifest_fail(m, -ENAMETOOLONG, "%.60s...: a path of more than %d bytes", path,
                             MANIFEST_PATH_MAX - 1);
    struct stat st;
    if (fstatat(m->folder, path, &st, 0) != 0)
        return manifest_fail(m, -errno, "%.200s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return manifest_fail(m, -EBADMSG, "%.200s: not a regular file", path);
    return 0;
}

/* loaderd takes digits for numbers, and refuses what strtod takes whole. */
static bool reads_as_number(const char *label)
{
    char *end;
    (void)strtod(label, &end);
    return end != label && *end == 0 && strspn(label, "+-.0123456789eE") == strlen(label);
}

static int check_label(const struct manifest *m, const struct manifest_row *row)
{
    if (row->label) {
        if (!*row->label || strlen(row->label) > MANIFEST_LABEL_MAX || has_control(row->label))
            return manifest_fail(m, -EBADMSG, "class '%.60s': 1 to %d bytes, none of control",
                                 row->label, MANIFEST_LABEL_MAX);
        if (reads_as_number(row->label))
            return manifest_fail(m, -EBADMSG,
                                 "class '%.60s': its name is a number, which a manifest takes for "
                                 "a label itself: give its folder another name",
                                 row->label);
    } else if (row->number < -1 || row->number >= WORDS_MAX)
        return manifest_fail(m, -EBADMSG, "label %d: 0 to %d", row->number, WORDS_MAX - 1);
    if (row->label ? m->numbers : m->names && row->number >= 0)
        return manifest_fail(m, -EBADMSG, "classes have names or numbers, not both");
    return 0;
}

static int check_box(const struct manifest *m, const double box[4], int32_t ret[4])
{
    for (int i = 0; i < 4; i++) {
        if (!(box[i] >= 0 && box[i] <= MANIFEST_BOX_MAX))
            return manifest_fail(m, -EBADMSG, "a box's %c is %g: pixels, 0 to %d", "xywh"[i],
                                 box[i], MANIFEST_BOX_MAX);
        ret[i] = (int32_t)lround(box[i]);
    }
    if (ret[2] < 1 || ret[3] < 1)
        return manifest_fail(m, -EBADMSG, "a box of %dx%d pixels", ret[2], ret[3]);
    return 0;
}

static int grow(struct manifest *m, size_t path_bytes)
{
    if (m->n >= ROWS_MAX)
        return manifest_fail(m, -E2BIG, "more than %d images", ROWS_MAX);
    if (m->n == m->cap) {
        const size_t cap = m->cap ? 2 * m->cap : 1024;
        struct manifest_kept *rows = realloc(m->rows, cap * sizeof *rows);
        if (!rows)
            return err_set(-ENOMEM, "no memory for %zu rows", cap);
        m->rows = rows;
        m->cap = cap;
    }
    if (m->text_cap - m->text_n < path_bytes) {
        const size_t cap = 2 * m->text_cap + path_bytes + 65536;
        char *text = realloc(m->text, cap);
        if (!text)
            return err_set(-ENOMEM, "no memory for %zu bytes of paths", cap);
        m->text = text;
        m->text_cap = cap;
    }
    return 0;
}

int manifest_add(struct manifest *m, const struct manifest_row *row)
{
    struct manifest_kept kept = {.path = m->text_n, .label = UINT32_MAX, .boxed = row->box != NULL};
    const size_t bytes = strlen(row->path) + 1;
    int r = check_path(m, row->path);
    if (r == 0)
        r = check_label(m, row);
    if (r == 0 && row->box)
        r = check_box(m, row->box, kept.box);
    if (r == 0)
        r = grow(m, bytes);
    char number[16];
    snprintf(number, sizeof number, "%d", row->number);
    if (r == 0 && (row->label || row->number >= 0))
        r = word_of(&m->labels, row->label ? row->label : number, &kept.label);
    if (r == 0)
        r = word_of(&m->splits, row->split, &kept.split);
    if (r == 0 && m->splits.n > MANIFEST_SPLITS_MAX)
        r = manifest_fail(m, -E2BIG, "more than %d splits", MANIFEST_SPLITS_MAX);
    if (r < 0)
        return r;
    m->names |= row->label != NULL;
    m->numbers |= !row->label && row->number >= 0;
    memcpy(m->text + m->text_n, row->path, bytes);
    m->text_n += bytes;
    m->rows[m->n++] = kept;
    return 0;
}
