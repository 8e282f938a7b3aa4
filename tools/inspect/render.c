/* SPDX-License-Identifier: Apache-2.0 */
/* render: one image file under a given omega, as a loader would render it; a PNG file. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/replay/single.h"
#include "trainer/watch/picture.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    struct single_options single;
    const char *out;
};

static const struct usage_option rows[] = {
    SINGLE_OPTIONS,
    {"out", "FILE", 'o', "a PNG picture of the view", USAGE_REQUIRED},
};

static const struct usage_section sections[] = {
    {"Examples",
     "    augstream-inspect render --image cat.jpg --omega '{\"blur\": {\"sigma\": 2}}' \\\n"
     "        --size 96 --out blurred.png\n"
     "    augstream-inspect render --image cat.jpg --out turned.png \\\n"
     "        --omega '{\"crop\": [0, 40, 200, 200], \"jitter\": {\"hue\": 0.1}, \"rotation\": "
     "1}'\n"
     "    augstream-inspect render --image cat.jpg --omega @line.json --out view.png"},
};

const struct usage inspect_render_usage = {
    .name = "render",
    .program = "augstream-inspect",
    .summary = "one image under a given omega, into a PNG picture",
    .operands = "",
    .about = "Renders a view of an image file as a loader would, from the omega that is told: a "
             "line of stream is enough. A source that it names must have the picture's size. With "
             "--reduce a loader chooses the reduction by all views of a sample, this by its one.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_render_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : single_option(&o->single, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
        if (key == 'o')
            o->out = optarg;
    }
    if (optind != argc || !o->single.image || !o->out)
        return err_set(-EINVAL, "render needs --image and --out, and no operand");
    return 0;
}

static int render(const struct options *o)
{
    struct single single;
    int rc = file_writable(o->out);
    if (rc)
        return rc;
    rc = single_open(&o->single, &single);
    auto_free uint8_t *view = rc ? NULL : malloc((size_t)single.size * single.size * 3);
    if (!rc && !view)
        rc = err_set(-ENOMEM, "out of memory");
    if (!rc)
        rc = single_view(&single, &single.omega, view);
    if (!rc)
        rc = picture_save(o->out, view, single.size, single.size);
    if (!rc)
        printf("%s: %ux%u\n", o->out, single.size, single.size);
    single_done(&single);
    return rc;
}

int inspect_render(int argc, char **argv)
{
    struct options o = {.out = NULL};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    rc = render(&o);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
