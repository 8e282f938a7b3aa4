/* SPDX-License-Identifier: Apache-2.0 */
/* notify: the service manager's readiness protocol (sd_notify(3), "Standalone Implementations"),
 * both sides: loaderd speaks it, the trainer listens to its embedded loader. */
#ifndef AUGSTREAM_COMMON_NOTIFY_H
#define AUGSTREAM_COMMON_NOTIFY_H

#include <stdint.h>

/* Sends "READY=1\nSTATUS=..." style text to $NOTIFY_SOCKET (path or @abstract). Returns 0 when
 * sent, 0 as well when no socket is set (not a service), -errno otherwise. Never waits: -EAGAIN
 * when nobody has read what was sent before and there is no more room. */
int notify_send(const char *text);

/* $WATCHDOG_USEC for this process, 0 when there is none. */
uint64_t notify_watchdog_us(void);

/* Listener: a datagram socket bound to path (a file is made; at most 107 bytes). */
int notify_listen(const char *path, int *ret_fd);
/* Next datagram into text (NUL-terminated, cut to cap - 1 bytes), waiting up to timeout_ms >= 0;
 * -ETIMEDOUT. */
int notify_receive(int fd, int timeout_ms, char *ret_text, uint32_t cap);

#endif
