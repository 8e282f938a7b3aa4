/* SPDX-License-Identifier: Apache-2.0 */
/* conf_equal: each type of option, and maps, told apart by value alone. */
#include "test.h"

#include "common/conf_equal.h"

#include <string.h>

struct entry {
    char name[CONF_NAME_MAX];
    int64_t size;
};

struct owner {
    bool flag;
    int64_t whole;
    double real;
    char text[CONF_STR_MAX];
    int choice;
    double reals[2];
    struct conf_strs texts;
    struct entry entries[2];
    size_t n_entries;
};

static const char *const choices[] = {"a", "b", NULL};
static const struct conf_option options[] = {
    {.name = "flag", .type = CONF_BOOL, .offset = offsetof(struct owner, flag)},
    {.name = "whole", .type = CONF_INT, .offset = offsetof(struct owner, whole)},
    {.name = "real", .type = CONF_FLOAT, .offset = offsetof(struct owner, real)},
    {.name = "text", .type = CONF_STR, .offset = offsetof(struct owner, text)},
    {.name = "choice",
     .type = CONF_ENUM,
     .offset = offsetof(struct owner, choice),
     .choices = choices},
    {.name = "reals", .type = CONF_FLOATS, .offset = offsetof(struct owner, reals), .count = 2},
    {.name = "texts", .type = CONF_STRS, .offset = offsetof(struct owner, texts)},
    {.name = "entries.*.size", .type = CONF_INT, .offset = offsetof(struct entry, size)},
};
static const struct conf_map maps[] = {{.name = "entries",
                                        .offset = offsetof(struct owner, entries),
                                        .stride = sizeof(struct entry),
                                        .count_offset = offsetof(struct owner, n_entries),
                                        .max = 2}};
static const struct conf_table table = {options, ARRAY_LEN(options), maps, 1, NULL};

static struct owner a, b;

/* The names of the options that differ. */
static const char *differ(void)
{
    static char names[256];
    names[0] = 0;
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (!conf_equal(&table, &options[i], &a, &b))
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s ", options[i].name);
    return names;
}

static void fill(struct owner *o, int rest)
{
    memset(o, rest, sizeof *o); /* what lies behind strings and lists differs */
    o->flag = true;
    o->whole = 3;
    o->real = .5;
    memcpy(o->text, "text", sizeof "text");
    o->choice = 1;
    o->reals[0] = o->reals[1] = 2;
    o->texts.n = 1;
    memcpy(o->texts.v[0], "one", sizeof "one");
    o->n_entries = 1;
    memcpy(o->entries[0].name, "x", sizeof "x");
    o->entries[0].size = 9;
}

static void test_each(void **state)
{
    (void)state;
#define ONE(change, name)                                                                          \
    do {                                                                                           \
        fill(&a, 1);                                                                               \
        fill(&b, 2);                                                                               \
        assert_string_equal(differ(), "");                                                         \
        change;                                                                                    \
        assert_string_equal(differ(), name);                                                       \
    } while (0)
    ONE(b.flag = false, "flag ");
    ONE(b.whole = 4, "whole ");
    ONE(b.real = .25, "real ");
    ONE(b.text[3] = 's', "text ");
    ONE(b.choice = 0, "choice ");
    ONE(b.reals[1] = 3, "reals ");
    ONE(b.texts.n = 0, "texts ");
    ONE(b.texts.v[0][0] = 'O', "texts ");
    ONE(b.entries[0].size = 8, "entries.*.size ");
    ONE(b.entries[0].name[0] = 'y', "entries.*.size ");
    ONE(b.n_entries = 0, "entries.*.size ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
