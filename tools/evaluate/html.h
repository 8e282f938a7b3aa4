/* SPDX-License-Identifier: Apache-2.0 */
/* html: a page that stands alone: text made safe, a head with the style inside it, light and dark,
 * no script and nothing from elsewhere. Knows nothing of what is on the page. Writes to a stream;
 * the caller looks at ferror, as file_write_commit does. */
#ifndef AUGSTREAM_TOOLS_EVALUATE_HTML_H
#define AUGSTREAM_TOOLS_EVALUATE_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Text within an element or a quoted attribute, of HTML and of SVG inside it: & < > " ' as
 * references; what is no UTF-8, and control characters other than tab and line end, as U+FFFD. */
void html_text(const char *text, FILE *out);

/* printf, and what comes of it as html_text. Cut to 4095 bytes. */
void html_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From the doctype to <main><h1>title</h1>. style: further rules, trusted, or NULL. Colours are
 * the variables --text --soft --line --ground --card --plain --accent --bad. A table stands in
 * <div class="wide">, which scrolls by itself where it is wider than the screen. */
void html_begin(const char *title, const char *style, FILE *out);
void html_end(FILE *out); /* </main> and the rest */

/* An URL that holds the bytes: data:TYPE;base64,... , for src and href. */
void html_data(const char *type, const void *bytes, size_t len, FILE *out);

#endif
