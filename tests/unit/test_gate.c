/* SPDX-License-Identifier: Apache-2.0 */
/* gate: keys are found where the configuration says, those that others can read are refused, and a
 * list that is read again takes away what is gone: also from who listens to the tap. */
#include "garden.h"

#include "common/err.h"
#include "common/stat.h"
#include "loaderd/daemon/gate.h"

#include <errno.h>

enum { PATIENCE_MS = 20000 };

static struct garden garden;
static struct config config;
static struct metrics metrics;
static struct port port;
static struct gate gate;
static struct link_key server, alice;

static int setup(void **state)
{
    (void)state;
    garden_new(&garden);
    return mkdir(garden_path(&garden, "clients"), 0700) || link_key_make(&server) ||
           link_key_make(&alice) || link_key_write(&server, garden_path(&garden, "server")) ||
           link_key_write(&alice, garden_path(&garden, "alice")) ||
           link(garden_path(&garden, "alice"), garden_path(&garden, "clients/alice"));
}

static int teardown(void **state)
{
    (void)state;
    garden_done(&garden);
    return 0;
}

static void configure(const char *secret, const char *clients)
{
    memset(&config, 0, sizeof config);
    memset(&metrics, 0, sizeof metrics);
    memset(&port, 0, sizeof port);
    memset(&gate, 0, sizeof gate);
    snprintf(config.curve.secret, sizeof config.curve.secret, "%s", secret);
    snprintf(config.curve.clients, sizeof config.curve.clients, "%s", clients);
}

static void test_key(void **state)
{
    (void)state;
    struct link_key key = {0};
    configure(garden_path(&garden, "server_secret"), "any");
    assert_int_equal(gate_key(&config, &key), 0);
    assert_memory_equal(&key, &server, sizeof key);
    assert_int_equal(chmod(garden_path(&garden, "server_secret"), 0640), 0);
    assert_int_equal(gate_key(&config, &key), -EINVAL);
    assert_non_null(strstr(err_text(), "chmod 600"));
    /* systemd's folder, whose modes show the mask of an access list */
    configure("server_secret", "any");
    assert_int_equal(gate_key(&config, &key), -EINVAL);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", garden.root, 1), 0);
    memset(&key, 0, sizeof key);
    assert_int_equal(gate_key(&config, &key), 0);
    assert_memory_equal(&key, &server, sizeof key);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(chmod(garden_path(&garden, "server_secret"), 0600), 0);
}

static void test_refused_configurations(void **state)
{
    (void)state;
    configure(garden_path(&garden, "none"), "any");
    assert_int_equal(gate_open(&gate, &config, &metrics, &port), -EINVAL);
    assert_non_null(strstr(err_text(), "curve.secret: "));
    assert_int_equal(gate_check(&config), -EINVAL);
    port_close(&port);
    configure("server_secret", "any");
    assert_int_equal(gate_check(&config), -EINVAL);
    assert_non_null(strstr(err_text(), "CREDENTIALS_DIRECTORY"));
    configure(garden_path(&garden, "server_secret"), garden_path(&garden, "none"));
    assert_int_equal(gate_open(&gate, &config, &metrics, &port), -EINVAL);
    assert_non_null(strstr(err_text(), "curve.clients: "));
    port_close(&port);
    assert_int_equal(gate_check(&config), -EINVAL);
    assert_non_null(strstr(err_text(), "curve.clients: "));
    configure(garden_path(&garden, "server_secret"), garden_path(&garden, "clients"));
    assert_int_equal(gate_check(&config), 0);
    configure("", "");
    assert_int_equal(gate_check(&config), 0);
}

static enum link_event wait_event(struct link *link)
{
    enum link_event event;
    double until = stat_now() + PATIENCE_MS / 1e3;
    while ((event = link_event(link)) == LINK_NOTHING && stat_now() < until)
        link_wait(&link, 1, 10);
    return event;
}

static void test_reload(void **state)
{
    (void)state;
    struct conf_strs listen_on = {.n = 1, .v = {"tcp://127.0.0.1:*"}};
    struct link_context *context;
    struct link *sub;
    configure(garden_path(&garden, "server_secret"), garden_path(&garden, "clients"));
    assert_int_equal(gate_open(&gate, &config, &metrics, &port), 0);
    assert_int_equal(port_open(&port, &listen_on, "tcp://127.0.0.1:*"), 0);
    struct link_guard guard = {.curve = true, .key = alice};
    memcpy(guard.server, server.public_key, LINK_KEY_BYTES);
    assert_int_equal(link_context_new(&context), 0);
    link_context_guard(context, &guard);
    assert_int_equal(link_sub_connect(context, port.tap_endpoint, &sub), 0);
    assert_int_equal(wait_event(sub), LINK_CONNECTED);
    gate_tick(&gate);
    assert_int_equal(metrics.auth_failures, 0);
    for (int i = 0; i < 100; i++) { /* nothing is gone: nobody notices */
        assert_int_equal(gate_reload(&gate), 0);
        assert_non_null(port.tap);
    }
    /* a folder that cannot be read changes nothing */
    char folder[256], away[256];
    snprintf(folder, sizeof folder, "%s/clients", garden.root);
    snprintf(away, sizeof away, "%s/away", garden.root);
    assert_int_equal(rename(folder, away), 0);
    assert_int_equal(gate_reload(&gate), -ENOENT);
    assert_non_null(port.tap);
    assert_int_equal(rename(away, folder), 0);
    assert_int_equal(link_event(sub), LINK_NOTHING);
    /* a key that is gone */
    assert_int_equal(unlink(garden_path(&garden, "clients/alice")), 0);
    assert_int_equal(gate_reload(&gate), 0);
    assert_int_equal(wait_event(sub), LINK_DISCONNECTED);
    double until = stat_now() + PATIENCE_MS / 1e3;
    while (metrics.auth_failures == 0 && stat_now() < until) {
        gate_tick(&gate);
        link_wait(&sub, 1, 10);
    }
    assert_non_null(port.tap);
    assert_true(metrics.auth_failures > 0);
    assert_int_equal(wait_event(sub), LINK_REFUSED);
    link_close(sub);
    link_context_free(context);
    port_close(&port);
}

static void test_open(void **state)
{
    (void)state;
    configure("", "");
    config.insecure = true;
    config.sockets = 1;
    char endpoint[128];
    struct stat st;
    struct conf_strs listen_on = {.n = 1};
    snprintf(endpoint, sizeof endpoint, "ipc://%s/socket", garden.root);
    snprintf(listen_on.v[0], sizeof listen_on.v[0], "%s", endpoint);
    assert_int_equal(gate_open(&gate, &config, &metrics, &port), 0);
    assert_int_equal(port_open(&port, &listen_on, ""), 0);
    assert_int_equal(metrics.insecure, 1);
    assert_int_equal(stat(garden_path(&garden, "socket"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    assert_int_equal(gate_reload(&gate), 0);
    gate_tick(&gate);
    port_close(&port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_refused_configurations),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_open),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
