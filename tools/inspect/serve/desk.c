/* SPDX-License-Identifier: Apache-2.0 */
/* desk: takes a request's path, gives the page's files, JSON and pictures. The thread of site_run.
 * Owns nothing. Whatever is asked for only reads: two pages cannot disturb each other. */
#include "tools/inspect/serve/desk.h"

#include "common/auto.h"
#include "tools/inspect/serve/pages.h"
#include "tools/inspect/serve/tell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OK = 200, BAD_REQUEST = 400, NOT_FOUND = 404, BROKEN = 500 };

double desk_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Takes the JSON. */
static void answer_json(json_t *take_json, struct site_answer *ret)
{
    char *bytes = take_json ? json_dumps(take_json, JSON_COMPACT | JSON_REAL_PRECISION(13)) : NULL;
    json_decref(take_json);
    if (!bytes) {
        site_say(ret, BROKEN, "out of memory\n");
        return;
    }
    *ret = (struct site_answer){OK, "application/json", NULL, bytes, strlen(bytes), true};
}

/* A whole number behind a name; `otherwise` where there is none. False: it is none, or too large.
 */
static bool number_of(const struct site_request *request, const char *name, uint64_t max,
                      uint64_t otherwise, uint64_t *ret)
{
    const char *text = site_query(request, name);
    *ret = otherwise;
    if (!text)
        return true;
    if (!text[0] || text[strspn(text, "0123456789")] || strlen(text) > 20)
        return false;
    errno = 0;
    const unsigned long long value = strtoull(text, NULL, 10);
    *ret = value;
    return !errno && value <= max;
}

static void on_state(const struct desk *desk, const struct site_request *request,
                     struct site_answer *ret)
{
    (void)request;
    answer_json(tell_state(desk, desk_now()), ret);
}

static bool wish_of(const struct site_request *request, struct state_wish *ret)
{
    static const char *const whiches[] = {[STATE_LAST] = "last",
                                          [STATE_THIS] = "this",
                                          [STATE_AFTER] = "after",
                                          [STATE_BEFORE] = "before"};
    const char *which = site_query(request, "which");
    *ret = (struct state_wish){
        .session = site_query(request, "session"),
        .dataset = site_query(request, "dataset"),
    };
    size_t i = 0;
    while (which && i < ARRAY_LEN(whiches) && strcmp(which, whiches[i]))
        i++;
    ret->which = (enum state_which)i;
    return i < ARRAY_LEN(whiches) && number_of(request, "number", UINT64_MAX, 0, &ret->number);
}

/* The batch that a request is about. 0, -ENOENT and reel's others; -EINVAL: it asks nonsense. */
static int batch_of(const struct desk *desk, const struct site_request *request,
                    const struct shown **ret)
{
    struct state_wish wish;
    uint64_t from, epoch, sample;
    if (!wish_of(request, &wish) || !number_of(request, "from", UINT32_MAX, 0, &from) ||
        !number_of(request, "epoch", UINT32_MAX, 0, &epoch) ||
        !number_of(request, "sample", UINT32_MAX, UINT64_MAX, &sample))
        return err_set(-EINVAL, "which batch?");
    if (!desk->reel) {
        *ret = state_shown(desk->state, &wish);
        return *ret ? 0 : err_set(-ENOENT, "no such batch is kept");
    }
    if (sample != UINT64_MAX)
        return reel_sample(desk->reel, (uint32_t)epoch, (uint32_t)sample, ret);
    return reel_show(desk->reel, &wish, (uint32_t)from, ret);
}

static void on_batch(const struct desk *desk, const struct site_request *request,
                     struct site_answer *ret)
{
    const struct shown *shown;
    int rc = batch_of(desk, request, &shown);
    if (rc == -EINVAL)
        site_say(ret, BAD_REQUEST, "which batch?\n");
    else /* none is an answer: a browser writes every other status into its console */
        answer_json(rc ? json_pack("{s:n,s:s}", "batch", "why", err_text())
                       : json_pack("{s:o}", "batch", tell_batch(desk, shown)),
                    ret);
}

