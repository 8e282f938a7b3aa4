/* SPDX-License-Identifier: Apache-2.0 */
/* sketch: takes shares, gives text of one line. */
#include "tools/inspect/figures/sketch.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EIGHTHS = 8, LAW_EIGHTHS = 6 };

static const char *const upright[2][EIGHTHS + 1] = {
    {" ", ".", ".", ":", ":", "+", "+", "#", "#"},
    {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
};
static const char *const lying[2][EIGHTHS + 1] = {
    {" ", " ", " ", " ", "=", "=", "=", "=", "="},
    {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
};

static void put(char **at, const char *text)
{
    const size_t len = strlen(text);
    memcpy(*at, text, len + 1);
    *at += len;
}

/* Of several bars the sum, of a part of one the whole of it. */
static double cell_share(const double *share, size_t bars, size_t cells, size_t cell)
{
    if (cells >= bars)
        return share[cell * bars / cells];
    double sum = 0;
    const size_t each = bars / cells;
    for (size_t i = 0; i < each; i++)
        sum += share[cell * each + i];
    return sum;
}

void sketch_bars(const double *share, size_t bars, size_t cells, double full, bool blocks,
                 char *ret)
{
    *ret = 0;
    for (size_t i = 0; i < cells && i < SKETCH_CELLS_MAX; i++) {
        const double of = cell_share(share, bars, cells, i);
        int height = full > 0 ? (int)fmin(EIGHTHS, round(of / full * EIGHTHS)) : 0;
        if (height == 0 && of > 0)
            height = 1;
        put(&ret, upright[blocks][height]);
    }
}

double sketch_full(const double *share, const double *law, size_t bars, size_t cells)
{
    double most = 0, most_law = 0;
    for (size_t i = 0; i < cells; i++) {
        most = fmax(most, cell_share(share, bars, cells, i));
        most_law = fmax(most_law, cell_share(law, bars, cells, i));
    }
    return fmax(most, most_law * EIGHTHS / LAW_EIGHTHS);
}

void sketch_share(double share, size_t cells, bool blocks, char *ret)
{
    int left = (int)round(fmin(fmax(share, 0), 1) * (double)(cells * EIGHTHS));
    if (left == 0 && share > 0)
        left = 1;
    *ret = 0;
    for (size_t i = 0; i < cells && i < SKETCH_CELLS_MAX; i++) {
        const int eighths = left < EIGHTHS ? left : EIGHTHS;
        put(&ret, lying[blocks][eighths]);
        left -= eighths;
    }
}

bool sketch_blocks(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (locale == (locale_t)0)
        return false;
    const bool blocks = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return blocks;
}

size_t sketch_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    const unsigned long given = columns ? strtoul(columns, NULL, 10) : 0;
    return given > 0 && given < 10000 ? given : 80;
}
