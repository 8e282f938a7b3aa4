/* SPDX-License-Identifier: Apache-2.0 */
/* link_key: takes files and texts, gives CURVE keys, and writes them. Any thread; keeps nothing,
 * and wipes the texts of secret keys that pass through. Does not judge whose a key is. */
#include "proto/link_key.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

static const char z85[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
static const char blanks[] = " \t";

int link_key_make(struct link_key *ret)
{
    char public_text[LINK_KEY_TEXT], secret_text[LINK_KEY_TEXT];
    if (zmq_curve_keypair(public_text, secret_text) < 0)
        return err_set(-ENOTSUP, "cannot make a key pair: %s", zmq_strerror(zmq_errno()));
    int r = link_key_from_text(public_text, ret->public_key);
    if (r == 0)
        r = link_key_from_text(secret_text, ret->secret_key);
    ret->has_secret = r == 0;
    explicit_bzero(secret_text, sizeof secret_text);
    return r;
}

/* zmq_z85_decode of 4.3.4 takes numbers above 2^32, which wrap: not every key has one text then. */
int link_key_from_text(const char *text, uint8_t ret[LINK_KEY_BYTES])
{
    uint8_t key[LINK_KEY_BYTES];
    if (strnlen(text, LINK_KEY_TEXT) != LINK_KEY_TEXT - 1)
        return err_set(-EINVAL, "a key has %d characters", LINK_KEY_TEXT - 1);
    for (int group = 0; group < LINK_KEY_BYTES / 4; group++) {
        uint64_t value = 0;
        for (int i = 0; i < 5; i++) {
            const char *digit = strchr(z85, text[5 * group + i]);
            if (!digit)
                return err_set(-EINVAL, "a key has a character that Z85 does not have");
            value = value * 85 + (uint64_t)(digit - z85);
        }
        if (value > UINT32_MAX)
            return err_set(-EINVAL, "a key is not Z85");
        for (int i = 0; i < 4; i++)
            key[4 * group + i] = (uint8_t)(value >> 8 * (3 - i));
    }
    memcpy(ret, key, sizeof key);
    explicit_bzero(key, sizeof key);
    return 0;
}

void link_key_text(const uint8_t key[LINK_KEY_BYTES], char ret[LINK_KEY_TEXT])
{
    zmq_z85_encode(ret, key, LINK_KEY_BYTES);
}

/* --- reading --- */

/* What is read of one text. */
struct cert {
    struct link_key key;
    bool has_public, in_curve;
    int line;
};

static int bad_line(const struct cert *cert, const char *what)
{
    return err_set(-EBADMSG, "line %d: %s", cert->line, what);
}

/* Behind "name =": the value in quotes, or bare up to the line's end. at is changed. */
static int take_value(struct cert *cert, char *at, const char **ret)
{
    at += strspn(at, blanks);
    size_t len = strlen(at);
    while (len > 0 && strchr(blanks, at[len - 1]))
        len--;
    at[len] = 0;
    if (*at == '"' || *at == '\'') {
        if (len < 2 || at[len - 1] != *at)
            return bad_line(cert, "a quote is not closed");
        at[len - 1] = 0;
        at++;
    }
    *ret = at;
    return 0;
}

static int take_key(struct cert *cert, char *at, bool *given, uint8_t ret[LINK_KEY_BYTES])
{
    const char *value = NULL;
    if (*given)
        return bad_line(cert, "a key is given twice");
    int r = take_value(cert, at, &value);
    if (r == 0 && link_key_from_text(value, ret) < 0)
        r = bad_line(cert, "this is no key: 40 characters of Z85 are wanted");
    *given = r == 0;
    return r;
}

/* A section begins at the left edge, its values are indented. A '#' within a line is no comment:
 * keys have it. */
static int take_line(struct cert *cert, char *line)
{
    size_t indent = strspn(line, blanks), len = strcspn(line + indent, " \t=");
    char *name = line + indent, *rest = name + len + strspn(name + len, blanks);
    if (*name == 0 || *name == '#')
        return 0;
    if (indent == 0) {
        cert->in_curve = len == 5 && strncmp(name, "curve", len) == 0;
        return 0;
    }
    if (!cert->in_curve)
        return 0;
    if (*rest != '=')
        return bad_line(cert, "name = \"value\" is wanted");
    if (len == 10 && strncmp(name, "public-key", len) == 0)
        return take_key(cert, rest + 1, &cert->has_public, cert->key.public_key);
    if (len == 10 && strncmp(name, "secret-key", len) == 0)
        return take_key(cert, rest + 1, &cert->key.has_secret, cert->key.secret_key);
    return 0;
}

static int check_pair(const struct link_key *key)
{
    char secret_text[LINK_KEY_TEXT], public_text[LINK_KEY_TEXT];
    uint8_t own[LINK_KEY_BYTES];
    link_key_text(key->secret_key, secret_text);
    int r = zmq_curve_public(public_text, secret_text) < 0
                ? err_set(-ENOTSUP, "CURVE: %s", zmq_strerror(zmq_errno()))
                : link_key_from_text(public_text, own);
    explicit_bzero(secret_text, sizeof secret_text);
    if (r == 0 && memcmp(own, key->public_key, sizeof own) != 0)
        r = err_set(-EBADMSG, "the public key is not that of the secret key");
    return r;
}

static void cert_wipe(struct cert *cert)
{
    explicit_bzero(cert, sizeof *cert);
}

int link_key_parse(const char *text, size_t len, struct link_key *ret)
{
    auto_with(cert_wipe) struct cert cert = {0};
    char line[512];
    int r = 0;
    while (r == 0 && len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len, step = end ? n + 1 : n;
        cert.line++;
        if (n > 0 && text[n - 1] == '\r')
            n--;
        if (n >= sizeof line || memchr(text, 0, n)) {
            r = bad_line(&cert, "too long, or no text");
            break;
        }
        memcpy(line, text, n);
        line[n] = 0;
        r = take_line(&cert, line);
        text += step;
        len -= step;
    }
    explicit_bzero(line, sizeof line);
    if (r == 0 && !cert.has_public)
        r = err_set(-EBADMSG, "no public-key in a section curve");
    if (r == 0 && cert.key.has_secret)
        r = check_pair(&cert.key);
    if (r == 0)
        *ret = cert.key;
    return r;
}

static int read_fd(int fd, const char *path, struct link_key *ret)
{
    char text[LINK_KEY_FILE_MAX + 1];
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, text + len, sizeof text - len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(-errno, "%s: %s", path, strerror(errno));
        len += (size_t)n;
        if (len > LINK_KEY_FILE_MAX)
            return err_set(-EBADMSG, "%s: too large for a file of keys", path);
    }
    int r = link_key_parse(text, len, ret);
    explicit_bzero(text, len);
    return r < 0 ? err_set(r, "%s: %s", path, err_text()) : 0;
}

