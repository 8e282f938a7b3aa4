/* SPDX-License-Identifier: Apache-2.0 */
/* grid: one image file over a sweep of one parameter, the value written under each view; a PNG
 * file. What can be swept is what tools/inspect/feed/param can set. */
#include "common/auto.h"
#include "common/err.h"
#include "common/file.h"
#include "tools/inspect/feed/param.h"
#include "tools/inspect/inspect.h"
#include "tools/inspect/number.h"
#include "tools/inspect/replay/single.h"
#include "tools/picture.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS_MAX = 256,
    STEPS_USUAL = 8,
    ZOOM_MAX = 16,
    MARGIN = 12,
    GAP = 8,
    INK = 0x202020,
    PAPER = 0xffffff,
};

struct options {
    struct single_options single;
    const char *out, *param;
    double from, to;
    bool from_told, to_told;
    int64_t steps, columns, zoom;
};

static const struct usage_option rows[] = {
    SINGLE_OPTIONS,
    {"param", "NAME", 'p', "what is swept: blur.sigma, jitter.hue, crop.left, rotation, ...",
     USAGE_REQUIRED},
    {"from", "A", 'f', "the first value (default: by the parameter)"},
    {"to", "B", 't', "the last value (default: by the parameter)"},
    {"steps", "N", 's', "values from A to B, 1 to 256; whole numbers come once (default 8)"},
    {"columns", "N", 'c', "views in a row, 1 to 256 (default: as many as make a wide picture)"},
    {"zoom", "N", 'z', "each pixel of a view N by N, 1 to 16 (default 1)"},
    {"out", "FILE", 'o', "a PNG picture", USAGE_REQUIRED},
};

static const struct usage_section sections[] = {
    {"Examples",
     "    augstream-inspect grid --image cat.jpg --param jitter.hue --size 128 --out hue.png\n"
     "    augstream-inspect grid --image cat.jpg --param blur.sigma --from 0.1 --to 4 --steps 12 "
     "\\\n"
     "        --omega '{\"crop\": [0, 0, 200, 200]}' --out blur.png"},
};

