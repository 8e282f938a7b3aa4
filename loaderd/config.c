/* SPDX-License-Identifier: Apache-2.0 */
/* config: takes loaderd.yaml, gives a checked struct config. Opens no dataset and no socket. */
#include "loaderd/config.h"

#include "common/auto.h"
#include "common/err.h"
#include "loaderd/crew/crew.h"
#include "loaderd/serve/protocol.h"
#include "loaderd/source/source.h"
#include "proto/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* In the order of enum log_level from LOG_ERROR. */
static const char *const log_levels[] = {"error", "warning", "notice", "info", "debug", NULL};

static const char *const socket_owners[] = {"owner", "group", "all", NULL};
static const unsigned socket_modes[] = {0600, 0660, 0666};

#define AT(field) offsetof(struct config, field)

static const struct conf_option options[] = {
    {.name = "listen",
     .type = CONF_STRS,
     .offset = AT(listen),
     .help = "endpoints for trainers: tcp://127.0.0.1:5555, ipc:///run/augstream/loaderd"},
    {.name = "tap",
     .type = CONF_STR,
     .offset = AT(tap),
     .def = "\"\"",
     .help = "endpoint that publishes each batch's omega for augstream-inspect; empty: none"},
    {.name = "http",
     .type = CONF_STR,
     .offset = AT(http),
     .def = "\"\"",
     .help = "where /metrics, /livez and /readyz are, on this machine only: tcp://127.0.0.1:9155; "
             "empty: nowhere"},
    {.name = "insecure",
     .type = CONF_BOOL,
     .offset = AT(insecure),
     .def = "false",
     .help = "allow tcp endpoints that other machines can reach without keys: nothing there is "
             "encrypted, and everybody is let in"},
    {.name = "curve.secret",
     .type = CONF_STR,
     .offset = AT(curve.secret),
     .def = "\"\"",
     .help =
         "file of this loader's secret key (augstream-loaderd keygen), for all tcp endpoints; a "
         "name without a slash in front is looked for among the service's credentials first"},
    {.name = "curve.clients",
     .type = CONF_STR,
     .offset = AT(curve.clients),
     .def = "\"\"",
     .help = "folder of the public keys that may connect, or one such file; read again on SIGHUP; "
             "any: encrypts, but lets every key in"},
    {.name = "sockets",
     .type = CONF_ENUM,
     .offset = AT(sockets),
     .def = "owner",
     .choices = socket_owners,
     .help = "who may connect at ipc endpoints"},
    {.name = "datasets.*.path",
     .type = CONF_STR,
     .offset = offsetof(struct config_dataset, path),
     .help = "where the dataset is"},
    {.name = "datasets.*.format",
     .type = CONF_STR,
     .offset = offsetof(struct config_dataset, format),
     .def = "folder",
     .help =
         "folder: one folder of images for each class; manifest: a CSV file of paths and labels; "
         "cifar10, cifar100, cifar100-coarse, stl10: the binary files of these sets; tar: shards "
         "as "
         "WebDataset names their files"},
    {.name = "datasets.*.split",
     .type = CONF_STR,
     .offset = offsetof(struct config_dataset, split),
     .def = "\"\"",
     .help = "which part of it: train, test, and what else the format has; empty: the usual one"},
    {.name = "datasets.*.classes",
     .type = CONF_STR,
     .offset = offsetof(struct config_dataset, classes),
     .def = "\"\"",
     .help = "a file of class names, one a line: only these, numbered as there; empty: all"},
    {.name = "datasets.*.fraction",
     .type = CONF_FLOAT,
     .offset = offsetof(struct config_dataset, fraction),
     .def = "1",
     .min = 1e-6,
     .max = 1,
     .help = "of each class's samples; the same ones at every loader"},
    {.name = "datasets.*.allow",
     .type = CONF_STRS,
     .offset = offsetof(struct config_dataset, allow),
     .def = "[jpeg, png, webp]",
     .help = "kinds of images that it may hold; others are bad images"},
    {.name = "state",
     .type = CONF_STR,
     .offset = AT(state),
     .def = "\"\"",
     .help = "folder in which the lists of datasets are kept from one start to the next, so that "
             "the daemon need not read every folder again; made if need be, and its own; empty: "
             "none is kept"},
    {.name = "workers",
     .type = CONF_INT,
     .offset = AT(workers),
     .def = "0",
     .min = 0,
     .max = CREW_MAX,
     .help = "worker processes; 0: one for each core"},
    {.name = "slots",
     .type = CONF_INT,
     .offset = AT(slots),
     .def = "16",
     .min = 1,
     .max = 256,
     .help = "batches in memory at once"},
    {.name = "slot_mib",
     .type = CONF_INT,
     .offset = AT(slot_mib),
     .def = "128",
     .min = 1,
     .max = 256,
     .unit = "MiB",
     .help = "largest batch, pixels of all its views; memory is taken when first used"},
    {.name = "window",
     .type = CONF_INT,
     .offset = AT(window),
     .def = "4",
     .min = 1,
     .max = SERVE_WINDOW_MAX,
     .help = "batches that one trainer may have asked for and not yet been given"},
    {.name = "window_mib",
     .type = CONF_INT,
     .offset = AT(window_mib),
     .def = "512",
     .min = 1,
     .max = 1 << 20,
     .unit = "MiB",
     .help = "pixels of the batches that are made for one trainer, ready, or on their way to it; "
             "one batch is always allowed"},
    {.name = "bad_rate_max",
     .type = CONF_FLOAT,
     .offset = AT(bad_rate_max),
     .def = "0.1",
     .min = 0,
     .max = 1,
     .help = "a session ends when more of its samples than this fraction are bad images"},
    {.name = "deadline",
     .type = CONF_FLOAT,
     .offset = AT(deadline_s),
     .def = "20",
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .help = "processor time for one image; an image that takes longer is a bad one"},
    {.name = "stall",
     .type = CONF_FLOAT,
     .offset = AT(stall_s),
     .def = "120",
     .min = 1,
     .max = 86400,
     .unit = "s",
     .help = "a worker that gives no answer for so long (a stuck disk) is killed and replaced"},
    {.name = "recycle",
     .type = CONF_INT,
     .offset = AT(recycle),
     .def = "10000",
     .min = 0,
     .max = INT32_MAX,
     .help = "images after which a worker process is replaced by a fresh one; 0: never"},
    {.name = "worker_mib",
     .type = CONF_INT,
     .offset = AT(worker_mib),
     .def = "2048",
     .min = 256,
     .max = 1 << 20,
     .unit = "MiB",
     .help = "address space of one worker beside the slots and the cache"},
    {.name = "cache_mib",
     .type = CONF_INT,
     .offset = AT(cache_mib),
     .def = "256",
     .min = 0,
     .max = 1 << 24,
     .unit = "MiB",
     .help = "decoded pictures kept for other trainers and later epochs; 0: none"},
    {.name = "log",
     .type = CONF_ENUM,
     .offset = AT(log),
     .def = "info",
     .choices = log_levels,
     .help = "how much is logged"},
};

