/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: takes two dumped recipes, gives the options in which they differ. Pure.
 * Reads the text as conf_dump writes it, a line for each option, and no other YAML: a checkpoint's
 * may be of another version, with options that the table of today does not know. */
#include "trainer/recipe_difference.h"

#include "common/auto.h"
#include "common/conf.h"

#include <stdio.h>
#include <string.h>

enum { INDENT = 4, DEPTH_MAX = 8 }; /* blanks of a level; levels */

/* What a resumed run may not change. Not in here: where loaders are, how long the run is, what it
 * writes, the optimiser's numbers. */
static const char *const fixed[] = {"run.seed",       "data.dataset", "data.batch",
                                    "views.",         "method.",      "augself.",
                                    "model.backbone", "model.stem",   "model.width"};

/* A place in a dump. */
struct dump {
    const char *at;
    char key[CONF_NAME_MAX * 2]; /* "views.blur.kernel" */
    size_t length[DEPTH_MAX];    /* of the key's beginning, at each level */
    const char *value;           /* of value_bytes */
    size_t value_bytes;
};

/* The next option; false at the end, and at what conf_dump would not have written. */
static bool dump_next(struct dump *d)
{
    while (*d->at) {
        const char *line = d->at;
        size_t len = strcspn(line, "\n"), blanks = strspn(line, " ");
        d->at += len + (line[len] == '\n');
        const char *colon = memchr(line, ':', len);
        size_t depth = blanks / INDENT, used = depth ? d->length[depth - 1] : 0;
        if (!colon || depth >= DEPTH_MAX || blanks % INDENT)
            return false;
        int n = snprintf(d->key + used, sizeof d->key - used, "%s%.*s", used ? "." : "",
                         (int)(colon - line - (ptrdiff_t)blanks), line + blanks);
        if (n < 0 || (size_t)n >= sizeof d->key - used)
            return false;
        d->length[depth] = used + (size_t)n;
        d->value = colon + 1 + strspn(colon + 1, " ");
        d->value_bytes = (size_t)(line + len - d->value);
        if (colon + 1 < line + len)
            return true; /* else it is a group */
    }
    return false;
}

static bool is_fixed(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (strncmp(key, fixed[i], strlen(fixed[i])) == 0)
            return true;
    return false;
}

/* The option of that key, looked for from `from` on and then from the beginning: two dumps are
 * mostly in one order. */
static bool dump_find(struct dump *from, const char *text, const char *key)
{
    struct dump start = *from;
    while (dump_next(from))
        if (strcmp(from->key, key) == 0)
            return true;
    for (*from = (struct dump){.at = text}; dump_next(from) && from->at <= start.at;)
        if (strcmp(from->key, key) == 0)
            return true;
    *from = start;
    return false;
}

void recipe_compare(const char *there, const char *here, recipe_part_fn each, void *hint)
{
    struct dump a = {.at = there}, b = {.at = here};
    while (dump_next(&a)) {
        bool found = dump_find(&b, here, a.key);
        if (found && a.value_bytes == b.value_bytes && memcmp(a.value, b.value, a.value_bytes) == 0)
            continue;
        each(hint, &(struct recipe_part){.key = a.key,
                                         .there = a.value,
                                         .there_bytes = a.value_bytes,
                                         .here = found ? b.value : NULL,
                                         .here_bytes = found ? b.value_bytes : 0});
    }
    a = (struct dump){.at = there};
    b = (struct dump){.at = here};
    while (dump_next(&b))
        if (!dump_find(&a, there, b.key))
            each(hint,
                 &(struct recipe_part){.key = b.key, .here = b.value, .here_bytes = b.value_bytes});
}

struct verdict {
    char *text;
    size_t cap, n;
};

static void judge(void *hint, const struct recipe_part *part)
{
    struct verdict *v = hint;
    if (!part->there || !part->here || !is_fixed(part->key))
        return; /* an option of another version is no difference */
    if (v->n++ == 0)
        snprintf(v->text, v->cap, "%s is %.*s there, %.*s here", part->key, (int)part->there_bytes,
                 part->there, (int)part->here_bytes, part->here);
}

bool recipe_difference(const char *there, const char *here, char *ret, size_t cap)
{
    struct verdict v = {ret, cap, 0};
    recipe_compare(there, here, judge, &v);
    size_t used = v.n > 1 ? strlen(ret) : 0;
    if (v.n > 1)
        snprintf(ret + used, cap - used, ", and %zu more", v.n - 1);
    return v.n > 0;
}