const struct usage inspect_grid_usage = {
    .name = "grid",
    .program = "augstream-inspect",
    .summary = "one image over a sweep of one parameter, into a PNG picture",
    .operands = "",
    .about = "Renders an image file as render does, once for each value of one parameter, the "
             "rest of omega as it is told, with the value under each view.",
    .options = rows,
    .n_options = ARRAY_LEN(rows),
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

static int real_option(const char *name, const char *text, double *ret, bool *ret_told)
{
    const int rc = number_real(name, text, &(struct number_bounds){-INFINITY, INFINITY}, ret);
    *ret_told = *ret_told || rc == 0;
    return rc;
}

static int option(struct options *o, int key, const char *arg)
{
    switch (key) {
    case 'p':
        o->param = arg;
        return 0;
    case 'f':
        return real_option("from", arg, &o->from, &o->from_told);
    case 't':
        return real_option("to", arg, &o->to, &o->to_told);
    case 's':
        return number_whole("steps", arg, 1, STEPS_MAX, &o->steps);
    case 'c':
        return number_whole("columns", arg, 1, STEPS_MAX, &o->columns);
    case 'z':
        return number_whole("zoom", arg, 1, ZOOM_MAX, &o->zoom);
    case 'o':
        o->out = arg;
        return 0;
    default:
        return single_option(&o->single, key, arg);
    }
}

/* The parameter, if it is one that can be set. */
static int param_check(const char *name)
{
    const struct view_param *param = param_find(name);
    char near[256];
    if (!param) {
        param_nearest(name, near, sizeof near);
        return err_set(-EINVAL, "--param %s: no parameter is called so; the nearest is %s", name,
                       near);
    }
    if (strncmp(name, "jitter.order.", 13) == 0)
        return err_set(-EINVAL,
                       "--param %s: the four of an order change places, none alone: it "
                       "cannot be swept",
                       name);
    if (!param->set)
        return err_set(-EINVAL,
                       "--param %s: it follows from others, or from the picture: it "
                       "cannot be swept",
                       name);
    return 0;
}

/* 0 to go on, USAGE_TOLD, -EINVAL. */
static int parse(int argc, char **argv, struct options *o)
{
    for (int key; (key = usage_next(&inspect_grid_usage, argc, argv)) != USAGE_END;) {
        int rc = key < 0 || key == USAGE_TOLD ? key : option(o, key, optarg);
        if (rc < 0 || rc == USAGE_TOLD)
            return rc;
    }
    if (optind != argc || !o->single.image || !o->param || !o->out)
        return err_set(-EINVAL, "grid needs --image, --param and --out, and no operand");
    return param_check(o->param);
}

/* --- values --- */

/* What is worth looking at where the command line does not say. Boxes: what the picture leaves. */
static void range_usual(const char *name, const struct omega *o, double ret[2])
{
    const struct {
        const char *name;
        double low, high;
    } usual[] = {
        {"jitter.brightness", 0.4, 1.6},
        {"jitter.contrast", 0.4, 1.6},
        {"jitter.saturation", 0, 2},
        {"jitter.hue", -0.5, 0.5},
        {"blur.sigma", 0.1, 3},
        {"blur.kernel", 1, 15},
        {"solarize.threshold", 0, 1},
        {"rotation", 0, 3},
        {"crop.top", 0, o->source_h - (uint32_t)o->crop_height},
        {"crop.left", 0, o->source_w - (uint32_t)o->crop_width},
        {"crop.height", 1 + (o->source_h - (uint32_t)o->crop_top) / 8,
         o->source_h - (uint32_t)o->crop_top},
        {"crop.width", 1 + (o->source_w - (uint32_t)o->crop_left) / 8,
         o->source_w - (uint32_t)o->crop_left},
    };
    ret[0] = 0; /* bits */
    ret[1] = 1;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (strcmp(usual[i].name, name) == 0) {
            ret[0] = usual[i].low;
            ret[1] = usual[i].high;
        }
}

/* values[STEPS_MAX]; how many there are, 0: err_text() says why. Whole numbers come once each. */
static size_t values_make(const struct options *o, const struct view_param *param,
                          const struct omega *omega, double *values)
{
    double range[2];
    range_usual(o->param, omega, range);
    if (o->from_told)
        range[0] = o->from;
    if (o->to_told)
        range[1] = o->to;
    if (!o->from_told && !o->to_told && range[0] == range[1]) {
        err_set(-EINVAL, "%s: no other value than %.9g is left: tell a smaller crop by --omega",
                o->param, range[0]);
        return 0;
    }
    size_t n = 0;
    for (int64_t i = 0; i < o->steps; i++) {
        const double share = o->steps > 1 ? (double)i / (double)(o->steps - 1) : 0;
        double value = range[0] + (range[1] - range[0]) * share;
        if (param->kind != PARAM_REAL)
            value = rint(value);
        if (n == 0 || param->kind == PARAM_REAL || values[n - 1] != value)
            values[n++] = value;
    }
    return n;
}

/* --- the picture --- */

struct layout {
    uint32_t columns, rows, cell_w, cell_h, text_zoom, title_h;
};

static void label_of(const struct view_param *param, double value, char *ret, size_t cap)
{
    snprintf(ret, cap, param->kind == PARAM_REAL ? "%.3f" : "%.0f", value);
}

static void title_of(const struct options *o, const struct view_param *param, char *ret, size_t cap)
{
    const char *slash = strrchr(o->single.image, '/');
    snprintf(ret, cap, "%s%s%s: %s", param->name, param->unit[0] ? " in " : "", param->unit,
             slash ? slash + 1 : o->single.image);
}

/* Rows that make the picture about twice as wide as high. */
static void layout_make(const struct options *o, uint32_t side, const double *values, size_t n,
                        struct layout *ret)
{
    const struct view_param *param = param_find(o->param);
    struct layout l = {.text_zoom = side >= 128 ? 2 : 1, .cell_w = side};
    for (size_t i = 0; i < n; i++) {
        char text[32];
        label_of(param, values[i], text, sizeof text);
        const uint32_t w = canvas_text_w(text, l.text_zoom);
        l.cell_w = w > l.cell_w ? w : l.cell_w;
    }
    l.cell_h = side + 2 + CANVAS_TEXT_H * l.text_zoom;
    l.title_h = CANVAS_TEXT_H * l.text_zoom + GAP;
    l.columns = (uint32_t)o->columns;
    if (!l.columns)
        l.columns = (uint32_t)ceil(sqrt(2.0 * (double)n * l.cell_h / l.cell_w));
    if (l.columns > n)
        l.columns = (uint32_t)n;
    l.rows = (uint32_t)((n + l.columns - 1) / l.columns);
    if (!o->columns) /* the last row as full as the others */
        l.columns = (uint32_t)((n + l.rows - 1) / l.rows);
    *ret = l;
}

/* Draws value i: the view, and its value under it. */
static int cell_draw(struct single *single, const struct options *o, const struct layout *l,
                     const struct canvas_rect *cell, double value, struct canvas *canvas)
{
    const struct view_param *param = param_find(o->param);
    struct omega omega = single->omega;
    char text[32];
    if (param->set(&omega, value) < 0)
        return err_set(-EINVAL, "%s: %s", o->param, err_text());
    auto_free uint8_t *view = malloc((size_t)single->size * single->size * 3);
    if (!view)
        return err_set(-ENOMEM, "out of memory");
    int rc = single_view(single, &omega, view);
    if (rc)
        return rc;
    canvas_blit(canvas, cell->x, cell->y, &(struct canvas_source){view, single->size, single->size},
                (uint32_t)o->zoom);
    label_of(param, value, text, sizeof text);
    canvas_text(canvas, cell->x, cell->y + (int32_t)(single->size * (uint32_t)o->zoom) + 2,
                l->text_zoom, INK, text);
    return 0;
}

static int grid_draw(struct single *single, const struct options *o, struct canvas *canvas,
                     size_t *ret_n)
{
    double values[STEPS_MAX];
    struct layout l;
    char title[512];
    const struct view_param *param = param_find(o->param);
    const size_t n = values_make(o, param, &single->omega, values);
    if (n == 0)
        return -EINVAL;
    layout_make(o, single->size * (uint32_t)o->zoom, values, n, &l);
    title_of(o, param, title, sizeof title);
    uint32_t w = 2 * MARGIN + l.columns * (l.cell_w + GAP) - GAP;
    const uint32_t title_w = 2 * MARGIN + canvas_text_w(title, l.text_zoom);
    w = title_w > w && title_w < CANVAS_SIDE_MAX ? title_w : w;
    int rc =
        canvas_init(canvas, w, 2 * MARGIN + l.title_h + l.rows * (l.cell_h + GAP) - GAP, PAPER);
    if (rc)
        return rc;
    canvas_text(canvas, MARGIN, MARGIN, l.text_zoom, INK, title);
    for (size_t i = 0; !rc && i < n; i++) {
        const struct canvas_rect cell = {
            .x = (int32_t)(MARGIN + i % l.columns * (l.cell_w + GAP)),
            .y = (int32_t)(MARGIN + l.title_h + i / l.columns * (l.cell_h + GAP))};
        rc = cell_draw(single, o, &l, &cell, values[i], canvas);
    }
    *ret_n = n;
    return rc;
}

static int grid(const struct options *o)
{
    struct single single;
    struct canvas canvas = {0};
    size_t n = 0;
    int rc = file_writable(o->out);
    if (rc)
        return rc;
    rc = single_open(&o->single, &single);
    if (!rc)
        rc = grid_draw(&single, o, &canvas, &n);
    if (!rc)
        rc = canvas_save(&canvas, o->out);
    if (!rc)
        printf("%s: %ux%u, %zu views\n", o->out, canvas.w, canvas.h, n);
    canvas_done(&canvas);
    single_done(&single);
    return rc;
}

int inspect_grid(int argc, char **argv)
{
    struct options o = {.steps = STEPS_USUAL, .zoom = 1};
    int rc = parse(argc, argv, &o);
    if (rc)
        return inspect_parsed(rc);
    rc = grid(&o);
    return rc ? inspect_fail(rc) : EXIT_OK;
}
