/* SPDX-License-Identifier: Apache-2.0 */
/* folder: takes a folder of class folders, lists them. The classes are the folders directly
 * below, sorted bytewise: the first is label 0, and an empty one keeps its number. A class holds
 * the images at any depth below it, sorted by their folder's path, then by name, as torchvision's
 * ImageFolder does. A folder without sub-folders is accepted too: its images have no label (-1).
 * Images are told by their names; everything else, and whatever is hidden, is counted as ignored.
 * Symbolic links are followed. One thread. Does not open an image: what a file holds is the
 * decoder's business. */
#include "loaderd/source/listing.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { NO_CLASS = UINT32_MAX };

static const char *const image_endings[] = {".jpg", ".jpeg", ".png", ".webp"};

struct entry {
    uint64_t name; /* of its path below the root, in names */
    uint64_t bytes;
    uint32_t folder_len; /* bytes of its folder's path, without a '/' at the end */
    uint32_t class;      /* while scanning in the order found; then the label */
};

struct class
{
    uint64_t name;  /* in names */
    uint32_t found; /* its place in the order of the walk */
};

struct folder {
    struct listing *listing; /* a loan */
    char *root;
    char *names; /* NUL-terminated strings, one after the other */
    size_t names_len, names_cap;
    struct entry *entries;
    size_t n_entries, entries_cap;
    struct class *classes;
    size_t n_classes, classes_cap;
};

static void folder_done(struct folder *folder)
{
    free(folder->root);
    free(folder->names);
    free(folder->entries);
    free(folder->classes);
}

static int keep_name(struct folder *folder, const char *name, uint64_t *ret)
{
    size_t len = strlen(name) + 1;
    char *names = listing_grow(folder->names, &folder->names_cap, folder->names_len, len, 1);
    if (!names)
        return -ENOMEM;
    folder->names = names;
    memcpy(folder->names + folder->names_len, name, len);
    *ret = folder->names_len;
    folder->names_len += len;
    return 0;
}

static bool is_image_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(image_endings); i++) {
        size_t end = strlen(image_endings[i]);
        if (len > end && strcasecmp(name + len - end, image_endings[i]) == 0)
            return true;
    }
    return false;
}

static int add_class(struct folder *folder, const FTSENT *e)
{
    if (folder->n_classes >= SOURCE_CLASSES_MAX)
        return err_set(-E2BIG, "%s: more than %d class folders", folder->root, SOURCE_CLASSES_MAX);
    struct class *classes =
        listing_grow(folder->classes, &folder->classes_cap, folder->n_classes, 1, sizeof *classes);
    if (!classes)
        return -ENOMEM;
    folder->classes = classes;
    struct class *class = &classes[folder->n_classes];
    class->found = (uint32_t)folder->n_classes;
    int r = keep_name(folder, e->fts_name, &class->name);
    if (r == 0)
        folder->n_classes++;
    return r;
}

static int add_file(struct folder *folder, const FTSENT *e)
{
    if (!is_image_name(e->fts_name)) {
        listing_ignore(folder->listing, 1);
        return 0;
    }
    if (folder->n_entries >= SOURCE_SAMPLES_MAX)
        return err_set(-E2BIG, "%s: more than %d images", folder->root, SOURCE_SAMPLES_MAX);
    if (e->fts_pathlen >= ITEM_PATH_MAX)
        return err_set(-ENAMETOOLONG, "%s: a path of more than %d bytes", e->fts_path,
                       ITEM_PATH_MAX - 1);
    struct entry *entries =
        listing_grow(folder->entries, &folder->entries_cap, folder->n_entries, 1, sizeof *entries);
    if (!entries)
        return -ENOMEM;
    folder->entries = entries;
    struct entry *entry = &entries[folder->n_entries];
    const char *below = e->fts_path + strlen(folder->root);
    below += strspn(below, "/");
    int r = keep_name(folder, below, &entry->name);
    if (r < 0)
        return r;
    entry->bytes = (uint64_t)e->fts_statp->st_size;
    const char *slash = strrchr(below, '/');
    entry->folder_len = slash ? (uint32_t)(slash - below) : 0;
    entry->class = e->fts_level > 1 ? (uint32_t)folder->n_classes - 1 : NO_CLASS;
    folder->n_entries++;
    return 0;
}

/* fts has looked at a folder before it reads what is in it: a change meanwhile is seen later. */
static int add_folder(struct folder *folder, const FTSENT *e)
{
    int r = listing_watch(folder->listing, e->fts_path, e->fts_statp);
    return r == 0 && e->fts_level == 1 ? add_class(folder, e) : r;
}

/* Who names a file and no format means what its ending says. */
static int no_folder(const char *path)
{
    static const struct {
        const char *ending, *hint;
    } others[] = {{".tar", "; for a tar say format: tar"},
                  {".csv", "; for a manifest say format: manifest"}};
    const char *dot = strrchr(path, '.'), *hint = "";
    for (size_t i = 0; dot && i < ARRAY_LEN(others); i++)
        hint = strcmp(dot, others[i].ending) == 0 ? others[i].hint : hint;
    return err_set(-ENOTDIR, "%s: not a folder%s", path, hint);
}

