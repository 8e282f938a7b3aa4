/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_zap: any bytes as a question of ZeroMQ's whether a connection may be made: libFuzzer's
 * entry, which replay.c calls as well. The first byte is how many frames there are, each follows as
 * its length (a byte; 255: two more, the longer way) and its bytes; what is missing is empty. Who
 * is let in is said here once more, from RFC 27 and link_auth.h alone: a key of the list at an
 * endpoint that wants one, everybody at an open one, nobody else. Beyond not crashing it must hold
 * that
 *   - the answer is that, with the key's text as the user, and with the request's own id;
 *   - each no, and no yes, is counted, and what is told of it can go into a log.
 * A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/zap.h"

#include "proto/link.h"

enum { FRAMES_MOST = 15, KNOWN_FRAMES = LINK_AUTH_FRAMES };

static struct link_context *context;
static struct link_auth *auth;

static void tell(void *hint, const char *text)
{
    (void)hint;
    scratch_check(false, text);
}

static void begin(void)
{
    char text[LINK_KEY_TEXT], file[128];
    bool gone;
    if (auth)
        return;
    link_key_text(zap_known_key, text);
    snprintf(file, sizeof file, "curve\n public-key = \"%s\"\n", text);
    const char *path = scratch_file(ZAP_KNOWN_NAME, file, strlen(file));
    scratch_check(link_context_new(&context) == 0 && link_context_admit(context, &auth) == 0 &&
                      link_auth_load(auth, path, tell, NULL, &gone) == 1,
                  "no list of clients");
}

/* The frames, each in memory of its own size, so that a byte beyond it is seen. Only those that the
 * thread keeps are there. */
static size_t split(const uint8_t *data, size_t size, struct link_auth_frame *frames)
{
    size_t n = size ? data[0] % (FRAMES_MOST + 1) : 0, at = 1;
    for (size_t i = 0; i < n; i++) {
        size_t len = at < size ? data[at++] : 0;
        if (len == 255 && size - at >= 2) {
            len = (size_t)data[at] << 8 | data[at + 1];
            at += 2;
        }
        len = at < size ? len < size - at ? len : size - at : 0;
        if (i < KNOWN_FRAMES) {
            void *bytes = malloc(len + !len);
            scratch_check(bytes, "no memory");
            memcpy(bytes, data + at, len);
            frames[i] = (struct link_auth_frame){bytes, len};
        }
        at += len;
    }
    return n;
}

static bool is(const struct link_auth_frame *frame, const void *bytes, size_t len)
{
    return frame->len == len && memcmp(frame->data, bytes, len) == 0;
}

/* NULL: nobody; else who is let in: a key's text, or "". */
static const char *let_in(const struct link_auth_frame *f, size_t n)
{
    static char text[LINK_KEY_TEXT];
    if ((n != 6 && n != 7) || !is(&f[0], "1.0", 3))
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (f[i].len > LINK_AUTH_FRAME_MAX)
            return NULL;
    if (n == 6)
        return is(&f[2], "augstream.open", 14) && is(&f[5], "NULL", 4) ? "" : NULL;
    link_key_text(zap_known_key, text);
    return is(&f[2], "augstream.curve", 15) && is(&f[5], "CURVE", 5) &&
                   is(&f[6], zap_known_key, LINK_KEY_BYTES)
               ? text
               : NULL;
}

static void judge(const struct link_auth_frame *frames, size_t n)
{
    char last[LINK_AUTH_TEXT_MAX];
    struct link_auth_answer answer;
    const uint64_t before = link_auth_refused(auth, last);
    const char *user = let_in(frames, n);
    link_auth_judge(auth, frames, n, &answer);
    const bool yes = strcmp(answer.code, "200") == 0;
    scratch_check(yes == (user != NULL), yes ? "a stranger is let in" : "a client is put off");
    scratch_check(yes || strcmp(answer.code, "400") == 0 || strcmp(answer.code, "500") == 0,
                  "an answer that RFC 27 does not know");
    scratch_check(strcmp(answer.user, user ? user : "") == 0, "another's key");
    scratch_check(link_auth_refused(auth, last) == before + !yes, "not counted right");
    for (const char *c = last; *c; c++)
        scratch_check(*c >= ' ' && *c < 127, "a text that is none for a log");
    const bool has_id = n > 1 && frames[1].len <= LINK_AUTH_FRAME_MAX;
    scratch_check(has_id ? is(&frames[1], answer.id, answer.id_len) : answer.id_len == 0,
                  "another request's id");
    scratch_check(strcmp(answer.name, user && user[0] ? ZAP_KNOWN_NAME : "") == 0,
                  "another's name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    struct link_auth_frame *frames = calloc(KNOWN_FRAMES, sizeof *frames);
    scratch_check(frames, "no memory");
    const size_t n = split(data, size, frames);
    judge(frames, n);
    for (size_t i = 0; i < KNOWN_FRAMES; i++)
        free((void *)(uintptr_t)frames[i].data);
    free(frames);
    return 0;
}

void fuzz_done(void)
{
    link_context_free(context);
    scratch_done();
}
