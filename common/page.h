/* SPDX-License-Identifier: Apache-2.0 */
/* page: lays text out for a terminal, and the same text as roff for man. A text is paragraphs with
 * an empty line between them; a paragraph that begins with four spaces is an example, its lines
 * stay as they are. ASCII. */
#ifndef AUGSTREAM_COMMON_PAGE_H
#define AUGSTREAM_COMMON_PAGE_H

#include <stdio.h>

enum { PAGE_WIDTH = 100 }; /* columns */

/* One paragraph's words from column at on; further lines begin at column indent; ends the line. A
 * word that is too long for a line has one of its own. */
void page_wrap(const char *text, int at, int indent, FILE *out);

/* A whole text, every line from column indent on. */
void page_text(const char *text, int indent, FILE *out);

/* The same text, for man. */
void page_roff(const char *text, FILE *out);

/* Words within a line of roff: nothing in them is a request or an escape. */
void page_roff_words(const char *words, FILE *out);

#endif
