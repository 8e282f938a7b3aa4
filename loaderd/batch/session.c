/* SPDX-License-Identifier: Apache-2.0 */
/* session: takes a peer's spec, checks it against the dataset and the slots, keeps it in a table of
 * fixed size. Sends nothing, renders nothing. */
#include "loaderd/batch/session.h"

#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sessions {
    struct session_config config;
    uint64_t clock;      /* counts uses */
    uint64_t generation; /* the last one given */
    struct session list[SESSIONS_MAX];
};

int sessions_new(const struct session_config *config, struct sessions **ret)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);
    if (!sessions)
        return err_set(-ENOMEM, "no memory for the sessions");
    sessions->config = *config;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++)
        sessions->list[i].index = i;
    *ret = sessions;
    return 0;
}

void sessions_free(struct sessions *sessions)
{
    free(sessions);
}

struct session *session_find(struct sessions *sessions, const uint8_t id[DIGEST_BYTES])
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &sessions->list[i];
        if (session->generation != 0 && memcmp(session->id, id, DIGEST_BYTES) == 0) {
            session->last_use = ++sessions->clock;
            return session;
        }
    }
    return NULL;
}

/* A free place, or the one of the session that was left alone for longest. */
static struct session *place(struct sessions *sessions)
{
    struct session *best = NULL;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &sessions->list[i];
        if (session->generation == 0)
            return session;
        if (session->refs == 0 && (!best || session->last_use < best->last_use))
            best = session;
    }
    return best;
}

static struct dataset *dataset_find(const struct session_config *config, const char *name)
{
    for (size_t i = 0; i < config->n_datasets; i++)
        if (strcmp(config->datasets[i].name, name) == 0)
            return &config->datasets[i];
    return NULL;
}

static int refuse(enum wire_code *ret_code, enum wire_code code, int error)
{
    *ret_code = code;
    return error;
}

/* What spec_check cannot know: the dataset's size and the slots' size. */
static int check(const struct session_config *config, const struct spec *spec,
                 const struct dataset *dataset, enum wire_code *ret_code)
{
    if (spec_batch_bytes(spec) > config->slot_pixels)
        return refuse(ret_code, WIRE_BAD_SPEC,
                      err_set(-EMSGSIZE,
                              "batch: %u samples are %zu bytes of pixels, this loader's slots "
                              "(slot_mib) hold %zu",
                              spec->batch, spec_batch_bytes(spec), config->slot_pixels));
    uint64_t samples = dataset->source->samples;
    if (spec_batches(spec, samples) == 0)
        return refuse(ret_code, WIRE_DATASET_TOO_SMALL,
                      err_set(-ENODATA, "dataset %s has %llu sample%s, one batch needs %u",
                              dataset->name, (unsigned long long)samples, samples == 1 ? "" : "s",
                              spec->batch));
    if (spec_batches(spec, samples) > UINT32_MAX)
        return refuse(ret_code, WIRE_BAD_SPEC,
                      err_set(-ERANGE, "batch: more batches in an epoch than can be numbered"));
    return 0;
}

int session_open(struct sessions *sessions, const struct spec *spec, struct session **ret,
                 enum wire_code *ret_code)
{
    int r = spec_check(spec);
    if (r < 0)
        return refuse(ret_code, WIRE_BAD_SPEC, r);
    struct dataset *dataset = dataset_find(&sessions->config, spec->dataset);
    if (!dataset)
        return refuse(ret_code, WIRE_UNKNOWN_DATASET,
                      err_set(-ENOENT, "no dataset is called '%s' here", spec->dataset));
    r = check(&sessions->config, spec, dataset, ret_code);
    if (r < 0)
        return r;
    uint8_t id[DIGEST_BYTES];
    spec_digest(spec, dataset->source->fingerprint, id);
    struct session *session = session_find(sessions, id);
    if (!session) {
        session = place(sessions);
        if (!session)
            return refuse(ret_code, WIRE_BUSY,
                          err_set(-EBUSY, "all %d sessions are in use", SESSIONS_MAX));
        *session = (struct session){
            .index = session->index,
            .generation = ++sessions->generation,
            .spec = *spec,
            .dataset = dataset,
            .batches = spec_batches(spec, dataset->source->samples),
            .last_use = ++sessions->clock,
        };
        memcpy(session->id, id, sizeof id);
    } else if (session_check_rate(sessions, session) < 0) {
        session->placed = session->replaced = 0;
    }
    *ret = session;
    return 0;
}

void session_ref(struct session *session)
{
    session->refs++;
}

void session_unref(struct session *session)
{
    assert(session->refs > 0);
    session->refs--;
}

uint32_t session_batch_samples(const struct session *session, uint32_t index)
{
    if (index >= session->batches)
        return 0;
    uint64_t left = session->dataset->source->samples - (uint64_t)index * session->spec.batch;
    return left < session->spec.batch ? (uint32_t)left : session->spec.batch;
}

void session_placed(struct session *session, bool replaced)
{
    session->placed++;
    session->replaced += replaced;
}

int session_check_rate(const struct sessions *sessions, const struct session *session)
{
    double rate_max = sessions->config.bad_rate_max;
    if (session->placed < SESSION_RATE_MIN ||
        (double)session->replaced <= rate_max * (double)session->placed)
        return 0;
    return err_set(-ENODATA,
                   "dataset %s: %llu of %llu samples were bad, more than %g (bad_rate_max)",
                   session->dataset->name, (unsigned long long)session->replaced,
                   (unsigned long long)session->placed, rate_max);
}

void sessions_set_bad_rate(struct sessions *sessions, double bad_rate_max)
{
    sessions->config.bad_rate_max = bad_rate_max;
}

size_t sessions_count(const struct sessions *sessions)
{
    size_t n = 0;
    for (uint32_t i = 0; i < SESSIONS_MAX; i++)
        n += sessions->list[i].generation != 0;
    return n;
}