static void on_figures(const struct desk *desk, const struct site_request *request,
                       struct site_answer *ret)
{
    struct state_wish wish;
    if (wish_of(request, &wish))
        answer_json(tell_figures(state_session(desk->state, &wish)), ret);
    else
        site_say(ret, BAD_REQUEST, "which session?\n");
}

/* The files are copied: what pictures keeps may be gone before a slow reader has it. */
static void answer_picture(const struct picture *picture, struct site_answer *ret)
{
    static const char *const notes[] = {
        [PICTURES_NOT_TOLD] = "not told", [PICTURES_SAME] = "same", [PICTURES_DIFFER] = "differ"};
    void *bytes = malloc(picture->len);
    if (!bytes) {
        site_say(ret, BROKEN, "out of memory\n");
        return;
    }
    memcpy(bytes, picture->bytes, picture->len);
    *ret = (struct site_answer){OK, "image/png", notes[picture->check], bytes, picture->len, true};
}

/* view NULL: the source. */
static void picture_answer(const struct desk *desk, const struct site_request *request,
                           const uint64_t *view, struct site_answer *ret)
{
    const struct shown *shown;
    const struct shown_sample *sample = NULL;
    struct picture picture;
    uint64_t position;
    int rc = number_of(request, "position", UINT32_MAX, 0, &position)
                 ? batch_of(desk, request, &shown)
                 : -EINVAL;
    if (!rc)
        sample = shown_at(shown, (uint32_t)position);
    if (!rc && (!sample || (view && *view >= shown->spec.n_views)))
        rc = -ENOENT;
    if (!rc)
        rc = view ? pictures_view(desk->pictures, shown, sample, (uint32_t)*view, &picture)
                  : pictures_source(desk->pictures, shown, sample,
                                    site_query(request, "small") != NULL, &picture);
    if (rc == -EINVAL && !sample)
        site_say(ret, BAD_REQUEST, "which picture?\n");
    else if (rc)
        site_say(ret, NOT_FOUND, "There is no such picture (any more).\n");
    else
        answer_picture(&picture, ret);
}

static void on_source(const struct desk *desk, const struct site_request *request,
                      struct site_answer *ret)
{
    picture_answer(desk, request, NULL, ret);
}

static void on_view(const struct desk *desk, const struct site_request *request,
                    struct site_answer *ret)
{
    uint64_t view;
    if (number_of(request, "view", OMEGA_VIEWS_MAX - 1, 0, &view))
        picture_answer(desk, request, &view, ret);
    else
        site_say(ret, BAD_REQUEST, "which view?\n");
}

static const struct {
    const char *path;
    void (*answer)(const struct desk *, const struct site_request *, struct site_answer *);
} routes[] = {
    {"/state.json", on_state},  {"/batch.json", on_batch}, {"/figures.json", on_figures},
    {"/source.png", on_source}, {"/view.png", on_view},
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
};

static bool answer_file(const char *path, struct site_answer *ret)
{
    if (!strcmp(path, "/"))
        path = "/page.html";
    for (unsigned long i = 0; i < page_files_n; i++)
        for (size_t k = 0; k < ARRAY_LEN(types) && !strcmp(path, page_files[i].path); k++)
            if (!strcmp(strrchr(path, '.'), types[k].suffix)) {
                *ret = (struct site_answer){
                    OK, types[k].type, NULL, page_files[i].bytes, page_files[i].len, false};
                return true;
            }
    return false;
}

void desk_answer(void *desk, const struct site_request *request, struct site_answer *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (!strcmp(request->path, routes[i].path)) {
            routes[i].answer(desk, request, ret);
            return;
        }
    if (!answer_file(request->path, ret))
        site_say(ret, NOT_FOUND, "There is nothing here.\n");
}
