/* SPDX-License-Identifier: Apache-2.0 */
/* chart: takes values, gives an SVG element. All bars of a chart have one scale, which begins at
 * zero. Any thread; owns nothing. */
#include "tools/evaluate/report/chart.h"

#include "tools/evaluate/html.h"

#include <math.h>
#include <string.h>

const char chart_style[] =
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));"
    "gap:1rem}\n"
    ".charts figure{margin:0;padding:.75rem;border:1px solid var(--line);border-radius:8px;"
    "background:var(--card)}\n"
    ".charts figcaption{font-weight:600;margin-bottom:.5rem;overflow-wrap:anywhere}\n"
    ".charts svg{display:block;width:100%;height:auto}\n"
    ".charts text{fill:var(--text);font-size:13px;font-family:inherit}\n"
    ".charts .bar{fill:var(--plain)} .charts .accent{fill:var(--accent)}\n"
    ".charts .track{fill:var(--line);opacity:.55}\n"
    ".charts .axis,.charts .around,.charts .mark{stroke:var(--text);fill:none}\n"
    ".charts .mark{stroke-width:2.5;stroke-dasharray:3 2}\n"
    ".legend span{white-space:nowrap;margin-right:1.25em}\n"
    "i.key{display:inline-block;margin-right:.4em;width:.8em;height:.8em;border-radius:2px;"
    "background:var(--plain)}\n"
    "i.key.accent{background:var(--accent)}\n"
    "i.key.line{width:0;border-left:.16em dashed var(--text);background:none;border-radius:0;"
    "height:1em;vertical-align:-.1em}\n";

enum {
    WIDTH = 320, /* about a phone's, so that 13 px of text stay that */
    ROW = 40,
    LABEL_Y = 14,
    BAR_Y = 20,
    BAR = 12,
    LABEL_MAX = 26, /* characters */
    EDGE = 2,       /* within the picture, for the lines' width */
};

struct scale {
    double low, high;
};

static void scale_take(struct scale *s, double value)
{
    s->low = fmin(s->low, value); /* fmin and fmax pass a NAN over */
    s->high = fmax(s->high, value);
}

static struct scale scale_of(const struct chart *chart)
{
    struct scale s = {0, 0};
    for (size_t i = 0; i < chart->n; i++) {
        const struct chart_bar *b = &chart->bars[i];
        scale_take(&s, b->value);
        scale_take(&s, b->value - b->plus_minus);
        scale_take(&s, b->value + b->plus_minus);
        scale_take(&s, b->mark);
    }
    if (!(s.high > s.low))
        s.high = s.low + 1;
    return s;
}

static double x_of(const struct scale *s, double value)
{
    return EDGE + (WIDTH - 2 * EDGE) * ((value - s->low) / (s->high - s->low));
}

/* At most LABEL_MAX characters, the last then an ellipsis. */
static void label(const char *text, FILE *out)
{
    char cut[4 * LABEL_MAX + 4];
    size_t used = 0, characters = 0;
    for (; text[used] && used < sizeof cut - 4; used++) {
        if ((text[used] & 0xc0) != 0x80 && characters++ == LABEL_MAX)
            break;
        cut[used] = text[used];
    }
    cut[used] = 0;
    html_text(cut, out);
    if (text[used])
        fputs("…", out);
}

static void line_down(const char *kind, double x, double y0, double y1, FILE *out)
{
    fprintf(out, "<path class=\"%s\" d=\"M%.1f %.1fV%.1f\"/>", kind, x, y0, y1);
}

static void around(const struct scale *s, const struct chart_bar *b, double y, FILE *out)
{
    const double from = x_of(s, b->value - b->plus_minus), to = x_of(s, b->value + b->plus_minus);
    fprintf(out, "<path class=\"around\" d=\"M%.1f %.1fH%.1fM%.1f %.1fV%.1fM%.1f %.1fV%.1f\"/>",
            from, y + BAR / 2.0, to, from, y + 3, y + BAR - 3, to, y + 3, y + BAR - 3);
}

static void bar(const struct scale *s, const struct chart_bar *b, double top, FILE *out)
{
    const double y = top + BAR_Y, zero = x_of(s, 0);
    fprintf(out, "<text x=\"%d\" y=\"%.0f\">", EDGE, top + LABEL_Y);
    label(b->label, out);
    fprintf(out, "</text><text x=\"%d\" y=\"%.0f\" text-anchor=\"end\">", WIDTH - EDGE,
            top + LABEL_Y);
    html_text(b->text, out);
    fprintf(out, "</text><rect class=\"track\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>",
            EDGE, y, WIDTH - 2 * EDGE, BAR);
    if (!isnan(b->value)) {
        const double x = x_of(s, b->value);
        fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%d\"/>",
                b->accent ? "accent" : "bar", fmin(x, zero), y, fabs(x - zero), BAR);
        if (!isnan(b->plus_minus))
            around(s, b, y, out);
    }
    line_down("axis", zero, y - 2, y + BAR + 2, out);
    if (!isnan(b->mark))
        line_down("mark", x_of(s, b->mark), y - 3, y + BAR + 3, out);
    putc('\n', out);
}

void chart_svg(const struct chart *chart, FILE *out)
{
    const struct scale s = scale_of(chart);
    fprintf(out, "<svg viewBox=\"0 0 %d %zu\" role=\"img\" aria-label=\"", WIDTH, chart->n * ROW);
    html_text(chart->name, out);
    for (size_t i = 0; i < chart->n; i++) {
        fputs(i ? "; " : ": ", out);
        html_text(chart->bars[i].label, out);
        putc(' ', out);
        html_text(chart->bars[i].text, out);
    }
    fputs("\">\n", out);
    for (size_t i = 0; i < chart->n; i++)
        bar(&s, &chart->bars[i], (double)(i * ROW), out);
    fputs("</svg>\n", out);
}
