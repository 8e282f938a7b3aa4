/* SPDX-License-Identifier: Apache-2.0 */
/* pass: takes a loader, gives the survey of one unshuffled epoch. Views are tiny and of the whole
 * picture, so that what an image costs is its decoding, and all of it is decoded. The caller's
 * thread. */
#include "tools/inspect/survey/survey.h"

#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"
#include "tools/progress.h"
#include "trainer/embed.h"
#include "trainer/recv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    BATCH = 64,
    WINDOW = 4,
    SIDE = 8, /* pixels of a view */
    /* A crop of all the area and of any ratio is the whole picture, but for a draw of nearly the
     * picture's own ratio, which may lose a row or, of one that is thin, a few. All crops are
     * decoded, so that one of two views must be whole. */
    VIEWS = 2,
};
static const double DEADLINE_S = 120;

struct pass {
    const struct survey_config *config;
    struct survey *s;
    struct progress_line line;
    uint64_t at; /* the next sample */
};

static void tell(void *hint, const char *text)
{
    struct pass *p = hint;
    progress_pause(&p->line);
    log_warn("%s", text);
}

static int spec_of(const struct survey_config *config, uint32_t batch, struct spec *ret)
{
    *ret = (struct spec){.batch = batch, .partial = true, .reduce = true, .n_views = VIEWS};
    if (strlen(config->dataset) >= sizeof ret->dataset)
        return err_set(-EINVAL, "%s: a dataset's name has at most %zu bytes", config->dataset,
                       sizeof ret->dataset - 1);
    memcpy(ret->dataset, config->dataset, strlen(config->dataset) + 1);
    for (uint32_t v = 0; v < VIEWS; v++) {
        view_spec_eval(&ret->views[v], SIDE, SIDE);
        ret->views[v].crop = CROP_RANDOM;
        ret->views[v].scale[0] = ret->views[v].scale[1] = 1;
        ret->views[v].ratio[0] = 1e-3;
        ret->views[v].ratio[1] = 1e3;
    }
    return 0;
}

/* Each position holds the next sample, or says that it is bad. */
static int batch_check(const struct pass *p, const struct wire_batch *b)
{
    for (uint32_t i = 0, k = 0; i < b->n_samples; i++) {
        const bool bad = k < b->n_substituted && b->substituted[k].position == i;
        const uint32_t sample = bad ? b->substituted[k++].sample : b->omega[i].sample;
        if (sample != p->at + i)
            return err_set(-EPROTO, "%s: sample %" PRIu32 " where sample %" PRIu64 " is due",
                           p->config->endpoint, sample, p->at + i);
    }
    return 0;
}

static int batches_take(struct pass *p, struct recv *recv, uint64_t end)
{
    int rc = 0;
    while (!rc && p->at < end) {
        struct recv_batch batch;
        rc = recv_next(recv, p->config->stop, &batch);
        if (rc)
            break;
        rc = batch_check(p, batch.header);
        if (!rc)
            rc = survey_add(p->s, batch.header);
        p->at += batch.header->n_samples;
        recv_release(recv, &batch);
        progress_at(&p->line, p->at);
    }
    return rc;
}

/* Samples from p->at, a multiple of `batch`, up to `end`, or to the dataset's end. */
static int stretch(struct pass *p, uint32_t batch, uint32_t window, uint64_t end)
{
    struct spec spec;
    struct conf_strs endpoints = {.n = 1};
    struct recv *recv = NULL;
    int rc = spec_of(p->config, batch, &spec);
    if (rc)
        return rc;
    if (snprintf(endpoints.v[0], sizeof endpoints.v[0], "%s", p->config->endpoint) >=
        (int)sizeof endpoints.v[0])
        return err_set(-EINVAL, "%s: endpoint too long", p->config->endpoint);
    const struct recv_config wanted = {
        .spec = &spec,
        .endpoints = &endpoints,
        .keys = p->config->keys,
        .window = window,
        .deadline_s = DEADLINE_S,
        .retry_s = p->config->retry_s,
        .index = (uint32_t)(p->at / batch),
        .epochs = 1,
        .stop = p->config->stop,
        .embed = p->config->embed,
        .tell = tell,
        .tell_hint = p,
    };
    rc = recv_open(&wanted, &recv);
    if (!rc && !p->s->of_class) {
        const struct recv_info *info = recv_info(recv);
        rc = survey_begin(p->s, info->samples, info->classes, info->fingerprint);
        if (!rc)
            rc = survey_name(p->s, info->class_names);
        progress_begin(&p->line, p->config->label, info->samples);
    }
    if (!rc)
        rc = batches_take(p, recv, end < p->s->samples ? end : p->s->samples);
    recv_close(recv);
    return rc;
}

/* The loader refused a batch: none of so many stand-ins for a bad image was good. */
static bool unfilled(const struct pass *p, int rc)
{
    return rc == -EBADMSG && p->config->embed && p->config->words &&
           embed_check(p->config->embed) == 0;
}

static int bad_one(struct pass *p, enum wire_fault fault)
{
    int rc = survey_add_bad(p->s, (uint32_t)p->at, fault, NULL);
    p->at++;
    progress_at(&p->line, p->at);
    return rc;
}

/* Image by image: the one that cannot be had is bad. Of those that the loader has called bad by
 * now nothing need be asked: it tried all of a batch, and many more, before it refused it. */
static int singly(struct pass *p, uint64_t end)
{
    const struct survey_words *words = p->config->words;
    int rc = 0;
    end = end < p->s->samples ? end : p->s->samples;
    while (!rc && p->at < end) {
        uint64_t until = p->at;
        enum wire_fault fault = survey_words_fault(words, (uint32_t)p->at);
        if (fault != FAULT_NONE) {
            rc = bad_one(p, fault);
            continue;
        }
        while (++until < end && survey_words_fault(words, (uint32_t)until) == FAULT_NONE)
            ;
        rc = stretch(p, 1, 1, until);
        if (unfilled(p, rc))
            rc = bad_one(p, FAULT_NONE); /* words are still on their way */
    }
    return rc;
}

int survey_pass(const struct survey_config *config, struct survey *s)
{
    struct pass p = {.config = config, .s = s};
    const double begun_s = stat_now();
    int rc = stretch(&p, BATCH, WINDOW, UINT64_MAX);
    while (s->of_class && p.at < s->samples && unfilled(&p, rc)) {
        rc = singly(&p, p.at + BATCH); /* or it was a later one: then this does no harm */
        if (!rc && p.at < s->samples)
            rc = stretch(&p, BATCH, WINDOW, UINT64_MAX);
    }
    progress_end(&p.line);
    s->seconds = stat_now() - begun_s;
    return rc;
}
