/* SPDX-License-Identifier: Apache-2.0 */
/* listing: takes what a format's file finds, keeps it in arrays that grow. One thread; owns copies
 * of every string, in one block. It opens nothing but for listing_file's stat, and judges no image:
 * what it refuses is what an index could not hold. */
#include "loaderd/source/listing.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *listing_grow(void *block, size_t *cap, size_t have, size_t n, size_t size)
{
    if (have + n <= *cap)
        return block;
    const size_t want = (have + n) * 3 / 2 + 64;
    void *fresh = reallocarray(block, want, size);
    if (fresh)
        *cap = want;
    else
        err_set(-ENOMEM, "no memory for a dataset's list of %zu elements", want);
    return fresh;
}

static int keep(struct listing *l, const char *text, uint64_t *ret)
{
    const size_t len = strlen(text) + 1;
    char *names = listing_grow(l->names, &l->names_cap, l->names_len, len, 1);
    if (!names)
        return -ENOMEM;
    l->names = names;
    memcpy(names + l->names_len, text, len);
    *ret = l->names_len;
    l->names_len += len;
    return 0;
}

static int path_fits(const char *path, size_t len)
{
    return len < ITEM_PATH_MAX ? 0
                               : err_set(-ENAMETOOLONG, "%s: a path of more than %d bytes", path,
                                         ITEM_PATH_MAX - 1);
}

int listing_begin(struct listing *l, const char *root)
{
    int r = path_fits(root, strlen(root));
    if (r == 0)
        r = keep(l, root, &l->root);
    if (r < 0)
        return r;
    for (size_t len = strlen(root); len > 1 && l->names[len - 1] == '/'; len--)
        l->names[len - 1] = 0;
    return 0;
}

void listing_done(struct listing *l)
{
    free(l->names);
    free(l->rows);
    free(l->boxes);
    free(l->classes);
    free(l->class_of);
    free(l->files);
    free(l->watched);
    *l = (struct listing){0};
}

/* --- classes --- */

