/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_keys: any bytes as a file of CURVE keys: libFuzzer's entry, which replay.c calls as well.
 * Beyond not crashing it must hold that
 *   - keys are taken, or refused with a message, and what is refused leaves nothing behind;
 *   - what was taken, written in our own form, is taken again and is the same keys;
 *   - a secret key is taken with its own public key alone, and is zeros where there is none;
 *   - the file with these bytes says the same as the bytes, unless it is too large.
 * A breach aborts. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include "proto/link_key.h"

#include <errno.h>

static bool same(const struct link_key *a, const struct link_key *b)
{
    return memcmp(a->public_key, b->public_key, LINK_KEY_BYTES) == 0 &&
           memcmp(a->secret_key, b->secret_key, LINK_KEY_BYTES) == 0 &&
           a->has_secret == b->has_secret;
}

static void look(const struct link_key *key)
{
    static const struct link_key none;
    char public_text[LINK_KEY_TEXT], secret_text[LINK_KEY_TEXT], text[256];
    struct link_key again;
    link_key_text(key->public_key, public_text);
    link_key_text(key->secret_key, secret_text);
    scratch_check(key->has_secret || memcmp(key->secret_key, none.secret_key, LINK_KEY_BYTES) == 0,
                  "a secret key that nobody gave");
    int len =
        key->has_secret
            ? snprintf(text, sizeof text, "curve\n  public-key = \"%s\"\n  secret-key = \"%s\"\n",
                       public_text, secret_text)
            : snprintf(text, sizeof text, "curve\n  public-key = %s\n", public_text);
    scratch_check(link_key_parse(text, (size_t)len, &again) == 0 && same(key, &again),
                  "taken, and in our own form not the same");
    if (!key->has_secret)
        return;
    /* Another public key beside it: one bit is enough. */
    struct link_key other = *key;
    other.public_key[LINK_KEY_BYTES / 2] ^= 1;
    link_key_text(other.public_key, public_text);
    len = snprintf(text, sizeof text, "curve\n  public-key = \"%s\"\n  secret-key = \"%s\"\n",
                   public_text, secret_text);
    scratch_check(link_key_parse(text, (size_t)len, &again) == -EBADMSG,
                  "a secret key with another's public one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct link_key key, untouched, of_file;
    memset(&key, 0x5a, sizeof key);
    memset(&untouched, 0x5a, sizeof untouched);
    char *exact = malloc(size + !size); /* no NUL behind it */
    scratch_check(exact, "no memory");
    if (size)
        memcpy(exact, data, size);
    const int parsed = link_key_parse(exact, size, &key);
    free(exact);
    scratch_check(parsed == 0 || parsed == -EBADMSG, "neither taken nor refused");
    if (parsed == 0)
        look(&key);
    else
        scratch_check(memcmp(&key, &untouched, sizeof key) == 0,
                      "refused, and something is left of it");
    const char *file = scratch_file("key", data, size);
    const int read = link_key_read(file, &of_file);
    scratch_check(size > LINK_KEY_FILE_MAX ? read == -EBADMSG
                                           : read == parsed && (read < 0 || same(&key, &of_file)),
                  "a file says something else than its bytes");
    scratch_check(read == 0 || strstr(err_text(), file), "a message that does not name the file");
    return 0;
}

void fuzz_done(void)
{
    scratch_done();
}
