/* SPDX-License-Identifier: Apache-2.0 */
/* stock: what a configuration declares is open afterwards, and nothing is when a part of it cannot
 * be opened; --check writes a line for each dataset and says so when it cannot write. */
#include "garden.h"

#include "loaderd/daemon/stock.h"

#include <errno.h>

static struct garden garden;
static struct config config; /* large */
static struct stock stock;

static int setup(void **state)
{
    (void)state;
    garden_new(&garden);
    garden_plant(&garden, "small", 4);
    garden_plant(&garden, "large", 10);
    memset(&config, 0, sizeof config);
    config.slots = 3;
    config.slot_mib = 1;
    config.bad_rate_max = 0.5;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void declare(const char *name)
{
    struct config_dataset *dataset = &config.datasets[config.n_datasets++];
    snprintf(dataset->name, sizeof dataset->name, "%s", name);
    snprintf(dataset->path, sizeof dataset->path, "%s", garden_path(&garden, name));
    snprintf(dataset->format, sizeof dataset->format, "folder");
}

static int backs;

static void slot_back(void *hint)
{
    assert_ptr_equal(hint, &backs);
    backs++;
}

static void test_open(void **state)
{
    (void)state;
    struct metrics metrics = {0};
    backs = 0;
    declare("small");
    declare("large");
    assert_int_equal(stock_datasets(&stock, &config), 0);
    assert_int_equal(stock.n_datasets, 2);
    assert_int_equal(stock.datasets[1].source->samples, 10);
    stock_tell(&stock, &metrics);
    assert_int_equal(metrics.n_datasets, 2);
    assert_string_equal(metrics.datasets[1].name, "large");
    assert_int_equal(metrics.datasets[1].size, 10);
    assert_int_equal(stock_memory(&stock, &config, &metrics, slot_back, &backs), 0);
    assert_int_equal(pool_slots(stock.pool), 3);
    assert_true(pool_slot_bytes(stock.pool) >= (1 << 20) + SLOT_EXTRA);

    /* The parts know each other: a batch of the second dataset takes a slot of the pool. */
    struct spec spec = {.dataset = "large", .batch = 2, .n_views = 1};
    view_spec_eval(&spec.views[0], 16, 16);
    struct session *session;
    enum wire_code code;
    assert_int_equal(session_open(stock.sessions, &spec, &session, &code), 0);
    struct batch *batch;
    assert_int_equal(dispatch_ask(stock.dispatch, session, 0, 0, &batch), 0);
    assert_int_equal(pool_idle(stock.pool), 2);
    dispatch_release(stock.dispatch, batch);
    assert_int_equal(backs, 1);
    stock_close(&stock);
    assert_null(stock.pool);
    stock_close(&stock); /* fine on a zeroed one */
}

static void test_missing(void **state)
{
    (void)state;
    declare("small");
    declare("nowhere");
    assert_int_equal(stock_datasets(&stock, &config), -ENOENT);
    assert_non_null(strstr(err_text(), "nowhere"));
    assert_int_equal(stock.n_datasets, 1);
    stock_close(&stock);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct metrics metrics = {0};
    declare("small");
    config.slots = POOL_SLOTS_MAX + 1;
    assert_int_equal(stock_datasets(&stock, &config), 0);
    assert_int_equal(stock_memory(&stock, &config, &metrics, slot_back, &backs), -EINVAL);
    stock_close(&stock);
}

/* The least and the most that a line may say. */
static void test_line(void **state)
{
    (void)state;
    char line[STOCK_LINE_MAX];
    struct source source = {.samples = 3, .classes = 1, .unlabelled = 2};
    struct dataset dataset = {.name = "half", .source = &source};
    stock_line(&dataset, line);
    assert_string_equal(line, "half: 3 samples, 1 classes, 0 other files left out; 2 samples have "
                              "no label");
    memset(dataset.name, 'n', sizeof dataset.name - 1);
    source.samples = source.unlabelled = source.ignored = UINT64_MAX;
    source.classes = UINT32_MAX;
    stock_line(&dataset, line);
    assert_non_null(strstr(line, "have no label"));
}

static void test_check(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len;
    declare("small");
    declare("large");
    garden_write(&garden, "large/class-0/notes.txt", "not a picture");
    FILE *out = open_memstream(&text, &len);
    assert_int_equal(stock_check(&config, out), 0);
    fclose(out);
    assert_string_equal(text, "small: 4 samples, 2 classes, 0 other files left out\n"
                              "large: 10 samples, 2 classes, 1 other files left out\n");
    free(text);
    out = fopen("/dev/full", "w");
    assert_int_equal(stock_check(&config, out), -EIO);
    fclose(out);
    declare("nowhere");
    out = fopen("/dev/null", "w");
    assert_int_equal(stock_check(&config, out), -ENOENT);
    fclose(out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(test_open), TEST(test_missing), TEST(test_no_memory),
                                       TEST(test_line), TEST(test_check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
