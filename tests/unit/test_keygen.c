/* SPDX-License-Identifier: Apache-2.0 */
/* keygen: the files it writes are a pair, and a second one of the name is not made. */
#include "garden.h"

#include "common/err.h"
#include "loaderd/keygen.h"
#include "proto/link_key.h"

#include <getopt.h>

static int run(const char *name)
{
    char *argv[] = {"keygen", "--out", (char *)name, NULL};
    optind = 0; /* glibc: a new command line */
    return keygen_run(3, argv);
}

static void test_keygen(void **state)
{
    (void)state;
    struct garden garden;
    struct link_key key, secret;
    char name[256], other[300];
    garden_new(&garden);
    snprintf(name, sizeof name, "%s/node1", garden.root);
    snprintf(other, sizeof other, "%s_secret", name);
    assert_int_equal(run(name), EXIT_OK);
    assert_int_equal(link_key_read(name, &key), 0);
    assert_int_equal(link_key_read_secret(other, false, &secret), 0);
    assert_memory_equal(key.public_key, secret.public_key, sizeof key.public_key);
    assert_int_equal(run(name), EXIT_USAGE);
    struct link_key again;
    assert_int_equal(link_key_read_secret(other, false, &again), 0);
    assert_memory_equal(&again, &secret, sizeof again);
    assert_int_equal(run(""), EXIT_USAGE);
    snprintf(name, sizeof name, "%s/none/node1", garden.root);
    assert_int_equal(run(name), EXIT_DATA);
    char *surplus[] = {"keygen", "more", NULL};
    optind = 0;
    assert_int_equal(keygen_run(2, surplus), EXIT_USAGE);
    garden_done(&garden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_keygen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
