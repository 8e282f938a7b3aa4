/* SPDX-License-Identifier: Apache-2.0 */
/* pages: the files of the page, whose bytes embed.c puts into the program. */
#ifndef AUGSTREAM_TOOLS_SERVE_PAGES_H
#define AUGSTREAM_TOOLS_SERVE_PAGES_H

struct page_file {
    const char *path; /* "/page.css" */
    const unsigned char *bytes;
    unsigned long len;
};
extern const struct page_file page_files[];
extern const unsigned long page_files_n;

#endif
