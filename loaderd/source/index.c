/* SPDX-License-Identifier: Apache-2.0 */
/* index: takes a listing, gives one block; takes a block, gives the source that answers from it.
 * Looking a sample up is a few loads and allocates nothing. What comes from a file is checked whole
 * before anything is used (index_view), and what cannot be proved there, that the block fits what
 * it is the index of, is the cache's to judge. Opens no file. */
#include "loaderd/source/index.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = "AUGINDEX";

/* --- making one --- */

static uint32_t allowed(const struct source_spec *spec)
{
    return spec->allow ? spec->allow : ENCODINGS_USUAL;
}

static void fingerprint(const struct listing *l, const struct source_spec *spec,
                        uint8_t ret[DIGEST_BYTES])
{
    struct digest d;
    digest_init(&d);
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct listed_row *row = &l->rows[i];
        digest_add_str(&d, l->names + row->name);
        digest_add_u64(&d, row->bytes);
        digest_add_u64(&d, (uint64_t)(int64_t)row->label);
    }
    /* What else changes the pixels: only where it is not as usual, so that fingerprints stay. */
    if (l->coding != ITEM_FILE) {
        digest_add_str(&d, "coding");
        digest_add_u64(&d, (uint64_t)l->coding);
        digest_add_u64(&d, l->w);
        digest_add_u64(&d, l->h);
    } else if (allowed(spec) != ENCODINGS_USUAL) {
        digest_add_str(&d, "allow");
        digest_add_u64(&d, allowed(spec));
    }
    digest_end(&d, ret);
}

/* The head says how long each part is; they follow it in this order. */
struct layout {
    uint64_t samples, boxes, classes, files, watched, names, end; /* offsets in the block */
};

static struct layout layout_of(const struct index_head *h)
{
    struct layout at = {.samples = sizeof *h};
    at.boxes = at.samples + h->samples * sizeof(struct index_sample);
    at.classes = at.boxes + h->boxes * sizeof(struct index_box);
    at.files = at.classes + h->classes * sizeof(uint64_t);
    at.watched = at.files + h->files * sizeof(uint64_t);
    at.names = at.watched + h->watched * sizeof(struct listed_watch);
    at.end = at.names + h->names;
    return at;
}

static uint32_t checksum(const struct index_head *head)
{
    struct index_head h = *head;
    h.crc = 0;
    const uint32_t crc = crc32c(0, &h, sizeof h);
    return crc32c(crc, head + 1, head->bytes - sizeof h);
}

/* Copies the names that are used, so that what a choice left out takes no room. */
struct packing {
    const char *from;
    char *names;
    size_t used;
};

static uint64_t pack(struct packing *p, uint64_t name)
{
    const size_t at = p->used, len = strlen(p->from + name) + 1;
    if (p->names)
        memcpy(p->names + at, p->from + name, len);
    p->used += len;
    return at;
}

/* Fills the block; without one, only measures the names. */
static void fill(const struct listing *l, struct packing *p, uint8_t *block)
{
    struct index_head *head = (struct index_head *)block;
    const struct layout at = head ? layout_of(head) : (struct layout){0};
    const uint64_t root = pack(p, l->root);
    if (head)
        head->root = root;
    uint64_t *files = (uint64_t *)(block + at.files);
    for (size_t i = 0; i < l->n_files; i++) {
        const uint64_t name = pack(p, l->files[i]);
        if (block)
            files[i] = name;
    }
    uint64_t *classes = (uint64_t *)(block + at.classes);
    for (size_t i = 0; i < l->n_classes; i++) {
        const uint64_t name = pack(p, l->classes[i]);
        if (block)
            classes[i] = name;
    }
    struct listed_watch *watched = (struct listed_watch *)(block + at.watched);
    for (size_t i = 0; i < l->n_watched; i++) {
        const uint64_t path = pack(p, l->watched[i].path);
        if (block) {
            watched[i] = l->watched[i];
            watched[i].path = path;
        }
    }
    struct index_sample *samples = (struct index_sample *)(block + at.samples);
    for (size_t i = 0; i < l->n_rows; i++) {
        const struct listed_row *row = &l->rows[i];
        const uint64_t name = pack(p, row->name);
        if (block)
            samples[i] = (struct index_sample){.name = name,
                                               .offset = row->offset,
                                               .length = row->length,
                                               .file = row->file,
                                               .label = row->label};
    }
    if (block && l->boxes)
        memcpy(block + at.boxes, l->boxes, l->n_rows * sizeof *l->boxes);
}

