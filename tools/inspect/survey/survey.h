/* SPDX-License-Identifier: Apache-2.0 */
/* survey: what a loader sees of a dataset, gathered from one unshuffled epoch of its batches: how
 * many images each class has, how large they are, which are bad. survey.c gathers, pass.c runs the
 * epoch, words.c listens to the loader, tell.c says what came of it. One thread owns the struct. */
#ifndef AUGSTREAM_TOOLS_INSPECT_SURVEY_H
#define AUGSTREAM_TOOLS_INSPECT_SURVEY_H

#include "loaderd/source/source.h"
#include "proto/wire.h"

#include <stdio.h>

/* A bad image. Others stood in its place, so of itself no more is seen than this. */
struct survey_bad {
    uint32_t sample;
    enum wire_fault fault; /* FAULT_NONE: not told */
    char *reason;          /* in the loader's words; NULL: not told. Ours */
};

struct survey_size {
    uint32_t w, h; /* pixels, upright */
    uint64_t n;    /* good images of that size */
};

/* Zero-initialise; survey_done frees. Counts are of good images. */
struct survey {
    uint64_t samples;               /* of the dataset, good and bad */
    uint32_t classes;               /* of the dataset */
    const char *const *class_names; /* [classes], as the loader told them; NULL: not told. Ours */
    uint8_t fingerprint[DIGEST_BYTES];
    uint64_t good;
    uint64_t *of_class;       /* [classes] */
    uint64_t unlabelled;      /* without a label */
    uint64_t strange;         /* of a label that is no class */
    uint64_t boxed;           /* with a box */
    uint64_t outside;         /* of these, whose box leaves the picture */
    struct survey_size *size; /* [size_cap], a hash table; n 0: free */
    size_t size_cap, n_sizes;
    struct survey_bad *bad; /* by sample, after survey_end */
    size_t n_bad, bad_cap;
    double seconds; /* that the epoch took; survey_pass's */
};

/* -ENOMEM. */
int survey_begin(struct survey *s, uint64_t samples, uint32_t classes,
                 const uint8_t fingerprint[DIGEST_BYTES]);

/* Keeps a copy of what the loader calls the classes, once begun; NULL: nothing. -ENOMEM. */
int survey_name(struct survey *s, const char *const *names);

/* One batch, whose positions hold what is scheduled there or say who stands in. -ENOMEM. */
int survey_add(struct survey *s, const struct wire_batch *batch);

/* A bad image of which no batch tells. reason is copied; NULL: none. -ENOMEM. */
int survey_add_bad(struct survey *s, uint32_t sample, enum wire_fault fault, const char *reason);

/* What is known of sample from elsewhere: fault and reason where they were not told. Nothing where
 * the sample is not bad. Once all is added: it sorts. -ENOMEM. */
int survey_explain(struct survey *s, uint32_t sample, enum wire_fault fault, const char *reason);
void survey_done(struct survey *s);

/* Figures of the good images' sizes; the median is the lower one of two. All 0 without images. */
enum survey_figure { SURVEY_WIDTH, SURVEY_HEIGHT, SURVEY_PIXELS, SURVEY_RATIO, SURVEY_FIGURES };
struct survey_range {
    double min, median, max;
};
int survey_ranges(const struct survey *s, struct survey_range ret[SURVEY_FIGURES]); /* -ENOMEM */

/* The commonest sizes, at most n, the most frequent first; how many there are, or -ENOMEM. */
int survey_commonest(const struct survey *s, size_t n, struct survey_size *ret);

/* How many images are wider than high, higher than wide, square. */
void survey_shapes(const struct survey *s, uint64_t ret[3]);

/* --- pass.c --- */

struct embed;
struct recipe_keys;
struct survey_words;
struct survey_config {
    const char *endpoint, *dataset;
    const struct recipe_keys *keys; /* or NULL */
    /* Where the loader is our own, else NULL: a batch that it cannot fill is asked for image by
     * image, and what it says is looked at. */
    struct embed *embed;
    const struct survey_words *words;
    double retry_s;
    const volatile int *stop; /* ends it with -EINTR when it is nonzero; or NULL */
    const char *label;        /* of the progress on standard error */
};

/* One epoch. Errors are recv's: then s has what was seen until then. */
int survey_pass(const struct survey_config *config, struct survey *s);

/* --- words.c --- */

int survey_words_new(struct survey_words **ret);
void survey_words_free(struct survey_words *words);

/* What a private loader says (embed_config's said, whose hint is the words): which sample is bad,
 * its fault and the reason are kept, all else goes to standard error. */
void survey_said(void *hint, const char *line);

/* FAULT_NONE: nothing bad has been said of it so far. */
enum wire_fault survey_words_fault(const struct survey_words *words, uint32_t sample);

/* Puts what was said into the survey. Once the loader has ended. -ENOMEM. */
int survey_explain_all(struct survey *s, const struct survey_words *words);

/* --- tell.c --- */

struct survey_about {
    const char *name, *format;   /* format: NULL where it is a loader's affair */
    const struct source *source; /* names, before the loader's, and labels of bad images; or NULL */
    const char *error;           /* why not all was seen; or NULL */
};
void survey_tell(const struct survey *s, const struct survey_about *about, FILE *out);
int survey_json(const struct survey *s, const struct survey_about *about, FILE *out);

/* A line for each bad image: sample, fault, label, name, reason, with tabs between. The file is
 * written whole or not at all. */
int survey_bad_write(const struct survey *s, const struct survey_about *about, const char *path);

#endif
