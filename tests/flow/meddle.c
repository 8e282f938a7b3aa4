/* SPDX-License-Identifier: Apache-2.0 */
/* meddle LISTEN LOADER N: a relay between one trainer and one loader that damages what it carries:
 * in every N-th Batch one bit of one frame is turned over, header and CRC left as they were. Runs
 * until SIGTERM, then prints how many batches it carried and damaged. */
#include "common/auto.h"
#include "common/err.h"
#include "proto/link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
    (void)signal;
    stop = 1;
}

struct relay {
    struct link *trainer, *loader; /* ROUTER, DEALER */
    struct link_peer peer;         /* the trainer: whoever spoke last */
    uint64_t every, carried, damaged;
    struct link_message in;
    unsigned char bytes[WIRE_FRAME_MAX]; /* of the frame that is damaged */
};

static int requests(struct relay *r)
{
    int rc;
    while ((rc = link_receive(r->trainer, &r->in)) == 0) {
        r->peer = r->in.peer;
        rc = link_send(r->loader, NULL, r->in.body, r->in.body_len, NULL, 0);
        if (rc < 0)
            return rc;
    }
    return rc == -EAGAIN ? 0 : rc;
}

static int answers(struct relay *r)
{
    int rc;
    while ((rc = link_receive(r->loader, &r->in)) == 0) {
        struct link_frame frames[WIRE_FRAMES_MAX];
        for (uint32_t i = 0; i < r->in.n_frames; i++) /* without free: copied */
            frames[i] = (struct link_frame){.data = (void *)r->in.frames[i].data,
                                            .len = r->in.frames[i].len};
        if (r->in.n_frames > 0 && ++r->carried % r->every == 0) {
            struct link_frame *frame = &frames[r->damaged++ % r->in.n_frames];
            memcpy(r->bytes, frame->data, frame->len);
            r->bytes[r->damaged * 7919 % frame->len] ^= 1 << (r->damaged % 8);
            frame->data = r->bytes;
        }
        rc = link_send(r->trainer, &r->peer, r->in.body, r->in.body_len, frames, r->in.n_frames);
        if (rc < 0 && rc != -EHOSTUNREACH)
            return rc;
    }
    return rc == -EAGAIN ? 0 : rc;
}

static int carry(struct relay *r)
{
    struct link *links[] = {r->trainer, r->loader};
    int rc = 0;
    while (!stop && rc >= 0) {
        rc = link_wait(links, ARRAY_LEN(links), 50);
        if (rc == -EINTR)
            rc = 0;
        if (rc >= 0)
            rc = requests(r);
        if (rc >= 0)
            rc = answers(r);
    }
    return rc;
}

int main(int argc, char **argv)
{
    static struct relay r; /* large */
    struct link_context *context;
    if (argc != 4 || (r.every = strtoul(argv[3], NULL, 10)) == 0)
        return EXIT_USAGE;
    signal(SIGTERM, on_term);
    int rc = link_context_new(&context);
    if (rc == 0)
        rc = link_router_bind(context, argv[1], &r.trainer);
    if (rc == 0)
        rc = link_dealer_connect(context, argv[2], &r.loader);
    if (rc == 0)
        rc = carry(&r);
    if (rc < 0)
        fprintf(stderr, "meddle: %s\n", err_text());
    printf("%llu carried, %llu damaged\n", (unsigned long long)r.carried,
           (unsigned long long)r.damaged);
    link_message_done(&r.in);
    link_close(r.trainer);
    link_close(r.loader);
    link_context_free(context);
    return rc < 0 ? EXIT_INTERNAL : EXIT_OK;
}
