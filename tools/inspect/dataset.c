/* SPDX-License-Identifier: Apache-2.0 */
/* dataset: runs one epoch of a dataset through a loader, or through a private one that is started
 * for it, and says what the loader sees: counts, classes, sizes, bad images (survey/). */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "tools/inspect/feed/feed.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"
#include "tools/inspect/survey/survey.h"
#include "tools/place.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char private_name[] = "set"; /* of the dataset, at the private loader */

struct options {
    const char *place, *name; /* ENDPOINT NAME, or PATH and NULL */
    const char *format, *split, *classes, *bad;
    double fraction;
    int64_t workers, timeout;
    struct recipe_keys keys;
    bool json, strict;
    const volatile int *stop; /* a signal has come: what was seen until then is told */
};

static const struct usage_option rows[] = {
    {"format", "NAME", 'f',
     "the format of what lies at PATH (default: guessed by the names there)"},
    {"split", "NAME", 'S', "which part of it (default: the format's usual one)"},
    {"classes", "FILE", 'c', "only the classes named in FILE, one a line"},
    {"fraction", "X", 'x', "only this part of each class, above 0 and up to 1 (default 1)"},
    {"workers", "N", 'w', "of the private loader, 0 to 1024 (default 0: one a core)"},
    {"json", NULL, 'j', "one JSON object in place of the table"},
    {"bad", "FILE", 'b',
     "all bad images as well, a line each: sample, fault, label, name and reason, with tabs "
     "between"},
    {"strict", NULL, 'e', "end with code 65 where an image is bad"},
    {"timeout", "SECONDS", 't',
     "give up when no loader answers for so long, 1 to 86400 (default 10)"},
    {"server", "KEY", 'k', "the loader's public key, or its file, where it wants keys"},
    {"secret", "FILE", 'p', "the file of our secret key for it (default: a fresh key)"},
};

static const struct usage_section sections[] = {
    {"Exit codes",
     "0: all was seen, whatever came of it. 65: there is no such dataset, it is empty, none of its "
     "images is good, with --strict one is bad, or the loader ended the epoch (an ENDPOINT's "
     "bad_rate_max); then the table holds what was seen until then. 69: no loader answers. 70: a "
     "signal ended it; the "
     "table holds what was seen until then."},
};

const struct usage inspect_dataset_usage = {
    .name = "dataset",
    .program = "augstream-inspect",
    .summary = "what a loader sees of a dataset: counts, classes, sizes, bad images",
    .operands = "ENDPOINT NAME | PATH[:SPLIT]",
    .about =
        "Runs one epoch through a loader, in dataset order, and tells what it sees: how many "
        "images "
        "each class has and whether classes are out of balance, images without a label, boxes, "
        "how large images are, and which are bad and why. Every image is decoded whole.\n\n"
        "ENDPOINT is a loader's, tcp://HOST:PORT or ipc://PATH, and NAME a dataset that it serves; "
        "of names it tells the classes' alone. PATH is a dataset on this machine, for which a "
        "private "
        "loader is started: a class folder, a manifest (.csv), a tar, a folder of CIFAR's or "
        "STL10's files.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

static int keys_read(struct options *o, int key, const char *text)
{
    char *to = key == 'k' ? o->keys.server.v[0] : o->keys.secret;
    if (strlen(text) >= CONF_STR_MAX)
        return err_set(-EINVAL, "%s: too long for a key or its file", text);
    memcpy(to, text, strlen(text) + 1);
    if (key == 'k')
        o->keys.server.n = 1;
    return 0;
}

static int option_take(struct options *o, int key)
{
    switch (key) {
    case 'f':
        o->format = optarg;
        return 0;
    case 'S':
        o->split = optarg;
        return 0;
    case 'c':
        o->classes = optarg;
        return 0;
    case 'b':
        o->bad = optarg;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case 'e':
        o->strict = true;
        return 0;
    case 'x':
        return number_real("fraction", optarg, &(struct number_bounds){0, 1, .above = true},
                           &o->fraction);
    case 'w':
        return number_whole("workers", optarg, 0, 1024, &o->workers);
    case 't':
        return number_whole("timeout", optarg, 1, 86400, &o->timeout);
    case 'k':
    case 'p':
        return keys_read(o, key, optarg);
    default:
        return key; /* USAGE_TOLD, -EINVAL */
    }
}

static int operands_take(struct options *o, int argc, char **argv)
{
    const int n = argc - optind;
    o->place = n > 0 ? argv[optind] : NULL;
    const bool endpoint = o->place && strstr(o->place, "://");
    if (n != (endpoint ? 2 : 1))
        return err_set(-EINVAL, "dataset needs ENDPOINT and NAME, or one PATH");
    if (!endpoint && (o->keys.server.n || o->keys.secret[0]))
        return err_set(-EINVAL, "--server and --secret are for an ENDPOINT: a private loader has "
                                "no keys");
    if (endpoint && (o->format || o->split || o->classes || o->fraction > 0 || o->workers))
        return err_set(-EINVAL,
                       "--format, --split, --classes, --fraction and --workers are for a "
                       "PATH: %s has its own loader",
                       o->place);
    if (o->keys.secret[0] && !o->keys.server.n)
        return err_set(-EINVAL, "--secret: the loader's own key is wanted as well: --server");
    o->name = endpoint ? argv[optind + 1] : NULL;
    return 0;
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_dataset_usage, argc, argv)) != USAGE_END;) {
        int rc = option_take(o, key);
        if (rc)
            return rc;
    }
    return operands_take(o, argc, argv);
}

