/* SPDX-License-Identifier: Apache-2.0 */
/* config: the example that we ship is understood, and what cannot work is refused with its line. */
#include "test.h"

#include "common/file.h"
#include "loaderd/config.h"
#include "loaderd/source/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct config config;

static int load(const char *text)
{
    snprintf(path, sizeof path, "/tmp/augstream-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int r = config_load(&config, path);
    unlink(path);
    return r;
}

static void refused(const char *text, int line, const char *word)
{
    char place[128];
    assert_int_equal(load(text), -EINVAL);
    snprintf(place, sizeof place, line ? "%s:%d: " : "%s", path, line);
    if (strncmp(err_text(), place, strlen(place)) != 0 || !strstr(err_text(), word))
        fail_msg("'%s' names not '%s' and '%s'", err_text(), place, word);
}

#define SETS "datasets:\n  a: {path: /srv/a}\n"

static void test_example(void **state)
{
    (void)state;
    if (config_load(&config, TESTS_DIR "/../deploy/loaderd.yaml") < 0)
        fail_msg("%s", err_text());
    assert_int_equal(config.listen.n, 2);
    assert_string_equal(config.listen.v[0], "tcp://127.0.0.1:5555");
    assert_string_equal(config.tap, "tcp://127.0.0.1:5556");
    assert_int_equal(config.n_datasets, 2);
    assert_string_equal(config.datasets[0].name, "stl10-unlabelled");
    assert_string_equal(config.datasets[1].path, "/srv/data/imagenet100/train");
    assert_string_equal(config.datasets[0].format, "folder");
    assert_int_equal(config_log_level(&config), LOG_INFO);
}

/* What it says of other machines: its lines that begin with "#: " in place of those of the same
 * key. */
static void test_example_for_other_machines(void **state)
{
    (void)state;
    auto_free char *example = NULL;
    size_t len;
    assert_int_equal(file_read(TESTS_DIR "/../deploy/loaderd.yaml", 1 << 16, &example, &len), 0);
    char text[1 << 13] = "";
    for (char *line = strtok(example, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "listen:", 7) == 0 || strncmp(line, "tap:", 4) == 0)
            continue;
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s\n",
                 strncmp(line, "#: ", 3) == 0 ? line + 3 : line);
    }
    if (load(text) < 0)
        fail_msg("%s", err_text());
    assert_string_equal(config.listen.v[0], "tcp://0.0.0.0:5555");
    assert_string_equal(config.tap, "tcp://0.0.0.0:5556");
    assert_false(config.insecure);
    assert_string_equal(config.curve.secret, "/etc/augstream/loader_secret");
    assert_string_equal(config.curve.clients, "/etc/augstream/clients");
}

static void test_parts(void **state)
{
    (void)state;
    if (load("listen: ipc:///run/x\nstate: /var/lib/x\ndatasets:\n"
             "  a: {path: /a}\n"
             "  b: {path: /b, split: val, classes: /c.txt, fraction: .1, allow: [webp, jpeg]}\n") <
        0)
        fail_msg("%s", err_text());
    assert_string_equal(config.state, "/var/lib/x");
    const struct config_dataset *a = &config.datasets[0], *b = &config.datasets[1];
    assert_string_equal(a->split, "");
    assert_string_equal(a->classes, "");
    assert_true(a->fraction == 1);
    assert_int_equal(config_allow(a), ENCODINGS_USUAL);
    assert_string_equal(b->split, "val");
    assert_string_equal(b->classes, "/c.txt");
    assert_true(b->fraction == .1);
    assert_int_equal(config_allow(b), ENCODING_JPEG | ENCODING_WEBP);
}

/* What the example shows are the defaults. */
static void test_defaults(void **state)
{
    (void)state;
    struct config *example = malloc(sizeof *example);
    assert_non_null(example);
    assert_int_equal(config_load(example, TESTS_DIR "/../deploy/loaderd.yaml"), 0);
    assert_int_equal(load("listen: ipc:///run/x\n" SETS), 0);
    assert_int_equal(config.listen.n, 1);
    assert_string_equal(config.tap, "");
    assert_false(config.insecure);
    assert_int_equal(config.workers, example->workers);
    assert_int_equal(config.slots, example->slots);
    assert_int_equal(config.slot_mib, example->slot_mib);
    assert_int_equal(config.window, example->window);
    assert_int_equal(config.window_mib, example->window_mib);
    assert_true(config.bad_rate_max == example->bad_rate_max);
    assert_true(config.deadline_s == example->deadline_s);
    assert_true(config.stall_s == example->stall_s);
    assert_int_equal(config.recycle, example->recycle);
    assert_int_equal(config.worker_mib, example->worker_mib);
    assert_int_equal(config.cache_mib, example->cache_mib);
    assert_int_equal(config.log, example->log);
    free(example);
}

static void test_levels(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum log_level level;
    } levels[] = {{"log: error\n", LOG_ERROR},
                  {"log: warning\n", LOG_WARN},
                  {"log: notice\n", LOG_NOTE},
                  {"log: debug\n", LOG_DEBUG}};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        char text[256];
        snprintf(text, sizeof text, "%slisten: ipc:///run/x\n%s", levels[i].line, SETS);
        assert_int_equal(load(text), 0);
        assert_int_equal(config_log_level(&config), levels[i].level);
    }
}

