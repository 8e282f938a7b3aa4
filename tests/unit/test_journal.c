/* SPDX-License-Identifier: Apache-2.0 */
/* test_journal: a step, a score, weights and a picture reach metrics.jsonl and TensorBoard's file;
 * a step allocates nothing. What either file looks like is test_progress's and test_board's. */
#include "test.h"

#include "alloc_count.h"
#include "trainer/watch/journal.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/augstream-test-XXXXXX";
static char metrics[64];
static char text[65536];     /* of metrics.jsonl */
static char events[1 << 20]; /* of the event file */
static size_t n_events;

static int setup(void **state)
{
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 7);
    if (!mkdtemp(folder))
        return -1;
    snprintf(metrics, sizeof metrics, "%s/metrics.jsonl", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static size_t take(const char *path, char *to, size_t cap)
{
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t n = fread(to, 1, cap - 1, in);
    to[n] = 0;
    fclose(in);
    unlink(path);
    return n;
}

/* Reads both files and removes them. */
static void take_files(void)
{
    take(metrics, text, sizeof text);
    DIR *d = opendir(folder);
    assert_non_null(d);
    n_events = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strstr(e->d_name, "tfevents"))
            n_events = take(path, events, sizeof events);
    }
    closedir(d);
}

static bool on_board(const char *tag)
{
    return memmem(events, n_events, tag, strlen(tag)) != NULL;
}

static struct journal *open_journal(void)
{
    struct journal *j;
    const struct journal_config config = {.folder = folder,
                                          .progress = {.path = metrics, .steps = 9, .images = 4}};
    if (journal_open(&config, &j) < 0)
        fail_msg("%s", err_text());
    return j;
}

static const struct model_losses losses = {
    3, {{"loss", -0.5F, false}, {"augself.crop", 0.25F, false}, {"augself.crop.r2", NAN, true}}};

static void test_steps(void **state)
{
    (void)state;
    struct journal *j = open_journal();
    struct profile off = {0}, on = {.on = true, .step_s = {0.125, 0.25, 0.5, 1, 2, 4}};
    double rank = 7.5;
    struct journal_step step = {
        .step = 1, .losses = &losses, .lr = 0.5, .now_s = 1, .profile = &off};
    assert_int_equal(journal_step(j, &step), 0);
    step.step = 2;
    step.rank = &rank;
    step.profile = &on;
    unsigned long before = alloc_count();
    assert_int_equal(journal_step(j, &step), 0);
    assert_int_equal(alloc_count(), before);
    const struct journal_score score = {"knn_top1", "knn/top1", 0.75};
    assert_int_equal(journal_score(j, 2, 1, &score), 0);
    journal_break(j);
    journal_close(j);
    take_files();
    assert_string_equal(text,
                        "{\"step\":1,\"epoch\":0,\"loss\":-0.5,\"augself.crop\":0.25,"
                        "\"augself.crop.r2\":null,\"lr\":0.5,\"images_per_s\":0,\"wait_s\":0}\n"
                        "{\"step\":2,\"epoch\":0,\"loss\":-0.5,\"augself.crop\":0.25,"
                        "\"augself.crop.r2\":null,\"rank\":7.5,\"lr\":0.5,\"images_per_s\":0,"
                        "\"wait_s\":0,\"data_s\":0.125,\"forward_s\":0.25,\"augself_s\":0.5,"
                        "\"backward_s\":1,\"optim_s\":2}\n"
                        "{\"step\":2,\"epoch\":1,\"knn_top1\":0.75}\n");
    static const char *const tags[] = {"train/loss", "train/augself.crop", "train/lr",
                                       "train/rank", "speed/images_per_s", "speed/wait",
                                       "knn/top1",   "profile/backward_s", "profile/data_s"};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (!on_board(tags[i]))
            fail_msg("%s is not on the board", tags[i]);
    assert_false(on_board("augself.crop.r2")); /* a score that is no number has no point */
    assert_false(on_board("rest_s"));
}

static void test_weights(void **state)
{
    (void)state;
    struct ops *ops;
    struct net *net;
    struct journal *j = open_journal();
    assert_int_equal(ops_open("ref", 1, &ops), 0);
    assert_int_equal(net_new(ops, &net), 0);
    net_param(net, "backbone", "conv1.weight", 2, (int64_t[]){3, 5}, PARAM_SCHEDULED)->init_bound =
        1;
    net_param(net, "backbone", "bn1.bias", 1, (int64_t[]){3}, PARAM_SCHEDULED);
    net_param(net, "momentum.backbone", "conv1.weight", 2, (int64_t[]){3, 5}, PARAM_TARGET);
    assert_int_equal(net_commit(net), 0);
    assert_int_equal(net_init(net, 1), 0);
    assert_int_equal(journal_weights(j, 5, net), 0);
    journal_close(j);
    net_free(net);
    ops_close(ops);
    take_files();
    assert_true(on_board("weights/backbone.conv1.weight"));
    assert_false(on_board("bn1"));
    assert_false(on_board("momentum"));
}

static void test_views(void **state)
{
    (void)state;
    enum { SIDE = 70, N = 2 };
    static uint8_t pixels[2 * N][SIDE * SIDE * 3];
    static const uint32_t sizes[] = {SIDE, SIDE};
    memset(pixels, 77, sizeof pixels);
    const struct model_batch batch = {.n_runs = 1, .run = {{pixels[0], 2 * N}}};
    const struct sheet_batch cut = {&batch, N, 2, 2, sizes};
    struct journal *j = open_journal();
    assert_int_equal(journal_views(j, 0, &cut, N), 0);
    journal_close(j);
    take_files();
    static const char head[] = "\211PNG\r\n";
    char *png = memmem(events, n_events, head, sizeof head - 1);
    assert_true(on_board("views") && png);
    png_image image = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&image, png, n_events - (size_t)(png - events)));
    struct sheet want;
    assert_int_equal(sheet_draw(&cut, N, &want), 0);
    assert_true(image.width == want.w && image.height == want.h);
    image.format = PNG_FORMAT_RGB;
    uint8_t *back = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(back);
    assert_true(png_image_finish_read(&image, NULL, back, 0, NULL));
    assert_memory_equal(back, want.rgb, PNG_IMAGE_SIZE(image));
    free(back);
    free(want.rgb);
}

static void test_nowhere(void **state)
{
    (void)state;
    struct journal *j;
    const struct journal_config config = {.folder = "/nonexistent",
                                          .progress = {.path = "/nonexistent/m"}};
    assert_int_equal(journal_open(&config, &j), -ENOENT);
    assert_non_null(strstr(err_text(), "/nonexistent"));
    journal_close(NULL);
    journal_break(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights, setup, teardown),
        cmocka_unit_test_setup_teardown(test_views, setup, teardown),
        cmocka_unit_test(test_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
