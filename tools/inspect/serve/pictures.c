/* SPDX-License-Identifier: Apache-2.0 */
/* pictures: takes what is shown and where the images are, gives PNG files. The owner's thread. Owns
 * the renderers and the files that are kept. Renders nothing that nobody asked for. */
#include "tools/inspect/serve/pictures.h"

#include "common/auto.h"
#include "common/crc32c.h"
#include "common/err.h"
#include "common/stat.h"
#include "trainer/watch/picture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SOURCE = UINT16_MAX, /* in place of a view's number */
    RETRY_S = 5,         /* what could not be opened is tried again no sooner */
};

/* What a picture is of. No padding: compared and kept as bytes. */
struct key {
    uint8_t of[DIGEST_BYTES];        /* the session; of a source the dataset's fingerprint */
    uint32_t epoch, index, position; /* of a source only how large it is, as the position */
    uint32_t sample, view;
};
_Static_assert(sizeof(struct key) == DIGEST_BYTES + 5 * sizeof(uint32_t), "keys have no padding");

struct kept {
    struct key key;
    void *bytes;
    size_t len;
    enum pictures_check check;
    uint64_t used; /* by the clock of pictures.uses */
};

struct set {
    char dataset[WIRE_NAME_MAX];
    bool told; /* the fingerprint */
    uint8_t fingerprint[DIGEST_BYTES];
    struct renderer *renderer; /* NULL: could not be opened */
    int rc;
    char why[ERR_TEXT_MAX];
    double tried;
    uint64_t used;
};

struct pictures {
    const struct source_options *options;
    struct set sets[PICTURES_SETS];
    struct kept kept[PICTURES_KEPT];
    size_t bytes;
    uint64_t uses;
};

int pictures_new(const struct source_options *options, struct pictures **ret)
{
    struct pictures *pictures = calloc(1, sizeof *pictures);
    if (!pictures)
        return err_set(-ENOMEM, "pictures: out of memory");
    pictures->options = options;
    *ret = pictures;
    return 0;
}

void pictures_free(struct pictures *pictures)
{
    if (!pictures)
        return;
    for (size_t i = 0; i < PICTURES_KEPT; i++)
        free(pictures->kept[i].bytes);
    for (size_t i = 0; i < PICTURES_SETS; i++)
        renderer_close(pictures->sets[i].renderer);
    free(pictures);
}

static bool set_is(const struct set *set, const struct shown *shown)
{
    return set->used && !strcmp(set->dataset, shown->spec.dataset) &&
           set->told == shown->told_spec &&
           !memcmp(set->fingerprint, shown->fingerprint, sizeof set->fingerprint);
}

static void set_open(struct pictures *pictures, struct set *set, const struct shown *shown)
{
    renderer_close(set->renderer);
    *set = (struct set){.told = shown->told_spec, .tried = stat_now()};
    memcpy(set->dataset, shown->spec.dataset, sizeof set->dataset);
    memcpy(set->fingerprint, shown->fingerprint, sizeof set->fingerprint);
    set->rc = renderer_open(pictures->options, set->dataset, set->told ? set->fingerprint : NULL,
                            &set->renderer);
    if (set->rc)
        snprintf(set->why, sizeof set->why, "%s", err_text());
}

/* The images of a batch's dataset, opened when they are first wanted, in place of those that were
 * not wanted for longest. */
static int set_of(struct pictures *pictures, const struct shown *shown, struct set **ret)
{
    struct set *set = &pictures->sets[0];
    if (!pictures->options)
        return err_set(-ENODATA, "nobody has told where the images are");
    for (size_t i = 0; i < PICTURES_SETS; i++) {
        struct set *other = &pictures->sets[i];
        if (set_is(other, shown)) {
            set = other;
            break;
        }
        if (other->used < set->used)
            set = other;
    }
    if (!set_is(set, shown) || (set->rc && stat_now() - set->tried > RETRY_S))
        set_open(pictures, set, shown);
    set->used = ++pictures->uses;
    *ret = set;
    return set->rc ? err_set(set->rc, "%s", set->why) : 0;
}

int pictures_can(struct pictures *pictures, const struct shown *shown)
{
    struct set *set;
    return set_of(pictures, shown, &set);
}

static bool find(struct pictures *pictures, const struct key *key, struct picture *ret)
{
    for (size_t i = 0; i < PICTURES_KEPT; i++) {
        struct kept *kept = &pictures->kept[i];
        if (kept->bytes && !memcmp(&kept->key, key, sizeof *key)) {
            kept->used = ++pictures->uses;
            *ret = (struct picture){kept->bytes, kept->len, kept->check};
            return true;
        }
    }
    return false;
}