/* One thing that the walk met. */
static int add(struct folder *folder, FTS *walk, FTSENT *e)
{
    switch (e->fts_info) {
    case FTS_DP:
        return 0;
    case FTS_D:
        if (e->fts_level == 0)
            return listing_watch(folder->listing, e->fts_path, e->fts_statp);
        if (e->fts_name[0] == '.') {
            listing_ignore(folder->listing, 1);
            fts_set(walk, e, FTS_SKIP);
            return 0;
        }
        return add_folder(folder, e);
    case FTS_F:
        if (e->fts_level == 0)
            return no_folder(e->fts_path);
        if (e->fts_name[0] == '.') {
            listing_ignore(folder->listing, 1);
            return 0;
        }
        return add_file(folder, e);
    case FTS_DC:
        return err_set(-ELOOP, "%s: a link that leads back to a folder above it", e->fts_path);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return err_set(-e->fts_errno, "%s: %s", e->fts_path, strerror(e->fts_errno));
    default: /* a dangling link, a socket, a device */
        listing_ignore(folder->listing, 1);
        return 0;
    }
}

static void walk_close(FTS **walk)
{
    if (*walk)
        fts_close(*walk);
}

static int scan(struct folder *folder)
{
    char *roots[] = {folder->root, NULL};
    /* The walk is depth first, so the class last entered is the one that a file belongs to. */
    FTS *walk auto_with(walk_close) = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    if (!walk)
        return err_set(-errno, "%s: %s", folder->root, strerror(errno));
    for (;;) {
        errno = 0;
        FTSENT *e = fts_read(walk);
        if (!e)
            return errno ? err_set(-errno, "%s: %s", folder->root, strerror(errno)) : 0;
        int r = add(folder, walk, e);
        if (r < 0)
            return r;
    }
}

static int class_order(const void *pa, const void *pb, void *names)
{
    const struct class *a = pa, *b = pb;
    return strcmp((char *)names + a->name, (char *)names + b->name);
}

/* Folders are compared as whole strings, not one part after the other: "a", "a-b", "a/b". */
static int entry_order(const void *pa, const void *pb, void *names)
{
    const struct entry *a = pa, *b = pb;
    if (a->class != b->class)
        return a->class < b->class ? -1 : 1;
    const char *name_a = (char *)names + a->name, *name_b = (char *)names + b->name;
    size_t shorter = a->folder_len < b->folder_len ? a->folder_len : b->folder_len;
    int order = memcmp(name_a, name_b, shorter);
    if (order == 0 && a->folder_len != b->folder_len)
        return a->folder_len < b->folder_len ? -1 : 1;
    return order ? order : strcmp(name_a + a->folder_len, name_b + b->folder_len);
}

/* Beside class folders, images of the root itself belong to no class: they are left out. */
static void drop_unclassed(struct folder *folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < folder->n_entries; i++)
        if (folder->entries[i].class != NO_CLASS)
            folder->entries[kept++] = folder->entries[i];
    listing_ignore(folder->listing, folder->n_entries - kept);
    folder->n_entries = kept;
}

/* Sorts the classes and gives every entry its class's rank. */
static int number_classes(struct folder *folder)
{
    size_t n = folder->n_classes;
    uint32_t *label auto_free = reallocarray(NULL, n, sizeof *label);
    if (!label)
        return err_set(-ENOMEM, "no memory for %zu classes", n);
    qsort_r(folder->classes, n, sizeof *folder->classes, class_order, folder->names);
    for (size_t i = 0; i < n; i++)
        label[folder->classes[i].found] = (uint32_t)i;
    for (size_t i = 0; i < folder->n_entries; i++)
        folder->entries[i].class = label[folder->entries[i].class];
    return 0;
}

static int list_classes(struct folder *folder)
{
    for (size_t i = 0; i < folder->n_classes; i++) {
        uint32_t label;
        int r = listing_class(folder->listing, folder->names + folder->classes[i].name, &label);
        if (r < 0)
            return r;
        assert(label == i); /* a file system has a name once */
    }
    return 0;
}

static int list_entries(struct folder *folder)
{
    for (size_t i = 0; i < folder->n_entries; i++) {
        const struct entry *entry = &folder->entries[i];
        int r = listing_add(
            folder->listing,
            &(struct listed){.name = folder->names + entry->name,
                             .file = LISTING_NO_FILE,
                             .label = entry->class == NO_CLASS ? -1 : (int32_t)entry->class,
                             .bytes = entry->bytes});
        if (r < 0)
            return r;
    }
    return 0;
}

int folder_list(const struct source_spec *spec, struct listing *listing)
{
    auto_with(folder_done) struct folder folder = {.listing = listing};
    const bool part = spec->split && spec->split[0];
    if (asprintf(&folder.root, "%s%s%s", spec->path, part ? "/" : "", part ? spec->split : "") < 0)
        folder.root = NULL;
    if (!folder.root)
        return err_set(-ENOMEM, "no memory for dataset %s", spec->path);
    for (size_t len = strlen(folder.root); len > 1 && folder.root[len - 1] == '/'; len--)
        folder.root[len - 1] = 0;
    int r = listing_begin(listing, folder.root);
    if (r == 0)
        r = scan(&folder);
    if (r == 0 && folder.n_classes > 0) {
        drop_unclassed(&folder);
        r = number_classes(&folder);
    }
    if (r < 0)
        return r;
    if (folder.n_entries == 0)
        return err_set(-ENODATA, "%s: no images (.jpg .jpeg .png .webp) in %s", spec->path,
                       folder.n_classes > 0 ? "its class folders" : "this folder");
    qsort_r(folder.entries, folder.n_entries, sizeof *folder.entries, entry_order, folder.names);
    r = list_classes(&folder);
    return r < 0 ? r : list_entries(&folder);
}
