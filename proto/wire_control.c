/* SPDX-License-Identifier: Apache-2.0 */
/* wire_control: the small messages, struct <-> protobuf-c's messages: every type but Batch and Tap.
 * Copies fields and lengths that the struct can hold; bounds of values are wire_check's. */
#include "proto/wire_private.h"

#include "common/auto.h"
#include "common/err.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(CLASS_NAMES_BYTES + 256 <= WIRE_CONTROL_MAX,
              "a SessionOpened holds all names that may be told, and its numbers and digests");

int wire_read_text(char *ret, size_t cap, const char *text, const char *field)
{
    size_t len = strlen(text);
    if (len >= cap)
        return err_set(-EBADMSG, "%s: %zu bytes, at most %zu", field, len, cap - 1);
    memcpy(ret, text, len + 1);
    return 0;
}

int wire_read_digest(uint8_t ret[DIGEST_BYTES], const ProtobufCBinaryData *bytes, const char *field)
{
    if (bytes->len != DIGEST_BYTES)
        return err_set(-EBADMSG, "%s: %zu bytes instead of %d", field, bytes->len, DIGEST_BYTES);
    memcpy(ret, bytes->data, DIGEST_BYTES);
    return 0;
}

int wire_versions_check(const struct wire_versions *theirs, const char *them, const char *us)
{
    if (theirs->min <= WIRE_VERSION && WIRE_VERSION <= theirs->max)
        return 0;
    return err_set(-EPROTO, "%s speaks versions %u to %u of the protocol, %s version %d", them,
                   theirs->min, theirs->max, us, WIRE_VERSION);
}

static uint32_t version_or(uint32_t said, uint32_t other)
{
    return said ? said : other;
}

static void fill_hello(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Hello *p = &w->out.body.hello;
    augstream__v1__hello__init(p);
    p->client = (char *)m->hello.client;
    p->version_min = version_or(m->hello.versions.min, WIRE_VERSION);
    p->version_max = version_or(m->hello.versions.max, WIRE_VERSION);
    w->out.envelope.hello = p;
}

static int read_hello(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    m->hello.versions.min = version_or(e->hello->version_min, e->version);
    m->hello.versions.max = version_or(e->hello->version_max, e->version);
    return wire_read_text(m->hello.client, sizeof m->hello.client, e->hello->client,
                          "hello.client");
}

static void fill_welcome(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Welcome *p = &w->out.body.welcome;
    augstream__v1__welcome__init(p);
    p->server_epoch = m->welcome.server_epoch;
    p->server = (char *)m->welcome.server;
    p->n_datasets = m->welcome.n_datasets;
    p->datasets = w->out.dataset_list;
    p->window = m->welcome.window;
    p->batch_bytes_max = m->welcome.batch_bytes_max;
    p->version_min = version_or(m->welcome.versions.min, WIRE_VERSION);
    p->version_max = version_or(m->welcome.versions.max, WIRE_VERSION);
    for (uint32_t i = 0; i < m->welcome.n_datasets; i++) {
        const struct wire_dataset *from = &m->welcome.datasets[i];
        Augstream__V1__Dataset *to = &w->out.datasets[i];
        to->name = (char *)from->name;
        to->fingerprint.data = (uint8_t *)from->fingerprint;
        to->fingerprint.len = DIGEST_BYTES;
        to->samples = from->samples;
        to->classes = from->classes;
    }
    w->out.envelope.welcome = p;
}

static int read_welcome(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    const Augstream__V1__Welcome *p = e->welcome;
    if (p->n_datasets > WIRE_DATASETS_MAX)
        return err_set(-EBADMSG, "welcome.datasets: %zu, at most %d", p->n_datasets,
                       WIRE_DATASETS_MAX);
    m->welcome.server_epoch = p->server_epoch;
    m->welcome.n_datasets = (uint32_t)p->n_datasets;
    m->welcome.window = p->window;
    m->welcome.batch_bytes_max = p->batch_bytes_max;
    m->welcome.versions.min = version_or(p->version_min, e->version);
    m->welcome.versions.max = version_or(p->version_max, e->version);
    int rc =
        wire_read_text(m->welcome.server, sizeof m->welcome.server, p->server, "welcome.server");
    for (uint32_t i = 0; rc == 0 && i < p->n_datasets; i++) {
        const Augstream__V1__Dataset *from = p->datasets[i];
        struct wire_dataset *to = &m->welcome.datasets[i];
        to->samples = from->samples;
        to->classes = from->classes;
        rc = wire_read_text(to->name, sizeof to->name, from->name, "dataset.name");
        if (rc == 0)
            rc = wire_read_digest(to->fingerprint, &from->fingerprint, "dataset.fingerprint");
    }
    return rc;
}

static void fill_open_session(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__OpenSession *p = &w->out.body.open_session;
    augstream__v1__open_session__init(p);
    p->request = m->open_session.request;
    p->spec = wire_fill_spec(w, &m->open_session.spec);
    w->out.envelope.open_session = p;
}

static int read_open_session(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    if (!e->open_session->spec)
        return err_set(-EBADMSG, "open_session.spec: missing");
    m->open_session.request = e->open_session->request;
    return wire_read_spec(e->open_session->spec, &m->open_session.spec);
}

