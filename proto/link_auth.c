/* SPDX-License-Identifier: Apache-2.0 */
/* link_auth: takes ZAP requests and a folder of keys, gives yes or no. The thread owns the socket
 * and ends with the context; the list is under a lock. What peers can cause at will is logged at
 * debug only; it is counted, and the owner of the daemon's log tells it now and then. */
#include "proto/link_auth.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

static const char zap_endpoint[] = "inproc://zeromq.zap.01";
static const char zap_version[] = "1.0";

struct client {
    uint8_t key[LINK_KEY_BYTES];
    char name[LINK_AUTH_NAME_MAX];
};

struct clients {
    struct client *list; /* [n], by key */
    size_t n;
    bool any;
};

struct link_auth {
    void *socket; /* the thread's */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    struct clients clients;
    uint64_t refused;
    char last[LINK_AUTH_TEXT_MAX];
};

static int by_key(const void *a, const void *b)
{
    return memcmp(((const struct client *)a)->key, ((const struct client *)b)->key, LINK_KEY_BYTES);
}

static const struct client *client_find(const struct clients *clients,
                                        const uint8_t key[LINK_KEY_BYTES])
{
    struct client wanted;
    memcpy(wanted.key, key, sizeof wanted.key);
    return clients->n ? bsearch(&wanted, clients->list, clients->n, sizeof wanted, by_key) : NULL;
}

/* --- a request --- */

/* The frames of a request, in their order. */
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_CREDENTIALS };

static bool frame_is(const struct link_auth_frame *frame, const char *text)
{
    return frame->len == strlen(text) && memcmp(frame->data, text, frame->len) == 0;
}

/* An address is shown, whatever is in it; one of IPv4 the short way. */
static void place_text(const struct link_auth_frame *frame, char ret[LINK_AUTH_PLACE_MAX])
{
    static const char mapped[] = "::ffff:";
    const size_t skip = frame->len > strlen(mapped) && memchr(frame->data, '.', frame->len) &&
                                memcmp(frame->data, mapped, strlen(mapped)) == 0
                            ? strlen(mapped)
                            : 0;
    const size_t len = frame->len - skip;
    size_t n = len < LINK_AUTH_PLACE_MAX - 1 ? len : LINK_AUTH_PLACE_MAX - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = ((const unsigned char *)frame->data)[skip + i];
        ret[i] = c > ' ' && c < 127 ? (char)c : '?';
    }
    ret[n] = 0;
}

static bool well_formed(const struct link_auth_frame *frames, size_t n)
{
    if (n <= ZAP_MECHANISM || n > LINK_AUTH_FRAMES) /* of the others there is nothing to look at */
        return false;
    for (size_t i = 0; i < n; i++)
        if (frames[i].len > LINK_AUTH_FRAME_MAX)
            return false;
    return frame_is(&frames[ZAP_VERSION], zap_version);
}

static void refuse(struct link_auth *auth, const struct link_auth_frame *address, const char *whose)
{
    char place[LINK_AUTH_PLACE_MAX] = "";
    if (address)
        place_text(address, place);
    auth->refused++;
    snprintf(auth->last, sizeof auth->last, "%s%s%s", whose, address ? " from " : "", place);
}

/* A key, of an endpoint that wants one. */
static void judge_key(struct link_auth *auth, const struct link_auth_frame *frames,
                      struct link_auth_answer *ret)
{
    const uint8_t *key = frames[ZAP_CREDENTIALS].data;
    link_key_text(key, ret->user);
    const struct client *client = client_find(&auth->clients, key);
    if (client || auth->clients.any) {
        ret->code = "200";
        ret->text = "OK";
        if (client)
            memcpy(ret->name, client->name, sizeof ret->name);
        return;
    }
    char whose[LINK_KEY_TEXT + 16];
    snprintf(whose, sizeof whose, "the key %s", ret->user);
    refuse(auth, &frames[ZAP_ADDRESS], whose);
    ret->user[0] = 0;
}

static void tell_judgement(const struct link_auth_answer *answer,
                           const struct link_auth_frame *frames, const char *refused)
{
    char place[LINK_AUTH_PLACE_MAX];
    if (strcmp(answer->code, "200") != 0) {
        log_debug("refused: %s", refused);
    } else if (answer->user[0]) {
        place_text(&frames[ZAP_ADDRESS], place);
        log_debug("let in from %s: client %s, key %s", place,
                  answer->name[0] ? answer->name : "(any)", answer->user);
    }
}

