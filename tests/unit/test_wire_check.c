/* SPDX-License-Identifier: Apache-2.0 */
/* wire_check: each bound both ways: what must not be sent is not packed, and when somebody sends it
 * all the same, it is not unpacked; the message names the field. */
#include "test.h"

#include "wire_samples.h"

#include <errno.h>
#include <math.h>

static struct wire *wire;

static int setup(void **state)
{
    (void)state;
    return wire_new(256, &wire);
}

static int teardown(void **state)
{
    (void)state;
    wire_free(wire);
    return 0;
}

typedef void break_fn(struct samples *s, struct wire_message *m);

static const struct wire_row *row_of(enum wire_type type)
{
    return type == WIRE_BATCH ? &wire_batch_row
           : type == WIRE_TAP ? &wire_tap_row
                              : &wire_control_rows[type];
}

/* The message that breaks makes from the valid one is refused both ways, for the named field. */
static void assert_refused(enum wire_type type, break_fn *breaks, const char *named)
{
    static struct samples s;
    static struct wire_message back;
    static uint8_t raw[1 << 20];
    struct wire_message *m = sample_message(&s, type);
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
    breaks(&s, m);
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
    if (!strstr(err_text(), named))
        fail_msg("\"%s\" does not name %s", err_text(), named);
    len = sample_bytes(wire, m, row_of(type), raw);
    assert_true(len + WIRE_SEAL <= sizeof raw);
    wire_seal(raw, len);
    len += WIRE_SEAL;
    assert_int_equal(wire_unpack(wire, raw, len, &back), -EBADMSG);
    if (!strstr(err_text(), named))
        fail_msg("\"%s\" does not name %s", err_text(), named);
}

/* One function that breaks one thing; s and m are in reach. */
#define BREAK(name, statement)                                                                     \
    static void name(struct samples *s, struct wire_message *m)                                    \
    {                                                                                              \
        (void)s;                                                                                   \
        (void)m;                                                                                   \
        statement;                                                                                 \
    }

BREAK(client_control, m->hello.client[2] = '\n')
BREAK(client_delete, m->hello.client[2] = 0x7f)
BREAK(server_control, m->welcome.server[0] = 1)
BREAK(window_none, m->welcome.window = 0)
BREAK(dataset_control, m->welcome.datasets[63].name[0] = '\t')
BREAK(spec_control, m->open_session.spec.dataset[0] = '\r')
BREAK(crop_unknown, m->open_session.spec.views[1].crop = (enum crop_mode)2)
BREAK(crop_far, m->open_session.spec.views[0].crop = (enum crop_mode)0x7fffffff)
BREAK(code_ok, m->error.code = WIRE_OK)
BREAK(code_unknown, m->error.code = WIRE_CODES)

BREAK(label_low, s->labels[0] = -2)
BREAK(label_lowest, s->labels[3] = INT64_MIN)
BREAK(label_high, s->labels[4] = (int64_t)INT32_MAX + 1)
BREAK(box_far, s->boxes[2][1] = OMEGA_SIDE_MAX + 1)
BREAK(box_farthest, s->boxes[4][3] = UINT32_MAX)
BREAK(box_flat, s->boxes[3][3] = 0)
BREAK(box_thin, s->boxes[3][2] = 0)
BREAK(position_outside, s->substituted[1].position = SAMPLE_BATCH)
BREAK(position_far, s->substituted[1].position = UINT32_MAX)
BREAK(position_twice, s->substituted[1].position = 1)
BREAK(position_unordered, s->substituted[0].position = 4)
BREAK(fault_none, s->substituted[0].fault = FAULT_NONE)
BREAK(fault_unknown, s->substituted[0].fault = FAULT_KINDS)
BREAK(size_none, m->batch.sizes[0] = 0)
BREAK(size_large, m->batch.sizes[1] = OMEGA_VIEW_MAX + 1)
BREAK(size_overflows, m->batch.sizes[1] = 1u << 31)
BREAK(size_other, m->batch.sizes[1] = 7)

BREAK(omega_crop, s->omega[3].crop_left = 65535)
BREAK(omega_negative, s->omega[3].crop_top = -1)
BREAK(omega_lowest, s->omega[3].crop_top = INT32_MIN)
BREAK(omega_flat, s->omega[3].crop_height = 0)
BREAK(omega_source, s->omega[3].source_w = OMEGA_SIDE_MAX + 1)
BREAK(omega_nan, s->omega[9].jitter.brightness = NAN)
BREAK(omega_infinite, s->omega[9].blur.sigma = INFINITY)
BREAK(omega_order, s->omega[9].jitter.order[1] = 3)
BREAK(omega_kernel, s->omega[9].blur.kernel = 129)
BREAK(omega_rotation, s->omega[9].rotation = 4)
BREAK(omega_sample, s->omega[6].sample++)

