/* SPDX-License-Identifier: Apache-2.0 */
/* manifest_read: takes text files and folders below a dataset's root, gives lines, fields, numbers
 * and sorted names. Counts and sizes are bounded. One thread; what is returned is the caller's. */
#include "tools/evaluate/manifest/manifest.h"

#include "common/auto.h"
#include "common/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

int manifest_lines_open(struct manifest_lines *lines, struct manifest *m, const char *path)
{
    *lines = (struct manifest_lines){.m = m};
    manifest_at(m, path, 0);
    /* A FIFO would be waited for. */
    auto_close int fd = openat(m->folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return manifest_fail(m, -EBADMSG, "not a regular file");
    lines->name = strdup(path);
    lines->in = lines->name ? fdopen(fd, "r") : NULL;
    if (!lines->in)
        return err_set(-ENOMEM, "%s: no memory to read it", path);
    take_fd(&fd);
    return 0;
}

int manifest_lines_next(struct manifest_lines *lines, char **ret)
{
    struct manifest *m = lines->m;
    for (;;) {
        size_t len = 0;
        int c;
        lines->line++;
        manifest_at(m, lines->name, lines->line);
        while ((c = getc_unlocked(lines->in)) != EOF && c != '\n') {
            if (c == 0)
                return manifest_fail(m, -EBADMSG, "a NUL byte: not text");
            if (len + 1 >= sizeof lines->text)
                return manifest_fail(m, -EBADMSG, "a line of more than %d bytes",
                                     MANIFEST_LINE_MAX - 1);
            lines->text[len++] = (char)c;
        }
        if (c == EOF && ferror(lines->in))
            return manifest_fail(m, -EIO, "cannot be read");
        while (len > 0 && strchr(" \t\r", lines->text[len - 1]))
            len--;
        lines->text[len] = 0;
        if (len > 0) {
            *ret = lines->text;
            return 1;
        }
        if (c == EOF) {
            manifest_at(m, lines->name, 0);
            return 0;
        }
    }
}

void manifest_lines_done(struct manifest_lines *lines)
{
    if (lines->in)
        fclose(lines->in);
    free(lines->name);
    lines->in = NULL;
    lines->name = NULL;
}

char *manifest_field(char **rest, char by)
{
    char *field = *rest;
    while (by == ' ' && field && *field == ' ')
        field++;
    if (!field || (by == ' ' && !*field))
        return NULL;
    char *end = strchr(field, by);
    if (end)
        *end++ = 0;
    *rest = end;
    return field;
}

int manifest_integer(const struct manifest *m, const char *text, const char *what,
                     const long bounds[2], long *ret)
{
    char *end = NULL;
    errno = 0;
    const long value = text && *text ? strtol(text, &end, 10) : 0;
    if (!end || end == text || *end || errno || value < bounds[0] || value > bounds[1])
        return manifest_fail(m, -EBADMSG, "%s '%.40s': a whole number, %ld to %ld", what,
                             text ? text : "", bounds[0], bounds[1]);
    *ret = value;
    return 0;
}

int manifest_words(struct manifest *m, const char *path, struct manifest_words *ret)
{
    auto_with(manifest_lines_done) struct manifest_lines lines;
    struct manifest_words words = {0};
    uint32_t place;
    char *line;
    int r = manifest_lines_open(&lines, m, path);
    if (r == 0)
        while ((r = manifest_lines_next(&lines, &line)) == 1) {
            r = manifest_words_add(&words, line, &place);
            if (r < 0)
                break;
        }
    if (r == 0 && words.n == 0)
        r = manifest_fail(m, -EBADMSG, "names nothing");
    if (r < 0)
        manifest_words_done(&words);
    else
        *ret = words;
    return r;
}

static bool is_image(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".webp"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < ARRAY_LEN(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

static int word_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int manifest_names(struct manifest *m, const char *path, enum manifest_kind kind,
                   struct manifest_words *ret)
{
    manifest_at(m, path, 0);
    auto_close int fd = openat(m->folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir)
        return manifest_fail(m, -errno, "%s", strerror(errno));
    take_fd(&fd);
    struct manifest_words words = {0};
    uint32_t place;
    int r = 0;
    errno = 0;
    for (struct dirent *e; r == 0 && (errno = 0, e = readdir(dir));) {
        if (e->d_name[0] == '.' || (kind == MANIFEST_IMAGES && !is_image(e->d_name)))
            continue;
        struct stat st;
        if (fstatat(dirfd(dir), e->d_name, &st, 0) != 0)
            r = manifest_fail(m, -errno, "%s: %s", e->d_name, strerror(errno));
        else if (S_ISDIR(st.st_mode) == (kind == MANIFEST_FOLDERS))
            r = manifest_words_add(&words, e->d_name, &place);
    }
    if (r == 0 && errno)
        r = manifest_fail(m, -errno, "%s", strerror(errno));
    if (r == 0 && words.n == 0)
        r = manifest_fail(m, -ENODATA, kind == MANIFEST_FOLDERS ? "no folders" : "no images");
    if (r < 0) {
        manifest_words_done(&words);
        return r;
    }
    qsort(words.word, words.n, sizeof *words.word, word_order);
    *ret = words;
    return 0;
}

static int class_folder(struct manifest *m, const char *folder, const char *name, const char *split)
{
    char path[MANIFEST_PATH_MAX];
    auto_with(manifest_words_done) struct manifest_words images = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int r = manifest_names(m, path, MANIFEST_IMAGES, &images);
    for (size_t i = 0; r == 0 && i < images.n; i++) {
        char image[2 * MANIFEST_PATH_MAX];
        snprintf(image, sizeof image, "%s/%s", path, images.word[i]);
        r = manifest_add(m, &(struct manifest_row){.path = image, .label = name, .split = split});
    }
    return r;
}

int manifest_class_folders(struct manifest *m, const char *folder, const char *split,
                           const struct manifest_words *only)
{
    auto_with(manifest_words_done) struct manifest_words found = {0};
    int r = only ? 0 : manifest_names(m, folder, MANIFEST_FOLDERS, &found);
    const struct manifest_words *names = only ? only : &found;
    for (size_t i = 0; r == 0 && i < names->n; i++)
        r = class_folder(m, folder, names->word[i], split);
    return r;
}
