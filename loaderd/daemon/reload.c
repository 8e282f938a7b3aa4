/* SPDX-License-Identifier: Apache-2.0 */
/* reload: takes a file, gives changes. An option that has no row here needs a restart: sockets are
 * bound, memory is made, datasets are listed once. */
#include "loaderd/daemon/reload.h"

#include "common/auto.h"
#include "common/conf_equal.h"
#include "common/err.h"
#include "common/log.h"
#include "common/stat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_log(const struct reload *reload, const struct config *fresh)
{
    reload->running->log = fresh->log;
    log_open("augstream-loaderd", config_log_level(fresh));
}

static void take_bad_rate(const struct reload *reload, const struct config *fresh)
{
    reload->running->bad_rate_max = fresh->bad_rate_max;
    sessions_set_bad_rate(reload->sessions, fresh->bad_rate_max);
}

static const struct {
    const char *key;
    void (*take)(const struct reload *reload, const struct config *fresh);
} live[] = {
    {"log", take_log},
    {"bad_rate_max", take_bad_rate},
};

static void name(char *list, const char *key)
{
    const size_t len = strlen(list);
    snprintf(list + len, RELOAD_KEYS_MAX - len, "%s%s", len ? ", " : "", key);
}

static void take(const struct reload *reload, const struct config *fresh, const char *key,
                 struct reload_said *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(live); i++)
        if (strcmp(live[i].key, key) == 0) {
            live[i].take(reload, fresh);
            name(ret->taken, key);
            return;
        }
    name(ret->restart, key);
}

int reload_config(const struct reload *reload, struct reload_said *ret)
{
    auto_free struct config *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return err_set(-ENOMEM, "no memory for the configuration");
    const int r = config_load(fresh, reload->running->file);
    if (r < 0)
        return r;
    *ret = (struct reload_said){.taken = ""};
    for (size_t i = 0; i < config_table.n_options; i++) {
        const struct conf_option *option = &config_table.options[i];
        if (!conf_equal(&config_table, option, reload->running, fresh))
            take(reload, fresh, option->name, ret);
    }
    return 0;
}

static int reread_config(const struct reload *reload)
{
    struct reload_said said;
    const int r = reload_config(reload, &said);
    if (r < 0)
        return r;
    const char *file = reload->running->file;
    log_note("SIGHUP: %s is read again; changed: %s", file, said.taken[0] ? said.taken : "nothing");
    if (said.restart[0])
        log_note("SIGHUP: changed in %s, but kept until a restart: %s", file, said.restart);
    return 0;
}

static int reread_clients(const struct reload *reload)
{
    log_note("SIGHUP: the list of clients is read again");
    return reload->gate->auth ? gate_reload(reload->gate) : 0;
}

/* Each reads something of its own again, and leaves it as it is on failure. */
static int (*const rereads[])(const struct reload *reload) = {reread_config, reread_clients};

int reload_all(const struct reload *reload)
{
    const bool heard = tell_reloading(reload->tell, (uint64_t)(stat_now() * 1e6));
    bool done = true;
    for (size_t i = 0; i < ARRAY_LEN(rereads); i++)
        if (rereads[i](reload) < 0) {
            log_error("SIGHUP: what was wrong stays as it was before: %s", err_text());
            done = false;
        }
    metrics_reload(reload->metrics, done);
    return heard ? tell_state(reload->tell, "READY=1") : 0; /* whatever came of it */
}
