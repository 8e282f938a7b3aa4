/* SPDX-License-Identifier: Apache-2.0 */
/* chart: bars beside each other as an SVG element within an HTML page (html.h), which gives the
 * colours. Made to be read at the width of a phone; wider ones put several side by side. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_REPORT_CHART_H
#define AUGSTREAM_TOOLS_EVALUATE_REPORT_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct chart_bar {
    const char *label;        /* UTF-8; cut where it is too long */
    const char *text;         /* the value, as the table has it */
    double value, plus_minus; /* NAN: none; value NAN: no bar, its text alone */
    double mark;              /* another figure of the same kind, as a line across; NAN: none */
    bool accent;
};

struct chart {
    const char *name; /* for those who do not see it; the values are added */
    const struct chart_bar *bars;
    size_t n;
};

/* Rules for html_begin. */
extern const char chart_style[];

void chart_svg(const struct chart *chart, FILE *out);

#endif