BREAK(frames_none, m->batch.n_frames = 0)
BREAK(frame_missing, m->batch.n_frames = 2)
BREAK(frame_more, m->batch.frames[m->batch.n_frames++].bytes = 8 * 8 * 3)
BREAK(frame_empty, m->batch.frames[0].bytes = 0)
BREAK(frame_short, m->batch.frames[2].bytes -= 1)
BREAK(frame_image_less, m->batch.frames[2].bytes -= 8 * 8 * 3)
BREAK(frame_across, (m->batch.frames[1].bytes += 16 * 16 * 3))
BREAK(frame_largest, m->batch.frames[1].bytes = UINT32_MAX)
BREAK(tap_control, m->tap.dataset[1] = 5)
BREAK(tap_frames, m->tap.batch.n_frames = 1)
BREAK(tap_label, s->labels[0] = -2)
BREAK(tap_late, m->tap.at_us = 253402300800000000)
BREAK(tap_latest, m->tap.at_us = UINT64_MAX)

/* A spec that is told names the session, whatever else is wrong with it. */
#define BREAK_SPEC(name, statement)                                                                \
    BREAK(name, statement; spec_digest(&m->tap.spec, m->tap.fingerprint, m->tap.batch.session))
BREAK(spec_session, m->tap.batch.session[15] ^= 1)
BREAK(spec_seed, m->tap.spec.seed++)
BREAK(spec_fingerprint, m->tap.fingerprint[0] ^= 1)
BREAK_SPEC(spec_dataset, m->tap.spec.dataset[0] = 'F')
BREAK_SPEC(spec_name, m->tap.spec.dataset[0] = '\n')
BREAK_SPEC(spec_crop, m->tap.spec.views[0].crop = (enum crop_mode)2)
BREAK_SPEC(spec_law, m->tap.spec.views[0].flip = 1.5)
BREAK_SPEC(spec_nan, m->tap.spec.views[1].scale[0] = NAN)
BREAK_SPEC(spec_none, m->tap.spec.batch = 0)
BREAK_SPEC(spec_views, m->tap.spec.n_views = 1)
BREAK_SPEC(spec_size, m->tap.spec.views[1].size = 9)
BREAK_SPEC(spec_short, m->tap.spec.batch = SAMPLE_BATCH - 1)
BREAK_SPEC(spec_whole, m->tap.spec.partial = false)
BREAK_SPEC(law_flip, m->tap.spec.views[0].flip = 0)
BREAK_SPEC(law_jitter, m->tap.spec.views[1].jitter.brightness = 0.1)
BREAK_SPEC(law_hue, m->tap.spec.views[0].jitter.hue = 0.05)
BREAK_SPEC(law_grayscale, m->tap.spec.views[1].grayscale = 0)
BREAK_SPEC(law_blur, m->tap.spec.views[1].blur.p = 0)
BREAK_SPEC(law_sigma, m->tap.spec.views[0].blur.sigma[1] = 1)
BREAK_SPEC(law_solarize, m->tap.spec.views[1].solarize.threshold = 0.6)
BREAK_SPEC(law_rotation, m->tap.spec.views[0].rotation = 0)
BREAK_SPEC(law_centre, m->tap.spec.views[0].crop = CROP_CENTER)
BREAK(omega_law, s->omega[9].blur.sigma = 2.5f)

