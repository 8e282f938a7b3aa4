/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_wire: any bytes as a message of a peer: libFuzzer's entry, which replay.c calls as well.
 * Beyond not crashing it must hold that
 *   - what a small memory takes, a large one takes, and tells the same;
 *   - what was taken can be packed again, and that is taken and packed to the same bytes;
 *   - a spec that its check lets pass draws records that their own check lets pass;
 *   - a tap that tells its spec tells one that the check lets pass.
 * A breach aborts. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64, LARGE = WIRE_OMEGAS_MAX };

static struct wire *small, *large, *other;
static uint8_t *packed; /* [WIRE_HEADER_MAX] */

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_wire: %s: %s\n", what, err_text());
    abort();
}

static void begin(void)
{
    if (packed)
        return;
    check(wire_new(SMALL, &small) == 0 && wire_new(LARGE, &large) == 0 &&
              wire_new(LARGE, &other) == 0,
          "no memory for messages");
    packed = malloc(WIRE_HEADER_MAX);
    check(packed, "no memory");
}

/* Of every kind of source that there may be: least, oblong, largest. */
static void draw(const struct spec *spec)
{
    static const uint32_t sides[][2] = {
        {1, 1}, {1, OMEGA_SIDE_MAX}, {640, 427}, {OMEGA_SIDE_MAX, OMEGA_SIDE_MAX}};
    for (uint32_t v = 0; v < spec->n_views; v++)
        for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
            const struct omega_key key = {.seed = spec->seed, .sample = (uint32_t)i, .view = v};
            struct omega omega;
            omega_draw(&spec->views[v], &key, sides[i][0], sides[i][1], &omega);
            check(omega_check(&omega, &spec->views[v]) == 0, "a law draws what it forbids");
        }
}

static void look(const struct wire_message *m)
{
    if (m->type == WIRE_TAP && m->tap.told_spec)
        check(spec_check(&m->tap.spec) == 0, "a tap of a spec that none may ask for");
    if (m->type != WIRE_OPEN_SESSION)
        return;
    const struct spec *spec = &m->open_session.spec;
    const int rc = spec_check(spec);
    check(rc == 0 || rc == -EINVAL, "a spec's check says neither yes nor no");
    if (rc < 0)
        return;
    check(spec_batches(spec, 1 << 20) > 0 && spec_batch_bytes(spec) > 0, "a spec of nothing");
    draw(spec);
}

/* Packed, taken and packed again: the same bytes. */
static void go_round(const struct wire_message *m)
{
    static struct wire_message back;
    const void *bytes;
    size_t len, len_again;
    check(wire_pack(large, m, &bytes, &len) == 0, "what was taken cannot be packed");
    memcpy(packed, bytes, len);
    check(wire_unpack(other, packed, len, &back) == 0, "what was packed is not taken");
    check(back.type == m->type, "it comes back as another message");
    check(wire_pack(other, &back, &bytes, &len_again) == 0, "it cannot be packed twice");
    check(len == len_again && memcmp(packed, bytes, len) == 0, "it is packed differently");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire_message a, b;
    begin();
    const int in_small = wire_unpack(small, data, size, &a);
    const int in_large = wire_unpack(large, data, size, &b);
    check(in_small == 0 || in_small == -EBADMSG, "neither a message nor -EBADMSG");
    check(in_large == 0 || in_large == -EBADMSG, "neither a message nor -EBADMSG");
    check(in_small < 0 || (in_large == 0 && a.type == b.type),
          "a small memory takes what a large one refuses");
    if (in_large < 0)
        return 0;
    look(&b);
    go_round(&b);
    return 0;
}

void fuzz_done(void)
{
    wire_free(small);
    wire_free(large);
    wire_free(other);
    free(packed);
    small = large = other = NULL;
    packed = NULL;
}
