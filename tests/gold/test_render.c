/* SPDX-License-Identifier: Apache-2.0 */
/* Our views against torchvision's: every operation and the whole chain.
 *
 * On float tensors both compute the same formulas in float and round once, so they differ only
 * where a value lies within float rounding of a half; bytes scaled by simple fractions do so now
 * and then, hence a hundredth of the bytes may differ, by 1. torchvision on PIL images rounds to 8
 * bits between the two passes of the resize as well: still at most 1, but in up to a fifth of the
 * bytes. */
#include "tests/gold/decode_gold.h"

#include "common/crc32c.h"
#include "loaderd/augment/augment.h"
#include "loaderd/augment/kernels.h"
#include "tests/unit/picture.h"

enum { IMAGES_MAX = 8 };

/* Of all our views: the defined result, to the bit, whatever the compiler and the vector width.
 * When this changes, omega on record no longer renders the views that it once did. */
static const uint32_t every_view_crc = 0xe04499ba;

enum kind { KIND_FLOAT, KIND_PIL, KINDS };

static const struct {
    const char *name;
    int farthest;   /* of a byte, in 1/255 */
    double changed; /* part of the bytes that may differ at all */
} tolerances[KINDS] = {
    [KIND_FLOAT] = {"float", 1, 0.01},
    [KIND_PIL] = {"pil", 1, 0.2},
};

static void omega_read(struct gold *gold, struct omega *o)
{
    o->crop_top = (int32_t)gold_u32(gold);
    o->crop_left = (int32_t)gold_u32(gold);
    o->crop_height = (int32_t)gold_u32(gold);
    o->crop_width = (int32_t)gold_u32(gold);
    o->flip = gold_u32(gold);
    o->jitter.applied = gold_u32(gold);
    o->jitter.brightness = gold_f32(gold);
    o->jitter.contrast = gold_f32(gold);
    o->jitter.saturation = gold_f32(gold);
    o->jitter.hue = gold_f32(gold);
    for (int i = 0; i < JITTER_OPS; i++)
        o->jitter.order[i] = (uint8_t)gold_u32(gold);
    o->grayscale = gold_u32(gold);
    o->blur.applied = gold_u32(gold);
    o->blur.sigma = gold_f32(gold);
    o->blur.kernel = (uint8_t)gold_u32(gold);
    o->solarize.applied = gold_u32(gold);
    o->solarize.threshold = gold_f32(gold);
    o->rotation = (uint8_t)gold_u32(gold);
}

static void hold(const char *name, enum kind kind, const uint8_t *ours, const uint8_t *theirs,
                 size_t n)
{
    size_t changed = 0;
    for (size_t i = 0; i < n; i++)
        changed += ours[i] != theirs[i];
    const int most = farthest(ours, theirs, n);
    const double part = (double)changed / (double)n;
    print_message("%-24s most %d, differs in %.4f\n", name, most, part);
    if (most > tolerances[kind].farthest || part > tolerances[kind].changed)
        fail_msg("%s: by %d at most and in %.4f of the bytes; %d and %.4f are allowed for %s", name,
                 most, part, tolerances[kind].farthest, tolerances[kind].changed,
                 tolerances[kind].name);
}

static void views_of(const struct kernels *kernels)
{
    struct gold gold;
    gold_open(&gold, TESTS_DIR "/gold/render.gold", "AUGVIEW1");
    struct image images[IMAGES_MAX] = {0};
    const uint32_t n_images = gold_u32(&gold);
    assert_true(n_images <= IMAGES_MAX);
    for (uint32_t i = 0; i < n_images; i++) {
        const uint32_t w = gold_u32(&gold), h = gold_u32(&gold);
        images[i] = picture_whole(w, h, (uint8_t *)gold_take(&gold, 3 * (size_t)w * h));
    }
    struct augment *a;
    assert_int_equal(augment_new(64, &a), 0);
    augment_use(a, kernels);
    const uint32_t n_cases = gold_u32(&gold);
    assert_true(n_cases > 50);
    uint32_t crc = 0;
    for (uint32_t c = 0; c < n_cases; c++) {
        const char *name = gold_take(&gold, 32);
        const uint32_t kind = gold_u32(&gold), image = gold_u32(&gold), size = gold_u32(&gold);
        assert_true(kind < KINDS && image < n_images && size <= 64);
        struct omega omega = {.source_w = images[image].w, .source_h = images[image].h};
        omega_read(&gold, &omega);
        assert_int_equal(omega_check(&omega, NULL), 0);
        uint8_t ours[3 * 64 * 64];
        const struct view_spec law = {.size = size};
        augment_view(a, &images[image], &law, &omega, ours);
        const size_t n = 3 * (size_t)size * size;
        crc = crc32c(crc, ours, n);
        hold(name, kind, ours, gold_take(&gold, n), n);
    }
    assert_int_equal(gold.at, gold.len);
    assert_int_equal(crc, every_view_crc);
    augment_free(a);
    free(gold.bytes);
}

static void test_views(void **state)
{
    (void)state;
    for (size_t copy = 0; copy < KERNELS_MAX && kernels_at(copy); copy++) {
        print_message("%s:\n", kernels_at(copy)->name);
        views_of(kernels_at(copy));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_views)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
