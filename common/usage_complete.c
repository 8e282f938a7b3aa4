/* SPDX-License-Identifier: Apache-2.0 */
/* usage_complete: takes a program's rows, gives what completes its command line in bash and in zsh.
 * Any thread; no state. Neither script asks the program anything: what it offers is in it. bash's
 * needs no other package; zsh's lies in a folder of fpath. */
#include "common/auto.h"
#include "common/usage_private.h"

#include <string.h>

/* Whether a value called so may be a file's name: FILE.png, PATH[:SPLIT], SET. */
static bool is_file(const char *value)
{
    static const char *const words[] = {"FILE", "PATH", "DIR", "SET"};
    for (size_t i = 0; value && i < ARRAY_LEN(words); i++)
        if (strstr(value, words[i]))
            return true;
    return false;
}

/* The table of keys that options of the program or its verbs take; a program has one. */
static const struct conf_table *keys_of(const struct usage *usage)
{
    for (size_t i = 0; i < usage->n_options; i++)
        if (usage->options[i].keys)
            return usage->options[i].keys;
    for (size_t i = 0; i < usage->n_verbs; i++) {
        const struct conf_table *keys = keys_of(usage->verbs[i]);
        if (keys)
            return keys;
    }
    return NULL;
}

/* A name that is part of an identifier: augstream_inspect. */
static void identifier(const char *name, FILE *out)
{
    for (; *name; name++)
        fputc(*name == '-' ? '_' : *name, out);
}

static bool in_map(const struct conf_option *option)
{
    return strchr(option->name, '*') != NULL; /* under a name that only the user knows */
}

static void key_names(const struct conf_table *keys, FILE *out)
{
    const char *between = "";
    for (size_t i = 0; i < keys->n_options; i++) {
        if (in_map(&keys->options[i]))
            continue;
        fprintf(out, "%s%s=", between, keys->options[i].name);
        between = " ";
    }
}

static size_t option_count(const struct usage *usage)
{
    return usage->n_options + usage_common_n;
}

/* --- bash --- */

static void bash_option_names(const struct usage *usage, FILE *out)
{
    for (size_t i = 0; i < option_count(usage); i++)
        fprintf(out, "%s--%s", i ? " " : "", usage_option_at(usage, i)->name);
}

/* What follows an option: its choices, keys, a file, or what nobody can guess. */
static void bash_values(const struct usage *usage, const char *indent, FILE *out)
{
    for (size_t i = 0; i < option_count(usage); i++) {
        const struct usage_option *o = usage_option_at(usage, i);
        if (!o->value)
            continue;
        fprintf(out, "%s--%s) ", indent, o->name);
        if (o->choices)
            fprintf(out, "words='%s'", o->choices);
        else if (o->keys)
            fputs("words=$keys", out);
        else
            fputs(is_file(o->value) ? "files=1" : "return", out);
        fputs(" ;;\n", out);
    }
}

/* What follows KEY=: the choices it has. */
static void bash_keys(const struct conf_table *keys, FILE *out)
{
    for (size_t i = 0; i < keys->n_options; i++) {
        const struct conf_option *o = &keys->options[i];
        if ((o->type != CONF_ENUM && o->type != CONF_BOOL) || in_map(o))
            continue;
        fprintf(out, "    %s) words='", o->name);
        if (o->type == CONF_BOOL)
            fputs("true false", out);
        for (size_t k = 0; o->type == CONF_ENUM && o->choices[k]; k++)
            fprintf(out, "%s%s", k ? " " : "", o->choices[k]);
        fputs("' ;;\n", out);
    }
}

/* What may stand after $prev: its value; else an option, a verb or a file. */
static void bash_words(const struct usage *usage, const char *indent, FILE *out)
{
    fprintf(out, "%scase $prev in\n", indent);
    bash_values(usage, indent, out);
    fprintf(out, "%s*) free=1 ;;\n%sesac\n", indent, indent);
    fprintf(out, "%sif [[ $free && $cur == -* ]]; then\n%s    words='", indent, indent);
    bash_option_names(usage, out);
    fputs("'\n", out);
    if (usage->n_verbs > 0) {
        fprintf(out, "%selif [[ $free && $COMP_CWORD == 1 ]]; then\n%s    words='", indent, indent);
        for (size_t i = 0; i < usage->n_verbs; i++)
            fprintf(out, "%s%s", i ? " " : "", usage->verbs[i]->name);
        fputs("'\n", out);
    } else if (usage->operands[0]) {
        fprintf(out, "%selif [[ $free && ! $words ]]; then\n%s    files=1\n", indent, indent);
    }
    fprintf(out, "%sfi\n", indent);
}

