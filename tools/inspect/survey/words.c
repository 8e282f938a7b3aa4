/* SPDX-License-Identifier: Apache-2.0 */
/* words: takes lines that a private loader says, keeps which sample is bad and why. Two threads:
 * one that listens to the loader and one that asks; a mutex is between them. */
#include "tools/inspect/survey/survey.h"

#include "common/err.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_FIRST = 64 };

struct survey_words {
    pthread_mutex_t mutex;
    struct survey_bad *of; /* [cap], a hash table; fault FAULT_NONE: free */
    size_t cap, n;
};

int survey_words_new(struct survey_words **ret)
{
    struct survey_words *w = calloc(1, sizeof *w);
    if (w)
        w->of = calloc(WORDS_FIRST, sizeof *w->of);
    if (!w || !w->of) {
        free(w);
        return err_set(-ENOMEM, "out of memory");
    }
    w->cap = WORDS_FIRST;
    pthread_mutex_init(&w->mutex, NULL);
    *ret = w;
    return 0;
}

void survey_words_free(struct survey_words *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->cap; i++)
        free(w->of[i].reason);
    free(w->of);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}

/* Where a sample is, or belongs, in a table of cap (a power of two) that has a free place. */
static struct survey_bad *word_at(struct survey_bad *table, size_t cap, uint32_t sample)
{
    size_t i = (sample * UINT32_C(0x9E3779B9)) & (cap - 1);
    while (table[i].fault != FAULT_NONE && table[i].sample != sample)
        i = (i + 1) & (cap - 1);
    return &table[i];
}

static int words_grow(struct survey_words *w)
{
    size_t cap = 2 * w->cap;
    struct survey_bad *table = calloc(cap, sizeof *table);
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < w->cap; i++)
        if (w->of[i].fault != FAULT_NONE)
            *word_at(table, cap, w->of[i].sample) = w->of[i];
    free(w->of);
    w->of = table;
    w->cap = cap;
    return 0;
}

/* loaderd/monitor/metrics.c: "... sample N is bad and will be substituted: FAULT: TEXT" */
static bool words_read(const char *line, struct survey_bad *ret, const char **ret_reason)
{
    static const char before[] = ": sample ", after[] = " is bad and will be substituted: ";
    const char *at = strstr(line, before), *fault = strstr(line, after);
    if (!at || !fault || fault < at)
        return false;
    char *end;
    unsigned long sample = strtoul(at + strlen(before), &end, 10);
    if (end != fault || sample > UINT32_MAX)
        return false;
    fault += strlen(after);
    for (int k = FAULT_NONE + 1; k < FAULT_KINDS; k++) {
        const char *name = wire_fault_name((enum wire_fault)k);
        const size_t len = strlen(name);
        if (strncmp(fault, name, len) != 0 || strncmp(fault + len, ": ", 2) != 0)
            continue;
        *ret = (struct survey_bad){.sample = (uint32_t)sample, .fault = (enum wire_fault)k};
        *ret_reason = fault + len + 2;
        return true;
    }
    return false;
}

/* Without memory they are lost: then a batch tells the fault, and nobody the reason. */
static void keep(struct survey_words *w, const struct survey_bad *bad, const char *reason)
{
    if (w->n * 2 >= w->cap && words_grow(w) < 0)
        return;
    struct survey_bad *at = word_at(w->of, w->cap, bad->sample);
    if (at->fault != FAULT_NONE)
        return;
    *at = *bad;
    at->reason = strdup(reason);
    w->n++;
}

void survey_said(void *hint, const char *line)
{
    struct survey_words *words = hint;
    struct survey_bad bad;
    const char *reason;
    if (!words_read(line, &bad, &reason)) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    pthread_mutex_lock(&words->mutex);
    keep(words, &bad, reason);
    pthread_mutex_unlock(&words->mutex);
}

enum wire_fault survey_words_fault(const struct survey_words *words, uint32_t sample)
{
    struct survey_words *w = (struct survey_words *)words; /* for its mutex */
    pthread_mutex_lock(&w->mutex);
    enum wire_fault fault = word_at(w->of, w->cap, sample)->fault;
    pthread_mutex_unlock(&w->mutex);
    return fault;
}

int survey_explain_all(struct survey *s, const struct survey_words *words)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < words->cap; i++)
        if (words->of[i].fault != FAULT_NONE)
            rc = survey_explain(s, words->of[i].sample, words->of[i].fault, words->of[i].reason);
    return rc;
}