int index_seal(const struct listing *l, const struct source_spec *spec,
               const uint8_t key[DIGEST_BYTES], void **ret_block, size_t *ret_bytes)
{
    assert(l->n_rows > 0);
    struct packing sizes = {.from = l->names};
    fill(l, &sizes, NULL);
    struct index_head head = {.version = INDEX_VERSION,
                              .order = INDEX_ORDER,
                              .coding = (uint32_t)l->coding,
                              .w = l->w,
                              .h = l->h,
                              .allow = allowed(spec),
                              .samples = l->n_rows,
                              .boxes = l->boxes ? l->n_rows : 0,
                              .classes = l->n_classes,
                              .files = l->n_files,
                              .watched = l->n_watched,
                              .names = sizes.used,
                              .ignored = l->ignored};
    memcpy(head.magic, magic, sizeof head.magic);
    memcpy(head.key, key, DIGEST_BYTES);
    fingerprint(l, spec, head.fingerprint);
    const struct layout at = layout_of(&head);
    head.bytes = at.end;
    uint8_t *block = calloc(1, head.bytes);
    if (!block)
        return err_set(-ENOMEM, "no memory for an index of %llu bytes",
                       (unsigned long long)head.bytes);
    memcpy(block, &head, sizeof head);
    struct packing packing = {.from = l->names, .names = (char *)block + at.names};
    fill(l, &packing, block);
    struct index_head *sealed = (struct index_head *)block;
    sealed->crc = checksum(sealed);
    *ret_block = block;
    *ret_bytes = head.bytes;
    return 0;
}

/* --- looking at one --- */

static int bad(const char *what)
{
    return err_set(-EBADMSG, "index: %s", what);
}

static int check_head(const struct index_head *h, size_t bytes)
{
    if (bytes < sizeof *h || memcmp(h->magic, magic, sizeof h->magic) != 0)
        return bad("not an index");
    if (h->order != INDEX_ORDER)
        return bad("of a machine with another byte order");
    if (h->version != INDEX_VERSION)
        return bad("of another version of the program");
    if (h->bytes != bytes)
        return bad("not as long as it says");
    /* Bounded one by one, so that no sum below can wrap. */
    if (h->samples < 1 || h->samples > SOURCE_SAMPLES_MAX || h->classes > SOURCE_CLASSES_MAX ||
        (h->boxes != 0 && h->boxes != h->samples) || h->files > SOURCE_SAMPLES_MAX ||
        h->watched > SOURCE_SAMPLES_MAX || h->names < 1 || h->names > bytes)
        return bad("a count that cannot be");
    if (layout_of(h).end != bytes)
        return bad("parts that are not as long as it is");
    if (h->coding > ITEM_COLUMNS || (h->coding == ITEM_FILE) != (h->w == 0) ||
        (h->w == 0) != (h->h == 0))
        return bad("a coding that is none");
    return checksum(h) == h->crc ? 0 : bad("damaged (its checksum differs)");
}

/* A path that a sample's item has room for begins there. A NUL is at the end of all names. */
static bool is_name(const struct index *x, uint64_t at)
{
    return at < x->head->names;
}

static bool fits(const struct index *x, const struct index_sample *s)
{
    const char *root = x->names + x->head->root;
    const char *text = x->names + (s->file == LISTING_NO_FILE ? s->name : x->files[s->file]);
    const bool below = s->file == LISTING_NO_FILE && text[0] != '/';
    const size_t room = ITEM_PATH_MAX - (below ? strlen(root) + 1 : 0);
    return strnlen(text, room) < room;
}

static int check_sample(const struct index *x, const struct index_sample *s)
{
    if (!is_name(x, s->name) || (s->file != LISTING_NO_FILE && s->file >= x->head->files))
        return bad("a sample without a place");
    if (s->label < -1 || (s->label >= 0 && (uint64_t)s->label >= x->head->classes))
        return bad("a label that is none");
    if (s->offset > INT64_MAX || s->length > INT64_MAX - s->offset)
        return bad("a sample beyond any file");
    return fits(x, s) ? 0 : bad("a path that is too long");
}

static int check_box(const struct index_box *b)
{
    const bool fine = b->x >= 0 && b->y >= 0 && b->h >= 1 && b->x <= SOURCE_BOX_MAX &&
                      b->y <= SOURCE_BOX_MAX && b->w <= SOURCE_BOX_MAX && b->h <= SOURCE_BOX_MAX;
    return b->w <= 0 || fine ? 0 : bad("a box that cannot be");
}

