/* SPDX-License-Identifier: Apache-2.0 */
/* usage: what a program says about itself, as rows. The same rows read its command line
 * (usage_next), and print --help, --version, for --help=man the manual page, and for --help=bash
 * and
 * --help=zsh what completes it in a shell: they cannot differ. */
#ifndef AUGSTREAM_COMMON_USAGE_H
#define AUGSTREAM_COMMON_USAGE_H

#include "common/conf.h"

enum usage_need { USAGE_OPTIONAL, USAGE_REQUIRED, USAGE_REPEATED };

struct usage_option {
    const char *name;  /* "steps": --steps */
    const char *value; /* "N"; NULL: it takes none */
    int key;           /* what usage_next gives for it: a letter */
    const char *help;
    enum usage_need need; /* for the synopsis; usage_next does not ask for it */
    const char *choices;  /* "jsonl csv table": the values there are; NULL: any, or a file's name */
    const struct conf_table *keys; /* of a KEY=VALUE: what KEY may be; or NULL */
};

struct usage_section {
    const char *title, *text; /* text as in page.h */
};

struct usage {
    const char *name;                   /* "augstream-trainer"; of a verb: "knn" */
    const char *program;                /* of a verb: its program's name; else NULL */
    int chapter;                        /* of the manual: 1 commands, 8 daemons */
    const char *summary;                /* in a line, without a full stop */
    const char *operands;               /* "RECIPE.yaml"; "" */
    const char *about;                  /* text as in page.h; or NULL */
    const struct usage_option *options; /* --help and --version are everybody's, and not in here */
    size_t n_options;
    const struct usage *const *verbs;
    size_t n_verbs;
    const struct conf_table *keys; /* of the file called keys_of; or NULL */
    const char *keys_of;
    const struct usage_section *sections;
    size_t n_sections;
};

enum {
    USAGE_OPTIONS_MAX = 32, /* of one program or verb */
    USAGE_END = 0,          /* what is left stands from argv[optind] on */
    USAGE_TOLD = 256,       /* --help or --version has been answered: nothing else is to be done */
};

/* The key of the next option, its value in optarg; USAGE_END; USAGE_TOLD; -EINVAL for what is no
 * option of these, or has no value. Begins with argv[1]; one command line per process. */
int usage_next(const struct usage *usage, int argc, char **argv);

void usage_help(const struct usage *usage, FILE *out);
void usage_man(const struct usage *usage, FILE *out); /* roff with man's macros */

/* A script for the shell, of a whole program: verbs, options, options' choices and keys; values
 * called FILE, PATH or DIR and all operands are completed as files. */
void usage_bash(const struct usage *usage, FILE *out);
void usage_zsh(const struct usage *usage, FILE *out);

#endif
