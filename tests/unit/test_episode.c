/* SPDX-License-Identifier: Apache-2.0 */
/* episode: what is drawn obeys the protocol, is the same again, and each class and row has its
 * chance; scores do not hang on the number of threads; sets that are too small are refused. */
#include "test.h"

#include "common/rng.h"
#include "tools/evaluate/episode.h"

#include <errno.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

enum { CLASSES = 7, D = 6, EPISODES = 3000 };

/* Of label 10 k there are sizes[k] rows, strewn: row i has label 10 (i mod CLASSES) while there are
 * any left of it. */
static const uint32_t sizes[CLASSES] = {40, 5, 21, 22, 6, 30, 1};
enum { ROWS = 40 + 5 + 21 + 22 + 6 + 30 + 1 };
static int64_t labels[ROWS];

static int setup(void **state)
{
    (void)state;
    uint32_t left[CLASSES];
    memcpy(left, sizes, sizeof left);
    for (size_t i = 0, k = 0; i < ROWS; k = (k + 1) % CLASSES)
        if (left[k]) {
            left[k]--;
            labels[i++] = 10 * (int64_t)k;
        }
    return 0;
}

static bool holds(const uint32_t *rows, size_t n, uint32_t row)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i] == row)
            return true;
    return false;
}

/* 5 shots, 16 queries: labels 10 (5 rows) and 60 (1 row) fall away; 0, 20, 30, 50 have enough, 40
 * has 6 rows and so one query, 16 times. */
static void test_law(void **state)
{
    (void)state;
    const struct episode_law law = {.ways = 3, .shots = 5, .queries = 16, .seed = 9};
    struct episodes e;
    assert_int_equal(episodes_open("made", labels, ROWS, &law, &e), 0);
    assert_int_equal(e.n_classes, 5);
    assert_int_equal(e.left_out, 2);
    assert_true(e.labels[0] == 0 && e.labels[1] == 20 && e.labels[4] == 50);
    struct episode ep;
    assert_int_equal(episode_new(&e, &ep), 0);
    uint32_t drawn[CLASSES] = {0}, first_rows[ROWS] = {0};
    for (uint32_t number = 0; number < EPISODES; number++) {
        episode_draw(&e, number, &ep);
        for (uint32_t w = 0; w < 3; w++) {
            const int64_t label = e.labels[ep.classes[w]];
            const uint32_t *support = ep.support + 5 * w, *query = ep.query + 16 * w;
            drawn[label / 10]++;
            first_rows[support[0]]++;
            assert_false(holds(ep.classes, w, ep.classes[w]));
            for (uint32_t i = 0; i < 5; i++) {
                assert_true(labels[support[i]] == label);
                assert_false(holds(support, i, support[i]));
            }
            for (uint32_t i = 0; i < 16; i++) {
                assert_true(labels[query[i]] == label);
                assert_false(holds(support, 5, query[i]));
                assert_true(holds(query, i, query[i]) == (label == 40 && i > 0));
            }
        }
    }
    /* Each of 5 classes is in 3 of 5 episodes: five standard deviations around 1800. */
    for (uint32_t k = 0; k < CLASSES; k++)
        assert_true(k == 1 || k == 6 ? !drawn[k] : fabs(drawn[k] - 1800.0) < 5 * sqrt(720.0));
    /* Each of label 0's 40 rows is first in one of 40 of its episodes. */
    for (uint32_t i = 0; i < ROWS; i++)
        if (labels[i] == 0)
            assert_true(fabs(first_rows[i] - drawn[0] / 40.0) < 5 * sqrt(drawn[0] / 40.0));
    episode_done(&ep);
    episodes_done(&e);
}

/* 20 queries of 21 rows and one shot: each of the rest once; of 40 rows, none twice. */
static void test_without_replacement(void **state)
{
    (void)state;
    const struct episode_law law = {.ways = 2, .shots = 1, .queries = 20, .seed = 1};
    struct episodes e;
    struct episode ep;
    assert_int_equal(episodes_open("made", labels, ROWS, &law, &e), 0);
    assert_int_equal(episode_new(&e, &ep), 0);
    for (uint32_t number = 0; number < 200; number++) {
        episode_draw(&e, number, &ep);
        for (uint32_t w = 0; w < 2; w++) {
            bool twice = false;
            for (uint32_t i = 0; i < 20; i++)
                twice |= holds(ep.query + 20 * w, i, ep.query[20 * w + i]);
            const uint32_t count = sizes[e.labels[ep.classes[w]] / 10];
            assert_true(twice == (count < 21));
        }
    }
    episode_done(&ep);
    episodes_done(&e);
}

