/* SPDX-License-Identifier: Apache-2.0 */
/* tar: takes shards in WebDataset's naming, lists their samples: KEY.jpg beside KEY.cls or
 * KEY.json, KEY being all of a name up to the first dot of its last part. Files of one key follow
 * each other. The path is one tar, a folder of them, or a pattern with one range,
 * shards-{000..146}.tar. Labels are numbers. One thread. Where bytes are it learns from tar_walk;
 * it opens no image. */
#include "loaderd/source/listing.h"
#include "loaderd/source/tar_walk.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    SHARDS_MAX = 1 << 20,
    CLS_BYTES_MAX = 64,
    JSON_BYTES_MAX = 1 << 20,
    LABELS_SPARSE_MAX = 65535, /* a label beyond must be below the number of samples */
    DIGITS_MAX = 9,            /* of a pattern's numbers */
    NO_LABEL = -1,
};

/* --- one sample --- */

struct sample {
    char key[TAR_NAME_MAX]; /* "" = there is none yet */
    char image[TAR_NAME_MAX];
    uint64_t offset, size; /* of the image, while has_image */
    uint64_t json, json_size;
    int32_t label;
    bool has_image, has_label, has_json;
};

struct tar {
    struct listing *listing; /* a loan */
    struct tar_walk walk;
    const char *shard; /* its name without the folder */
    uint32_t file;
    int32_t label_max;
    struct sample sample;
};

static int fail_at(const struct tar *t, uint64_t offset, const char *what)
{
    return err_set(-EBADMSG, "%s: offset %" PRIu64 ": %s", t->walk.path, offset, what);
}

static int take_label(struct tar *t, uint64_t offset, int64_t label)
{
    if (label < -1 || label >= SOURCE_CLASSES_MAX)
        return fail_at(t, offset, "a label that is not within -1 and 1048575");
    t->sample.label = (int32_t)label;
    t->sample.has_label = true;
    return 0;
}

/* An integer, and nothing else but white space around it. */
static int read_cls(struct tar *t, const struct tar_entry *e)
{
    char text[CLS_BYTES_MAX + 1];
    if (e->size > CLS_BYTES_MAX)
        return fail_at(t, e->header, "a .cls that is no number");
    int r = tar_read(&t->walk, e->offset, text, (size_t)e->size);
    if (r < 0)
        return r;
    text[e->size] = 0;
    const size_t begin = strspn(text, " \t\r\n");
    const bool minus = text[begin] == '-';
    const size_t digits = strspn(text + begin + minus, "0123456789");
    const size_t end = begin + minus + digits;
    if (digits == 0 || digits > 9 || end + strspn(text + end, " \t\r\n") != e->size)
        return fail_at(t, e->header, "a .cls that is no number");
    return take_label(t, e->header, strtol(text + begin, NULL, 10));
}

static void json_free(json_t **json)
{
    json_decref(*json);
}

/* The number called "cls" or "label"; one that has neither says nothing. */
static int read_json(struct tar *t)
{
    const struct sample *s = &t->sample;
    if (s->json_size > JSON_BYTES_MAX)
        return fail_at(t, s->json, "a .json of more than 1 MiB");
    char *text auto_free = malloc((size_t)s->json_size + 1);
    if (!text)
        return err_set(-ENOMEM, "%s: no memory for a .json", t->walk.path);
    int r = tar_read(&t->walk, s->json, text, (size_t)s->json_size);
    if (r < 0)
        return r;
    json_error_t error;
    json_t *root auto_with(json_free) =
        json_loadb(text, (size_t)s->json_size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root))
        return fail_at(t, s->json, "a .json that is no object");
    const json_t *label = json_object_get(root, "cls");
    if (!label)
        label = json_object_get(root, "label");
    if (!label || json_is_null(label))
        return 0;
    if (!json_is_integer(label))
        return fail_at(t, s->json, "a .json whose label is no whole number");
    return take_label(t, s->json, json_integer_value(label));
}