/* A free place, once those that were not used for longest have made room. */
static struct kept *room(struct pictures *pictures, size_t len)
{
    for (;;) {
        struct kept *oldest = NULL, *empty = NULL;
        for (size_t i = 0; i < PICTURES_KEPT; i++) {
            struct kept *kept = &pictures->kept[i];
            if (!kept->bytes)
                empty = kept;
            else if (!oldest || kept->used < oldest->used)
                oldest = kept;
        }
        if (empty && (!oldest || pictures->bytes + len <= PICTURES_BYTES))
            return empty;
        pictures->bytes -= oldest->len;
        free(oldest->bytes);
        oldest->bytes = NULL;
    }
}

static int keep(struct pictures *pictures, const struct key *key, const struct canvas *canvas,
                enum pictures_check check)
{
    void *bytes;
    size_t len;
    int rc = picture_encode(canvas->rgb, canvas->w, canvas->h, &bytes, &len);
    if (rc)
        return rc;
    struct kept *kept = room(pictures, len);
    *kept = (struct kept){*key, bytes, len, check, ++pictures->uses};
    pictures->bytes += len;
    return 0;
}

static int found(struct pictures *pictures, const struct key *key, struct picture *ret)
{
    return find(pictures, key, ret)
               ? 0
               : err_set(-E2BIG, "pictures: those of one sample are more than is kept");
}

int pictures_source(struct pictures *pictures, const struct shown *shown,
                    const struct shown_sample *sample, bool small, struct picture *ret)
{
    const uint32_t side = small ? PICTURES_SMALL_SIDE : PICTURES_SOURCE_SIDE;
    struct key key = {.position = side, .sample = sample->omega[0].sample, .view = SOURCE};
    struct set *set;
    int rc = set_of(pictures, shown, &set);
    if (rc)
        return rc;
    const uint8_t *fingerprint = renderer_fingerprint(set->renderer);
    if (fingerprint)
        memcpy(key.of, fingerprint, sizeof key.of);
    if (find(pictures, &key, ret))
        return 0;
    struct canvas canvas = {0};
    uint32_t w, h;
    rc = renderer_source(set->renderer, key.sample, side, &canvas, &w, &h);
    if (!rc)
        rc = keep(pictures, &key, &canvas, PICTURES_NOT_TOLD);
    canvas_done(&canvas);
    return rc ? rc : found(pictures, &key, ret);
}

static enum pictures_check check_of(const struct shown *shown, const struct shown_sample *sample,
                                    uint32_t view, const struct canvas *canvas)
{
    if (!shown->told_checks)
        return PICTURES_NOT_TOLD;
    return crc32c(0, canvas->rgb, (size_t)canvas->w * canvas->h * 3) == sample->checks[view]
               ? PICTURES_SAME
               : PICTURES_DIFFER;
}

/* All views of the sample, which share the decoded image, into what is kept. */
static int render(struct pictures *pictures, struct set *set, const struct shown *shown,
                  const struct shown_sample *sample, struct key key)
{
    const uint32_t n = shown->spec.n_views;
    struct canvas canvases[OMEGA_VIEWS_MAX] = {0};
    const struct omega *omega[OMEGA_VIEWS_MAX];
    uint8_t *out[OMEGA_VIEWS_MAX];
    enum wire_fault fault;
    int rc = shown->told_spec
                 ? 0
                 : err_set(-ENODATA, "this loader does not tell by which law it draws its views");
    for (uint32_t v = 0; v < n && !rc; v++) {
        rc = canvas_init(&canvases[v], shown->sizes[v], shown->sizes[v], 0);
        omega[v] = &sample->omega[v];
        out[v] = canvases[v].rgb;
    }
    if (!rc)
        rc = renderer_views(set->renderer, &shown->spec, omega, out, &fault);
    for (uint32_t v = 0; v < n; v++) {
        key.view = v;
        if (!rc)
            rc = keep(pictures, &key, &canvases[v], check_of(shown, sample, v, &canvases[v]));
        canvas_done(&canvases[v]);
    }
    return rc;
}

int pictures_view(struct pictures *pictures, const struct shown *shown,
                  const struct shown_sample *sample, uint32_t view, struct picture *ret)
{
    struct key key = {.epoch = shown->epoch,
                      .index = shown->index,
                      .position = sample->position,
                      .sample = sample->omega[0].sample,
                      .view = view};
    memcpy(key.of, shown->session, sizeof key.of);
    struct set *set;
    int rc = set_of(pictures, shown, &set);
    if (rc)
        return rc;
    if (find(pictures, &key, ret))
        return 0;
    rc = render(pictures, set, shown, sample, key);
    return rc ? rc : found(pictures, &key, ret);
}

void pictures_names(struct pictures *pictures, const struct shown *shown,
                    const struct shown_sample *sample, char *ret_name, size_t cap, char *ret_class,
                    size_t class_cap)
{
    struct set *set;
    ret_name[0] = ret_class[0] = '\0';
    if (set_of(pictures, shown, &set))
        return;
    renderer_name(set->renderer, sample->omega[0].sample, ret_name, cap);
    const char *class = renderer_class(set->renderer, sample->label);
    if (class)
        snprintf(ret_class, class_cap, "%s", class);
}
