/* SPDX-License-Identifier: Apache-2.0 */
/* keygen: takes a name, gives two files of keys and says where they belong. The main thread, before
 * there is another. */
#include "loaderd/keygen.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/link_key.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct usage_option rows[] = {
    {"out", "NAME", 'o', "the files' name (default augstream)"},
};

const struct usage keygen_usage = {
    .name = "keygen",
    .program = "augstream-loaderd",
    .summary = "make a pair of keys, for a loader or for a client",
    .operands = "",
    .about = "Writes two files: NAME with the public key, NAME_secret with both, which only its "
             "owner can read. Neither may be there before. Loaders and clients need one pair each. "
             "A loader with log: debug names who it lets in after the file in curve.clients.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

static int keygen(const char *name)
{
    struct link_key key;
    char text[LINK_KEY_TEXT];
    int r = link_key_make(&key);
    if (r == 0)
        r = link_key_write(&key, name);
    link_key_text(key.public_key, text);
    explicit_bzero(&key, sizeof key);
    if (r < 0)
        return r;
    printf("%s         the public key, %s\n"
           "%s_secret  the secret key: never leaves its machine\n\n"
           "A loader's:  curve.secret: %s_secret in its loaderd.yaml; %s goes to whoever trains,\n"
           "             as data.curve.server of a recipe.\n"
           "A client's:  data.curve.secret: %s_secret in the recipe; %s goes into each loader's\n"
           "             folder curve.clients, and a SIGHUP lets it in.\n",
           name, text, name, name, name, name, name);
    return fflush(stdout) == 0 ? 0 : err_set(-EPIPE, "standard output: %s", strerror(errno));
}

int keygen_run(int argc, char **argv)
{
    const char *name = "augstream";
    int key;
    while ((key = usage_next(&keygen_usage, argc, argv)) != USAGE_END) {
        if (key == USAGE_TOLD)
            return EXIT_OK;
        if (key < 0) {
            log_error("%s", err_text());
            return EXIT_USAGE;
        }
        name = optarg;
    }
    if (optind < argc || name[0] == 0 || name[strlen(name) - 1] == '/') {
        log_error("keygen takes --out NAME and nothing else (see --help)");
        return EXIT_USAGE;
    }
    int r = keygen(name);
    if (r < 0)
        log_error("%s", err_text());
    return r == -EEXIST ? EXIT_USAGE : err_exit(r);
}
