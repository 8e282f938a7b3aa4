/* SPDX-License-Identifier: Apache-2.0 */
/* reload: what SIGHUP does: reads the configuration and the list of clients again and lets what can
 * change while the daemon runs take effect. The daemon's thread. */
#ifndef AUGSTREAM_LOADERD_RELOAD_H
#define AUGSTREAM_LOADERD_RELOAD_H

#include "loaderd/batch/session.h"
#include "loaderd/config.h"
#include "loaderd/daemon/gate.h"
#include "loaderd/daemon/tell.h"
#include "loaderd/monitor/metrics.h"

enum { RELOAD_KEYS_MAX = 256 };

/* Whom a changed value concerns; loans. */
struct reload {
    struct config *running; /* what holds; its file is read */
    struct sessions *sessions;
    struct gate *gate;
    struct tell *tell;
    struct metrics *metrics;
};

/* Names of keys, "a, b"; "" for none. */
struct reload_said {
    char taken[RELOAD_KEYS_MAX];   /* changed, and hold from now on */
    char restart[RELOAD_KEYS_MAX]; /* changed in the file, and hold after a restart */
};

/* Everything, each part all or nothing; logged, counted once, and told to the service manager,
 * whose error (tell_state's) is the only one that is returned. */
int reload_all(const struct reload *reload);

/* The configuration's part: all or nothing. On failure (config_load's, which names file and
 * line) everything stays. Looks at running and sessions only. */
int reload_config(const struct reload *reload, struct reload_said *ret);

#endif
