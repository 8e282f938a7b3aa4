/* SPDX-License-Identifier: Apache-2.0 */
/* reload: takes a file, gives changes. An option that has no row here needs a restart: sockets are
 * bound, memory is made, datasets are listed once. */
#include "loaderd/daemon/reload.h"

#include "common/auto.h"
#include "common/conf_equal.h"
#include "common/err.h"

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
