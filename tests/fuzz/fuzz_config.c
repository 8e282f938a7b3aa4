/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config: any bytes as a loaderd.yaml: libFuzzer's entry, which replay.c calls as well. Beyond
 * not crashing it must hold that
 *   - a file is taken, or refused with -EINVAL and a message that begins with its name;
 *   - what was taken is dumped, the dump is taken, and dumped again to the same text.
 * A breach aborts. The table of keys, their bounds and YAML itself are those of recipes, too. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include "common/err.h"
#include "loaderd/config.h"

#include <errno.h>

enum { DUMP_MAX = 1 << 20 };

static struct config config; /* too large for a stack */
static char *dumps[2];       /* [DUMP_MAX] each */

static size_t dump(char *text)
{
    FILE *out = fmemopen(text, DUMP_MAX, "w");
    scratch_check(out, "no memory");
    scratch_check(conf_dump(&config_table, &config, out) == 0, "what was taken cannot be dumped");
    const long len = ftell(out);
    scratch_check(len > 0 && len < DUMP_MAX && fclose(out) == 0, "a dump without an end");
    return (size_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = scratch_file("loaderd.yaml", data, size);
    const int rc = config_load(&config, path);
    scratch_check(rc == 0 || rc == -EINVAL, "neither taken nor refused");
    scratch_check(rc == 0 || strncmp(err_text(), path, strlen(path)) == 0,
                  "a message that does not name the file");
    if (rc < 0)
        return 0;
    for (int i = 0; i < 2; i++)
        if (!dumps[i])
            dumps[i] = malloc(DUMP_MAX);
    scratch_check(dumps[0] && dumps[1], "no memory");
    const size_t len = dump(dumps[0]);
    scratch_check(config_load(&config, scratch_file("dump.yaml", dumps[0], len)) == 0,
                  "a dump is refused");
    scratch_check(dump(dumps[1]) == len && memcmp(dumps[0], dumps[1], len) == 0,
                  "a dump's dump is another");
    return 0;
}

void fuzz_done(void)
{
    free(dumps[0]);
    free(dumps[1]);
    dumps[0] = dumps[1] = NULL;
    scratch_done();
}
