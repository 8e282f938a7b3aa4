/* SPDX-License-Identifier: Apache-2.0 */
/* augment: whatever omega holds, the operations in their order and one rounding, as if each ran
 * over the whole view by itself; nothing left over from the view before; no memory taken while
 * rendering. Linked with malloc and friends wrapped. */
#include "picture.h"
#include "planes.h"

#include "common/rng.h"

enum { SIDE = 40, SIZE = 16, BYTES = 3 * SIZE * SIZE };

static int taken;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *p, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    taken++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    taken++;
    return __real_calloc(n, bytes);
}

void *__wrap_realloc(void *p, size_t bytes)
{
    taken++;
    return __real_realloc(p, bytes);
}

static uint8_t rgb[3 * SIDE * SIDE];
static struct image image;
static const struct view_spec law = {.size = SIZE};

static const struct omega everything = {
    .source_w = SIDE,
    .source_h = SIDE,
    .crop_top = 3,
    .crop_left = 5,
    .crop_height = 30,
    .crop_width = 21,
    .flip = true,
    .jitter = {.applied = true,
               .brightness = 1.2f,
               .contrast = 0.7f,
               .saturation = 1.3f,
               .hue = 0.08f,
               .order = {3, 1, 0, 2}},
    .grayscale = true,
    .blur = {.applied = true, .sigma = 1.1f, .kernel = 5},
    .solarize = {.applied = true, .threshold = 0.6f},
    .rotation = 1,
};

static int set_up(void **state)
{
    (void)state;
    struct rng rng;
    const struct rng_key key = {.seed = 3, .purpose = RNG_TEST};
    rng_init(&rng, &key);
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)rng_u32(&rng);
    image = picture_whole(SIDE, SIDE, rgb);
    return 0;
}

static void render_plainly(const struct omega *omega, uint8_t *ret)
{
    static struct planes view;
    planes_crop(&view, &image, omega, SIZE);
    if (omega->jitter.applied)
        planes_jitter(&view, omega);
    if (omega->solarize.applied)
        planes_colour(&view, solarize_row, omega->solarize.threshold, 0);
    if (omega->grayscale)
        planes_colour(&view, grayscale_row, 0, 0);
    if (omega->blur.applied)
        planes_blur(&view, omega->blur.sigma, omega->blur.kernel);
    uint8_t unturned[BYTES];
    planes_round(&view, unturned);
    const struct rotation rotation = {.out = ret, .size = SIZE, .turns = omega->rotation};
    for (uint32_t y = 0; y < SIZE; y++)
        rotate_place(&rotation, y, unturned + (size_t)3 * SIZE * y);
}

/* Every set of apply-bits, and every order of the jitter: the passes that a view takes, and how its
 * steps are split among them, change nothing. */
static void test_order_of_operations(void **state)
{
    (void)state;
    struct augment *a;
    assert_int_equal(augment_new(SIZE, &a), 0);
    augment_use(a, kernels_at(0));
    uint8_t out[BYTES], expected[BYTES];
    for (uint32_t bits = 0; bits < 64; bits++)
        for (uint32_t order = 0; order < 24; order++) {
            struct omega omega = everything;
            omega.flip = bits & 1;
            omega.jitter.applied = bits & 2;
            omega.solarize.applied = bits & 4;
            omega.grayscale = bits & 8;
            omega.blur.applied = bits & 16;
            omega.rotation = bits & 32 ? (uint8_t)(order % 4) : 0;
            uint8_t left[JITTER_OPS] = {0, 1, 2, 3};
            uint32_t rest = order;
            for (uint32_t n = JITTER_OPS; n >= 1; n--) {
                omega.jitter.order[n - 1] = left[rest % n];
                left[rest % n] = left[n - 1];
                rest /= n;
            }
            assert_int_equal(omega_check(&omega, NULL), 0);
            augment_view(a, &image, &law, &omega, out);
            render_plainly(&omega, expected);
            assert_memory_equal(out, expected, BYTES);
        }
    augment_free(a);
}

/* What is not applied is not looked at. */
static void test_apply_bits(void **state)
{
    (void)state;
    struct augment *a;
    assert_int_equal(augment_new(SIZE, &a), 0);
    struct omega plain = {.crop_height = SIZE, .crop_width = SIZE};
    plain.jitter.brightness = 0;
    plain.jitter.hue = 0.3f;
    plain.blur.sigma = 2;
    plain.blur.kernel = 9;
    uint8_t out[BYTES];
    augment_view(a, &image, &law, &plain, out);
    for (int i = 0; i < SIZE; i++)
        assert_memory_equal(out + (size_t)3 * SIZE * (size_t)i, rgb + (size_t)3 * SIDE * (size_t)i,
                            3 * SIZE);
    augment_free(a);
}

/* A worker that has rendered other things, and has room for larger ones, gives the same bytes. */
static void test_no_memory_of_the_past(void **state)
{
    (void)state;
    struct augment *fresh, *used;
    assert_int_equal(augment_new(SIZE, &fresh), 0);
    assert_int_equal(augment_new(4 * SIZE, &used), 0);
    static uint8_t larger[16 * BYTES];
    const struct view_spec large = {.size = 4 * SIZE};
    augment_view(used, &image, &large, &everything, larger);
    uint8_t a[BYTES], b[BYTES];
    augment_view(fresh, &image, &law, &everything, a);
    augment_view(used, &image, &law, &everything, b);
    assert_memory_equal(a, b, BYTES);
    augment_free(fresh);
    augment_free(used);
}

static void test_takes_no_memory(void **state)
{
    (void)state;
    struct augment *a;
    assert_int_equal(augment_new(SIZE, &a), 0);
    uint8_t out[BYTES];
    assert_true(taken > 0);
    taken = 0;
    augment_view(a, &image, &law, &everything, out);
    assert_int_equal(taken, 0);
    augment_free(a);
    augment_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_operations),
        cmocka_unit_test(test_apply_bits),
        cmocka_unit_test(test_no_memory_of_the_past),
        cmocka_unit_test(test_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
