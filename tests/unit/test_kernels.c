/* SPDX-License-Identifier: Apache-2.0 */
/* kernels: every slot of every copy that this machine can run against plain C, to the bit, over one
 * table; and whole views. --time prints what each slot takes, on a view's worth of work;
 * --views SIZE FILE... prints the two views of a SimSiam sample beside one plain full decode of the
 * same JPEGs. All buffers are as large as the contract says and no larger, for ASan to watch. */
#include "picture.h"
#include "test.h"

#include "common/rng.h"
#include "loaderd/augment/parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turbojpeg.h>

enum { MEMORY_MAX = 16 };

/* One run of a case: its inputs are the same for every copy. */
struct bed {
    const struct kernels *kernels;
    struct rng rng;
    void *memory[MEMORY_MAX];
    size_t n_memory;
    const void *result;
    size_t result_bytes;
    bool timed;
    double start_s, first_s, best_s;
    uint32_t runs;
};

struct slot_case {
    const char *name;
    void (*run)(struct bed *bed, const struct slot_case *c);
    uint32_t size;
    uint32_t w, h; /* of the source */
    bool flip;
    float sigma;
    struct colour colour;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *bed_bytes(struct bed *bed, size_t bytes)
{
    assert_true(bed->n_memory < MEMORY_MAX);
    void *p = calloc(1, bytes);
    assert_non_null(p);
    bed->memory[bed->n_memory++] = p;
    return p;
}

static float *bed_floats(struct bed *bed, size_t n)
{
    return bed_bytes(bed, n * sizeof(float));
}

/* In [0,1], the ends and equal neighbours among them. */
static float *bed_unit(struct bed *bed, size_t n)
{
    float *p = bed_floats(bed, n);
    for (size_t i = 0; i < n; i++)
        switch (rng_below(&bed->rng, 8)) {
        case 0:
            p[i] = (float)rng_below(&bed->rng, 2);
            break;
        case 1:
            p[i] = i ? p[i - 1] : 0;
            break;
        default:
            p[i] = (float)rng_unit(&bed->rng);
        }
    return p;
}

static struct image bed_image(struct bed *bed, uint32_t w, uint32_t h)
{
    const size_t n = 3 * (size_t)w * h;
    uint8_t *rgb = bed_bytes(bed, n);
    for (size_t i = 0; i < n; i++)
        rgb[i] = (uint8_t)rng_u32(&bed->rng);
    return picture_whole(w, h, rgb);
}

static void bed_keep(struct bed *bed, const void *result, size_t bytes)
{
    bed->result = result;
    bed->result_bytes = bytes;
}

/* Once, or when timed again and again for a tenth of a second; the best counts. */
static bool bed_again(struct bed *bed)
{
    const double now = now_s();
    if (bed->runs == 0)
        bed->first_s = now;
    else if (bed->runs == 1 || now - bed->start_s < bed->best_s)
        bed->best_s = now - bed->start_s;
    bed->start_s = now;
    return bed->runs++ == 0 || (bed->timed && now - bed->first_s < 0.1);
}

static void bed_init(struct bed *bed, const struct kernels *kernels, bool timed)
{
    *bed = (struct bed){.kernels = kernels, .timed = timed};
    rng_init(&bed->rng, &(struct rng_key){.seed = 11, .purpose = RNG_TEST});
}

static void bed_done(struct bed *bed)
{
    for (size_t i = 0; i < bed->n_memory; i++)
        free(bed->memory[i]);
}

static struct omega whole(const struct slot_case *c)
{
    return (struct omega){
        .crop_height = (int32_t)c->h, .crop_width = (int32_t)c->w, .flip = c->flip};
}

/* The columns of a crop of its own, so that spread is what this copy makes of it. */
static void open_crop(struct bed *bed, const struct slot_case *c, struct crop *crop)
{
    const struct image image = bed_image(bed, c->w, c->h);
    const struct omega omega = whole(c);
    assert_int_equal(crop_init(crop, c->size), 0);
    crop_open(crop, bed->kernels, &image, &omega, c->size);
}

static void case_rows(struct bed *bed, const struct slot_case *c)
{
    struct crop crop;
    open_crop(bed, c, &crop);
    const size_t n = 3 * (size_t)c->w;
    float *lines = bed_floats(bed, n * c->size);
    while (bed_again(bed))
        for (uint32_t y = 0; y < c->size; y++) {
            struct crop_rows rows = crop.box;
            rows.rows += crop.rows.first[y] * rows.pitch;
            rows.weight = crop.rows.weight + (size_t)y * crop.rows.stride;
            rows.count = crop.rows.count[y];
            bed->kernels->crop_rows(&rows, lines + n * y);
        }
    bed_keep(bed, lines, n * c->size * sizeof(float));
    crop_done(&crop);
}

static void case_columns(struct bed *bed, const struct slot_case *c)
{
    struct crop crop;
    open_crop(bed, c, &crop);
    float *line = bed_floats(bed, 3 * (size_t)c->w + LINE_SLACK);
    for (size_t i = 0; i < 3 * (size_t)c->w + LINE_SLACK; i++)
        line[i] = (float)rng_range(&bed->rng, 0, 256); /* a little above 1: there is a clamp */
    const size_t pitch = pitch_of(c->size);
    float *x = bed_floats(bed, 3 * pitch);
    float *const row[3] = {x, x + pitch, x + 2 * pitch};
    while (bed_again(bed))
        for (uint32_t y = 0; y < (bed->timed ? c->size : 1); y++)
            bed->kernels->crop_columns(&crop.columns, line, row);
    bed_keep(bed, x, 3 * pitch * sizeof(float));
    crop_done(&crop);
}

static void case_spread(struct bed *bed, const struct slot_case *c)
{
    struct crop crop;
    open_crop(bed, c, &crop);
    const struct image image = bed_image(bed, c->w, c->h);
    const struct omega omega = whole(c);
    while (bed_again(bed))
        crop_open(&crop, bed->kernels, &image, &omega, c->size);
    crop_done(&crop);
}

static void case_colour(struct bed *bed, const struct slot_case *c)
{
    const size_t pitch = pitch_of(c->size);
    float *in = bed_unit(bed, 3 * pitch), *out = bed_floats(bed, 3 * pitch);
    const float *const from[3] = {in, in + pitch, in + 2 * pitch};
    float *const to[3] = {out, out + pitch, out + 2 * pitch};
    while (bed_again(bed))
        for (uint32_t y = 0; y < (bed->timed ? c->size : 1); y++)
            bed->kernels->colour(&c->colour, pitch, from, to);
    bed_keep(bed, out, 3 * pitch * sizeof(float));
    if (bed->timed)
        return;
    float *const same[3] = {in, in + pitch, in + 2 * pitch};
    bed->kernels->colour(&c->colour, pitch, from, same);
    assert_memory_equal(in, out, 3 * pitch * sizeof(float));
}

static void case_luma(struct bed *bed, const struct slot_case *c)
{
    const size_t pitch = pitch_of(c->size);
    const float *in = bed_unit(bed, 3 * pitch);
    const float *const row[3] = {in, in + pitch, in + 2 * pitch};
    double *sums = bed_bytes(bed, MEAN_LANES * sizeof(double));
    sums[3] = 0.1; /* what earlier rows left stays */
    while (bed_again(bed))
        for (uint32_t y = 0; y < (bed->timed ? c->size : 3); y++)
            bed->kernels->luma(pitch, row, sums);
    bed_keep(bed, sums, MEAN_LANES * sizeof(double));
}

static void case_blur(struct bed *bed, const struct slot_case *c)
{
    const size_t pitch = pitch_of(c->size);
    struct blur_taps taps;
    blur_taps_fill(&taps, c->sigma, c->size < 224 ? 9 : 23);
    const struct blur_pass pass = {.taps = &taps,
                                   .size = c->size,
                                   .in = bed_unit(bed, c->size * pitch),
                                   .out = bed_floats(bed, c->size * pitch),
                                   .line = bed_floats(bed, BLUR_LINE)};
    while (bed_again(bed))
        for (int channel = 0; channel < (bed->timed ? 3 : 1); channel++)
            bed->kernels->blur(&pass);
    for (uint32_t y = 0; y < c->size; y++) /* what lies beyond means nothing */
        for (size_t i = c->size; i < pitch; i++)
            pass.out[y * pitch + i] = 0;
    bed_keep(bed, pass.out, c->size * pitch * sizeof(float));
}

static void case_pack(struct bed *bed, const struct slot_case *c)
{
    const size_t pitch = pitch_of(c->size);
    float *in = bed_unit(bed, 3 * pitch);
    in[0] = 1.0000003f; /* what rounding in a blur may leave */
    for (size_t i = 1; i < pitch; i += 3)
        in[i] = ((float)(i % 255) + 0.5f) / 255.0f;
    const float *const row[3] = {in, in + pitch, in + 2 * pitch};
    uint8_t *out = bed_bytes(bed, 3 * pitch + PACK_SLACK);
    while (bed_again(bed))
        for (uint32_t y = 0; y < (bed->timed ? c->size : 1); y++)
            bed->kernels->pack(pitch, row, out);
    bed_keep(bed, out, 3 * pitch);
}

static struct view_spec simsiam(uint32_t size)
{
    return (struct view_spec){
        .size = size,
        .scale = {0.2, 1},
        .ratio = {0.75, 4.0 / 3},
        .flip = 0.5,
        .jitter = {.p = 0.8, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1},
        .grayscale = 0.2,
        .blur = {.p = 0.5, .sigma = {0.1, 2}, .kernel = size < 224 ? 9 : 23}};
}

static void case_views(struct bed *bed, const struct slot_case *c)
{
    enum { VIEWS = 24 };
    const struct image image = bed_image(bed, c->w, c->h);
    struct view_spec law = simsiam(c->size);
    law.solarize.p = 0.2;
    law.solarize.threshold = 0.5;
    law.rotation = 0.3;
    const size_t bytes = 3 * (size_t)c->size * c->size;
    uint8_t *out = bed_bytes(bed, VIEWS * bytes);
    struct augment *a;
    assert_int_equal(augment_new(c->size, &a), 0);
    augment_use(a, bed->kernels);
    for (uint32_t v = 0; v < VIEWS; v++) {
        const struct omega_key key = {.seed = 5, .sample = v};
        struct omega omega;
        omega_draw(&law, &key, c->w, c->h, &omega);
        augment_view(a, &image, &law, &omega, out + v * bytes);
    }
    augment_free(a);
    bed_keep(bed, out, VIEWS * bytes);
}

#define STEP(op, factor, rest) .colour = {1, {{COLOUR_##op, factor, rest}}}
#define JITTER                                                                                     \
    .colour = {4,                                                                                  \
               {{COLOUR_HUE, 6.4f, 0},                                                             \
                {COLOUR_SATURATION, 1.3f, -0.3f},                                                  \
                {COLOUR_BRIGHTNESS, 1.2f, 0},                                                      \
                {COLOUR_CONTRAST, 0.7f, 0.14f}}}

/* clang-format off */
static const struct slot_case checks[] = {
    /* lines that fill no vector, one, some; taps from one to hundreds */
    {"rows 1x1", case_rows, 1, 1, 1},
    {"rows 2x7", case_rows, 4, 2, 7},
    {"rows 5x3, enlarged", case_rows, 9, 5, 3},
    {"rows 6x40", case_rows, 13, 6, 40},
    {"rows 11x11, copied", case_rows, 11, 11, 11},
    {"rows 21x64", case_rows, 32, 21, 64},
    {"rows 22x600", case_rows, 3, 22, 600},
    {"rows 43x51", case_rows, 40, 43, 51},
    {"rows 333x50", case_rows, 21, 333, 50},

    {"columns 1 from 1", case_columns, 1, 1, 1},
    {"columns 1 from 3000", case_columns, 1, 3000, 1},
    {"columns 2 from 1", case_columns, 2, 1, 1},
    {"columns 7 from 3, flipped", case_columns, 7, 3, 1, true},
    {"columns 16 from 5", case_columns, 16, 5, 1},
    {"columns 17 from 400", case_columns, 17, 400, 1},
    {"columns 31 from 33, flipped", case_columns, 31, 33, 1, true},
    {"columns 32 from 32", case_columns, 32, 32, 1},
    {"columns 33 from 50", case_columns, 33, 50, 1},
    {"columns 64 from 12", case_columns, 64, 12, 1},
    {"columns 64 from 53, flipped", case_columns, 64, 53, 1, true},
    {"columns 96 from 160", case_columns, 96, 160, 1},
    {"columns 96 from 173, flipped", case_columns, 96, 173, 1, true},
    {"columns 96 from 180", case_columns, 96, 180, 1},
    {"columns 100 from 200, flipped", case_columns, 100, 200, 1, true},
    {"columns 224 from 500", case_columns, 224, 500, 1},
    {"columns 224 from 897, flipped", case_columns, 224, 897, 1, true},
    {"columns 1024 from 1500", case_columns, 1024, 1500, 1},

    {"no steps", case_colour, 40, .colour = {0}},
    {"brightness", case_colour, 224, STEP(BRIGHTNESS, 1.3f, 0)},
    {"brightness 0", case_colour, 33, STEP(BRIGHTNESS, 0, 0)},
    {"contrast", case_colour, 224, STEP(CONTRAST, 1.4f, -0.21f)},
    {"contrast, less", case_colour, 224, STEP(CONTRAST, 0.6f, 0.17f)},
    {"saturation", case_colour, 224, STEP(SATURATION, 1.4f, -0.4f)},
    {"saturation, less", case_colour, 224, STEP(SATURATION, 0.6f, 0.4f)},
    {"hue 0", case_colour, 224, STEP(HUE, 6, 0)},
    {"hue 0.1", case_colour, 224, STEP(HUE, 6.6f, 0)},
    {"hue -0.1", case_colour, 224, STEP(HUE, 5.4f, 0)},
    {"hue 0.5", case_colour, 224, STEP(HUE, 3, 0)},
    {"hue 0.3", case_colour, 224, STEP(HUE, 1.8f, 0)},
    {"solarize", case_colour, 224, STEP(SOLARIZE, 0.5f, 0)},
    {"solarize all", case_colour, 33, STEP(SOLARIZE, 0, 0)},
    {"grayscale", case_colour, 224, STEP(GRAYSCALE, 0, 0)},
    {"jitter", case_colour, 224, JITTER},

    {"luma 1", case_luma, 1},
    {"luma 64", case_luma, 64},
    {"luma 1000", case_luma, 1000},

    {"blur 1", case_blur, 1, .sigma = 1},
    {"blur 3", case_blur, 3, .sigma = 1},
    {"blur 31", case_blur, 31, .sigma = 0.1f},
    {"blur 33", case_blur, 33, .sigma = 0.4f},
    {"blur 64", case_blur, 64, .sigma = 1.5f},
    {"blur 96", case_blur, 96, .sigma = 2},
    {"blur 224", case_blur, 224, .sigma = 2},
    {"blur 225", case_blur, 225, .sigma = 20},

    {"pack 1", case_pack, 1},
    {"pack 100", case_pack, 100},
    {"pack 1024", case_pack, 1024},

    {"views 1", case_views, 1, 9, 9},
    {"views 5", case_views, 5, 3, 4},
    {"views 32", case_views, 32, 70, 50},
    {"views 33", case_views, 33, 20, 90},
    {"views 96", case_views, 96, 96, 96},
    {"views 224", case_views, 224, 600, 400},
};

/* A view's worth of each slot, by its size and its crop's. */
static const struct slot_case times[] = {
    {"open_224", case_spread, 224, 387, 310},
    {"rows_224", case_rows, 224, 387, 310},
    {"columns_224", case_columns, 224, 387, 310},
    {"brightness_224", case_colour, 224, STEP(BRIGHTNESS, 1.3f, 0)},
    {"contrast_224", case_colour, 224, STEP(CONTRAST, 1.4f, -0.21f)},
    {"saturation_224", case_colour, 224, STEP(SATURATION, 1.4f, -0.4f)},
    {"hue_224", case_colour, 224, STEP(HUE, 6.6f, 0)},
    {"solarize_224", case_colour, 224, STEP(SOLARIZE, 0.5f, 0)},
    {"grayscale_224", case_colour, 224, STEP(GRAYSCALE, 0, 0)},
    {"jitter_224", case_colour, 224, JITTER},
    {"luma_224", case_luma, 224},
    {"blur_0.5_224", case_blur, 224, .sigma = 0.5f},
    {"blur_1_224", case_blur, 224, .sigma = 1},
    {"blur_2_224", case_blur, 224, .sigma = 2},
    {"pack_224", case_pack, 224},
    {"open_64", case_spread, 64, 50, 50},
    {"rows_64", case_rows, 64, 50, 50},
    {"columns_64", case_columns, 64, 50, 50},
    {"jitter_64", case_colour, 64, JITTER},
    {"blur_1_64", case_blur, 64, .sigma = 1},
    {"pack_64", case_pack, 64},
};
/* clang-format on */

struct check {
    size_t copy;
    const struct slot_case *slot;
};

static void test_case(void **state)
{
    const struct check *check = *state;
    struct bed want, got;
    bed_init(&want, kernels_at(0), false);
    bed_init(&got, kernels_at(check->copy), false);
    check->slot->run(&want, check->slot);
    check->slot->run(&got, check->slot);
    assert_true(want.result_bytes > 0);
    assert_int_equal(want.result_bytes, got.result_bytes);
    assert_memory_equal(want.result, got.result, want.result_bytes);
    bed_done(&want);
    bed_done(&got);
}

static void test_pick(void **state)
{
    (void)state;
    size_t best = 0;
    for (size_t i = 0; i < KERNELS_MAX; i++)
        best = kernels_at(i) ? i : best;
    assert_ptr_equal(kernels_pick(), kernels_at(best));
    assert_null(kernels_at(KERNELS_MAX));
    assert_string_equal(kernels_at(0)->name, "plain");
}

static int check_all(void)
{
    static struct check check[KERNELS_MAX * ARRAY_LEN(checks)];
    static struct CMUnitTest test[ARRAY_LEN(check) + 1];
    static char name[ARRAY_LEN(check)][64];
    size_t n = 0;
    for (size_t copy = 1; copy < KERNELS_MAX; copy++) {
        const struct kernels *kernels = kernels_at(copy);
        if (!kernels)
            printf("copy %zu is not for this machine\n", copy);
        for (size_t i = 0; kernels && i < ARRAY_LEN(checks); i++, n++) {
            check[n] = (struct check){copy, &checks[i]};
            snprintf(name[n], sizeof name[n], "%s: %s", kernels->name, checks[i].name);
            test[n] = (struct CMUnitTest){
                .name = name[n], .test_func = test_case, .initial_state = &check[n]};
        }
    }
    test[n] = (struct CMUnitTest)cmocka_unit_test(test_pick);
    return _cmocka_run_group_tests("kernels", test, n + 1, NULL, NULL) ? 1 : 0;
}

static int time_all(void)
{
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        for (size_t copy = 0; copy < KERNELS_MAX && kernels_at(copy); copy++) {
            struct bed bed;
            bed_init(&bed, kernels_at(copy), true);
            times[i].run(&bed, &times[i]);
            printf("%s.%s %.2f us\n", times[i].name, bed.kernels->name, 1e6 * bed.best_s);
            fflush(stdout);
            bed_done(&bed);
        }
    return 0;
}

/* One file's part in --views; all times are sums. */
struct tally {
    double decode_s, views_s[KERNELS_MAX];
    uint32_t n;
};

static int views_of(const uint8_t *jpeg, unsigned long len, uint32_t size, struct augment *a,
                    struct tally *tally)
{
    const struct view_spec law = simsiam(size);
    auto_free uint8_t *out = malloc(3 * (size_t)size * size);
    tjhandle tj = tjInitDecompress();
    int w, h, subsampling, space;
    if (!out || !tj || tjDecompressHeader3(tj, jpeg, len, &w, &h, &subsampling, &space) != 0)
        return -1;
    auto_free uint8_t *rgb = malloc(3 * (size_t)w * (size_t)h);
    const struct image image = picture_whole((uint32_t)w, (uint32_t)h, rgb);
    double start = now_s();
    int rc = rgb ? tjDecompress2(tj, jpeg, len, rgb, w, 0, h, TJPF_RGB, 0) : -1;
    tally->decode_s += now_s() - start;
    tjDestroy(tj);
    for (size_t copy = 0; rc == 0 && copy < KERNELS_MAX && kernels_at(copy); copy++) {
        augment_use(a, kernels_at(copy));
        start = now_s();
        for (uint32_t v = 0; v < 2; v++) {
            const struct omega_key key = {.seed = 1, .sample = tally->n, .view = v};
            struct omega omega;
            omega_draw(&law, &key, image.w, image.h, &omega);
            augment_view(a, &image, &law, &omega, out);
        }
        tally->views_s[copy] += now_s() - start;
    }
    tally->n++;
    return rc;
}

static int time_views(uint32_t size, int files, char **path)
{
    enum { ROUNDS = 5, BYTES_MAX = 16 << 20 };
    struct tally tally = {0};
    struct augment *a;
    auto_free uint8_t *jpeg = malloc(BYTES_MAX);
    if (!jpeg || augment_new(size, &a) < 0)
        return 1;
    int rc = 0;
    for (int round = 0; rc == 0 && round < ROUNDS; round++) {
        if (round == 1) /* the first has touched fresh memory */
            tally = (struct tally){0};
        for (int i = 0; rc == 0 && i < files; i++) {
            FILE *in = fopen(path[i], "rb");
            const size_t len = in ? fread(jpeg, 1, BYTES_MAX, in) : 0;
            if (in)
                fclose(in);
            rc = views_of(jpeg, len, size, a, &tally);
            if (rc != 0)
                fprintf(stderr, "%s: no JPEG that can be decoded\n", path[i]);
        }
    }
    augment_free(a);
    if (rc != 0)
        return 1;
    printf("decode_ms %.4f ms\n", 1e3 * tally.decode_s / tally.n);
    for (size_t copy = 0; copy < KERNELS_MAX && kernels_at(copy); copy++) {
        const char *name = kernels_at(copy)->name;
        printf("two_views_%u_ms.%s %.4f ms\n", size, name, 1e3 * tally.views_s[copy] / tally.n);
        printf("two_views_%u_decodes.%s %.3f ratio\n", size, name,
               tally.views_s[copy] / tally.decode_s);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return check_all();
    if (argc == 2 && strcmp(argv[1], "--time") == 0)
        return time_all();
    if (argc >= 4 && strcmp(argv[1], "--views") == 0) {
        const long size = strtol(argv[2], NULL, 10);
        if (size >= 1 && size <= OMEGA_VIEW_MAX)
            return time_views((uint32_t)size, argc - 3, argv + 3);
    }
    fprintf(stderr, "usage: test_kernels [--time | --views SIZE JPEG...]\n");
    return 64;
}
