/* SPDX-License-Identifier: Apache-2.0 */
/* link_accept: takes a connection that ZeroMQ's thread wants to accept, gives it or closes it.
 * Descriptors are given out lowest first, so the number of a new one tells how many are left. The
 * definition of accept4 is found before the C library's, by libzmq as by everybody in the process;
 * sys/socket.h declares it with a type of glibc's own, so it is declared here. */
#include "proto/link_accept.h"

#include "common/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PEERS_LEAST = 1 };

static atomic_uint spare_descriptors;
static atomic_uint_fast64_t refused;

static uint64_t limit(void)
{
    struct rlimit l;
    return getrlimit(RLIMIT_NOFILE, &l) == 0 ? l.rlim_cur : UINT64_MAX;
}

int accept4(int fd, void *address, void *len, int flags);

int accept4(int fd, void *address, void *len, int flags)
{
    long peer = syscall(SYS_accept4, fd, address, len, flags);
    if (peer >= 0 && (uint64_t)peer + atomic_load(&spare_descriptors) < limit())
        return (int)peer;
    if (peer < 0 && errno != EMFILE && errno != ENFILE)
        return -1;
    if (peer >= 0)
        close((int)peer);
    atomic_fetch_add(&refused, 1);
    errno = EAGAIN;
    return -1;
}

int link_accept_spare(uint32_t spare)
{
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the lowest one that is free */
    if (next >= 0)
        close(next);
    if (next < 0 || (uint64_t)next + spare + PEERS_LEAST > limit())
        return err_set(-EMFILE,
                       "%llu open files are allowed (ulimit -n): too few to serve anybody and keep "
                       "%u for workers",
                       (unsigned long long)limit(), spare);
    atomic_store(&spare_descriptors, spare);
    return 0;
}

uint64_t link_accept_refused(void)
{
    return atomic_load(&refused);
}
