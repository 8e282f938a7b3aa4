#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# completion: what the shells complete is what the programs take. bash is really asked; so is zsh where there
# is one, with stand-ins for the functions of its completion system, and its script's form is held by
# bash -n in any case, since both shells read all that is in it.
#   completion.sh PROGRAM BASH ZSH [PROGRAM BASH ZSH ...]
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    exit 1
}

# ask SCRIPT PROGRAM WORD ...: what bash offers for the last word, in one line, in order. Words are parted as
# readline does it: --name=v is three.
ask() {
    bash --norc -c '
        set -u
        . "$1"
        shift
        function=$(complete -p "$1") && function=${function#complete -F } && function=${function% *}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" || exit 1
        [ ${#COMPREPLY[@]} -eq 0 ] || printf "%s\n" "${COMPREPLY[@]}"' ask "$@" >"$dir/answer" 2>"$dir/err" ||
        { cat "$dir/err"; fail "asking $*"; }
    [ ! -s "$dir/err" ] || { cat "$dir/err"; fail "asking $* says something"; }
    LC_ALL=C sort "$dir/answer" | tr '\n' ' '
}

# offers WANTED SCRIPT PROGRAM WORD ...
offers() {
    wanted=$1
    shift
    got=$(ask "$@")
    [ "$got" = "$wanted" ] || fail "$*: '$got', not '$wanted'"
}

# The options, and the verbs, that a --help names, as ask puts them.
options() { sed -n '/^Options/,/^$/s/^  \(--[a-z-]*\).*/\1/p' "$1" | LC_ALL=C sort | tr '\n' ' '; }
verbs() { sed -n '/^Verbs/,/^$/s/^  \([a-z]*\)  .*/\1/p' "$1" | LC_ALL=C sort | tr '\n' ' '; }

# holds ZSH HELP: the zsh script has every option of it.
holds() {
    for option in $(options "$2"); do
        grep -qE -- "'\\*?$option(=-?)?\\[" "$1" || fail "$1: no $option"
    done
}

# asks_zsh ZSH PROGRAM WORD ...: what its script gives to _arguments or _describe, a line each.
asks_zsh() {
    zsh -f -c '
        _arguments() { print -rl -- "$@" }
        _describe() { print -rl -- ${(P)2} }
        _files() { print files }
        compset() { return 1 }
        compadd() { shift 3; print -rl -- "$@" }
        script=$1
        shift
        words=("$@") CURRENT=$#
        . $script' asks_zsh "$@" >"$dir/answer" 2>"$dir/err" || { cat "$dir/err"; fail "zsh: $*"; }
    [ ! -s "$dir/err" ] || { cat "$dir/err"; fail "zsh: $* says something"; }
}

while [ $# -gt 0 ]; do
    program=$1
    bash=$2
    zsh=$3
    shift 3
    name=$(basename "$program")
    [ "$(basename "$bash")" = "$name" ] || fail "$bash: bash would not find it"
    [ "$(basename "$zsh")" = "_$name" ] || fail "$zsh: zsh would not find it"
    bash -n "$bash"
    bash -n "$zsh"
    [ "$(head -n 1 "$zsh")" = "#compdef $name" ] || fail "$zsh: zsh would not load it"
    "$program" --help >"$dir/help"
    holds "$zsh" "$dir/help"
    offers "$(options "$dir/help")" "$bash" "$name" --
    offers 'bash ' "$bash" "$name" --help = b
    offers 'bash man zsh ' "$bash" "$name" --help =
    all=$(verbs "$dir/help")
    for verb in $all; do
        "$program" "$verb" --help >"$dir/verb"
        offers "$(options "$dir/verb")" "$bash" "$name" "$verb" -
        holds "$zsh" "$dir/verb"
        grep -q "'$verb:" "$zsh" || fail "$zsh: no $verb"
    done
    [ -z "$all" ] || offers "$all" "$bash" "$name" ''
    command -v zsh >/dev/null || continue
    asks_zsh "$zsh" "$name" --
    for option in $(options "$dir/help"); do
        grep -qE -- "^\\*?$option(=-?)?\\[.*\\]" "$dir/answer" || { cat "$dir/answer"; fail "zsh: $name: no $option"; }
    done
    for verb in $all; do
        "$program" "$verb" --help >"$dir/verb"
        asks_zsh "$zsh" "$name" "$verb" --
        for option in $(options "$dir/verb"); do
            grep -qE -- "^\\*?$option(=-?)?\\[.*\\]" "$dir/answer" ||
                { cat "$dir/answer"; fail "zsh: $name $verb: no $option"; }
        done
        asks_zsh "$zsh" "$name" ''
        grep -q "^$verb:." "$dir/answer" || { cat "$dir/answer"; fail "zsh: $name: no $verb"; }
    done
done

# Of single programs, by their scripts beside the last one.
scripts=$(cd "$(dirname "$bash")" && pwd)
trainer=$scripts/augstream-trainer
inspect=$scripts/augstream-inspect
cd "$dir"
mkdir files
cd files
: >"my recipe.yaml"
: >"b.safetensors"

# Choices, in both ways to write an option.
offers 'deviation difference ' "$inspect" augstream-inspect checkpoint --sort d
offers 'deviation difference ' "$inspect" augstream-inspect checkpoint b.safetensors --sort = d
offers 'csv jsonl table ' "$inspect" augstream-inspect stream x --format ''
offers '' "$inspect" augstream-inspect checkpoint --sort zz

# Files: of operands, of options that take one, and with blanks in their names.
offers 'b.safetensors my recipe.yaml ' "$inspect" augstream-inspect checkpoint ''
offers 'b.safetensors ' "$inspect" augstream-inspect batch x --out b
offers 'my recipe.yaml ' "$trainer" augstream-trainer m
offers 'my recipe.yaml ' "$trainer" augstream-trainer x --set data.path = m

# A number is nobody's to guess, and a verb is the first word or none.
offers '' "$trainer" augstream-trainer r.yaml --steps ''
offers '' "$inspect" augstream-inspect stats x --count ''
offers 'b.safetensors my recipe.yaml ' "$inspect" augstream-inspect checkpoint b.safetensors ''

# Keys of the recipe, and the choices they have.
offers 'views.jitter.brightness= ' "$trainer" augstream-trainer r.yaml --set views.jitter.b
offers 'swav ' "$trainer" augstream-trainer r.yaml --set method.name = sw
offers 'false true ' "$trainer" augstream-trainer r.yaml --set run.omega =
offers 'optim.base_lr= ' "$inspect" augstream-inspect batch x --recipe r.yaml --set optim.b
echo 'completion: ok'
