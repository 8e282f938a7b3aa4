/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint: takes the text of an address, gives what is wrong with it. Any thread; owns nothing.
 * Opens no link: the one socket that it makes only asks whether anybody listens. */
#include "proto/endpoint.h"

#include "common/auto.h"
#include "common/err.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char tcp[] = "tcp://", ipc[] = "ipc://";

/* What stands behind the scheme, NULL when it is another scheme. */
static const char *after(const char *endpoint, const char *scheme)
{
    size_t len = strlen(scheme);
    return strncmp(endpoint, scheme, len) == 0 ? endpoint + len : NULL;
}

/* ZeroMQ takes some ports that are none, and fails only later, where nobody is told. */
static int tcp_check(const char *endpoint, const char *address, bool binds)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address)
        return err_set(-EINVAL, "%s: not tcp://host:port", endpoint);
    if (binds && strcmp(colon + 1, "*") == 0)
        return 0;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end || port > UINT16_MAX || (port == 0 && !binds))
        return err_set(-EINVAL, "%s: not tcp://host:port, the port is 1 to 65535", endpoint);
    return 0;
}

static int ipc_check(const char *endpoint, const char *path)
{
    const struct sockaddr_un address;
    if (*path == '@')
        return err_set(-EINVAL, "%s: abstract sockets have no permissions, name a path", endpoint);
    if (*path == 0 || *path == '*')
        return err_set(-EINVAL, "%s: the path is missing", endpoint);
    if (strlen(path) >= sizeof address.sun_path)
        return err_set(-EINVAL, "%s: the path has %zu bytes, at most %zu", endpoint, strlen(path),
                       sizeof address.sun_path - 1);
    return 0;
}

int endpoint_check(const char *endpoint, bool binds)
{
    if (strlen(endpoint) >= LINK_ENDPOINT_MAX)
        return err_set(-EINVAL, "%.40s...: an endpoint has at most %d bytes", endpoint,
                       LINK_ENDPOINT_MAX - 1);
    const char *rest;
    if ((rest = after(endpoint, tcp)))
        return tcp_check(endpoint, rest, binds);
    if ((rest = after(endpoint, ipc)))
        return ipc_check(endpoint, rest);
    return err_set(-EINVAL, "%s: neither tcp://host:port nor ipc://path", endpoint);
}

/* Whether the process that listens at the other end of a connection is there no more: its socket
 * is then with a child between fork and exec, for a moment. A process of another namespace (0) is
 * not known, and so taken to live. */
static bool listener_is_dead(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0 &&
           kill(peer.pid, 0) < 0 && errno == ESRCH;
}

int endpoint_vacant(const char *endpoint)
{
    struct stat st;
    const char *path = after(endpoint, ipc);
    if (!path || lstat(path, &st) < 0)
        return 0; /* nothing there, or bind says what is wrong */
    if (!S_ISSOCK(st.st_mode))
        return err_set(-EADDRNOTAVAIL, "%s: there is a file that is not a socket", endpoint);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(-errno, "%s: %s", endpoint, strerror(errno));
    int code = connect(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    if (code == ECONNREFUSED || (code == 0 && listener_is_dead(fd)))
        return 0;
    if (code && code != EAGAIN) /* EAGAIN: somebody listens, and is busy */
        return err_set(-EADDRNOTAVAIL, "%s: %s", endpoint, strerror(code));
    return err_set(-EADDRINUSE, "%s: another process listens there", endpoint);
}

static bool file_at(const char *endpoint, struct endpoint_file *ret)
{
    struct stat st;
    const char *path = after(endpoint, ipc);
    if (!path || lstat(path, &st) < 0)
        return false;
    ret->device = st.st_dev;
    ret->inode = st.st_ino;
    return true;
}

void endpoint_note(const char *endpoint, struct endpoint_file *ret)
{
    if (!file_at(endpoint, ret))
        *ret = (struct endpoint_file){0};
}

void endpoint_remove(const char *endpoint, const struct endpoint_file *file)
{
    struct endpoint_file now;
    if (file->inode != 0 && file_at(endpoint, &now) && now.device == file->device &&
        now.inode == file->inode)
        unlink(after(endpoint, ipc));
}