static void test_refused(void **state)
{
    (void)state;
    refused("listen: ipc:///run/x\n" SETS "workerz: 2\n", 4, "workers");
    refused("listen: ipc:///run/x\n" SETS "workers: -1\n", 4, "workers");
    refused("listen: ipc:///run/x\n" SETS "bad_rate_max: 1.5\n", 4, "bad_rate_max");
    refused("listen: udp://127.0.0.1:1\n" SETS, 1, "udp://127.0.0.1:1");
    refused("listen: [ipc:///run/x, tcp://127.0.0.1]\n" SETS, 1,
            "tcp://127.0.0.1: not tcp://host:port");
    refused("listen: ipc:///run/x\ntap: ipc://@x\n" SETS, 2, "tap: ipc://@x");
    refused("listen: ipc:///run/x\ntap: ipc:///run/x\n" SETS, 2,
            "tap: ipc:///run/x is listened on");
    refused("listen: [ipc:///run/y, ipc:///run/x, ipc:///run/y]\n" SETS, 1,
            "listen: ipc:///run/y is there twice");
    refused("listen: ipc:///run/x\ndatasets:\n  a: {path: /a, format: papyrus}\n", 3,
            "papyrus'; there are folder, ");
    refused("listen: ipc:///run/x\ndatasets:\n  a: {path: /a, allow: [png, bmp]}\n", 3, "'bmp'");
    refused("listen: ipc:///run/x\ndatasets:\n  a: {path: /a, allow: []}\n", 3, "allow");
    refused("listen: ipc:///run/x\ndatasets:\n  a: {path: /a, fraction: 0}\n", 3, "fraction");
    refused("listen: ipc:///run/x\ndatasets:\n  a: {path: /a, fraction: 1.1}\n", 3, "fraction");
    refused("listen: ipc:///run/x\n", 0, "datasets");
    refused(SETS, 0, "listen");
    refused("listen: ipc:///run/x\ndatasets:\n  a: {format: folder}\n", 0, "path");
}

/* Nothing is encrypted: the network is not let in by accident. */
static void test_curve(void **state)
{
    (void)state;
    assert_int_equal(load("listen: tcp://0.0.0.0:5555\ncurve: {secret: k, clients: d}\n" SETS), 0);
    assert_string_equal(config.curve.secret, "k");
    assert_string_equal(config.curve.clients, "d");
    refused("listen: tcp://0.0.0.0:5555\n" SETS, 1, "curve.secret and curve.clients");
    refused("listen: ipc:///x\ncurve:\n  secret: k\n" SETS, 3, "curve.clients");
    refused("listen: ipc:///x\ncurve:\n  clients: d\n" SETS, 3, "curve.secret");
    refused("listen: ipc:///x\ncurve: {secret: k, clients: any}\ninsecure: true\n" SETS, 3,
            "one or the other");
}

static void test_sockets(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned mode;
    } rows[] = {{"", 0600},
                {"sockets: owner\n", 0600},
                {"sockets: group\n", 0660},
                {"sockets: all\n", 0666}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];
        snprintf(text, sizeof text, "listen: ipc:///x\n%s" SETS, rows[i].line);
        assert_int_equal(load(text), 0);
        assert_int_equal(config_socket_mode(&config), rows[i].mode);
    }
    refused("listen: ipc://@abstract\n" SETS, 1, "abstract");
}

static void test_insecure(void **state)
{
    (void)state;
    refused("listen: tcp://0.0.0.0:5555\n" SETS, 1, "insecure");
    refused("listen: tcp://*:5555\n" SETS, 1, "insecure");
    refused("listen: tcp://127.evil.example:5555\n" SETS, 1, "insecure");
    refused("listen: tcp://127.0.0.1.evil.example:5555\n" SETS, 1, "insecure");
    refused("listen: tcp://localhost.evil.example:5555\n" SETS, 1, "insecure");
    refused("listen: 'tcp://[::1]:1:5555'\n" SETS, 1, "insecure");
    refused("listen: ipc:///run/x\ntap: tcp://10.0.0.1:5556\n" SETS, 2, "insecure");
    assert_int_equal(load("listen: tcp://0.0.0.0:5555\ninsecure: true\n" SETS), 0);
    assert_int_equal(load("listen: [tcp://127.0.0.1:1, 'tcp://127.9.8.7:*']\n" SETS), 0);
    assert_int_equal(load("listen: [tcp://localhost:1, 'tcp://[::1]:1']\n" SETS), 0);
    assert_int_equal(load("listen: [tcp://127.0.0.1:*, tcp://127.0.0.1:*]\n" SETS), 0);
}

/* The pages are for this machine alone, and at a place of their own. */
static void test_http(void **state)
{
    (void)state;
    assert_int_equal(load("listen: ipc:///run/x\n" SETS), 0);
    assert_string_equal(config.http, "");
    assert_string_equal(config.file, path);
    refused("listen: ipc:///run/x\nhttp: tcp://0.0.0.0:9155\ninsecure: true\n" SETS, 2,
            "http: tcp://0.0.0.0:9155 is no tcp endpoint of this machine");
    refused("listen: ipc:///run/x\nhttp: ipc:///run/y\n" SETS, 2, "http: ipc:///run/y is no tcp");
    refused("listen: ipc:///run/x\nhttp: localhost\n" SETS, 2, "http: localhost");
    refused("listen: tcp://127.0.0.1:5\nhttp: tcp://127.0.0.1:5\n" SETS, 2, "is listened on");
    refused("listen: ipc:///run/x\ntap: tcp://127.0.0.1:5\nhttp: tcp://127.0.0.1:5\n" SETS, 3,
            "is the tap's place");
    assert_int_equal(load("listen: ipc:///run/x\nhttp: 'tcp://[::1]:9155'\n" SETS), 0);
    assert_int_equal(load("listen: tcp://127.0.0.1:*\nhttp: tcp://127.0.0.1:*\n" SETS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),  cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_levels),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_curve),    cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_insecure), cmocka_unit_test(test_example_for_other_machines),
        cmocka_unit_test(test_parts),    cmocka_unit_test(test_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
