/* SPDX-License-Identifier: Apache-2.0 */
/* conf: one table of options drives the YAML file, --set a.b=v, --help, the bounds and the dump.
 * Nested mappings give dotted names; anchors, aliases, tags and double keys are refused. Messages
 * name the file and line ("path:line: key: ...") or "--set key: ...", what was wrong and, for an
 * unknown key, the nearest known one. */
#ifndef AUGSTREAM_COMMON_CONF_H
#define AUGSTREAM_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CONF_STR_MAX = 512,      /* bytes of a string value with its NUL; longer is an error */
    CONF_LIST_MAX = 16,      /* elements of a list */
    CONF_FILE_MAX = 1 << 20, /* bytes of a file */
    CONF_NAME_MAX = 64,      /* bytes of a map entry's name with its NUL */
};

#define CONF_INHERIT "inherit" /* in place of a value: the one of another option */

enum conf_type {
    CONF_BOOL,   /* bool */
    CONF_INT,    /* int64_t */
    CONF_FLOAT,  /* double, finite */
    CONF_STR,    /* char[CONF_STR_MAX] */
    CONF_ENUM,   /* int: index into choices */
    CONF_FLOATS, /* double[count], exactly count */
    CONF_STRS,   /* struct conf_strs; a lone scalar is a list of one */
};

struct conf_strs {
    size_t n;
    char v[CONF_LIST_MAX][CONF_STR_MAX];
};

struct conf_option {
    const char *name; /* "views.jitter.p"; in a map: "datasets.*.path" */
    enum conf_type type;
    size_t offset;    /* into the owner's struct; in a map: into the entry's struct */
    const char *def;  /* default as YAML text; NULL = must be given */
    double min, max;  /* INT, FLOAT, each of FLOATS; both 0 = unbounded */
    const char *unit; /* "pixels", "s", or NULL */
    const char *help;
    const char *const *choices; /* ENUM: NULL-terminated */
    size_t count;               /* FLOATS */
    /* The option whose value holds until this one is given its own: a plain one above it, of the
     * same type. INT (bounded), FLOAT, FLOATS and ENUM only; def is then CONF_INHERIT, which a file
     * may say as well. Until conf_resolve the field holds no value to read. */
    const char *inherits;
    int mark; /* the owner's own word about the option; conf does not look at it */
};

/* A mapping from free names to records: "datasets.*". Entries keep the file's order. */
struct conf_map {
    const char *name;    /* "datasets" */
    size_t offset;       /* of the array of entries in the owner's struct */
    size_t stride;       /* bytes of an entry; it begins with char name[CONF_NAME_MAX] */
    size_t count_offset; /* of the size_t count in the owner's struct */
    size_t max;          /* entries */
};

struct conf_table {
    const struct conf_option *options;
    size_t n_options;
    const struct conf_map *maps;
    size_t n_maps;
    /* With it, a file may begin with "base: FILE": another file of this table, read before the
     * rest, so that this one's own keys hold. FILE is as seen from this file's folder, and has no
     * base of its own. The text is for --help. NULL: there is no such key. */
    const char *base;
};

/* Sets every option to its default; -EINVAL only for a broken table. */
int conf_defaults(const struct conf_table *table, void *base);

/* Defaults must be in place. -EINVAL on any error (also where there is no such file); base is then
 * partly written and must not be used. */
int conf_load(const struct conf_table *table, void *base, const char *path);

/* One "a.b=v": v is YAML flow text. Message prefix "--set a.b". */
int conf_set(const struct conf_table *table, void *base, const char *assignment);

/* -EINVAL naming the first option without default that nobody gave. Given-ness is kept in base's
 * value: an empty CONF_STR / CONF_STRS is not given; only those two types may have def NULL. path
 * (NULL when there was no file) and the line of the group around the option go into the message. */
int conf_complete(const struct conf_table *table, const void *base, const char *path);

/* Gives every option that inherits, and was not given a value of its own, the value it inherits.
 * For readers: a copy of what was loaded, as the dump of it would say numbers for "inherit". */
void conf_resolve(const struct conf_table *table, void *base);

/* Whether an option has no value of its own at the field. */
bool conf_inherits(const struct conf_option *option, const void *field);

/* The whole configuration as YAML that conf_load reads back to the same values; what is inherited
 * says so. */
int conf_dump(const struct conf_table *table, const void *base, FILE *out);

/* The option list for --help: name, default, and help with type, bounds and unit; aligned. And the
 * same as roff. */
void conf_help(const struct conf_table *table, FILE *out);
void conf_man(const struct conf_table *table, FILE *out);

/* The line of `key` in the file conf_load last read in this thread, or else in its base; 0 when it
 * was in neither: for cross-field errors ("recipe.yaml:7: views.size ..."). */
int conf_line(const char *key);
/* The base in which conf_line found it; NULL: in the file itself, or nowhere. */
const char *conf_line_base(const char *key);

#endif