/* --- */

static void label_of(const char *name, char ret[64])
{
    const char *slash = strrchr(name, '/');
    snprintf(ret, 64, "images of %.48s", slash && slash[1] ? slash + 1 : name);
}

static int survey_endpoint(const struct options *o, struct survey *s, struct survey_about *about)
{
    char label[64];
    label_of(o->name, label);
    about->name = o->name;
    const struct survey_config config = {.endpoint = o->place,
                                         .dataset = o->name,
                                         .keys = &o->keys,
                                         .retry_s = (double)o->timeout,
                                         .stop = o->stop,
                                         .label = label};
    return survey_pass(&config, s);
}

static int survey_private(const struct options *o, const struct embed_dataset *dataset,
                          const char *label, struct survey *s)
{
    static const double any_rate = 1; /* bad images shall be told, not end it */
    struct survey_words *words;
    int rc = survey_words_new(&words);
    if (rc)
        return rc;
    const struct embed_config private = {.datasets = dataset,
                                         .n_datasets = 1,
                                         .workers = (uint32_t)o->workers,
                                         .window = 4,
                                         .bad_rate_max = &any_rate,
                                         .stop = o->stop,
                                         .said = survey_said,
                                         .said_hint = words};
    struct embed *embed = NULL;
    rc = embed_start(&private, &embed);
    if (!rc) {
        const struct survey_config config = {.endpoint = embed_endpoint(embed),
                                             .dataset = dataset->name,
                                             .embed = embed,
                                             .words = words,
                                             .retry_s = (double)o->timeout,
                                             .stop = o->stop,
                                             .label = label};
        rc = survey_pass(&config, s);
    }
    embed_stop(embed); /* from here on nothing more is said */
    if (!rc)
        rc = survey_explain_all(s, words);
    survey_words_free(words);
    return rc;
}

/* The source is opened here too: it has the names. */
static int survey_path(const struct options *o, struct survey *s, struct survey_about *about,
                       struct place *place, struct source **ret_source)
{
    int rc = place_find(o->place, o->format, "--format NAME", place);
    if (rc)
        return rc;
    if (o->split)
        place->split = o->split;
    const struct source_spec spec = {.format = place->format,
                                     .path = place->path,
                                     .split = place->split,
                                     .classes = o->classes,
                                     .fraction = o->fraction};
    rc = source_open(&spec, ret_source);
    if (rc)
        return rc;
    about->name = o->place;
    about->format = place->format;
    about->source = *ret_source;
    char label[64];
    label_of(o->place, label);
    const struct embed_dataset dataset = {private_name, place->path, place->format,
                                          place->split, o->classes,  o->fraction};
    return survey_private(o, &dataset, label, s);
}

/* Whatever was seen is told, also where the epoch came to an end before its time. */
static int tell(const struct options *o, const struct survey *s, const struct survey_about *about)
{
    int rc = 0;
    if (o->json)
        rc = survey_json(s, about, stdout);
    else
        survey_tell(s, about, stdout);
    return !rc && o->bad ? survey_bad_write(s, about, o->bad) : rc;
}

static int verdict(const struct options *o, const struct survey *s)
{
    if (s->good == 0)
        return err_set(-ENODATA, "%s: none of %zu images is good", o->name ? o->name : o->place,
                       s->n_bad);
    if (o->strict && s->n_bad)
        return err_set(-EBADMSG, "%s: %zu of %llu images are bad", o->name ? o->name : o->place,
                       s->n_bad, (unsigned long long)s->samples);
    return 0;
}

static int run(const struct options *o, struct survey *s, struct survey_about *about,
               struct source **ret_source)
{
    struct place place;
    char why[ERR_TEXT_MAX] = "";
    int rc = o->bad ? file_writable(o->bad) : 0;
    if (rc)
        return rc;
    rc = o->name ? survey_endpoint(o, s, about) : survey_path(o, s, about, &place, ret_source);
    if (rc) {
        snprintf(why, sizeof why, "%s", err_text());
        about->error = why;
    }
    if (s->good + s->n_bad > 0) {
        int told = tell(o, s, about);
        if (told)
            return told;
    }
    about->error = NULL;
    return rc ? err_set(rc, "%s", why) : verdict(o, s);
}

int inspect_dataset(int argc, char **argv)
{
    struct options o = {.timeout = 10};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    o.stop = feed_stop_by_signal();
    struct survey survey = {0};
    struct survey_about about = {0};
    struct source *source = NULL;
    rc = run(&o, &survey, &about, &source);
    source_free(source);
    survey_done(&survey);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