static size_t hash(const char *text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* Where the name's class is, or the free place where it belongs. */
static uint32_t *class_slot(const struct listing *l, const char *name)
{
    size_t at = hash(name) & (l->class_slots - 1);
    while (l->class_of[at] && strcmp(l->names + l->classes[l->class_of[at] - 1], name) != 0)
        at = (at + 1) & (l->class_slots - 1);
    return &l->class_of[at];
}

/* At most half of the places are taken. */
static int class_slots_grow(struct listing *l)
{
    if (2 * (l->n_classes + 1) <= l->class_slots)
        return 0;
    const size_t slots = l->class_slots ? 2 * l->class_slots : 64;
    uint32_t *fresh = calloc(slots, sizeof *fresh);
    if (!fresh)
        return err_set(-ENOMEM, "no memory for %zu classes", slots / 2);
    free(l->class_of);
    l->class_of = fresh;
    l->class_slots = slots;
    for (size_t i = 0; i < l->n_classes; i++)
        *class_slot(l, l->names + l->classes[i]) = (uint32_t)i + 1;
    return 0;
}

int listing_class(struct listing *l, const char *name, uint32_t *ret_label)
{
    int r = class_slots_grow(l);
    if (r < 0)
        return r;
    uint32_t *slot = class_slot(l, name);
    if (!*slot) {
        if (l->n_classes >= SOURCE_CLASSES_MAX)
            return err_set(-E2BIG, "%s: more than %d classes", l->names + l->root,
                           SOURCE_CLASSES_MAX);
        uint64_t *classes =
            listing_grow(l->classes, &l->classes_cap, l->n_classes, 1, sizeof *classes);
        if (!classes)
            return -ENOMEM;
        l->classes = classes;
        r = keep(l, name, &classes[l->n_classes]);
        if (r < 0)
            return r;
        *slot = (uint32_t)++l->n_classes;
    }
    *ret_label = *slot - 1;
    return 0;
}

int32_t listing_class_find(const struct listing *l, const char *name)
{
    return l->n_classes > 0 ? (int32_t)*class_slot(l, name) - 1 : -1;
}

/* --- what it depends on --- */

int listing_watch(struct listing *l, const char *path, const struct stat *st)
{
    struct listed_watch *watched =
        listing_grow(l->watched, &l->watched_cap, l->n_watched, 1, sizeof *watched);
    if (!watched)
        return -ENOMEM;
    l->watched = watched;
    struct listed_watch *w = &watched[l->n_watched];
    const bool is_folder = S_ISDIR(st->st_mode);
    *w = (struct listed_watch){.size = is_folder ? 0 : (uint64_t)st->st_size,
                               .inode = (uint64_t)st->st_ino,
                               .mtime_s = st->st_mtim.tv_sec,
                               .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
                               .is_folder = is_folder};
    int r = keep(l, path, &w->path);
    if (r == 0)
        l->n_watched++;
    return r;
}

int listing_file(struct listing *l, const char *path, uint32_t *ret_file)
{
    struct stat st;
    int r = path_fits(path, strlen(path));
    if (r < 0)
        return r;
    if (stat(path, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, "%s: not a regular file", path);
    r = listing_watch(l, path, &st);
    if (r < 0)
        return r;
    uint64_t *files = listing_grow(l->files, &l->files_cap, l->n_files, 1, sizeof *files);
    if (!files)
        return -ENOMEM;
    l->files = files;
    files[l->n_files] = l->watched[l->n_watched - 1].path;
    *ret_file = (uint32_t)l->n_files++;
    return 0;
}

/* --- samples --- */

static int add_box(struct listing *l, const int32_t *box)
{
    if (!box && !l->boxes)
        return 0;
    const bool first = !l->boxes;
    const size_t have = first ? 0 : l->n_rows;
    int32_t(*boxes)[4] =
        listing_grow(l->boxes, &l->boxes_cap, have, l->n_rows + 1 - have, sizeof *boxes);
    if (!boxes)
        return -ENOMEM;
    l->boxes = boxes;
    if (first) /* those before it have none */
        memset(boxes, 0, l->n_rows * sizeof *boxes);
    if (box)
        memcpy(boxes[l->n_rows], box, sizeof *boxes);
    else
        memset(boxes[l->n_rows], 0, sizeof *boxes);
    return 0;
}

/* What no file of a peer may make us believe. */
static int check(const struct listing *l, const struct listed *s)
{
    const char *root = l->names + l->root;
    if (l->n_rows >= SOURCE_SAMPLES_MAX)
        return err_set(-E2BIG, "%s: more than %d samples", root, SOURCE_SAMPLES_MAX);
    if (s->label < -1 || (s->label >= 0 && (size_t)s->label >= l->n_classes))
        return err_set(-EINVAL, "%s: %s: label %d, of %zu classes", root, s->name, s->label,
                       l->n_classes);
    if (s->offset > INT64_MAX || s->length > INT64_MAX - s->offset)
        return err_set(-EINVAL, "%s: %s: lies beyond what a file can hold", root, s->name);
    if (s->file != LISTING_NO_FILE) {
        assert(s->file < l->n_files);
        return path_fits(s->name, strlen(s->name));
    }
    const size_t below = s->name[0] == '/' ? 0 : strlen(root) + 1;
    return path_fits(s->name, below + strlen(s->name));
}

int listing_add(struct listing *l, const struct listed *s)
{
    int r = check(l, s);
    if (r < 0)
        return r;
    struct listed_row *rows = listing_grow(l->rows, &l->rows_cap, l->n_rows, 1, sizeof *rows);
    if (!rows)
        return -ENOMEM;
    l->rows = rows;
    struct listed_row *row = &rows[l->n_rows];
    *row = (struct listed_row){.offset = s->offset,
                               .length = s->length,
                               .bytes = s->bytes,
                               .file = s->file,
                               .label = s->label};
    r = keep(l, s->name, &row->name);
    if (r == 0)
        r = add_box(l, s->box);
    if (r == 0)
        l->n_rows++;
    return r;
}

void listing_raw(struct listing *l, enum item_coding coding, uint16_t w, uint16_t h)
{
    assert(coding != ITEM_FILE && w > 0 && h > 0);
    l->coding = coding;
    l->w = w;
    l->h = h;
}

void listing_ignore(struct listing *l, uint64_t n)
{
    l->ignored += n;
}

size_t listing_samples(const struct listing *l)
{
    return l->n_rows;
}
