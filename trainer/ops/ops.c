/* SPDX-License-Identifier: Apache-2.0 */
/* ops: picks a back end by name. Takes a name and a number of threads; gives a filled table that
 * the caller closes. Does not compute: every slot is a back end's. */
#include "trainer/ops/ops.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/auto.h"
#include "common/err.h"

static int ref_fill(struct ops *ops)
{
    (void)ops; /* ops_open has put ref's table in place already */
    return 0;
}

/* The fastest first: "auto" takes the first row that is built in. */
static const struct {
    const char *name;
    int (*fill)(struct ops *ops); /* NULL: not built in; cleans up after itself when it fails */
} backends[] = {
#ifdef HAVE_ONEDNN
    {"onednn", ops_onednn_fill},
#else
    {"onednn", NULL},
#endif
    {"ref", ref_fill},
};

/* All CPUs that this process may run on: what a container or taskset left us, not the machine's. */
static int cpus_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* a machine with more CPUs than a cpu_set_t holds */
    return n > 0 ? (int)n : 1;
}

static int backend_find(const char *name, size_t *ret)
{
    bool any = strcmp(name, "auto") == 0;
    for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
        if (any ? !backends[i].fill : strcmp(name, backends[i].name) != 0)
            continue;
        if (!backends[i].fill)
            return err_set(-ENOTSUP, "the back end \"%s\" is not built in", name);
        *ret = i;
        return 0;
    }
    return err_set(-EINVAL, "no back end is called \"%s\"; there are auto, onednn and ref", name);
}

int ops_open(const char *name, int threads, struct ops **ret)
{
    size_t i = 0;
    int r = backend_find(name, &i);
    if (r < 0)
        return r;
    if (threads < 0)
        return err_set(-EINVAL, "a back end cannot use %d threads", threads);

    auto_free struct ops *ops = calloc(1, sizeof(*ops));
    if (!ops)
        return err_set(-ENOMEM, "no memory for a table of operations");
    ops->threads = threads ? threads : cpus_allowed();
    ops_ref_fill(ops);
    r = backends[i].fill(ops);
    if (r < 0)
        return r;
    ops->name = backends[i].name;
    *ret = take_ptr(&ops);
    return 0;
}

int ops_set_dtype(struct ops *ops, enum dtype wish)
{
    if (wish == DTYPE_BF16 && ops->no_bf16)
        return err_set(-ENOTSUP, "no bf16: %s; fp32 works everywhere", ops->no_bf16);
    ops->dtype = wish == DTYPE_AUTO ? (ops->no_bf16 ? DTYPE_FP32 : DTYPE_BF16) : wish;
    return 0;
}

void ops_close(struct ops *ops)
{
    if (!ops)
        return;
    if (ops->close)
        ops->close(ops);
    free(ops);
}