void link_auth_judge(struct link_auth *auth, const struct link_auth_frame *frames, size_t n,
                     struct link_auth_answer *ret)
{
    *ret = (struct link_auth_answer){.code = "400", .text = "not on the list"};
    if (n > ZAP_ID && frames[ZAP_ID].len <= LINK_AUTH_FRAME_MAX) {
        ret->id_len = (uint8_t)frames[ZAP_ID].len;
        if (ret->id_len)
            memcpy(ret->id, frames[ZAP_ID].data, ret->id_len);
    }
    pthread_mutex_lock(&auth->lock);
    if (!well_formed(frames, n)) {
        ret->code = "500";
        ret->text = "not understood";
        refuse(auth, NULL, "a question that is none");
    } else if (n == LINK_AUTH_FRAMES && frame_is(&frames[ZAP_DOMAIN], LINK_AUTH_CURVE) &&
               frame_is(&frames[ZAP_MECHANISM], "CURVE") &&
               frames[ZAP_CREDENTIALS].len == LINK_KEY_BYTES) {
        judge_key(auth, frames, ret);
    } else if (n == ZAP_MECHANISM + 1 && frame_is(&frames[ZAP_DOMAIN], LINK_AUTH_OPEN) &&
               frame_is(&frames[ZAP_MECHANISM], "NULL")) {
        ret->code = "200";
        ret->text = "OK";
    } else {
        refuse(auth, &frames[ZAP_ADDRESS], "a peer without a key");
    }
    char last[LINK_AUTH_TEXT_MAX];
    memcpy(last, auth->last, sizeof last);
    pthread_mutex_unlock(&auth->lock);
    tell_judgement(ret, frames, last);
}

/* --- the thread --- */

struct request {
    zmq_msg_t part[LINK_AUTH_FRAMES];
    struct link_auth_frame frames[LINK_AUTH_FRAMES];
    size_t n; /* all that came, also those that there is no room for */
};

static int receive_part(void *socket, zmq_msg_t *part)
{
    int rc;
    zmq_msg_init(part);
    while ((rc = zmq_msg_recv(part, socket, 0)) < 0 && zmq_errno() == EINTR)
        continue;
    if (rc < 0)
        zmq_msg_close(part);
    return rc;
}

static int receive_request(void *socket, struct request *request)
{
    request->n = 0;
    for (bool more = true; more; request->n++) {
        zmq_msg_t surplus;
        const bool room = request->n < LINK_AUTH_FRAMES;
        zmq_msg_t *part = room ? &request->part[request->n] : &surplus;
        if (receive_part(socket, part) < 0)
            return -1;
        more = zmq_msg_more(part);
        if (room)
            request->frames[request->n] =
                (struct link_auth_frame){zmq_msg_data(part), zmq_msg_size(part)};
        else
            zmq_msg_close(part);
    }
    return 0;
}

static void request_done(struct request *request)
{
    for (size_t i = 0; i < request->n && i < LINK_AUTH_FRAMES; i++)
        zmq_msg_close(&request->part[i]);
    request->n = 0;
}

static int send_answer(void *socket, const struct link_auth_answer *answer)
{
    const struct link_auth_frame frames[] = {
        {zap_version, strlen(zap_version)},   {answer->id, answer->id_len},
        {answer->code, strlen(answer->code)}, {answer->text, strlen(answer->text)},
        {answer->user, strlen(answer->user)}, {"", 0}, /* no more about it */
    };
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        int rc, flags = i + 1 < ARRAY_LEN(frames) ? ZMQ_SNDMORE : 0;
        while ((rc = zmq_send(socket, frames[i].data, frames[i].len, flags)) < 0 &&
               zmq_errno() == EINTR)
            continue;
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* Until the context ends. */
static void *answer_all(void *arg)
{
    struct link_auth *auth = arg;
    struct request request;
    int rc = 0;
    while (rc == 0) {
        struct link_auth_answer answer;
        rc = receive_request(auth->socket, &request);
        if (rc == 0) {
            link_auth_judge(auth, request.frames, request.n, &answer);
            rc = send_answer(auth->socket, &answer);
        }
        request_done(&request);
    }
    zmq_close(auth->socket);
    return NULL;
}

/* Signals are the other threads' business. */
static int start_thread(struct link_auth *auth)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&auth->thread, NULL, answer_all, auth);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code ? err_set(-code, "cannot start a thread: %s", strerror(code)) : 0;
}

int link_auth_new(void *zmq, struct link_auth **ret)
{
    int none = 0;
    struct link_auth *auth = calloc(1, sizeof *auth);
    if (!auth)
        return err_set(-ENOMEM, "no memory for the list of clients");
    pthread_mutex_init(&auth->lock, NULL);
    int r = 0;
    auth->socket = zmq_socket(zmq, ZMQ_REP);
    if (!auth->socket || zmq_setsockopt(auth->socket, ZMQ_LINGER, &none, sizeof none) < 0 ||
        zmq_bind(auth->socket, zap_endpoint) < 0)
        r = err_set(-EIO, "cannot answer for connections: %s", zmq_strerror(zmq_errno()));
    if (r == 0)
        r = start_thread(auth);
    if (r == 0) {
        *ret = auth;
        return 0;
    }
    if (auth->socket)
        zmq_close(auth->socket);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
    return r;
}