static void test_both_ways(void **state)
{
    (void)state;
    const struct {
        enum wire_type type;
        break_fn *breaks;
        const char *named;
    } rows[] = {
        {WIRE_HELLO, client_control, "hello.client"},
        {WIRE_HELLO, client_delete, "hello.client"},
        {WIRE_WELCOME, server_control, "welcome.server"},
        {WIRE_WELCOME, window_none, "welcome.window"},
        {WIRE_WELCOME, dataset_control, "dataset.name"},
        {WIRE_OPEN_SESSION, spec_control, "spec.dataset"},
        {WIRE_OPEN_SESSION, crop_unknown, "law.crop_mode"},
        {WIRE_OPEN_SESSION, crop_far, "law.crop_mode"},
        {WIRE_ERROR, code_ok, "error.code"},
        {WIRE_ERROR, code_unknown, "error.code"},
        {WIRE_BATCH, label_low, "batch.labels"},
        {WIRE_BATCH, label_lowest, "batch.labels"},
        {WIRE_BATCH, label_high, "batch.labels"},
        {WIRE_BATCH, box_far, "batch.boxes"},
        {WIRE_BATCH, box_farthest, "batch.boxes"},
        {WIRE_BATCH, box_flat, "batch.boxes"},
        {WIRE_BATCH, box_thin, "batch.boxes"},
        {WIRE_TAP, box_thin, "batch.boxes"},
        {WIRE_BATCH, position_outside, "substituted.position"},
        {WIRE_BATCH, position_far, "substituted.position"},
        {WIRE_BATCH, position_twice, "substituted.position"},
        {WIRE_BATCH, position_unordered, "substituted.position"},
        {WIRE_BATCH, fault_none, "substituted.fault"},
        {WIRE_BATCH, fault_unknown, "substituted.fault"},
        {WIRE_BATCH, size_none, "batch.sizes"},
        {WIRE_BATCH, size_large, "batch.sizes"},
        {WIRE_BATCH, size_overflows, "batch.sizes"},
        {WIRE_BATCH, size_other, "frame"},
        {WIRE_BATCH, omega_crop, "crop"},
        {WIRE_BATCH, omega_negative, "crop"},
        {WIRE_BATCH, omega_lowest, "crop"},
        {WIRE_BATCH, omega_flat, "crop"},
        {WIRE_BATCH, omega_source, "source"},
        {WIRE_BATCH, omega_nan, "jitter"},
        {WIRE_BATCH, omega_infinite, "sigma"},
        {WIRE_BATCH, omega_order, "order"},
        {WIRE_BATCH, omega_kernel, "kernel"},
        {WIRE_BATCH, omega_rotation, "rotation"},
        {WIRE_BATCH, omega_sample, "batch.omega"},
        {WIRE_BATCH, frames_none, "batch.frames"},
        {WIRE_BATCH, frame_missing, "batch.frames"},
        {WIRE_BATCH, frame_more, "batch.frames"},
        {WIRE_BATCH, frame_empty, "frame.bytes"},
        {WIRE_BATCH, frame_short, "frame.bytes"},
        {WIRE_BATCH, frame_image_less, "batch.frames"},
        {WIRE_BATCH, frame_across, "frame.bytes"},
        {WIRE_BATCH, frame_largest, "frame.bytes"},
        {WIRE_TAP, tap_control, "tap.dataset"},
        {WIRE_TAP, tap_frames, "frames"},
        {WIRE_TAP, tap_label, "batch.labels"},
        {WIRE_TAP, tap_late, "tap.at_us"},
        {WIRE_TAP, tap_latest, "tap.at_us"},
        {WIRE_TAP, spec_session, "session"},
        {WIRE_TAP, spec_seed, "session"},
        {WIRE_TAP, spec_fingerprint, "session"},
        {WIRE_TAP, spec_dataset, "dataset"},
        {WIRE_TAP, spec_name, "spec.dataset"},
        {WIRE_TAP, spec_crop, "law.crop_mode"},
        {WIRE_TAP, spec_law, "flip"},
        {WIRE_TAP, spec_nan, "scale"},
        {WIRE_TAP, spec_none, "batch"},
        {WIRE_TAP, spec_views, "1 views"},
        {WIRE_TAP, spec_size, "size 9"},
        {WIRE_TAP, spec_short, "batches of 4"},
        {WIRE_TAP, spec_whole, "batches of 6"},
        {WIRE_TAP, law_flip, "flip"},
        {WIRE_TAP, law_jitter, "jitter"},
        {WIRE_TAP, law_hue, "jitter"},
        {WIRE_TAP, law_grayscale, "grayscale"},
        {WIRE_TAP, law_blur, "blur"},
        {WIRE_TAP, law_sigma, "blur"},
        {WIRE_TAP, law_solarize, "solarize"},
        {WIRE_TAP, law_rotation, "rotation"},
        {WIRE_TAP, law_centre, "crop"},
        {WIRE_TAP, omega_law, "blur"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_refused(rows[i].type, rows[i].breaks, rows[i].named);
}

/* What cannot be sent at all, since the struct's arrays would be left. */
static void test_pack_stays_inside(void **state)
{
    (void)state;
    static struct samples s;
    const void *bytes;
    size_t len;
    struct wire_message *m = sample_message(&s, WIRE_HELLO);
    memset(m->hello.client, 'x', sizeof m->hello.client);
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
    m = sample_message(&s, WIRE_ERROR);
    m->error.text[WIRE_TEXT_MAX - 1] = 'x';
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
    m = sample_message(&s, WIRE_WELCOME);
    m->welcome.n_datasets = WIRE_DATASETS_MAX + 1;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
    m = sample_message(&s, WIRE_OPEN_SESSION);
    m->open_session.spec.n_views = OMEGA_VIEWS_MAX + 1;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);

    const uint32_t counts[][2] = {
        {0, 2},    {5, 0},        {WIRE_BATCH_MAX + 1, 1}, {1, OMEGA_VIEWS_MAX + 1},
        {2049, 8}, {1u << 31, 2}, {1u << 31, 1u << 31}};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        m = sample_message(&s, WIRE_BATCH);
        m->batch.n_samples = counts[i][0];
        m->batch.n_views = counts[i][1];
        assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
    }
    m = sample_message(&s, WIRE_BATCH);
    m->batch.n_substituted = SAMPLE_BATCH + 1;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
    m = sample_message(&s, WIRE_BATCH);
    m->batch.n_frames = WIRE_FRAMES_MAX + 1;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), -EINVAL);
}

/* A law's own bounds are the session's to check: its refusal can name the request. */
static void test_law_passes(void **state)
{
    (void)state;
    static struct samples s;
    static struct wire_message back;
    const void *bytes;
    size_t len;
    struct wire_message *m = sample_message(&s, WIRE_OPEN_SESSION);
    m->open_session.spec.views[0].flip = 2;
    m->open_session.spec.batch = UINT32_MAX;
    assert_int_equal(wire_pack(wire, m, &bytes, &len), 0);
    assert_int_equal(wire_unpack(wire, bytes, len, &back), 0);
    assert_int_equal(spec_check(&back.open_session.spec), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_pack_stays_inside),
        cmocka_unit_test(test_law_passes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