static const struct conf_map maps[] = {
    {.name = "datasets",
     .offset = AT(datasets),
     .stride = sizeof(struct config_dataset),
     .count_offset = AT(n_datasets),
     .max = WIRE_DATASETS_MAX},
};

const struct conf_table config_table = {
    .options = options,
    .n_options = ARRAY_LEN(options),
    .maps = maps,
    .n_maps = ARRAY_LEN(maps),
};

static const struct {
    const char *name;
    enum encoding encoding;
} encodings[] = {{"jpeg", ENCODING_JPEG}, {"png", ENCODING_PNG}, {"webp", ENCODING_WEBP}};

/* 0: none is called so. */
static uint32_t encoding_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++)
        if (strcmp(encodings[i].name, name) == 0)
            return encodings[i].encoding;
    return 0;
}

uint32_t config_allow(const struct config_dataset *dataset)
{
    uint32_t allow = 0;
    for (size_t i = 0; i < dataset->allow.n; i++)
        allow |= encoding_named(dataset->allow.v[i]);
    return allow;
}

enum log_level config_log_level(const struct config *config)
{
    return (enum log_level)(LOG_ERROR + config->log);
}

unsigned config_socket_mode(const struct config *config)
{
    return socket_modes[config->sockets];
}

/* Whether only this machine can reach the endpoint, which has passed endpoint_check. A name that
 * merely looks like an address may be anybody's. */
