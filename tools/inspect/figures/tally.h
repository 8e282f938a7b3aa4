/* SPDX-License-Identifier: Apache-2.0 */
/* tally: running figures of every parameter of every view number, and of the targets of the pair of
 * views 0 and 1, in bounded memory: count, mean, deviation, least and most of all; bars of all over
 * a fixed range; quantiles and distances from the law of a uniform choice of all (a reservoir).
 * A tally is of one session. Not thread-safe; the caller owns.
 *
 * What it tests is draws that are independent under the law. Two views that must be alike are not:
 * - a batch that is told again (two trainers asked for it, one came back to it) has the same draws:
 *   its second telling is left out, as long as it is among the last TALLY_REPEATS batches;
 * - a sample that stands in for a bad one has the draws that it has at its own place in the same
 *   epoch: it is left out where it stands in;
 * - of an order that is drawn once a batch, one a batch is counted. */
#ifndef AUGSTREAM_INSPECT_TALLY_H
#define AUGSTREAM_INSPECT_TALLY_H

#include "common/stat.h"
#include "proto/wire.h"
#include "tools/inspect/figures/law.h"

enum {
    TALLY_BARS = 48,
    TALLY_QUANTILES = 5,
    TALLY_KEPT = 65536,    /* samples in the reservoir, and ... */
    TALLY_VIEWS = 1 << 18, /* ... views in it at most: 22 MB */
    TALLY_REPEATS = 32768, /* batches that are known again, at least */
    TALLY_PAIR = -1,       /* in place of a view's number: a target's */
};

struct tally_config {
    uint32_t n_views;
    const struct view_spec *laws; /* [n_views], copied; NULL: not told, then nothing is tested, and
                                     there are no targets */
    uint32_t kept;                /* samples in the reservoir, 1..TALLY_KEPT; 0: TALLY_KEPT */
    uint64_t seed;                /* of the choice, and of reference draws */
};

struct tally;
int tally_new(const struct tally_config *config, struct tally **ret);
void tally_free(struct tally *tally);

/* The views of one batch. keep [n_views][n_samples]: which of them, NULL: all. Returns how many
 * views were added; 0 of a repeated batch; -EBADMSG when it has another number of views. */
int tally_add(struct tally *tally, const struct wire_batch *batch, const bool *keep);

struct tally_info {
    uint64_t batches, views;      /* that were added */
    uint64_t repeated, stand_ins; /* that were left out: batches, samples */
};
struct tally_info tally_info(const struct tally *tally);

enum tally_test {
    TALLY_UNTESTED,   /* no law, or too few */
    TALLY_KOLMOGOROV, /* against the law's distribution; of the reservoir */
    TALLY_SMIRNOV,    /* against reference draws for the very sources; of the reservoir */
    TALLY_BINOMIAL,   /* of all */
    TALLY_CHI,        /* of all */
    TALLY_CERTAIN,    /* there is no chance in it: p is 0 or 1 */
};
const char *tally_test_name(enum tally_test test); /* "Kolmogorov-Smirnov" */

struct tally_row {
    const char *name; /* figure_name or target_name */
    int32_t view;     /* or TALLY_PAIR */
    int32_t figure;   /* enum figure, or the target's number */
    struct law law;
    char words[48];                   /* law_words */
    uint64_t views;                   /* views or pairs in all, and of those ... */
    uint64_t n;                       /* ... with this number: where its operation was applied */
    double mean, deviation, min, max; /* where n > 0 */
    double quantile[TALLY_QUANTILES]; /* 5, 25, 50, 75, 95 %; where n > 0 */
    double expected_quantile[TALLY_QUANTILES]; /* by the law: uniform, or drawn with n > 0 */
    size_t bars;                 /* 0: a constant; else classes, or TALLY_BARS of law.low .. high */
    uint64_t bar[TALLY_BARS];    /* values in each */
    uint64_t outside;            /* values that are in none */
    double expected[TALLY_BARS]; /* shares by the law, add up to at most 1; 0: not known */
    enum tally_test test;
    uint64_t tested; /* values: n, the reservoir's, or batches */
    double gap;      /* the largest distance of the share below any value from the law's; of
                        classes, of the share of any */
    double p;
    double
        variance; /* of a target over (0,1) and (1,0): what a head that says the mean is off by */
    bool wrong;   /* tally_judge */
};

/* All rows, view by view in the order of enum figure, then targets. The caller frees. */
int tally_rows(const struct tally *tally, struct tally_row **ret, size_t *ret_n);

/* Which rows disagree with their laws, at `level` for all of them together: under right laws the
 * chance that any is called wrong is at most that (Holm, Scandinavian J. of Statistics 6, 1979; it
 * does not ask for independent tests). Returns how many; ret_tests: how many tests that was of. */
size_t tally_judge(struct tally_row *rows, size_t n, double level, size_t *ret_tests);

/* The loss of a head that always says the same thing: the mean of its targets' variances; of
 * classes, which a head has logits for, their entropy in nats. NaN where there are no pairs. */
double tally_trivial(const struct tally *tally, enum augself_kind kind);

#endif