void link_auth_free(struct link_auth *auth)
{
    if (!auth)
        return;
    pthread_join(auth->thread, NULL);
    pthread_mutex_destroy(&auth->lock);
    free(auth->clients.list);
    free(auth);
}

/* --- the list --- */

static int clients_add(struct clients *clients, const char *path, const char *name)
{
    struct link_key key;
    int r = link_key_read(path, &key);
    if (r < 0)
        return r;
    if (clients->n == LINK_AUTH_KEYS_MAX)
        return err_set(-E2BIG, "%s: more than %d keys", path, LINK_AUTH_KEYS_MAX);
    struct client *client = &clients->list[clients->n++];
    memcpy(client->key, key.public_key, sizeof client->key);
    snprintf(client->name, sizeof client->name, "%.*s", LINK_AUTH_NAME_MAX - 1, name);
    explicit_bzero(&key,
                   sizeof key); /* a whole pair, put there by mistake, is no longer than that */
    return 0;
}

static bool is_secret(const char *name)
{
    static const char end[] = "_secret";
    size_t len = strlen(name);
    return len >= strlen(end) && strcmp(name + len - strlen(end), end) == 0;
}

static int read_folder(struct clients *clients, const char *folder, link_auth_tell_fn tell,
                       void *hint)
{
    auto_closedir DIR *dir = opendir(folder);
    if (!dir)
        return err_set(-errno, "%s: %s", folder, strerror(errno));
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0) {
        char path[4096];
        if (entry->d_name[0] == '.' || is_secret(entry->d_name))
            continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path)
            return err_set(-ENAMETOOLONG, "%s: the path is too long", folder);
        int r = clients_add(clients, path, entry->d_name);
        if (r == -E2BIG)
            return r;
        if (r < 0)
            tell(hint, err_text());
    }
    return errno ? err_set(-errno, "%s: %s", folder, strerror(errno)) : 0;
}

static int clients_read(struct clients *clients, const char *path, link_auth_tell_fn tell,
                        void *hint)
{
    struct stat st;
    if (strcmp(path, "any") == 0) {
        clients->any = true;
        return 0;
    }
    clients->list = calloc(LINK_AUTH_KEYS_MAX, sizeof *clients->list);
    if (!clients->list)
        return err_set(-ENOMEM, "no memory for the list of clients");
    if (stat(path, &st) < 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    const char *slash = strrchr(path, '/');
    int r = S_ISDIR(st.st_mode) ? read_folder(clients, path, tell, hint)
                                : clients_add(clients, path, slash ? slash + 1 : path);
    if (clients->n > 1)
        qsort(clients->list, clients->n, sizeof *clients->list, by_key);
    return r;
}

static bool lacks(const struct clients *now, const struct clients *before)
{
    if (now->any)
        return false;
    bool gone = before->any;
    for (size_t i = 0; i < before->n; i++)
        gone = gone || !client_find(now, before->list[i].key);
    return gone;
}

int link_auth_load(struct link_auth *auth, const char *path, link_auth_tell_fn tell, void *hint,
                   bool *ret_gone)
{
    struct clients next = {0};
    int r = clients_read(&next, path, tell, hint);
    if (r < 0) {
        free(next.list);
        return r;
    }
    pthread_mutex_lock(&auth->lock);
    struct clients before = auth->clients;
    auth->clients = next;
    *ret_gone = lacks(&next, &before);
    pthread_mutex_unlock(&auth->lock);
    free(before.list);
    return (int)next.n;
}

bool link_auth_allows(struct link_auth *auth, const char *user)
{
    uint8_t key[LINK_KEY_BYTES];
    if (link_key_from_text(user, key) < 0)
        return false;
    pthread_mutex_lock(&auth->lock);
    bool allowed = auth->clients.any || client_find(&auth->clients, key);
    if (!allowed) {
        char whose[LINK_AUTH_TEXT_MAX];
        snprintf(whose, sizeof whose, "a message with the key %s, taken off the list", user);
        refuse(auth, NULL, whose);
    }
    pthread_mutex_unlock(&auth->lock);
    return allowed;
}

uint64_t link_auth_refused(struct link_auth *auth, char ret_text[LINK_AUTH_TEXT_MAX])
{
    pthread_mutex_lock(&auth->lock);
    uint64_t refused = auth->refused;
    memcpy(ret_text, auth->last, sizeof auth->last);
    pthread_mutex_unlock(&auth->lock);
    return refused;
}
