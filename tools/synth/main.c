/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-synth: makes a labelled image set of procedural flowers: DIR/train/KIND/NNNNN.jpg and
 * DIR/test/KIND/NNNNN.jpg. The same seed gives the same files. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rng.h"
#include "common/usage.h"
#include "tools/output.h"
#include "tools/synth/flower.h"
#include "tools/synth/jpeg.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SIDE_MIN = 16,
    SIDE_MAX = 2048,
    COUNT_MAX = 100000,
    TEST_FIRST = 1 << 24, /* numbers of test pictures: never those of training */
    QUALITY = 92,
    OUT_MAX = 3000, /* bytes of --out, so that every path below it fits */
};

struct options {
    const char *out;
    long train, test, size, seed;
};

static const struct usage_option rows[] = {
    {"out", "DIR", 'o', "where; train/ and test/ are made in it", USAGE_REQUIRED},
    {"train", "N", 't', "images of each kind to train on (default 100)"},
    {"test", "N", 'e', "images of each kind to test on (default 20)"},
    {"size", "PIXELS", 's', "the shorter side, 16 to 2048 (default 80)"},
    {"seed", "N", 'r', "another seed, other pictures (default 1)"},
};

static const struct usage_section sections[] = {
    {"Examples", "    augstream-synth --out flowers\n"
                 "    augstream-synth --out flowers --train 80 --test 20 --size 80 --seed 2"},
};

static const struct usage usage = {
    .name = "augstream-synth",
    .chapter = 1,
    .summary = "make a labelled set of procedural flowers",
    .operands = "",
    .about = "Makes JPEG files DIR/train/KIND/NNNNN.jpg and DIR/test/KIND/NNNNN.jpg: a "
             "dataset to try augstream with. Kinds differ in the colour of their petals, in "
             "how many they are, in size and in place, which are what augmentation hides. The same "
             "arguments give the same files: what an earlier run with larger counts made in DIR is "
             "removed.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

static int number(const char *name, const char *text, const long bounds[2], long *ret)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < bounds[0] || value > bounds[1])
        return err_set(-EINVAL, "--%s %s: a whole number from %ld to %ld is wanted", name, text,
                       bounds[0], bounds[1]);
    *ret = value;
    return 0;
}

/* Returns -1 to go on, or the exit code. */
static int parse(int argc, char **argv, struct options *o)
{
    static const long counts[] = {0, COUNT_MAX}, sides[] = {SIDE_MIN, SIDE_MAX},
                      seeds[] = {0, LONG_MAX};
    int key, rc = 0;
    while (!rc && (key = usage_next(&usage, argc, argv)) != USAGE_END)
        switch (key) {
        case 'o':
            o->out = optarg;
            break;
        case 't':
            rc = number("train", optarg, counts, &o->train);
            break;
        case 'e':
            rc = number("test", optarg, counts, &o->test);
            break;
        case 's':
            rc = number("size", optarg, sides, &o->size);
            break;
        case 'r':
            rc = number("seed", optarg, seeds, &o->seed);
            break;
        case USAGE_TOLD:
            return EXIT_OK;
        default:
            rc = key;
        }
    if (!rc && !o->out)
        rc = err_set(-EINVAL, "--out DIR is needed");
    else if (!rc && optind < argc)
        rc = err_set(-EINVAL, "%s: not an option", argv[optind]);
    else if (!rc && strlen(o->out) > OUT_MAX)
        rc = err_set(-EINVAL, "--out: longer than %d bytes", OUT_MAX);
    if (!rc)
        return -1;
    log_error("%s", err_text());
    return EXIT_USAGE;
}

/* Sources differ in shape, as photographs do: the longer side is 1 to 1.4 times the shorter. */
static void picture_sides(const struct options *o, uint32_t kind, uint32_t n, uint32_t ret[2])
{
    struct rng rng;
    rng_init(&rng,
             &(struct rng_key){.seed = (uint64_t)o->seed, .epoch = kind, .sample = n, .view = 1});
    uint32_t longer = (uint32_t)((double)o->size * rng_range(&rng, 1.0, 1.4));
    int tall = rng_below(&rng, 3) == 0;
    ret[0] = tall ? (uint32_t)o->size : longer;
    ret[1] = tall ? longer : (uint32_t)o->size;
}

struct split {
    const char *name;
    long count;
    uint32_t first;
};

/* "/NNNNN.jpg" below the folder of a kind, whose path takes `used` bytes. */
static void picture_name(char *path, size_t cap, int used, long number)
{
    snprintf(path + used, cap - (size_t)used, "/%05ld.jpg", number);
}

/* What an earlier run made beyond this one's count: its numbers have no gap. */
static int older_remove(char *path, size_t cap, int used, long first)
{
    for (long i = first; i < COUNT_MAX; i++) {
        picture_name(path, cap, used, i);
        if (unlink(path) != 0)
            return errno == ENOENT ? 0
                                   : err_set(-errno, "%s: an older picture cannot be removed: %s",
                                             path, strerror(errno));
    }
    return 0;
}

static int split_make(const struct options *o, const struct split *split, uint8_t *rgb)
{
    for (uint32_t k = 0; k < flower_kinds_n; k++) {
        char path[OUT_MAX + 512];
        int used =
            snprintf(path, sizeof path, "%s/%s/%s", o->out, split->name, flower_kinds[k].name);
        int rc = file_mkdirs(path);
        for (long i = 0; !rc && i < split->count; i++) {
            uint32_t sides[2], n = split->first + (uint32_t)i;
            picture_sides(o, k, n, sides);
            flower_draw(&flower_kinds[k], (uint64_t)o->seed, n, sides[0], sides[1], rgb);
            picture_name(path, sizeof path, used, i);
            rc = jpeg_write(path, rgb, sides[0], sides[1], QUALITY);
        }
        if (!rc)
            rc = older_remove(path, sizeof path, used, split->count);
        if (rc)
            return rc;
    }
    return 0;
}

static int make(const struct options *o)
{
    const struct split splits[] = {{"train", o->train, 0}, {"test", o->test, TEST_FIRST}};
    auto_free uint8_t *rgb = malloc((size_t)o->size * ((size_t)o->size * 3 / 2 + 1) * 3);
    int rc = rgb ? 0 : err_set(-ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < ARRAY_LEN(splits); i++)
        rc = split_make(o, &splits[i], rgb);
    if (rc) {
        log_error("%s", err_text());
        return err_exit(rc);
    }
    printf("%s: %zu kinds, %ld train and %ld test images each\n", o->out, flower_kinds_n, o->train,
           o->test);
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    struct options o = {.train = 100, .test = 20, .size = 80, .seed = 1};
    log_open("augstream-synth", LOG_INFO);
    output_begin();
    int code = parse(argc, argv, &o);
    return output_end(code >= 0 ? code : make(&o));
}
