/* SPDX-License-Identifier: Apache-2.0 */
/* link_key: CURVE keys as files, in the text format of zcert (czmq): a file NAME with the public
 * key, for everybody, and NAME_secret with both, for its owner alone. A key is 32 bytes, written as
 * 40 characters of Z85. Any thread; the caller owns every struct. */
#ifndef AUGSTREAM_PROTO_LINK_KEY_H
#define AUGSTREAM_PROTO_LINK_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINK_KEY_BYTES = 32,
    LINK_KEY_TEXT = 40 + 1,    /* bytes of a key's text with the NUL */
    LINK_KEY_FILE_MAX = 16384, /* bytes of a file of keys */
};

struct link_key {
    uint8_t public_key[LINK_KEY_BYTES];
    uint8_t secret_key[LINK_KEY_BYTES]; /* zeros where has_secret is not set */
    bool has_secret;
};

/* A fresh pair. -ENOTSUP: a libzmq without CURVE. */
int link_key_make(struct link_key *ret);

/* 40 characters <-> 32 bytes. -EINVAL when they are no key; the text is not in the message. */
int link_key_from_text(const char *text, uint8_t ret[LINK_KEY_BYTES]);
void link_key_text(const uint8_t key[LINK_KEY_BYTES], char ret[LINK_KEY_TEXT]);

/* The keys of a zcert text: the section `curve` with public-key and perhaps secret-key; other
 * sections, comments and keys of other names are passed over. -EBADMSG names the line. Where there
 * is a secret key, the public one must be its own. */
int link_key_parse(const char *text, size_t len, struct link_key *ret);

/* A file of keys. link_key_read_secret wants the secret key in it, and that nobody but the owner,
 * who is root or ourselves, can read it: else -EACCES with the chmod to run. guarded: its folder
 * sees to that (a service's credentials, whose modes show an access list's mask). */
int link_key_read(const char *path, struct link_key *ret);
int link_key_read_secret(const char *path, bool guarded, struct link_key *ret);

/* A public key as an option gives it: its 40 characters, or the path of a file with it. */
int link_key_given(const char *given, uint8_t ret[LINK_KEY_BYTES]);

/* Writes NAME_secret (mode 0600), then NAME, each whole or not at all. -EEXIST: one is there. The
 * process's umask is another one meanwhile: no thread may make files. */
int link_key_write(const struct link_key *key, const char *name);

#endif
