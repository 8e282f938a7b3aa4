/* SPDX-License-Identifier: Apache-2.0 */
/* test_summary: what a run says at its end, line by line, of one that ended and of one that was
 * stopped before it measured anything. */
#include "test.h"

#include "trainer/watch/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *print(const struct summary *s)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    summary_print(s, out);
    fclose(out);
    return text;
}

static const struct model_losses losses = {
    2, {{"loss", -0.75F, false}, {"augself.crop.r2", 0.5F, true}}};
static const struct recv_counts counts = {.rerequests = 2,
                                          .crc_errors = 1,
                                          .unreadable = 5,
                                          .disconnects = 3,
                                          .substituted = 4,
                                          .wait_s = 2};
static const struct profile off;

/* A score that is no number, and a run whose first score nobody knows. */
static void test_unknown(void **state)
{
    (void)state;
    const struct model_losses some = {2, {{"loss", 0.5F, false}, {"augself.crop.r2", NAN, true}}};
    const struct summary s = {.folder = "r",
                              .step = 9,
                              .end = 9,
                              .losses = &some,
                              .rank = -1,
                              .knn_first = -1,
                              .knn_last = 0.5,
                              .counts = &counts,
                              .profile = &off};
    char *text = print(&s);
    assert_non_null(strstr(text, "losses  loss 0.5000 augself.crop.r2 -\n"));
    assert_non_null(strstr(text, "knn     50.00 %\n"));
    free(text);
}

static void test_whole(void **state)
{
    (void)state;
    const struct summary s = {.folder = "runs/a",
                              .first = 20,
                              .step = 120,
                              .end = 120,
                              .images = 64,
                              .seconds = 50,
                              .away_s = 10,
                              .losses = &losses,
                              .rank = 12.34,
                              .knn_first = 0.25,
                              .knn_last = 0.5,
                              .counts = &counts,
                              .profile = &off};
    char *text = print(&s);
    assert_string_equal(text, "run     runs/a\n"
                              "steps   120 of 120, 50.0 s, 160.0 images/s, 5.0 % waiting for data, "
                              "10.0 s scoring and saving\n"
                              "losses  loss -0.7500 augself.crop.r2 0.5000 rank 12.3\n"
                              "data    4 images substituted, 2 batches asked for again, 1 damaged, "
                              "5 messages unreadable, 3 disconnects\n"
                              "knn     50.00 %, at the start 25.00 %\n");
    free(text);
}

static void test_stopped(void **state)
{
    (void)state;
    const struct model_losses none = {0};
    const struct recv_counts quiet = {0};
    const struct summary s = {.folder = "r",
                              .step = 3,
                              .end = 9,
                              .losses = &none,
                              .rank = -1,
                              .knn_first = -1,
                              .knn_last = -1,
                              .counts = &quiet,
                              .profile = &off};
    char *text = print(&s);
    assert_non_null(
        strstr(text, "steps   3 of 9 (stopped; --resume goes on), 0.0 s, 0.0 images/s"));
    assert_null(strstr(text, "knn"));
    assert_null(strstr(text, "rank"));
    assert_null(strstr(text, "profile"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