/* Nothing but a file: a pipe in its place would keep us waiting. */
static int open_file(const char *path, struct stat *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_set(-errno, "%s: %s", path, strerror(errno));
    int r = fstat(fd, ret) < 0      ? err_set(-errno, "%s: %s", path, strerror(errno))
            : S_ISREG(ret->st_mode) ? 0
                                    : err_set(-EBADMSG, "%s: is no file", path);
    if (r < 0) {
        close(fd);
        return r;
    }
    return fd;
}

int link_key_read(const char *path, struct link_key *ret)
{
    struct stat st;
    auto_close int fd = open_file(path, &st);
    return fd < 0 ? fd : read_fd(fd, path, ret);
}

int link_key_read_secret(const char *path, bool guarded, struct link_key *ret)
{
    struct stat st;
    auto_close int fd = open_file(path, &st);
    if (fd < 0)
        return fd;
    if (!guarded && st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(-EACCES, "%s: a secret key that belongs to somebody else", path);
    if (!guarded && st.st_mode & 077)
        return err_set(-EACCES, "%s: a secret key that others may read: chmod 600 %s", path, path);
    int r = read_fd(fd, path, ret);
    if (r == 0 && !ret->has_secret)
        r = err_set(-EBADMSG, "%s: holds no secret key (NAME_secret does)", path);
    return r;
}

int link_key_given(const char *given, uint8_t ret[LINK_KEY_BYTES])
{
    struct link_key key;
    if (link_key_from_text(given, ret) == 0)
        return 0;
    int r = link_key_read(given, &key);
    if (r == 0)
        memcpy(ret, key.public_key, LINK_KEY_BYTES);
    explicit_bzero(&key, sizeof key);
    return r;
}

/* --- writing --- */

static void abort_fn(struct file_write *w)
{
    file_write_abort(w);
}

/* Never readable by others, not even while it is empty: who has it open then reads what comes. */
static int write_one(const struct link_key *key, const char *path, bool secret)
{
    auto_with(abort_fn) struct file_write w = {0};
    char text[LINK_KEY_TEXT];
    const mode_t before = umask(secret ? 077 : 022);
    int r = file_write_begin(&w, path);
    umask(before);
    if (r < 0)
        return r;
    char buffer[BUFSIZ];
    setvbuf(w.out, buffer, _IOFBF, sizeof buffer); /* ours to wipe */
    link_key_text(key->public_key, text);
    fprintf(w.out,
            "#   augstream: a %s key of ZeroMQ CURVE. %s\n\n"
            "metadata\ncurve\n    public-key = \"%s\"\n",
            secret ? "secret" : "public",
            secret ? "Give it to nobody." : "Give it to those who shall know its owner.", text);
    if (secret) {
        link_key_text(key->secret_key, text);
        fprintf(w.out, "    secret-key = \"%s\"\n", text);
    }
    r = file_write_commit(&w);
    explicit_bzero(text, sizeof text);
    explicit_bzero(buffer, sizeof buffer);
    return r;
}

int link_key_write(const struct link_key *key, const char *name)
{
    char secret[4096];
    const char *paths[] = {secret, name};
    struct stat st;
    if (snprintf(secret, sizeof secret, "%s_secret", name) >= (int)sizeof secret)
        return err_set(-ENAMETOOLONG, "%.64s...: the name is too long", name);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (lstat(paths[i], &st) == 0)
            return err_set(-EEXIST, "%s: is there already, and is left as it is", paths[i]);
    int r = write_one(key, secret, true);
    return r < 0 ? r : write_one(key, name, false);
}
