/* SPDX-License-Identifier: Apache-2.0 */
/* conf_table: names find their fields, entries of maps are made once, and the nearest name is the
 * one that was meant. */
#include "test.h"

#include "common/conf_table.h"

#include <errno.h>
#include <string.h>

struct entry {
    char name[CONF_NAME_MAX];
    int64_t limit, retries;
};

struct owner {
    int64_t size, p, epochs;
    struct entry entries[2];
    size_t n;
};

static const struct conf_option options[] = {
    {"views.size", CONF_INT, offsetof(struct owner, size)},
    {"views.jitter.p", CONF_INT, offsetof(struct owner, p)},
    {"optim.epochs", CONF_INT, offsetof(struct owner, epochs)},
    {"net.peers.*.limit", CONF_INT, offsetof(struct entry, limit)},
    {"net.peers.*.retry.count", CONF_INT, offsetof(struct entry, retries)},
    {"lost.*.x", CONF_INT, 0},
};
static const struct conf_map maps[] = {
    {"net.peers", offsetof(struct owner, entries), sizeof(struct entry), offsetof(struct owner, n),
     2},
};
static const struct conf_table table = {options, ARRAY_LEN(options), maps, ARRAY_LEN(maps)};

static struct owner owner;

static int find(const char *key, struct conf_key *ret)
{
    const struct conf_where where = {.source = "--set", .key = key};
    return conf_key_find(&table, &owner, &where, ret);
}

static void test_plain(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum conf_key_kind kind;
        void *field;
    } rows[] = {
        {"views.size", CONF_KEY_OPTION, &owner.size},
        {"views.jitter.p", CONF_KEY_OPTION, &owner.p},
        {"views", CONF_KEY_GROUP, NULL},
        {"views.jitter", CONF_KEY_GROUP, NULL},
        {"net", CONF_KEY_GROUP, NULL},
        {"net.peers", CONF_KEY_GROUP, NULL},
        {"view", CONF_KEY_UNKNOWN, NULL},
        {"views.siz", CONF_KEY_UNKNOWN, NULL},
        {"views.size.x", CONF_KEY_UNKNOWN, NULL},
        {"viewsXsize", CONF_KEY_UNKNOWN, NULL},
        {"views.", CONF_KEY_UNKNOWN, NULL},
        {".views", CONF_KEY_UNKNOWN, NULL},
        {"", CONF_KEY_UNKNOWN, NULL},
        {"net.peers.", CONF_KEY_UNKNOWN, NULL},
        {"net.peers..limit", CONF_KEY_UNKNOWN, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_key key;
        assert_int_equal(find(rows[i].key, &key), 0);
        assert_int_equal(key.kind, rows[i].kind);
        assert_ptr_equal(key.field, rows[i].field);
        assert_null(key.made);
    }
    assert_int_equal(owner.n, 0);
}

static void test_maps(void **state)
{
    (void)state;
    struct conf_key key;
    memset(&owner, 0x5a, sizeof owner);
    owner.n = 0;
    assert_int_equal(find("net.peers.a", &key), 0);
    assert_int_equal(key.kind, CONF_KEY_GROUP);
    assert_ptr_equal(key.made, &owner.entries[0]);
    assert_ptr_equal(key.map, &maps[0]);
    assert_string_equal(owner.entries[0].name, "a");
    assert_int_equal(find("net.peers.a.limit", &key), 0);
    assert_null(key.made); /* it was there */
    assert_ptr_equal(key.field, &owner.entries[0].limit);
    assert_int_equal(find("net.peers.ab.retry.count", &key), 0);
    assert_ptr_equal(key.made, &owner.entries[1]);
    assert_ptr_equal(key.field, &owner.entries[1].retries);
    assert_int_equal(owner.n, 2);
    assert_int_equal(find("net.peers.a.nothing", &key), 0);
    assert_int_equal(key.kind, CONF_KEY_UNKNOWN);
    assert_int_equal(find("net.peers.c.limit", &key), -EINVAL); /* full */
    assert_string_equal(err_text(), "--set net.peers.c.limit: net.peers has more than 2 entries");
    owner.n = 0;
    static const char *const bad[] = {"net.peers.-a", "net.peers.a/b", "net.peers.a b",
                                      "net.peers._"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(find(bad[i], &key), -EINVAL);
    char name[CONF_NAME_MAX + 16] = "net.peers.";
    memset(name + 10, 'x', CONF_NAME_MAX - 1);
    assert_int_equal(find(name, &key), 0);
    name[10 + CONF_NAME_MAX - 1] = 'x';
    assert_int_equal(find(name, &key), -EINVAL);
    assert_int_equal(owner.n, 1);
    assert_ptr_equal(conf_option_map(&table, "net.peers.*.limit"), &maps[0]);
    assert_null(conf_option_map(&table, "lost.*.x"));
    assert_null(conf_option_map(&table, "views.size"));
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"views.sise", "views.size"},
        {"view", "views"},
        {"views.jiter", "views.jitter"},
        {"views.jitter.q", "views.jitter.p"},
        {"epochs", "optim.epochs"}, /* the right word in no group */
        {"views.epochs", "optim.epochs"},
        {"optin.epoch", "optim.epochs"},
        {"net.peers.me.limits", "net.peers.me.limit"},
        {"net.peer", "net.peers"},
        {"", "net"}, /* the shortest */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char nearest[CONF_KEY_MAX];
        conf_key_nearest(&table, rows[i][0], nearest);
        assert_string_equal(nearest, rows[i][1]);
    }
    char longest[CONF_KEY_MAX], nearest[CONF_KEY_MAX];
    memset(longest, 'y', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    conf_key_nearest(&table, longest, nearest);
    memcpy(longest, "net.peers.", 10); /* the long word stands in for '*', cut */
    conf_key_nearest(&table, longest, nearest);
    assert_true(strncmp(nearest, "net.peers.yyy", 13) == 0);
    conf_key_nearest(&(struct conf_table){0}, "x", nearest);
    assert_string_equal(nearest, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