/* Classes are numbers: 0 to the highest that was met. */
static int grow_classes(struct tar *t, int32_t label)
{
    for (; t->label_max < label; t->label_max++) {
        char name[16];
        uint32_t fresh;
        snprintf(name, sizeof name, "%d", t->label_max + 1);
        int r = listing_class(t->listing, name, &fresh);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The files of a key are all there. */
static int end_sample(struct tar *t)
{
    struct sample *s = &t->sample;
    if (!s->has_image) { /* labels of nothing */
        listing_ignore(t->listing, s->has_label + s->has_json);
        *s->key = 0;
        s->has_label = s->has_json = false;
        return 0;
    }
    int r = 0;
    if (!s->has_label && s->has_json)
        r = read_json(t);
    const int32_t label = s->has_label ? s->label : NO_LABEL;
    if (r == 0)
        r = grow_classes(t, label);
    char name[2 * TAR_NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", t->shard, s->image);
    /* Length 0 would be all that follows. Nothing is at the end of the file. */
    const struct listed listed = {.name = name,
                                  .file = t->file,
                                  .label = label,
                                  .offset = s->size ? s->offset : t->walk.bytes,
                                  .length = s->size,
                                  .bytes = s->size};
    if (r == 0)
        r = listing_add(t->listing, &listed);
    *s->key = 0;
    s->has_image = s->has_label = s->has_json = false;
    return r;
}

/* --- files by their names --- */

static int meet_image(struct tar *t, const struct tar_entry *e, const char *name)
{
    struct sample *s = &t->sample;
    if (s->has_image)
        return fail_at(t, e->header, "a second image of one key");
    snprintf(s->image, sizeof s->image, "%s", name);
    s->offset = e->offset;
    s->size = e->size;
    s->has_image = true;
    return 0;
}

static int meet_cls(struct tar *t, const struct tar_entry *e, const char *name)
{
    (void)name;
    return t->sample.has_label ? fail_at(t, e->header, "a second .cls of one key") : read_cls(t, e);
}

static int meet_json(struct tar *t, const struct tar_entry *e, const char *name)
{
    (void)name;
    if (t->sample.has_json)
        return fail_at(t, e->header, "a second .json of one key");
    t->sample.json = e->offset;
    t->sample.json_size = e->size;
    t->sample.has_json = true;
    return 0;
}

static const struct part {
    const char *ending;
    int (*meet)(struct tar *tar, const struct tar_entry *entry, const char *name);
} parts[] = {
    {"jpg", meet_image},  {"jpeg", meet_image}, {"png", meet_image},
    {"webp", meet_image}, {"cls", meet_cls},    {"json", meet_json},
};

static const struct part *part_find(const char *ending)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (strcasecmp(parts[i].ending, ending) == 0)
            return &parts[i];
    return NULL;
}

static int meet(struct tar *t, const struct tar_entry *e)
{
    if (e->kind == TAR_FOLDER)
        return 0;
    const char *name = e->name;
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    const char *dot = strchr(base, '.');
    const struct part *part = dot && dot != base ? part_find(dot + 1) : NULL;
    if (!part) {
        listing_ignore(t->listing, 1);
        return 0;
    }
    if (e->kind != TAR_FILE)
        return fail_at(t, e->header, "a link or device in place of a file");
    struct sample *s = &t->sample;
    const size_t key_len = (size_t)(dot - name);
    if (strlen(s->key) != key_len || memcmp(s->key, name, key_len) != 0) {
        int r = end_sample(t);
        if (r < 0)
            return r;
        memcpy(s->key, name, key_len);
        s->key[key_len] = 0;
    }
    return part->meet(t, e, name);
}

/* --- shards --- */

static int list_shard(struct tar *t, const char *path)
{
    int r = listing_file(t->listing, path, &t->file);
    if (r < 0)
        return r;
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(-EINVAL, "%s: not a regular file", path);
    const char *slash = strrchr(path, '/');
    t->shard = slash ? slash + 1 : path;
    tar_begin(&t->walk, fd, path, (uint64_t)st.st_size);
    struct tar_entry entry;
    while ((r = tar_next(&t->walk, &entry)) > 0) {
        r = meet(t, &entry);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : end_sample(t);
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t len = strlen(name), end = strlen(ending);
    return len > end && strcmp(name + len - end, ending) == 0;
}

/* Compressed ones, too: they are refused, not passed over. */
static int is_shard(const struct dirent *e)
{
    static const char *const endings[] = {".tar",     ".tar.gz", ".tgz",    ".tar.bz2",
                                          ".tar.zst", ".tar.xz", ".tar.lz4"};
    bool fits = false;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        fits = fits || ends_with(e->d_name, endings[i]);
    return e->d_name[0] != '.' && fits;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct shards {
    struct dirent **v;
    int n;
};

static void shards_free(struct shards *shards)
{
    for (int i = 0; i < shards->n; i++)
        free(shards->v[i]);
    free(shards->v);
}

static int list_folder(struct tar *t, const char *folder)
{
    struct stat st;
    if (stat(folder, &st) != 0)
        return err_set(-errno, "%s: %s", folder, strerror(errno));
    int r = listing_watch(t->listing, folder, &st);
    if (r < 0)
        return r;
    auto_with(shards_free) struct shards shards = {0};
    shards.n = scandir(folder, &shards.v, is_shard, by_bytes);
    if (shards.n < 0)
        return err_set(-errno, "%s: %s", folder, strerror(errno));
    if (shards.n == 0)
        return err_set(-ENODATA, "%s: no shards (*.tar) in this folder", folder);
    for (int i = 0; r == 0 && i < shards.n; i++) {
        char path[2 * ITEM_PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, shards.v[i]->d_name) >= ITEM_PATH_MAX)
            return err_set(-ENAMETOOLONG, "%s/%s: a path of more than %d bytes", folder,
                           shards.v[i]->d_name, ITEM_PATH_MAX - 1);
        r = list_shard(t, path);
    }
    return r;
}

/* PREFIX{FIRST..LAST}SUFFIX */
struct pattern {
    size_t prefix_len;
    const char *suffix;
    uint32_t first, last;
    int width; /* of numbers with leading zeros, else 0 */
};

/* A number of a pattern: its digits, and how many. */
static const char *pattern_number(const char *text, uint32_t *ret, int *ret_digits)
{
    const int digits = (int)strspn(text, "0123456789");
    if (digits < 1 || digits > DIGITS_MAX)
        return NULL;
    *ret = (uint32_t)strtoul(text, NULL, 10);
    *ret_digits = digits;
    return text + digits;
}

static int pattern_parse(const char *path, const char *brace, struct pattern *ret)
{
    int first_digits = 0, last_digits = 0;
    *ret = (struct pattern){.prefix_len = (size_t)(brace - path)};
    const char *at = pattern_number(brace + 1, &ret->first, &first_digits);
    if (at && strncmp(at, "..", 2) == 0)
        at = pattern_number(at + 2, &ret->last, &last_digits);
    else
        at = NULL;
    if (!at || *at != '}' || strpbrk(at + 1, "{}"))
        return err_set(-EINVAL, "%s: not a pattern of one range, as shards-{000..146}.tar", path);
    ret->suffix = at + 1;
    if (brace[1] == '0' && first_digits > 1)
        ret->width = first_digits;
    if (ret->last < ret->first || ret->last - ret->first >= SHARDS_MAX)
        return err_set(-EINVAL, "%s: a range of none, or of more than %d shards", path, SHARDS_MAX);
    return 0;
}

static int list_pattern(struct tar *t, const char *path, const char *brace)
{
    struct pattern p;
    int r = pattern_parse(path, brace, &p);
    for (uint32_t i = p.first; r == 0 && i <= p.last; i++) {
        char shard[2 * ITEM_PATH_MAX];
        const int len = snprintf(shard, sizeof shard, "%.*s%0*" PRIu32 "%s", (int)p.prefix_len,
                                 path, p.width, i, p.suffix);
        if (len >= ITEM_PATH_MAX)
            return err_set(-ENAMETOOLONG, "%s: a path of more than %d bytes", path,
                           ITEM_PATH_MAX - 1);
        r = list_shard(t, shard);
    }
    return r;
}

static int list_path(struct tar *t, const struct source_spec *spec)
{
    const bool part = spec->split && spec->split[0];
    const char *brace = strchr(spec->path, '{');
    struct stat st;
    const bool there = stat(spec->path, &st) == 0; /* a '{' may be in a real name */
    if (there && S_ISDIR(st.st_mode)) {
        char folder[2 * ITEM_PATH_MAX];
        if (snprintf(folder, sizeof folder, "%s%s%s", spec->path, part ? "/" : "",
                     part ? spec->split : "") >= ITEM_PATH_MAX)
            return err_set(-ENAMETOOLONG, "%s: a path of more than %d bytes", spec->path,
                           ITEM_PATH_MAX - 1);
        return list_folder(t, folder);
    }
    if (part)
        return err_set(-EINVAL, "%s: a split ('%s') is a folder of shards below a folder",
                       spec->path, spec->split);
    return !there && brace ? list_pattern(t, spec->path, brace) : list_shard(t, spec->path);
}

int tar_list(const struct source_spec *spec, struct listing *listing)
{
    struct tar *t auto_free = calloc(1, sizeof *t);
    if (!t)
        return err_set(-ENOMEM, "%s: no memory to read it", spec->path);
    t->listing = listing;
    t->label_max = NO_LABEL;
    int r = listing_begin(listing, spec->path);
    if (r == 0)
        r = list_path(t, spec);
    if (r == 0 && listing_samples(listing) == 0)
        r = err_set(-ENODATA, "%s: no images (KEY.jpg .jpeg .png .webp) in its shards", spec->path);
    if (r == 0 && t->label_max > LABELS_SPARSE_MAX &&
        (size_t)t->label_max >= listing_samples(listing))
        r = err_set(-EBADMSG, "%s: label %d, of %zu samples: not a number of a class", spec->path,
                    t->label_max, listing_samples(listing));
    return r;
}
