/* SPDX-License-Identifier: Apache-2.0 */
/* episode: N-way K-shot tasks out of a labelled set (Lee et al., NeurIPS 2021, few-shot protocol):
 * ways classes, shots support rows and queries query rows of each. Classes with no more than shots
 * rows are left out; where a class has fewer than shots + queries, its queries are drawn with
 * replacement from what the support leaves. An episode is a pure function of (seed, number) and
 * the set, drawn by common/rng: whoever has the set can have it again, in any order. */
#ifndef AUGSTREAM_TOOLS_EPISODE_H
#define AUGSTREAM_TOOLS_EPISODE_H

#include <stddef.h>
#include <stdint.h>

enum { EPISODE_WAYS_MAX = 1024, EPISODE_SHOTS_MAX = 4096, EPISODE_QUERIES_MAX = 4096 };

struct episode_law {
    uint32_t ways, shots, queries; /* 2 and more, 1 and more, 1 and more; at most the above */
    uint64_t seed;
};

/* The rows of a set by class; nothing in it changes after episodes_open. */
struct episodes {
    struct episode_law law;
    uint32_t n_classes, left_out; /* with enough rows; with too few, those with none not counted */
    int64_t *labels;              /* [n_classes], ascending */
    uint32_t *first;              /* [n_classes + 1]: where its rows begin */
    uint32_t *rows;               /* ascending within a class */
    size_t scratch;               /* entries that episode_draw wants */
};

/* labels [n]: a loan for the call. -EBADMSG: a row has no label; -ENODATA: no class has enough
 * rows, or fewer classes have than ways; `name` is the set's, for the message. */
int episodes_open(const char *name, const int64_t *labels, size_t n, const struct episode_law *law,
                  struct episodes *ret);
void episodes_done(struct episodes *e); /* fine on a zeroed one */

/* One episode, into the caller's arrays. Any thread. */
struct episode {
    uint32_t *classes; /* [ways]: places in episodes.labels */
    uint32_t *support; /* [ways][shots]: rows of the set */
    uint32_t *query;   /* [ways][queries] */
    uint32_t *scratch; /* [episodes.scratch] */
};
int episode_new(const struct episodes *e, struct episode *ret);
void episode_done(struct episode *episode);
void episode_draw(const struct episodes *e, uint32_t number, struct episode *ret);

/* The accuracy on the queries of ovr (C) fitted on the support, x [n][d], of the episodes
 * 0 .. n_episodes - 1, over all cores: the same numbers for any number of threads. at(hint, done)
 * is called now and then by the caller's thread; may be NULL. */
struct episode_scoring {
    const float *x; /* [n][d] */
    size_t d;
    double c;
    void (*at)(void *hint, size_t done);
    void *hint;
};
int episodes_score(const struct episodes *e, const struct episode_scoring *scoring,
                   uint32_t n_episodes, double *ret_accuracy);

#endif