static void fill_session_opened(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__SessionOpened *p = &w->out.body.session_opened;
    augstream__v1__session_opened__init(p);
    p->request = m->session_opened.request;
    p->session.data = (uint8_t *)m->session_opened.session;
    p->session.len = DIGEST_BYTES;
    p->fingerprint.data = (uint8_t *)m->session_opened.fingerprint;
    p->fingerprint.len = DIGEST_BYTES;
    p->samples = m->session_opened.samples;
    p->batches = m->session_opened.batches;
    p->classes = m->session_opened.classes;
    p->class_names = (char **)m->session_opened.class_names;
    p->n_class_names = p->class_names ? p->classes : 0;
    w->out.envelope.session_opened = p;
}

static int read_session_opened(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    const Augstream__V1__SessionOpened *p = e->session_opened;
    m->session_opened.request = p->request;
    m->session_opened.samples = p->samples;
    m->session_opened.batches = p->batches;
    m->session_opened.classes = p->classes;
    if (p->n_class_names > 0 && p->n_class_names != p->classes)
        return err_set(-EBADMSG, "session_opened.class_names: %zu of %u classes", p->n_class_names,
                       p->classes);
    /* They stay where protobuf-c put them. */
    m->session_opened.class_names =
        p->n_class_names > 0 ? (const char *const *)p->class_names : NULL;
    int rc = wire_read_digest(m->session_opened.session, &p->session, "session_opened.session");
    if (rc == 0)
        rc = wire_read_digest(m->session_opened.fingerprint, &p->fingerprint,
                              "session_opened.fingerprint");
    return rc;
}

static void fill_get_batch(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__GetBatch *p = &w->out.body.get_batch;
    augstream__v1__get_batch__init(p);
    p->session.data = (uint8_t *)m->get_batch.session;
    p->session.len = DIGEST_BYTES;
    p->epoch = m->get_batch.epoch;
    p->index = m->get_batch.index;
    p->request = m->get_batch.request;
    w->out.envelope.get_batch = p;
}

static int read_get_batch(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    const Augstream__V1__GetBatch *p = e->get_batch;
    m->get_batch.epoch = p->epoch;
    m->get_batch.index = p->index;
    m->get_batch.request = p->request;
    return wire_read_digest(m->get_batch.session, &p->session, "get_batch.session");
}

static void fill_cancel(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Cancel *p = &w->out.body.cancel;
    augstream__v1__cancel__init(p);
    p->request = m->cancel.request;
    w->out.envelope.cancel = p;
}

static int read_cancel(struct wire *w, const Augstream__V1__Envelope *e)
{
    w->in.message.cancel.request = e->cancel->request;
    return 0;
}

static void fill_ping(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Ping *p = &w->out.body.ping;
    augstream__v1__ping__init(p);
    p->nonce = m->ping.nonce;
    w->out.envelope.ping = p;
}

static int read_ping(struct wire *w, const Augstream__V1__Envelope *e)
{
    w->in.message.ping.nonce = e->ping->nonce;
    return 0;
}

static void fill_pong(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Pong *p = &w->out.body.pong;
    augstream__v1__pong__init(p);
    p->nonce = m->ping.nonce;
    p->server_epoch = m->ping.server_epoch;
    w->out.envelope.pong = p;
}

static int read_pong(struct wire *w, const Augstream__V1__Envelope *e)
{
    w->in.message.ping.nonce = e->pong->nonce;
    w->in.message.ping.server_epoch = e->pong->server_epoch;
    return 0;
}

static void fill_error(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Error *p = &w->out.body.error;
    augstream__v1__error__init(p);
    p->request = m->error.request;
    p->code = m->error.code;
    p->text = (char *)m->error.text;
    p->retryable = m->error.retryable;
    w->out.envelope.error = p;
}

static int read_error(struct wire *w, const Augstream__V1__Envelope *e)
{
    struct wire_message *m = &w->in.message;
    m->error.request = e->error->request;
    m->error.code = (enum wire_code)e->error->code;
    m->error.retryable = e->error->retryable;
    return wire_read_text(m->error.text, sizeof m->error.text, e->error->text, "error.text");
}

static void fill_draining(struct wire *w, const struct wire_message *m)
{
    Augstream__V1__Draining *p = &w->out.body.draining;
    augstream__v1__draining__init(p);
    p->server_epoch = m->draining.server_epoch;
    w->out.envelope.draining = p;
}

static int read_draining(struct wire *w, const Augstream__V1__Envelope *e)
{
    w->in.message.draining.server_epoch = e->draining->server_epoch;
    return 0;
}

const struct wire_row wire_control_rows[WIRE_TAP + 1] = {
    [WIRE_HELLO] = {"Hello", WIRE_CONTROL_MAX, fill_hello, read_hello},
    [WIRE_WELCOME] = {"Welcome", WIRE_CONTROL_MAX, fill_welcome, read_welcome},
    [WIRE_OPEN_SESSION] = {"OpenSession", WIRE_CONTROL_MAX, fill_open_session, read_open_session},
    [WIRE_SESSION_OPENED] = {"SessionOpened", WIRE_CONTROL_MAX, fill_session_opened,
                             read_session_opened},
    [WIRE_GET_BATCH] = {"GetBatch", WIRE_CONTROL_MAX, fill_get_batch, read_get_batch},
    [WIRE_CANCEL] = {"Cancel", WIRE_CONTROL_MAX, fill_cancel, read_cancel},
    [WIRE_PING] = {"Ping", WIRE_CONTROL_MAX, fill_ping, read_ping},
    [WIRE_PONG] = {"Pong", WIRE_CONTROL_MAX, fill_pong, read_pong},
    [WIRE_ERROR] = {"Error", WIRE_CONTROL_MAX, fill_error, read_error},
    [WIRE_DRAINING] = {"Draining", WIRE_CONTROL_MAX, fill_draining, read_draining},
};
