/* SPDX-License-Identifier: Apache-2.0 */
/* recipe_difference: takes two dumped recipes, gives the options in which they differ, and of those
 * the ones that a resumed run may not change, as recipe_table's rows are marked. Pure.
 * Reads the text as conf_dump writes it, a line for each option, and no other YAML: a checkpoint's
 * may be of another version, with options that the table of today does not know. */
#include "trainer/recipe_difference.h"

#include "trainer/recipe.h"

#include <stdio.h>
#include <string.h>

enum { INDENT = 4, DEPTH_MAX = 8 }; /* blanks of a level; levels */

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

static const struct conf_option *option_of(const char *key)
{
    for (size_t i = 0; i < recipe_table.n_options; i++)
        if (strcmp(recipe_table.options[i].name, key) == 0)
            return &recipe_table.options[i];
    return NULL;
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

enum { MORE = 32 }; /* bytes that are kept for "; and 12 more" */

struct verdict {
    bool batches;
    char *text;
    size_t cap, used;
    size_t n, untold; /* differences; of them, those that the text had no room for */
};

static void judge(void *hint, const struct recipe_part *part)
{
    struct verdict *v = hint;
    const struct conf_option *option = option_of(part->key);
    if (!part->there || !part->here || !option || option->mark == RESUME_FREE ||
        (option->mark == RESUME_BATCHES && !v->batches))
        return;
    const size_t room = v->cap - v->used;
    char *at = v->text + v->used;
    int n = snprintf(at, room, "%s%s is %.*s there, %.*s here", v->n ? "; " : "", part->key,
                     (int)part->there_bytes, part->there, (int)part->here_bytes, part->here);
    if (v->n++ == 0 || (n > 0 && (size_t)n + MORE < room)) { /* the first is told, if only cut */
        v->used += strlen(at);
        return;
    }
    *at = 0;
    v->untold++;
}

size_t recipe_difference(const char *there, const char *here, bool batches, char *ret, size_t cap)
{
    struct verdict v = {.batches = batches, .text = ret, .cap = cap};
    recipe_compare(there, here, judge, &v);
    if (v.untold)
        snprintf(ret + v.used, cap - v.used, "; and %zu more", v.untold);
    return v.n;
}