void usage_bash(const struct usage *usage, FILE *out)
{
    const struct conf_table *keys = keys_of(usage);
    fprintf(out, "# Completes %s in bash; %s --help=bash has printed it.\n_", usage->name,
            usage->name);
    identifier(usage->name, out);
    fputs("()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local words= files= free= verb= keys=\n"
          "    COMPREPLY=()\n"
          "    # Words are parted at '=' too: --name=value comes as three.\n"
          "    if [[ $cur == '=' ]]; then\n"
          "        cur=\n"
          "    elif [[ $prev == '=' && $COMP_CWORD -gt 2 ]]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    fi\n"
          "    [[ $COMP_CWORD -le 1 ]] || verb=${COMP_WORDS[1]}\n",
          out);
    if (keys) {
        fputs("    keys='", out);
        key_names(keys, out);
        fputs("'\n    case $prev in\n", out);
        bash_keys(keys, out);
        fputs("    esac\n", out);
    }
    fputs("    case $verb in\n", out);
    for (size_t i = 0; i < usage->n_verbs; i++) {
        fprintf(out, "    %s)\n", usage->verbs[i]->name);
        bash_words(usage->verbs[i], "        ", out);
        fputs("        ;;\n", out);
    }
    fputs("    *)\n", out);
    bash_words(usage, "        ", out);
    fputs("        ;;\n    esac\n"
          "    if [[ $words ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
          "        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null\n"
          "    elif [[ $files ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "        compopt -o filenames 2>/dev/null\n"
          "    fi\n"
          "    return 0\n"
          "}\ncomplete -F _",
          out);
    identifier(usage->name, out);
    fprintf(out, " %s\n", usage->name);
}

/* --- zsh --- */

/* Within quotes; special: with a backslash before what parts a specification of _arguments. */
static void quoted(const char *text, const char *special, FILE *out)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fprintf(out, "%s%c", strchr(special, *text) ? "\\" : "", *text);
    }
}

static const char in_spec[] = "[]:\\";

static void zsh_option(const struct usage *program, const struct usage_option *o, FILE *out)
{
    const bool may = o->value && o->value[0] == '[';
    fprintf(out, " \\\n        '%s--%s%s[", o->need == USAGE_REPEATED ? "*" : "", o->name,
            may        ? "=-"
            : o->value ? "="
                       : "");
    quoted(o->help, in_spec, out);
    fputc(']', out);
    if (o->value) {
        fputs(may ? "::" : ":", out);
        if (may) /* "[=FORM]" */
            fprintf(out, "%.*s", (int)strlen(o->value) - 3, o->value + 2);
        else
            quoted(o->value, in_spec, out);
        fputc(':', out);
        if (o->choices)
            fprintf(out, "(%s)", o->choices);
        else if (o->keys)
            fprintf(out, "_%s_keys", program->name);
        else if (is_file(o->value))
            fputs("_files", out);
    }
    fputc('\'', out);
}

static void zsh_arguments(const struct usage *program, const struct usage *usage, FILE *out)
{
    fputs("    _arguments", out);
    for (size_t i = 0; i < option_count(usage); i++)
        zsh_option(program, usage_option_at(usage, i), out);
    fputs(usage->operands[0] ? " \\\n        '*:file:_files'\n" : "\n", out);
}

void usage_zsh(const struct usage *usage, FILE *out)
{
    const struct conf_table *keys = keys_of(usage);
    fprintf(out, "#compdef %s\n# Completes %s in zsh; %s --help=zsh has printed it.\n", usage->name,
            usage->name, usage->name);
    if (keys) {
        fprintf(out,
                "_%s_keys() {\n    if compset -P '*='; then\n        _files\n    else\n"
                "        compadd -S '' -- ",
                usage->name);
        key_names(keys, out);
        fputs("\n    fi\n}\n", out);
    }
    fprintf(out, "_%s() {\n", usage->name);
    if (usage->n_verbs > 0) {
        fputs("    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n        local -a verbs\n"
              "        verbs=(\n",
              out);
        for (size_t i = 0; i < usage->n_verbs; i++) {
            fprintf(out, "            '%s:", usage->verbs[i]->name);
            quoted(usage->verbs[i]->summary, "\\", out);
            fputs("'\n", out);
        }
        fputs("        )\n        _describe verb verbs\n        return\n    fi\n"
              "    case $words[2] in\n",
              out);
    }
    for (size_t i = 0; i < usage->n_verbs; i++) {
        fprintf(out, "    %s)\n    shift words\n    (( CURRENT-- ))\n", usage->verbs[i]->name);
        zsh_arguments(usage, usage->verbs[i], out);
        fputs("    return\n    ;;\n", out);
    }
    if (usage->n_verbs > 0)
        fputs("    esac\n", out);
    zsh_arguments(usage, usage, out);
    fprintf(out, "}\n_%s \"$@\"\n", usage->name);
}
