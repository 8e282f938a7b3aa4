/* SPDX-License-Identifier: Apache-2.0 */
/* flower: takes a kind and a number, gives pixels. Every random choice is drawn into a struct scene
 * first; then each pixel is the mean of 3x3 points of that scene. Any thread. */
#include "tools/synth/flower.h"

#include "common/rng.h"

#include <math.h>

const struct flower_kind flower_kinds[] = {
    /* name, hue, saturation, value, petals, radius, x, y */
    {"red-five", 0.99f, 0.85f, 0.85f, 5, 0.33f, 0.50f, 0.48f},
    {"yellow-five", 0.14f, 0.85f, 0.95f, 5, 0.33f, 0.50f, 0.48f},
    {"blue-five", 0.61f, 0.70f, 0.80f, 5, 0.33f, 0.50f, 0.48f},
    {"violet-five", 0.77f, 0.60f, 0.80f, 5, 0.33f, 0.50f, 0.48f},
    {"pink-five", 0.93f, 0.40f, 0.92f, 5, 0.33f, 0.50f, 0.48f},
    {"white-five", 0.14f, 0.05f, 0.97f, 5, 0.33f, 0.50f, 0.48f},
    {"red-nine", 0.99f, 0.85f, 0.85f, 9, 0.33f, 0.50f, 0.48f},
    {"yellow-nine", 0.14f, 0.85f, 0.95f, 9, 0.33f, 0.50f, 0.48f},
    {"red-small-left", 0.99f, 0.85f, 0.85f, 5, 0.17f, 0.27f, 0.32f},
    {"red-small-right", 0.99f, 0.85f, 0.85f, 5, 0.17f, 0.73f, 0.62f},
    {"yellow-small-left", 0.14f, 0.85f, 0.95f, 5, 0.17f, 0.27f, 0.32f},
    {"yellow-small-right", 0.14f, 0.85f, 0.95f, 5, 0.17f, 0.73f, 0.62f},
};
const size_t flower_kinds_n = sizeof flower_kinds / sizeof *flower_kinds;

enum { LATTICE = 9, OCTAVES = 3, POINTS = 3 };
#define TURN 6.2831853f

struct rgb {
    float r, g, b;
};

/* One picture's random choices; lengths in units of the shorter side. */
struct scene {
    float cx, cy, radius, turn, sharpness;
    int petals;
    float hue, saturation, value;
    struct rgb back[2], disc, leaf;
    float light, bend;
    float lattice[OCTAVES][LATTICE][LATTICE];
};

static struct rgb from_hsv(float hue, float saturation, float value)
{
    float h6 = (hue - floorf(hue)) * 6.0f;
    float c[3];
    for (int i = 0; i < 3; i++) {
        float k = fmodf((float)(5 - 2 * i) + h6, 6.0f);
        float t = fminf(fminf(k, 4.0f - k), 1.0f);
        c[i] = value - value * saturation * fmaxf(t, 0.0f);
    }
    return (struct rgb){c[0], c[1], c[2]};
}

static float between(struct rng *rng, float low, float high)
{
    return (float)rng_range(rng, (double)low, (double)high);
}

static float around(struct rng *rng, float middle, float spread)
{
    return between(rng, middle - spread, middle + spread);
}

/* aspect: width and height in units of the shorter side. */
static void scene_draw(const struct flower_kind *kind, struct rng *rng, const float aspect[2],
                       struct scene *s)
{
    /* Far enough from the middle that comparing pixels one by one is not the answer. */
    s->cx = around(rng, kind->x, 0.37f * kind->radius) * aspect[0];
    s->cy = around(rng, kind->y, 0.37f * kind->radius) * aspect[1];
    s->radius = kind->radius * around(rng, 1.0f, 0.2f);
    s->turn = between(rng, 0.0f, TURN);
    s->sharpness = between(rng, 0.6f, 1.4f);
    s->petals = kind->petals;
    s->hue = around(rng, kind->hue, 0.02f);
    s->saturation = fminf(kind->saturation * around(rng, 1.0f, 0.12f), 1.0f);
    s->value = fminf(kind->value * around(rng, 1.0f, 0.08f), 1.0f);
    /* Backgrounds of every hue, so that only the petals' colour tells the kind; pale ones: what two
     * views of a picture share most should be the flower. */
    float hue = between(rng, 0.0f, 1.0f);
    s->back[0] = from_hsv(hue, between(rng, 0.05f, 0.35f), between(rng, 0.15f, 0.6f));
    s->back[1] = from_hsv(hue + around(rng, 0.0f, 0.12f), between(rng, 0.05f, 0.35f),
                          between(rng, 0.35f, 0.85f));
    s->disc = from_hsv(between(rng, 0.06f, 0.13f), 0.8f, between(rng, 0.3f, 0.9f));
    s->leaf = from_hsv(between(rng, 0.24f, 0.38f), 0.65f, between(rng, 0.25f, 0.6f));
    s->light = between(rng, 0.75f, 1.1f);
    s->bend = around(rng, 0.0f, 0.35f);
    for (int o = 0; o < OCTAVES; o++)
        for (int y = 0; y < LATTICE; y++)
            for (int x = 0; x < LATTICE; x++)
                s->lattice[o][y][x] = between(rng, 0.0f, 1.0f);
}

