/* SPDX-License-Identifier: Apache-2.0 */
/* config: what loaderd.yaml says. One table of options is the file's grammar, its bounds, --help.
 */
#ifndef AUGSTREAM_LOADERD_CONFIG_H
#define AUGSTREAM_LOADERD_CONFIG_H

#include "common/conf.h"
#include "common/log.h"
#include "proto/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_dataset {
    char name[CONF_NAME_MAX]; /* conf_map's first member */
    char path[CONF_STR_MAX];
    char format[CONF_STR_MAX];  /* a row of source_formats[] */
    char split[CONF_STR_MAX];   /* "" = the format's usual one */
    char classes[CONF_STR_MAX]; /* a file of class names, "" = all */
    double fraction;
    struct conf_strs allow; /* names of encodings: config_allow */
};

struct config {
    char file[CONF_STR_MAX];  /* that config_load read; "" = none */
    struct conf_strs listen;  /* endpoints */
    char tap[CONF_STR_MAX];   /* endpoint, "" = none */
    char http[CONF_STR_MAX];  /* endpoint, "" = none */
    char state[CONF_STR_MAX]; /* a folder, "" = none */
    bool insecure;            /* tcp beyond this machine, without encryption */
    int sockets;              /* who may connect at ipc paths: config_socket_mode */
    struct {
        char secret[CONF_STR_MAX];  /* file of our key pair; "" = no CURVE */
        char clients[CONF_STR_MAX]; /* folder or file of public keys, or "any" */
    } curve;
    struct config_dataset datasets[WIRE_DATASETS_MAX];
    size_t n_datasets;
    int64_t workers; /* 0 = one for each core */
    int64_t slots, slot_mib;
    int64_t window, window_mib;
    double bad_rate_max;
    double deadline_s; /* for one image, of processor time */
    double stall_s;    /* without an answer */
    int64_t recycle;   /* images of one worker process */
    int64_t worker_mib;
    int64_t cache_mib; /* decoded pictures; 0 = none */
    int log; /* index into the option's choices: config_log_level */
};

extern const struct conf_table config_table;

/* Defaults, then the file, then the checks that need more than one option (messages name file and
 * line). -EINVAL, or conf_load's errors. */
int config_load(struct config *config, const char *path);

/* The kinds of images that a dataset may hold: of enum encoding. */
uint32_t config_allow(const struct config_dataset *dataset);

enum log_level config_log_level(const struct config *config);
unsigned config_socket_mode(const struct config *config); /* of ipc sockets: 0660 */

#endif
