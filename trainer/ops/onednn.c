/* SPDX-License-Identifier: Apache-2.0 */
/* onednn: the CPU back end. Opens oneDNN's engine and stream, and puts the table together from
 * cpu*.c and onednn_conv.c. Owner: the table; one thread. Does not compute. */
#include "trainer/ops/onednn.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>

#include "common/auto.h"
#include "common/err.h"

int onednn_check(dnnl_status_t status, const char *what)
{
    switch (status) {
    case dnnl_success:
        return 0;
    case dnnl_out_of_memory:
        return err_set(-ENOMEM, "oneDNN: no memory for %s", what);
    case dnnl_invalid_arguments:
    case dnnl_unimplemented:
        return err_set(-ENOTSUP, "oneDNN cannot do %s", what);
    default:
        return err_set(-EIO, "oneDNN: %s failed with status %d", what, (int)status);
    }
}

/* OpenMP's number is the calling thread's own, and oneDNN asks for it on every call. */
void onednn_use_threads(const struct onednn *d)
{
    omp_set_dynamic(0);
    omp_set_num_threads(d->cpu.threads);
}

/* How many of the wanted threads OpenMP gives: OMP_THREAD_LIMIT may allow fewer. oneDNN shares work
 * out among as many as it asked for and waits for them all; with fewer it hangs or leaves holes. */
static int threads_given(int wanted)
{
    int given = 1;
    omp_set_dynamic(0);
#pragma omp parallel num_threads(wanted)
#pragma omp single
    given = omp_get_num_threads();
    return given;
}

static void onednn_free(struct onednn *d)
{
    if (d->stream)
        dnnl_stream_destroy(d->stream);
    if (d->engine)
        dnnl_engine_destroy(d->engine);
    cpu_done(&d->cpu);
    free(d);
}

static void onednn_close(struct ops *ops)
{
    onednn_free(ops->state);
}

int ops_onednn_fill(struct ops *ops)
{
    struct onednn *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(-ENOMEM, "no memory for the oneDNN back end");
    ops->threads = threads_given(ops->threads);
    int r = cpu_init(&d->cpu, ops, cpu_isa_best());
    if (r >= 0)
        r = onednn_check(dnnl_engine_create(&d->engine, dnnl_cpu, 0), "an engine on the CPU");
    if (r >= 0)
        r = onednn_check(dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags),
                         "a stream on the CPU");
    if (r < 0) {
        onednn_free(d);
        return r;
    }
    onednn_conv_fill(ops);
    ops->close = onednn_close;
    return 0;
}
