/* SPDX-License-Identifier: Apache-2.0 */
/* score: what a verb found, told to people and to `report` in one way. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_SCORE_H
#define AUGSTREAM_TOOLS_EVALUATE_SCORE_H

#include <stddef.h>

enum { SCORES_MAX = 64, SCORE_NAME_MAX = 48, SCORE_UNIT_MAX = 24, SCORE_TEXT_MAX = 256 };

struct scores {
    struct score {
        char name[SCORE_NAME_MAX]; /* lower_snake: "knn_20" */
        double value, plus_minus;  /* NAN: none */
        char unit[SCORE_UNIT_MAX]; /* "%", "images", "nats"; "" */
    } v[SCORES_MAX];
    size_t n;
    struct note { /* what a figure is of that is no figure: metric, protocol, seed */
        char key[SCORE_NAME_MAX], text[SCORE_TEXT_MAX];
    } note[SCORES_MAX];
    size_t n_notes;
};

/* plus_minus: half the width of its interval, or a deviation; NAN: none. -ERANGE where the value is
 * not finite, -E2BIG where there are too many or a text is too long. */
int scores_add(struct scores *s, const char *name, double value, double plus_minus,
               const char *unit);
int scores_note(struct scores *s, const char *key, const char *text); /* cut where too long */

/* Prints `name value [+- x] unit` for each, then `key: text` for each note; and where json is no
 * NULL writes that file (tmp, fsync, rename):
 *     {"verb": ..., "scores": [{"name", "value", "plus_minus" (null: none), "unit"}, ...],
 *      "notes": {key: text, ...}} */
int scores_tell(const struct scores *s, const char *verb, const char *json);

#endif
