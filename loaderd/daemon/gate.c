/* SPDX-License-Identifier: Apache-2.0 */
/* gate: takes the configuration's keys and the port's counts, gives a guarded context and figures.
 * The secret key is in memory here only while it is handed on. */
#include "loaderd/daemon/gate.h"

#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A service's credentials come before a file of that name: systemd's folder is no other's. */
static int read_key(const char *name, struct link_key *ret)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    if (folder && folder[0] == '/' && name[0] != '/' &&
        snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path &&
        access(path, F_OK) == 0)
        return link_key_read_secret(path, true, ret);
    return link_key_read_secret(name, false, ret);
}

int gate_key(const struct config *config, struct link_key *ret)
{
    char why[ERR_TEXT_MAX];
    if (read_key(config->curve.secret, ret) == 0)
        return 0;
    snprintf(why, sizeof why, "%s", err_text());
    return err_set(-EINVAL, "curve.secret: %s%s", why,
                   strchr(config->curve.secret, '/') || getenv("CREDENTIALS_DIRECTORY")
                       ? ""
                       : " (the unit finds such a name among its credentials; here is no "
                         "$CREDENTIALS_DIRECTORY)");
}

static void tell(void *hint, const char *text)
{
    (void)hint;
    log_warn("curve.clients: %s: left out", text);
}

static int load(struct gate *gate, bool *ret_gone)
{
    const char *clients = gate->config->curve.clients;
    int n = link_auth_load(gate->auth, clients, tell, NULL, ret_gone);
    if (n < 0)
        return n;
    if (strcmp(clients, "any") == 0)
        log_note("curve.clients: any: whoever knows our public key is let in");
    else
        log_note("%d keys may connect (%s)", n, clients);
    return 0;
}

static int open_curve(struct gate *gate, struct link_guard *guard)
{
    bool gone;
    guard->curve = true;
    int r = gate_key(gate->config, &guard->key);
    if (r == 0 && (r = load(gate, &gone)) < 0) {
        char why[ERR_TEXT_MAX];
        snprintf(why, sizeof why, "%s", err_text());
        r = err_set(-EINVAL, "curve.clients: %s", why);
    }
    return r;
}

int gate_check(const struct config *config)
{
    struct gate gate = {.config = config};
    struct link_guard guard = {0};
    struct link_context *context = NULL;
    if (!config->curve.secret[0])
        return 0;
    int r = link_context_new(&context);
    if (r == 0)
        r = link_context_admit(context, &gate.auth);
    if (r == 0)
        r = open_curve(&gate, &guard);
    explicit_bzero(&guard, sizeof guard);
    link_context_free(context);
    return r;
}

int gate_open(struct gate *gate, const struct config *config, struct metrics *metrics,
              struct port *port)
{
    struct link_guard guard = {.ipc_mode = config_socket_mode(config)};
    *gate = (struct gate){.config = config, .metrics = metrics, .port = port};
    int r = link_context_new(&port->context);
    if (r == 0)
        r = link_context_admit(port->context, &gate->auth);
    if (r == 0 && config->curve.secret[0])
        r = open_curve(gate, &guard);
    if (r == 0)
        link_context_guard(port->context, &guard);
    explicit_bzero(&guard, sizeof guard);
    if (r == 0 && config->insecure) {
        metrics->insecure = 1;
        log_warn(
            "insecure: true: whoever reaches our tcp endpoints gets batches, and whoever is on "
            "the way reads and changes them");
    }
    return r;
}

int gate_reload(struct gate *gate)
{
    bool gone = false;
    if (!gate->config->curve.secret[0])
        return 0;
    int r = load(gate, &gone);
    if (r == 0 && gone) {
        log_note("keys are gone from the list: the tap begins anew");
        port_tap_cut(gate->port);
    }
    return r;
}

void gate_tick(struct gate *gate)
{
    char last[LINK_AUTH_TEXT_MAX];
    uint64_t refused = link_auth_refused(gate->auth, last);
    metrics_refused_peers(gate->metrics, refused, port_failures(gate->port), last);
    if (port_tap_again(gate->port) < 0)
        log_warn("%s; tried again", err_text());
}