static int check_tables(const struct index *x)
{
    const struct index_head *h = x->head;
    if (x->names[h->names - 1] != 0)
        return bad("names without an end");
    if (!is_name(x, h->root) || strnlen(x->names + h->root, ITEM_PATH_MAX) >= ITEM_PATH_MAX - 1)
        return bad("a root that is none");
    for (uint64_t i = 0; i < h->classes; i++)
        if (!is_name(x, x->classes[i]))
            return bad("a class without a name");
    for (uint64_t i = 0; i < h->files; i++)
        if (!is_name(x, x->files[i]))
            return bad("a file without a name");
    for (uint64_t i = 0; i < h->watched; i++)
        if (!is_name(x, x->watched[i].path))
            return bad("a watched file without a name");
    for (uint64_t i = 0; i < h->samples; i++) {
        int r = check_sample(x, &x->samples[i]);
        if (r == 0 && x->boxes)
            r = check_box(&x->boxes[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

int index_view(const void *block, size_t bytes, struct index *ret)
{
    assert((uintptr_t)block % _Alignof(struct index_head) == 0);
    const struct index_head *head = block;
    int r = check_head(head, bytes);
    if (r < 0)
        return r;
    const struct layout at = layout_of(head);
    const uint8_t *base = block;
    *ret = (struct index){
        .head = head,
        .samples = (const struct index_sample *)(base + at.samples),
        .boxes = head->boxes ? (const struct index_box *)(base + at.boxes) : NULL,
        .classes = (const uint64_t *)(base + at.classes),
        .files = (const uint64_t *)(base + at.files),
        .watched = (const struct listed_watch *)(base + at.watched),
        .names = (const char *)(base + at.names),
    };
    return check_tables(ret);
}

/* --- answering from one --- */

struct indexed {
    struct source source; /* first: callers hold a pointer to it */
    struct index index;
    struct index_block block;
};

static const struct index *index_of(const struct source *source)
{
    return &((const struct indexed *)source)->index;
}

static void append(char *path, size_t *len, const char *text)
{
    const size_t n = strlen(text);
    assert(*len + n < ITEM_PATH_MAX);
    memcpy(path + *len, text, n + 1);
    *len += n;
}

static void item(const struct source *source, uint32_t sample, struct item *ret)
{
    const struct index *x = index_of(source);
    assert(sample < x->head->samples);
    const struct index_sample *s = &x->samples[sample];
    *ret = (struct item){.sample = sample,
                         .label = s->label,
                         .coding = (enum item_coding)x->head->coding,
                         .w = x->head->w,
                         .h = x->head->h,
                         .allow = x->head->allow,
                         .offset = s->offset,
                         .length = s->length};
    const char *name = x->names + s->name;
    size_t len = 0;
    if (s->file != LISTING_NO_FILE) {
        name = x->names + x->files[s->file];
    } else if (name[0] != '/') {
        const char *root = x->names + x->head->root;
        append(ret->path, &len, root);
        if (strcmp(root, "/") != 0)
            append(ret->path, &len, "/");
    }
    append(ret->path, &len, name);
}

static const char *class_name(const struct source *source, uint32_t label)
{
    const struct index *x = index_of(source);
    assert(label < x->head->classes);
    return x->names + x->classes[label];
}

static const char *name(const struct source *source, uint32_t sample)
{
    const struct index *x = index_of(source);
    assert(sample < x->head->samples);
    return x->names + x->samples[sample].name;
}

static int box(const struct source *source, uint32_t sample, int32_t ret[4])
{
    const struct index *x = index_of(source);
    assert(sample < x->head->samples);
    const struct index_box *b = &x->boxes[sample];
    if (b->w <= 0)
        return err_set(-ENODATA, "sample %u has no box", sample);
    memcpy(ret, b, sizeof *b);
    return 0;
}

static void free_source(struct source *source)
{
    struct indexed *s = (struct indexed *)source;
    s->block.release(s->block.block, s->block.bytes);
    free(s);
}

int index_answer(const struct index *index, const struct index_block *take_block,
                 struct source **ret)
{
    struct indexed *s = calloc(1, sizeof *s);
    if (!s) {
        take_block->release(take_block->block, take_block->bytes);
        return err_set(-ENOMEM, "no memory for a dataset");
    }
    const struct index_head *head = index->head;
    s->index = *index;
    s->block = *take_block;
    s->source.samples = head->samples;
    s->source.classes = (uint32_t)head->classes;
    for (uint64_t i = 0; i < head->samples; i++)
        s->source.unlabelled += index->samples[i].label < 0;
    s->source.ignored = head->ignored;
    memcpy(s->source.fingerprint, head->fingerprint, DIGEST_BYTES);
    s->source.item = item;
    s->source.class_name = class_name;
    s->source.name = name;
    s->source.box = s->index.boxes ? box : NULL;
    s->source.free = free_source;
    *ret = &s->source;
    return 0;
}

int index_source(const struct index_block *take_block, struct source **ret)
{
    struct index index;
    int r = index_view(take_block->block, take_block->bytes, &index);
    if (r < 0) {
        take_block->release(take_block->block, take_block->bytes);
        return r;
    }
    return index_answer(&index, take_block, ret);
}
