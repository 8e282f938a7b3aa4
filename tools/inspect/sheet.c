/* SPDX-License-Identifier: Apache-2.0 */
/* sheet: fetches one batch and has its views laid out as a contact sheet (trainer/watch/sheet), a
 * PNG file. */
#include "trainer/watch/sheet.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "tools/inspect/inspect.h"
#include "trainer/watch/picture.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 256 };

struct options {
    struct fetch_options fetch;
    const char *out;
    int64_t samples;
};

static const struct usage_option rows[] = {
    FETCH_OPTIONS,
    {"samples", "N", 'n', "the first N samples of the batch, 1 to 256 (default 24)"},
    {"out", "FILE", 'o', "a PNG picture", USAGE_REQUIRED},
};

const struct usage inspect_sheet_usage = {
    .name = "sheet",
    .program = "augstream-inspect",
    .summary = "the views of one batch side by side, into a PNG picture",
    .operands = "ENDPOINT",
    .about = "Fetches one batch as the trainer would and draws its first samples: the views of one "
             "touch, small ones are in rows below them, samples are apart. " FETCH_ENDPOINT,
    .options = rows,
    .n_options = ARRAY_LEN(rows),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_sheet_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : fetch_option(&o->fetch, key, optarg);
        if (key == 'n')
            rc = inspect_number("samples", optarg, 1, SAMPLES_MAX, &o->samples);
        else if (key == 'o')
            o->out = optarg;
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (optind + 1 != argc || !o->fetch.recipe || !o->out)
        return err_set(-EINVAL, "sheet needs ENDPOINT, --recipe and --out");
    o->fetch.endpoint = argv[optind];
    return 0;
}

int inspect_sheet(int argc, char **argv)
{
    struct options o = {.samples = 24};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    struct sheet sheet = {0};
    struct fetch *fetch = calloc(1, sizeof *fetch);
    rc = fetch ? fetch_open(fetch, &o.fetch) : err_set(-ENOMEM, "out of memory");
    if (!rc) {
        const struct sheet_batch batch = fetch_sheet(fetch);
        rc = sheet_draw(&batch, (uint32_t)o.samples, &sheet);
    }
    if (!rc)
        rc = picture_save(o.out, sheet.rgb, sheet.w, sheet.h);
    if (!rc)
        printf("%s: %ux%u\n", o.out, sheet.w, sheet.h);
    if (fetch)
        fetch_done(fetch);
    free(fetch);
    free(sheet.rgb);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
