/* SPDX-License-Identifier: Apache-2.0 */
/* notify: takes state lines for the service manager and sends each as one datagram; gives those
 * that a child sends us. Any thread. The caller owns the listening descriptor and its file. Does
 * not parse the lines. */
#include "common/notify.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/stat.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or "@name" for the abstract namespace. */
static int socket_address(const char *path, struct sockaddr_un *ret, socklen_t *ret_len)
{
    size_t len = strlen(path);
    if (len < 2 || len >= sizeof ret->sun_path || (path[0] != '/' && path[0] != '@'))
        return err_set(-EINVAL, "notify: '%.128s' is not the path of a socket", path);
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->sun_path, path, len);
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (path[0] == '@')
        ret->sun_path[0] = 0; /* such a name has no NUL at its end */
    else
        ++*ret_len;
    return 0;
}

int notify_send(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0])
        return 0;
    struct sockaddr_un to;
    socklen_t to_len = 0;
    int rc = socket_address(path, &to, &to_len);
    if (rc < 0)
        return rc;
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                         (struct sockaddr *)&to, to_len) < 0)
        return err_set(-errno, "notify: %s: %s", path, strerror(errno));
    return 0;
}

/* The whole text as a number, 0 when it is none. */
static uint64_t number_of(const char *text)
{
    if (!text || text[0] < '0' || text[0] > '9')
        return 0;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    return errno == 0 && *end == 0 ? value : 0;
}

uint64_t notify_watchdog_us(void)
{
    const char *pid = getenv("WATCHDOG_PID");
    if (pid && number_of(pid) != (uint64_t)getpid())
        return 0; /* meant for another process, whose environment we inherited */
    return number_of(getenv("WATCHDOG_USEC"));
}

int notify_listen(const char *path, int *ret_fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!path[0] || path[0] == '@' || strlen(path) >= sizeof at.sun_path)
        return err_set(-EINVAL, "notify: '%.128s' is not a path of at most %zu bytes", path,
                       sizeof at.sun_path - 1);
    memcpy(at.sun_path, path, strlen(path));
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        return err_set(-errno, "notify: %s: %s", path, strerror(errno));
    *ret_fd = take_fd(&fd);
    return 0;
}

int notify_receive(int fd, int timeout_ms, char *ret_text, uint32_t cap)
{
    double deadline = stat_now() + timeout_ms * 1e-3;
    for (;;) {
        double left_ms = fmax(0, ceil((deadline - stat_now()) * 1e3));
        int ready = poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, (int)left_ms);
        if (ready == 0)
            return err_set(-ETIMEDOUT, "notify: no word within %d ms", timeout_ms);
        ssize_t n = ready < 0 ? -1 : recv(fd, ret_text, cap - 1, MSG_DONTWAIT);
        if (n >= 0) {
            ret_text[n] = 0; /* a longer datagram is cut */
            return 0;
        }
        /* A signal came, or another reader was quicker: wait for what is left of the time. */
        if (errno != EINTR && errno != EAGAIN)
            return err_set(-errno, "notify: %s", strerror(errno));
    }
}
