/* SPDX-License-Identifier: Apache-2.0 */
/* sketch: shares as a line of bars for a terminal, in block characters or, where those cannot be
 * shown, in ASCII. Pure: any thread. */
#ifndef AUGSTREAM_INSPECT_SKETCH_H
#define AUGSTREAM_INSPECT_SKETCH_H

#include <stdbool.h>
#include <stddef.h>

enum { SKETCH_CELLS_MAX = 96, SKETCH_TEXT_MAX = 4 * SKETCH_CELLS_MAX + 8 };

/* bars shares, of which a cell shows several or several cells show one: cells is a multiple of
 * bars, or bars of cells. full: the share of a cell of full height; what is higher is cut. A share
 * above 0 always shows. ret has SKETCH_TEXT_MAX bytes. */
void sketch_bars(const double *share, size_t bars, size_t cells, double full, bool blocks,
                 char *ret);

/* The height that shows both of two such lines, the second one (the law) at six eighths, so that
 * what is a little above it does not look different, and what is far above it does. */
double sketch_full(const double *share, const double *law, size_t bars, size_t cells);

/* One share in 0..1 as a lying bar. */
void sketch_share(double share, size_t cells, bool blocks, char *ret);

/* What the terminal of standard output can show. */
bool sketch_blocks(void);    /* the locale is one of UTF-8 */
size_t sketch_columns(void); /* its width; COLUMNS where it is none; else 80 */

#endif
