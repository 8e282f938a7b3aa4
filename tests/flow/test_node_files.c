/* SPDX-License-Identifier: Apache-2.0 */
/* node_files: a real loaderd whose images are taken away or replaced by other things while it
 * serves them. The batch arrives all the same, in time, and names who stands in for whom; too many
 * end the session with a reason, and when the files are back so is the session. The daemon keeps no
 * decoded pictures here: of a picture that it has kept it need not look at the file again. */
#include "node.h"

#include <sys/socket.h>
#include <sys/un.h>

static struct node node;
static struct client *client;

static int setup(void **state)
{
    (void)state;
    client = NULL;
    node_new(&node);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (client)
        client_free(client);
    node_done(&node);
    return 0;
}

/* The dataset's order is by class, then by name; so a sample's file is: */
static const char *sample_path(uint32_t sample)
{
    char name[64];
    uint32_t half = NODE_SAMPLES / GARDEN_CLASSES;
    snprintf(name, sizeof name, "set/class-%u/%03u.jpg", sample / half, sample % half);
    return garden_path(&node.garden, name);
}

/* Batches in the dataset's order: samples 0..7 are batch 0. */
static void open_in_order(void)
{
    struct spec spec;
    node_spec(&spec, 1);
    spec.shuffle = false;
    client = client_new(node.endpoint);
    client_hello(client);
    client_open(client, &spec);
}

static void fifo(const char *path)
{
    assert_int_equal(mkfifo(path, 0666), 0);
}

static void folder(const char *path)
{
    assert_int_equal(mkdir(path, 0777), 0);
}

static void dangling(const char *path)
{
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
}

static void loop(const char *path)
{
    assert_int_equal(symlink(path, path), 0);
}

static void endless(const char *path)
{
    assert_int_equal(symlink("/dev/zero", path), 0);
}

static void unix_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(strlen(path) < sizeof at.sun_path);
    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
}

static void sized(const char *path, off_t bytes)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT, 0666);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, bytes), 0);
}

static void empty(const char *path)
{
    sized(path, 0);
}

static void huge(const char *path)
{
    sized(path, (off_t)1 << 40);
}

static void nothing(const char *path)
{
    (void)path;
}

static void test_replaced(void **state)
{
    (void)state;
    static const struct {
        void (*put)(const char *path);
        enum wire_fault fault;
    } rows[NODE_BATCH] = {
        {nothing, FAULT_UNREADABLE},     {fifo, FAULT_UNREADABLE}, {folder, FAULT_UNREADABLE},
        {dangling, FAULT_UNREADABLE},    {loop, FAULT_UNREADABLE}, {endless, FAULT_UNREADABLE},
        {unix_socket, FAULT_UNREADABLE}, {huge, FAULT_TOO_LARGE},
    };
    node.lines = "workers: 1\nbad_rate_max: 1\ncache_mib: 0";
    node_start(&node);
    open_in_order();
    struct print other = client_get(client, 0, 3);
    client_get(client, 0, 0);
    assert_int_equal(client->message.batch.n_substituted, 0);
    client_forget(client);
    for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(unlink(sample_path(i)), 0);
        rows[i].put(sample_path(i));
    }
    double begin_s = stat_now();
    client_get(client, 0, 0);
    assert_true(stat_now() - begin_s < 15); /* no worker had to be killed at its deadline of 20 s */
    const struct wire_batch *b = &client->message.batch;
    assert_int_equal(b->n_substituted, ARRAY_LEN(rows));
    for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(b->substituted[i].position, i);
        assert_int_equal(b->substituted[i].sample, i);
        if (b->substituted[i].fault != rows[i].fault)
            fail_msg("sample %u: fault %d", i, (int)b->substituted[i].fault);
        assert_true(b->omega[i].sample >= NODE_BATCH);
        assert_true(node_logged(&node, sample_path(i)));
    }
    assert_same(client_get(client, 0, 3), other); /* the other samples are as they were */
    node_hear(&node, "STATUS=", "8 bad images, 8 substitutions");
    assert_non_null(strstr(node.status, "0 worker exits"));
    node_end(&node);
}

static void test_changed(void **state)
{
    (void)state;
    node.lines = "workers: 1\nbad_rate_max: 1\ncache_mib: 0";
    node_start(&node);
    open_in_order();
    client_get(client, 0, 0);
    client_forget(client);
    assert_int_equal(unlink(sample_path(1)), 0);
    empty(sample_path(1));
    garden_write(&node.garden, "set/class-0/002.jpg", "I was a picture");
    assert_int_equal(truncate(sample_path(3), 300), 0);
    client_get(client, 0, 0);
    const struct wire_batch *b = &client->message.batch;
    assert_int_equal(b->n_substituted, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(b->substituted[i].position, 1 + i);
    node_end(&node);
}

/* A network file system that goes away and comes back. While it is away nothing good can be made of
 * it: an Error says so. */
static void test_dataset_away(void **state)
{
    (void)state;
    char away[256];
    snprintf(away, sizeof away, "%s", garden_path(&node.garden, "away"));
    node.lines = "workers: 1\ncache_mib: 0";
    node_start(&node);
    open_in_order();
    struct print whole = client_get(client, 0, 0);
    client_forget(client);
    assert_int_equal(rename(garden_path(&node.garden, "set"), away), 0);
    client_ask(client, 5, 0, 0);
    client_expect_error(client, 5, WIRE_TOO_MANY_BAD, false);
    assert_non_null(strstr(client->message.error.text, "set"));
    assert_int_equal(rename(away, garden_path(&node.garden, "set")), 0);
    assert_same(client_get(client, 0, 0), whole);
    node_end(&node);
}

/* Half of it goes away, for long enough that the session ends (bad_rate_max). When it is back, a
 * trainer that opens the session again is served. */
static void test_session_ends_and_begins(void **state)
{
    (void)state;
    char away[256];
    snprintf(away, sizeof away, "%s", garden_path(&node.garden, "away"));
    node.lines = "workers: 1\ncache_mib: 0";
    node_start(&node);
    open_in_order();
    struct print whole = client_get(client, 0, 0);
    client_forget(client);
    assert_int_equal(rename(garden_path(&node.garden, "set/class-0"), away), 0);
    uint32_t asked = 0;
    do {
        client_ask(client, asked, asked, 0);
        asked++;
    } while (client_receive(client) == WIRE_BATCH && asked < 100);
    assert_int_equal(client->message.type, WIRE_ERROR);
    assert_int_equal(client->message.error.code, WIRE_TOO_MANY_BAD);
    assert_non_null(strstr(client->message.error.text, "bad_rate_max"));
    client_ask(client, 200, 0, 0); /* and so it stays */
    client_expect_error(client, 200, WIRE_TOO_MANY_BAD, false);
    assert_int_equal(rename(away, garden_path(&node.garden, "set/class-0")), 0);
    client_free(client);
    open_in_order();
    assert_same(client_get(client, 0, 0), whole);
    node_end(&node);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_replaced),
        TEST(test_changed),
        TEST(test_dataset_away),
        TEST(test_session_ends_and_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