/* The seed and the number name the episode; the order of asking does not matter. */
static void test_named(void **state)
{
    (void)state;
    struct episode_law law = {.ways = 4, .shots = 2, .queries = 3, .seed = 5};
    struct episodes e, f;
    struct episode a, b;
    assert_int_equal(episodes_open("made", labels, ROWS, &law, &e), 0);
    law.seed = 6;
    assert_int_equal(episodes_open("made", labels, ROWS, &law, &f), 0);
    assert_int_equal(episode_new(&e, &a), 0);
    assert_int_equal(episode_new(&e, &b), 0);
    episode_draw(&e, 7, &a);
    episode_draw(&e, 1999, &b);
    assert_true(memcmp(a.support, b.support, 8 * sizeof *a.support) != 0);
    episode_draw(&f, 7, &b);
    assert_true(memcmp(a.support, b.support, 8 * sizeof *a.support) != 0);
    episode_draw(&e, 7, &b);
    assert_memory_equal(a.classes, b.classes, 4 * sizeof *a.classes);
    assert_memory_equal(a.support, b.support, 8 * sizeof *a.support);
    assert_memory_equal(a.query, b.query, 12 * sizeof *a.query);
    episode_done(&a);
    episode_done(&b);
    episodes_done(&e);
    episodes_done(&f);
}

static size_t told_at;
static void at(void *hint, size_t done)
{
    (void)hint;
    told_at = done > told_at ? done : told_at;
}

/* Classes apart by a feature of their own, and noise: neither chance nor all right. */
static void test_scores(void **state)
{
    (void)state;
    static float x[ROWS * D];
    struct rng rng;
    rng_init(&rng, &(struct rng_key){.seed = 3, .purpose = RNG_TEST});
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < D; j++)
            x[i * D + j] = (float)rng_range(&rng, -1, 1) + (labels[i] == 10 * (int64_t)j ? 1 : 0);
    const struct episode_law law = {.ways = 5, .shots = 2, .queries = 16, .seed = 1};
    const struct episode_scoring scoring = {x, D, 1.0, at, NULL};
    struct episodes e;
    static double one[200], other[200];
    assert_int_equal(episodes_open("made", labels, ROWS, &law, &e), 0);
    omp_set_num_threads(1);
    assert_int_equal(episodes_score(&e, &scoring, 200, one), 0);
    assert_int_equal(told_at, 200);
    for (int threads = 2; threads <= 8; threads += 3) {
        omp_set_num_threads(threads);
        assert_int_equal(episodes_score(&e, &scoring, 200, other), 0);
        assert_memory_equal(one, other, sizeof one);
    }
    double mean = 0;
    for (size_t i = 0; i < 200; i++)
        mean += one[i] / 200;
    assert_true(mean > 0.4 && mean < 0.8);
    episodes_done(&e);
}

static void refuse(size_t n, struct episode_law law, int rc, const char *text)
{
    struct episodes e;
    assert_int_equal(episodes_open("made", labels, n, &law, &e), rc);
    assert_non_null(strstr(err_text(), text));
}

static void test_refused(void **state)
{
    (void)state;
    refuse(ROWS, (struct episode_law){6, 5, 16, 0}, -ENODATA,
           "made: 5 classes have more than 5 images (2 have fewer): too few for 6 ways");
    refuse(ROWS, (struct episode_law){2, 40, 16, 0}, -ENODATA,
           "made: no class has more than 40 images");
    refuse(0, (struct episode_law){2, 1, 16, 0}, -ENODATA, "episodes of 0 images");
    const int64_t kept = labels[3];
    labels[3] = -1;
    refuse(ROWS, (struct episode_law){2, 1, 16, 0}, -EBADMSG, "made: row 3 has no label");
    labels[3] = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law),     cmocka_unit_test(test_without_replacement),
        cmocka_unit_test(test_named),   cmocka_unit_test(test_scores),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
