/* SPDX-License-Identifier: Apache-2.0 */
/* process: sets this process up, and takes /proc/self, gives figures. The folder of descriptors is
 * read by the system call, for opendir allocates; the start is kept by whoever asks, for /proc/stat
 * is out of sight under ProcSubset=pid. */
#include "loaderd/daemon/process.h"

#include "common/auto.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void process_prepare(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* until the loop hears them */
    signal(SIGUSR1, SIG_IGN);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

double process_start(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Entries of /proc/self/fd but ".", ".." and the one that reads. */
static uint64_t count_descriptors(void)
{
    auto_close int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _Alignas(8) char entries[4096];
    uint64_t n = 0;
    for (long got; fd >= 0 && (got = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < got; n++) {
            uint16_t len; /* struct linux_dirent64's d_reclen, behind two words of 8 bytes */
            memcpy(&len, entries + at + 16, sizeof len);
            at += len;
        }
    }
    return n > 3 ? n - 3 : 0;
}

/* size and resident of /proc/self/statm, in pages. */
static void read_memory(struct exposition_process *ret)
{
    char text[128] = "";
    auto_close int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    uint64_t size, resident;
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0 ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
        return;
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    ret->virtual_bytes = size * page;
    ret->resident_bytes = resident * page;
}

/* The 18th field behind the name, which ends with the last bracket. */
static void read_threads(struct exposition_process *ret)
{
    char text[1024] = "";
    auto_close int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return;
    const char *at = strrchr(text, ')');
    if (at)
        sscanf(at + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %" SCNu64,
               &ret->threads);
}

void process_read(struct exposition_process *ret)
{
    struct rusage usage;
    struct rlimit limit;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        ret->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        ret->descriptors_max = limit.rlim_cur;
    ret->descriptors = count_descriptors();
    read_memory(ret);
    read_threads(ret);
}