static bool is_local(const char *endpoint)
{
    static const char tcp[] = "tcp://";
    if (strncmp(endpoint, tcp, strlen(tcp)) != 0)
        return true;
    char host[LINK_ENDPOINT_MAX];
    snprintf(host, sizeof host, "%s", endpoint + strlen(tcp));
    *strrchr(host, ':') = 0;
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static int check_endpoint(const struct config *config, const char *path, const char *key,
                          const char *endpoint)
{
    if (endpoint_check(endpoint, true) < 0)
        return err_set(-EINVAL, "%s:%d: %s: %s", path, conf_line(key), key, err_text());
    if (!config->insecure && !config->curve.secret[0] && !is_local(endpoint))
        return err_set(-EINVAL,
                       "%s:%d: %s: %s can be reached by other machines without a key: give "
                       "curve.secret and curve.clients, or insecure: true if your network is the "
                       "fence",
                       path, conf_line(key), key, endpoint);
    return 0;
}

static int bad_dataset(const struct config_dataset *dataset, const char *path, const char *field,
                       const char *what)
{
    char key[CONF_NAME_MAX + 32];
    snprintf(key, sizeof key, "datasets.%s.%s", dataset->name, field);
    return err_set(-EINVAL, "%s:%d: %s: %s", path, conf_line(key), key, what);
}

/* "no dataset format is called 'x': folder, manifest, ..." */
static void no_format(const char *name, size_t cap, char *ret)
{
    size_t at = (size_t)snprintf(ret, cap, "no dataset format is called '%s'", name);
    for (size_t i = 0; i < source_formats_n && at < cap; i++)
        at += (size_t)snprintf(ret + at, cap - at, "%s%s", i == 0 ? "; there are " : ", ",
                               source_formats[i].name);
}

static int check_dataset(const struct config_dataset *dataset, const char *path)
{
    char what[CONF_STR_MAX + 256];
    if (!source_format_find(dataset->format)) {
        no_format(dataset->format, sizeof what, what);
        return bad_dataset(dataset, path, "format", what);
    }
    if (dataset->allow.n == 0)
        return bad_dataset(dataset, path, "allow", "none is: of jpeg, png and webp");
    for (size_t i = 0; i < dataset->allow.n; i++)
        if (!encoding_named(dataset->allow.v[i])) {
            snprintf(what, sizeof what, "'%s' is none of jpeg, png and webp", dataset->allow.v[i]);
            return bad_dataset(dataset, path, "allow", what);
        }
    return 0;
}

/* Whoever reaches the pages may read them, so only this machine may, whatever `insecure` says. */
static int check_http(const struct config *config, const char *path)
{
    static const char tcp[] = "tcp://";
    if (!config->http[0])
        return 0;
    if (endpoint_check(config->http, true) < 0)
        return err_set(-EINVAL, "%s:%d: http: %s", path, conf_line("http"), err_text());
    if (strncmp(config->http, tcp, strlen(tcp)) != 0 || !is_local(config->http))
        return err_set(-EINVAL, "%s:%d: http: %s is no tcp endpoint of this machine alone", path,
                       conf_line("http"), config->http);
    return 0;
}

static int check_datasets(const struct config *config, const char *path)
{
    if (config->n_datasets == 0)
        return err_set(-EINVAL, "%s: datasets: none is declared", path);
    for (size_t i = 0; i < config->n_datasets; i++) {
        int r = check_dataset(&config->datasets[i], path);
        if (r < 0)
            return r;
    }
    return 0;
}

/* One place has one socket; only a port that the machine picks (*) is another one each time. */
static bool same_place(const char *a, const char *b)
{
    const size_t len = strlen(a);
    return strcmp(a, b) == 0 && (len < 2 || strcmp(a + len - 2, ":*") != 0);
}

static int check_places(const struct config *config, const char *path)
{
    const struct conf_strs *listen = &config->listen;
    if (config->http[0] && same_place(config->http, config->tap))
        return err_set(-EINVAL, "%s:%d: http: %s is the tap's place: give it one of its own", path,
                       conf_line("http"), config->http);
    for (size_t i = 0; i < listen->n; i++) {
        for (size_t j = 0; j < i; j++)
            if (same_place(listen->v[i], listen->v[j]))
                return err_set(-EINVAL, "%s:%d: listen: %s is there twice", path,
                               conf_line("listen"), listen->v[i]);
        if (same_place(listen->v[i], config->http))
            return err_set(-EINVAL,
                           "%s:%d: http: %s is listened on already: give it a place of its own",
                           path, conf_line("http"), config->http);
        if (same_place(listen->v[i], config->tap))
            return err_set(-EINVAL,
                           "%s:%d: tap: %s is listened on already: give it a place of its own",
                           path, conf_line("tap"), config->tap);
    }
    return 0;
}

static int check_curve(const struct config *config, const char *path)
{
    const bool secret = config->curve.secret[0], clients = config->curve.clients[0];
    if (secret && !clients)
        return err_set(-EINVAL, "%s:%d: curve.secret: say who may connect: curve.clients", path,
                       conf_line("curve.secret"));
    if (clients && !secret)
        return err_set(-EINVAL, "%s:%d: curve.clients: a key of our own is wanted: curve.secret",
                       path, conf_line("curve.clients"));
    if (secret && config->insecure)
        return err_set(-EINVAL, "%s:%d: insecure: there is a key (curve.secret): one or the other",
                       path, conf_line("insecure"));
    return 0;
}

int config_load(struct config *config, const char *path)
{
    memset(config, 0, sizeof *config);
    int r = conf_defaults(&config_table, config);
    if (r == 0)
        r = conf_load(&config_table, config, path);
    if (r == 0)
        r = conf_complete(&config_table, config, path);
    for (size_t i = 0; r == 0 && i < config->listen.n; i++)
        r = check_endpoint(config, path, "listen", config->listen.v[i]);
    if (r == 0 && config->tap[0])
        r = check_endpoint(config, path, "tap", config->tap);
    if (r == 0)
        r = check_http(config, path);
    if (r == 0)
        r = check_places(config, path);
    if (r == 0)
        r = check_curve(config, path);
    if (r == 0 && snprintf(config->file, sizeof config->file, "%s", path) >= CONF_STR_MAX)
        config->file[0] = 0; /* a name that long is read once */
    return r < 0 ? r : check_datasets(config, path);
}
