/* SPDX-License-Identifier: Apache-2.0 */
/* spec: each bound is held, each field is part of the name. */
#include "test.h"

#include "wire_samples.h"

#include <errno.h>

static const uint8_t fingerprint[DIGEST_BYTES] = {1, 2, 3};

static void test_check(void **state)
{
    (void)state;
    struct spec good;
    sample_spec(&good);
    assert_int_equal(spec_check(&good), 0);

    struct spec s = good;
    s.dataset[0] = 0;
    assert_int_equal(spec_check(&s), -EINVAL);
    assert_non_null(strstr(err_text(), "dataset"));
    s = good;
    memset(s.dataset, 'x', sizeof s.dataset);
    assert_int_equal(spec_check(&s), -EINVAL);
    assert_non_null(strstr(err_text(), "dataset"));

    const struct {
        uint32_t batch, n_views, size;
        int rc;
        const char *named;
    } rows[] = {
        {1, 1, 96, 0, NULL},
        {0, 1, 96, -EINVAL, "batch"},
        {WIRE_BATCH_MAX, 1, 96, 0, NULL},
        {WIRE_BATCH_MAX + 1, 1, 96, -EINVAL, "batch"},
        {UINT32_MAX, 16, 96, -EINVAL, "batch"},
        {256, 0, 96, -EINVAL, "views"},
        {256, OMEGA_VIEWS_MAX, 16, 0, NULL},
        {256, OMEGA_VIEWS_MAX + 1, 16, -EINVAL, "views"},
        {WIRE_OMEGAS_MAX / 8, 8, 16, 0, NULL},
        {WIRE_OMEGAS_MAX / 8 + 1, 8, 16, -EINVAL, "batch"},
        {WIRE_FRAMES_MAX, 1, 1024, 0, NULL}, /* a frame holds one image of 1024 pixels */
        {WIRE_FRAMES_MAX + 1, 1, 1024, -EINVAL, "frames"},
        {256, 1, OMEGA_VIEW_MAX + 1, -EINVAL, "view 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        s = good;
        s.batch = rows[i].batch;
        s.n_views = rows[i].n_views;
        for (uint32_t v = 0; v < OMEGA_VIEWS_MAX; v++) {
            s.views[v] = good.views[0];
            s.views[v].size = rows[i].size;
        }
        assert_int_equal(spec_check(&s), rows[i].rc);
        if (rows[i].named)
            assert_non_null(strstr(err_text(), rows[i].named));
    }
    s = good;
    s.views[1].flip = 1.5;
    assert_int_equal(spec_check(&s), -EINVAL);
    assert_non_null(strstr(err_text(), "view 1"));
}

static void assert_other(const struct spec *spec, const uint8_t name[DIGEST_BYTES])
{
    uint8_t other[DIGEST_BYTES];
    spec_digest(spec, fingerprint, other);
    assert_memory_not_equal(other, name, DIGEST_BYTES);
}

static void test_digest_of_numbers(void **state)
{
    (void)state;
    struct spec good, s;
    uint8_t name[DIGEST_BYTES], again[DIGEST_BYTES];
    sample_spec(&good);
    spec_digest(&good, fingerprint, name);
    spec_digest(&good, fingerprint, again);
    assert_memory_equal(name, again, DIGEST_BYTES);
    spec_digest(&good, (const uint8_t[DIGEST_BYTES]){1, 2, 4}, again);
    assert_memory_not_equal(name, again, DIGEST_BYTES);

    struct view_spec *law = &s.views[1];
    double *const reals[] = {
        &law->scale[0],
        &law->scale[1],
        &law->ratio[0],
        &law->ratio[1],
        &law->flip,
        &law->jitter.p,
        &law->jitter.brightness,
        &law->jitter.contrast,
        &law->jitter.saturation,
        &law->jitter.hue,
        &law->grayscale,
        &law->blur.p,
        &law->blur.sigma[0],
        &law->blur.sigma[1],
        &law->solarize.p,
        &law->solarize.threshold,
        &law->rotation,
    };
    for (size_t i = 0; i < ARRAY_LEN(reals); i++) {
        s = good;
        *reals[i] = 0.3125;
        assert_other(&s, name);
    }
    uint32_t *const wholes[] = {&s.batch, &s.n_views, &law->size, &law->crop_resize,
                                &law->blur.kernel};
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        s = good;
        --*wholes[i];
        assert_other(&s, name);
    }
}

static void test_digest_of_the_rest(void **state)
{
    (void)state;
    struct spec good, s;
    uint8_t name[DIGEST_BYTES], again[DIGEST_BYTES];
    sample_spec(&good);
    spec_digest(&good, fingerprint, name);
    bool *const bits[] = {&s.shuffle, &s.partial, &s.reduce, &s.views[0].jitter.order_per_batch};
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        s = good;
        *bits[i] = !*bits[i];
        assert_other(&s, name);
    }
    s = good;
    s.seed ^= 1;
    assert_other(&s, name);
    s = good;
    s.views[0].crop = CROP_CENTER;
    assert_other(&s, name);
    s = good;
    s.dataset[4]++;
    assert_other(&s, name);
    s = good; /* the same laws, of other views */
    s.views[0] = good.views[1];
    s.views[1] = good.views[0];
    assert_other(&s, name);
    /* What lies behind the name's end and behind the last view is no part of it. */
    s = good;
    s.dataset[10] = 'x';
    s.views[2].size = 7;
    spec_digest(&s, fingerprint, again);
    assert_memory_equal(name, again, DIGEST_BYTES);
}

static void test_sizes(void **state)
{
    (void)state;
    struct spec s;
    sample_spec(&s);
    s.partial = false;
    assert_int_equal(spec_batches(&s, 105000), 410);
    assert_int_equal(spec_batches(&s, 255), 0);
    assert_int_equal(spec_batches(&s, UINT64_MAX), UINT64_MAX / 256);
    s.partial = true;
    assert_int_equal(spec_batches(&s, 105000), 411);
    assert_int_equal(spec_batches(&s, 256), 1);
    assert_int_equal(spec_batches(&s, 0), 0);
    assert_int_equal(spec_batches(&s, UINT64_MAX), UINT64_MAX / 256 + 1);
    assert_int_equal(spec_batch_bytes(&s), 256u * 3 * (96 * 96 + 97 * 97));
    s.batch = WIRE_BATCH_MAX;
    s.n_views = 1;
    s.views[0].size = OMEGA_VIEW_MAX;
    assert_int_equal(spec_batch_bytes(&s), (size_t)3 << 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_digest_of_numbers),
        cmocka_unit_test(test_digest_of_the_rest),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