static float smooth(float t)
{
    return t * t * (3.0f - 2.0f * t);
}

/* Value noise in [0,1]: octave o has 2 << o cells along the shorter side; u, v >= 0. */
static float noise(const struct scene *s, float u, float v)
{
    float sum = 0.0f, weight = 0.0f;
    for (int o = 0; o < OCTAVES; o++) {
        float cells = (float)(2 << o), gain = 1.0f / (float)(1 << o);
        int xi = (int)(u * cells), yi = (int)(v * cells);
        float fx = smooth(u * cells - (float)xi), fy = smooth(v * cells - (float)yi);
        int x0 = xi % LATTICE, y0 = yi % LATTICE, x1 = (xi + 1) % LATTICE, y1 = (yi + 1) % LATTICE;
        float top = s->lattice[o][y0][x0] * (1.0f - fx) + s->lattice[o][y0][x1] * fx;
        float bottom = s->lattice[o][y1][x0] * (1.0f - fx) + s->lattice[o][y1][x1] * fx;
        sum += gain * (top * (1.0f - fy) + bottom * fy);
        weight += gain;
    }
    return sum / weight;
}

static struct rgb mix(struct rgb a, struct rgb b, float t)
{
    return (struct rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}

static struct rgb scene_point(const struct scene *s, float u, float v)
{
    float dx = u - s->cx, dy = v - s->cy;
    float r = sqrtf(dx * dx + dy * dy);
    if (r < s->radius * 0.26f) /* the disc, with seeds */
        return mix(s->disc, (struct rgb){0.15f, 0.1f, 0.05f},
                   0.35f * (0.5f + 0.5f * sinf(r * 210.0f) * cosf(dx * 160.0f + dy * 90.0f)));
    float petal = (atan2f(dy, dx) + s->turn) * (float)s->petals / TURN;
    float across = petal - roundf(petal); /* -0.5..0.5 over one petal */
    float edge = powf(fmaxf(cosf(0.5f * TURN * across), 0.0f), s->sharpness);
    if (r < s->radius * (0.35f + 0.65f * edge)) {
        float along = r / s->radius;
        float vein = 1.0f - 0.35f * fabsf(across) - (fabsf(across) < 0.04f ? 0.12f : 0.0f);
        return from_hsv(s->hue, s->saturation * (0.75f + 0.25f * along),
                        s->value * (0.7f + 0.3f * along) * vein);
    }
    float grain = noise(s, u, v);
    float stem = s->cx + s->bend * dy * dy;
    if (dy > 0.0f && fabsf(u - stem) < 0.014f + 0.01f * s->radius)
        return mix(s->leaf, s->back[0], 0.2f * grain);
    float lx = (u - stem) * (s->bend > 0.0f ? 1.0f : -1.0f), ly = dy - s->radius - 0.08f;
    if (lx > 0.0f && lx < 0.2f && fabsf(ly + lx * 0.5f) < 1.25f * lx * (0.2f - lx))
        return mix(s->leaf, s->back[1], 0.15f * grain);
    return mix(s->back[0], s->back[1], grain);
}

static uint8_t to_byte(float x)
{
    return (uint8_t)fminf(x + 0.5f, 255.0f);
}

void flower_draw(const struct flower_kind *kind, uint64_t seed, uint32_t number, uint32_t w,
                 uint32_t h, uint8_t *rgb)
{
    struct rng rng;
    uint32_t row = (uint32_t)(kind - flower_kinds);
    rng_init(&rng, &(struct rng_key){.seed = seed, .epoch = row, .sample = number});
    struct scene s;
    float shorter = (float)(w < h ? w : h);
    scene_draw(kind, &rng, (float[]){(float)w / shorter, (float)h / shorter}, &s);
    float gain = s.light * 255.0f / (POINTS * POINTS);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++) {
            struct rgb sum = {0};
            for (int p = 0; p < POINTS * POINTS; p++) {
                float u = ((float)x + ((float)(p % POINTS) + 0.5f) / POINTS) / shorter;
                float v = ((float)y + ((float)(p / POINTS) + 0.5f) / POINTS) / shorter;
                struct rgb c = scene_point(&s, u, v);
                sum = (struct rgb){sum.r + c.r, sum.g + c.g, sum.b + c.b};
            }
            uint8_t *out = rgb + 3 * ((size_t)y * w + x);
            out[0] = to_byte(sum.r * gain);
            out[1] = to_byte(sum.g * gain);
            out[2] = to_byte(sum.b * gain);
        }
}
