/* SPDX-License-Identifier: Apache-2.0 */
/* wire_batch: a Batch comes out as it went in, records to the bit; the largest one fits; no record
 * takes more than 256 bytes; nothing is allocated on the way. */
#include "alloc_count.h"
#include "test.h"

#include "wire_samples.h"

#include <errno.h>
#include <stdlib.h>

static void assert_float_bits(float a, float b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void assert_omega_equal(const struct omega *a, const struct omega *b)
{
    assert_int_equal(a->sample, b->sample);
    assert_int_equal(a->source_w, b->source_w);
    assert_int_equal(a->source_h, b->source_h);
    assert_int_equal(a->crop_top, b->crop_top);
    assert_int_equal(a->crop_left, b->crop_left);
    assert_int_equal(a->crop_height, b->crop_height);
    assert_int_equal(a->crop_width, b->crop_width);
    assert_int_equal(a->flip, b->flip);
    assert_int_equal(a->jitter.applied, b->jitter.applied);
    assert_float_bits(a->jitter.brightness, b->jitter.brightness);
    assert_float_bits(a->jitter.contrast, b->jitter.contrast);
    assert_float_bits(a->jitter.saturation, b->jitter.saturation);
    assert_float_bits(a->jitter.hue, b->jitter.hue);
    assert_memory_equal(a->jitter.order, b->jitter.order, JITTER_OPS);
    assert_int_equal(a->grayscale, b->grayscale);
    assert_int_equal(a->blur.applied, b->blur.applied);
    assert_float_bits(a->blur.sigma, b->blur.sigma);
    assert_int_equal(a->blur.kernel, b->blur.kernel);
    assert_int_equal(a->solarize.applied, b->solarize.applied);
    assert_float_bits(a->solarize.threshold, b->solarize.threshold);
    assert_int_equal(a->rotation, b->rotation);
}

static void assert_batch_equal(const struct wire_batch *a, const struct wire_batch *b)
{
    assert_int_equal(a->request, b->request);
    assert_int_equal(a->server_epoch, b->server_epoch);
    assert_memory_equal(a->session, b->session, DIGEST_BYTES);
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->n_samples, b->n_samples);
    assert_int_equal(a->n_views, b->n_views);
    assert_memory_equal(a->sizes, b->sizes, sizeof a->sizes);
    for (uint32_t i = 0; i < a->n_views * a->n_samples; i++)
        assert_omega_equal(&a->omega[i], &b->omega[i]);
    assert_memory_equal(a->labels, b->labels, a->n_samples * sizeof a->labels[0]);
    assert_true(!a->boxes == !b->boxes);
    if (a->boxes)
        assert_memory_equal(a->boxes, b->boxes, a->n_samples * 4 * sizeof a->boxes[0]);
    assert_true(!a->checks == !b->checks);
    if (a->checks)
        assert_memory_equal(a->checks, b->checks, a->n_views * a->n_samples * sizeof a->checks[0]);
    assert_int_equal(a->n_substituted, b->n_substituted);
    for (uint32_t i = 0; i < a->n_substituted; i++) {
        assert_int_equal(a->substituted[i].position, b->substituted[i].position);
        assert_int_equal(a->substituted[i].sample, b->substituted[i].sample);
        assert_int_equal(a->substituted[i].fault, b->substituted[i].fault);
    }
    assert_int_equal(a->n_frames, b->n_frames);
    assert_memory_equal(a->frames, b->frames, sizeof a->frames);
}

static void test_batch_round_trip(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    static struct samples s;
    static struct wire_message back;
    assert_int_equal(wire_new(SAMPLE_VIEWS * SAMPLE_BATCH, &w), 0);
    const struct wire_message *m = sample_message(&s, WIRE_BATCH);
    const void *bytes;
    size_t len;
    assert_int_equal(wire_pack(w, m, &bytes, &len), 0);
    assert_int_equal(wire_unpack(w, bytes, len, &back), 0);
    assert_int_equal(back.type, WIRE_BATCH);
    assert_batch_equal(&back.batch, &m->batch);

    s.message.batch.boxes = NULL;
    s.message.batch.checks = NULL;
    assert_int_equal(wire_pack(w, m, &bytes, &len), 0);
    assert_int_equal(wire_unpack(w, bytes, len, &back), 0);
    assert_batch_equal(&back.batch, &m->batch);
}

static void test_tap_round_trip(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    static struct samples s;
    static struct wire_message back;
    assert_int_equal(wire_new(SAMPLE_VIEWS * SAMPLE_BATCH, &w), 0);
    const struct wire_message *m = sample_message(&s, WIRE_TAP);
    for (int old = 0; old < 2; old++) {
        const void *bytes;
        size_t len;
        if (old)
            sample_tap_old(&s);
        assert_int_equal(wire_pack(w, m, &bytes, &len), 0);
        assert_int_equal(wire_unpack(w, bytes, len, &back), 0);
        assert_int_equal(back.type, WIRE_TAP);
        assert_int_equal(back.tap.sequence, m->tap.sequence);
        assert_int_equal(back.tap.server_epoch, m->tap.server_epoch);
        assert_int_equal(back.tap.at_us, m->tap.at_us);
        assert_string_equal(back.tap.dataset, m->tap.dataset);
        assert_int_equal(back.tap.told_spec, !old);
        assert_memory_equal(&back.tap.spec, &m->tap.spec, sizeof back.tap.spec);
        assert_memory_equal(back.tap.fingerprint, m->tap.fingerprint, DIGEST_BYTES);
        assert_batch_equal(&back.tap.batch, &m->tap.batch);
    }
}

/* A spec without a fingerprint, a fingerprint of another length, or one without a spec. */
static void test_half_a_spec(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    static struct samples s;
    static struct wire_message back;
    static uint8_t raw[1 << 16];
    assert_int_equal(wire_new(SAMPLE_VIEWS * SAMPLE_BATCH, &w), 0);
    const struct wire_message *m = sample_message(&s, WIRE_TAP);
    const struct {
        bool spec;
        size_t fingerprint;
        const char *named; /* NULL: taken */
    } rows[] = {{true, DIGEST_BYTES, NULL},
                {true, 0, "tap.fingerprint"},
                {true, DIGEST_BYTES - 1, "tap.fingerprint"},
                {false, DIGEST_BYTES, "tap.spec"},
                {false, 1, "tap.spec"},
                {false, 0, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        augstream__v1__envelope__init(&w->out.envelope);
        w->out.envelope.version = WIRE_VERSION;
        w->out.envelope.body_case = (Augstream__V1__Envelope__BodyCase)WIRE_TAP;
        wire_tap_row.fill(w, m);
        w->out.body.tap.fingerprint.len = rows[i].fingerprint;
        if (!rows[i].spec)
            w->out.body.tap.spec = NULL;
        size_t len = augstream__v1__envelope__pack(&w->out.envelope, raw);
        wire_seal(raw, len);
        assert_int_equal(wire_unpack(w, raw, len + WIRE_SEAL, &back), rows[i].named ? -EBADMSG : 0);
        if (rows[i].named && !strstr(err_text(), rows[i].named))
            fail_msg("\"%s\" does not name %s", err_text(), rows[i].named);
    }
}

/* Every field at the value that takes the most bytes. */
static void largest_omega(struct omega *o, uint32_t view)
{
    *o = (struct omega){
        .sample = UINT32_MAX,
        .source_w = OMEGA_SIDE_MAX,
        .source_h = OMEGA_SIDE_MAX,
        .crop_top = 1 << 15,
        .crop_left = 1 << 15,
        .crop_height = 1 << 14,
        .crop_width = 1 << 14,
        .flip = true,
        .jitter = {true, 0.9f, 1.1f, 1.2f, -0.1f, {3, 2, 1, 0}},
        .grayscale = true,
        .blur = {true, 2, OMEGA_KERNEL_MAX},
        .solarize = {true, 0.5f},
        .rotation = 1 + view % 3,
    };
}

/* A batch as large as a Batch header can be, with every sample substituted. */
struct largest {
    struct omega omega[WIRE_OMEGAS_MAX];
    int64_t labels[WIRE_BATCH_MAX];
    uint32_t boxes[WIRE_BATCH_MAX][4];
    uint32_t checks[WIRE_OMEGAS_MAX];
    struct wire_substitution substituted[WIRE_BATCH_MAX];
};

static void fill_largest(struct largest *l, uint32_t n, uint32_t n_views, struct wire_message *m)
{
    enum { SIZE = 32, IMAGE = SIZE * SIZE * 3 };
    for (uint32_t i = 0; i < n * n_views; i++)
        largest_omega(&l->omega[i], i / n);
    memset(l->checks, 0xff, sizeof l->checks);
    for (uint32_t i = 0; i < n; i++) {
        l->labels[i] = INT32_MAX;
        for (uint32_t k = 0; k < 4; k++)
            l->boxes[i][k] = OMEGA_SIDE_MAX;
        l->substituted[i] = (struct wire_substitution){i, UINT32_MAX, FAULT_DEADLINE};
    }
    *m = (struct wire_message){.type = WIRE_BATCH,
                               .batch = {.request = UINT64_MAX,
                                         .server_epoch = UINT64_MAX,
                                         .epoch = UINT32_MAX,
                                         .index = UINT32_MAX,
                                         .n_samples = n,
                                         .n_views = n_views,
                                         .omega = l->omega,
                                         .labels = l->labels,
                                         .boxes = l->boxes[0],
                                         .checks = l->checks,
                                         .n_substituted = n,
                                         .substituted = l->substituted}};
    for (uint32_t v = 0; v < n_views; v++) {
        m->batch.sizes[v] = SIZE;
        for (uint32_t left = n; left;) {
            uint32_t images = left < WIRE_FRAME_MAX / IMAGE ? left : WIRE_FRAME_MAX / IMAGE;
            m->batch.frames[m->batch.n_frames++] = (struct wire_frame){images * IMAGE, 0xffffffff};
            left -= images;
        }
    }
}

static void test_record_is_small(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    auto_free struct largest *l = calloc(1, sizeof *l);
    static struct wire_message m;
    const void *bytes;
    size_t one, two;
    assert_non_null(l);
    assert_int_equal(wire_new(64, &w), 0);
    fill_largest(l, 1, 2, &m);
    assert_int_equal(wire_pack(w, &m, &bytes, &one), 0);
    fill_largest(l, 2, 2, &m);
    assert_int_equal(wire_pack(w, &m, &bytes, &two), 0);
    /* two records with their checks, a label, a box, a substitution */
    assert_in_range(two - one, 2 * 60, 2 * 256);
    print_message("bytes a view: %zu\n", (two - one) / 2);
}

/* Sizes around the steps in which protobuf-c's lists and our memory grow. */
static void test_any_size_fits(void **state)
{
    (void)state;
    auto_free struct largest *l = calloc(1, sizeof *l);
    static struct wire_message m, back;
    assert_non_null(l);
    const uint32_t rows[][2] = {{1, 1},    {1, 16},   {2, 1},    {9, 1},    {17, 2},
                                {100, 2},  {256, 16}, {511, 2},  {512, 4},  {1000, 3},
                                {2047, 1}, {2049, 4}, {4096, 1}, {4096, 4}, {1024, 16}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_with(wire_auto) struct wire *w = NULL;
        const void *bytes;
        size_t len;
        assert_int_equal(wire_new(rows[i][0] * rows[i][1], &w), 0);
        fill_largest(l, rows[i][0], rows[i][1], &m);
        assert_int_equal(wire_pack(w, &m, &bytes, &len), 0);
        assert_int_equal(wire_unpack(w, bytes, len, &back), 0);
        assert_batch_equal(&back.batch, &m.batch);
    }
}

/* A field of a later version, as boxes are to an earlier one: passed over, in the largest batch. */
static void test_unknown_field(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    auto_free struct largest *l = calloc(1, sizeof *l);
    auto_free uint8_t *raw = malloc(WIRE_HEADER_MAX);
    static struct wire_message m, back;
    assert_non_null(l);
    assert_non_null(raw);
    const uint32_t rows[][2] = {{1, 1}, {64, 1}, {256, 2}, {4096, 1}, {4096, 4}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(wire_new(rows[i][0] * rows[i][1], &w), 0);
        fill_largest(l, rows[i][0], rows[i][1], &m);
        m.batch.boxes = NULL;
        m.batch.checks = NULL;
        augstream__v1__envelope__init(&w->out.envelope);
        w->out.envelope.version = WIRE_VERSION;
        w->out.envelope.body_case = (Augstream__V1__Envelope__BodyCase)WIRE_BATCH;
        wire_batch_row.fill(w, &m);
        ProtobufCMessageUnknownField field = {.tag = 1000,
                                              .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED};
        uint8_t prefixed[WIRE_BATCH_MAX * 12 + 4];
        size_t n = 12 * rows[i][0], at = 0;
        for (size_t left = n; at == 0 || left; left >>= 7)
            prefixed[at++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        memset(prefixed + at, 0xff, n);
        field.data = prefixed;
        field.len = at + n;
        w->out.batch.base.n_unknown_fields = 1;
        w->out.batch.base.unknown_fields = &field;
        size_t len = augstream__v1__envelope__pack(&w->out.envelope, raw);
        assert_true(len + WIRE_SEAL <= WIRE_HEADER_MAX);
        wire_seal(raw, len);
        assert_int_equal(wire_unpack(w, raw, len + WIRE_SEAL, &back), 0);
        assert_batch_equal(&back.batch, &m.batch);
        wire_free(take_ptr(&w));
    }
}

/* Boxes of another number than the samples'. */
static void test_boxes_count(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    static struct samples s;
    static struct wire_message back;
    static uint8_t raw[1 << 16];
    assert_int_equal(wire_new(SAMPLE_VIEWS * SAMPLE_BATCH, &w), 0);
    const struct wire_message *m = sample_message(&s, WIRE_BATCH);
    for (size_t n = 1; n <= 4 * SAMPLE_BATCH; n++) {
        augstream__v1__envelope__init(&w->out.envelope);
        w->out.envelope.version = WIRE_VERSION;
        w->out.envelope.body_case = (Augstream__V1__Envelope__BodyCase)WIRE_BATCH;
        wire_batch_row.fill(w, m);
        w->out.batch.n_boxes = n;
        size_t len = augstream__v1__envelope__pack(&w->out.envelope, raw);
        wire_seal(raw, len);
        int rc = wire_unpack(w, raw, len + WIRE_SEAL, &back);
        assert_int_equal(rc, n < 4 * SAMPLE_BATCH ? -EBADMSG : 0);
        if (rc < 0)
            assert_non_null(strstr(err_text(), "batch.boxes"));
    }
}

/* Checks of another number than the views'. */
static void test_checks_count(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    static struct samples s;
    static struct wire_message back;
    static uint8_t raw[1 << 16];
    assert_int_equal(wire_new(SAMPLE_VIEWS * SAMPLE_BATCH, &w), 0);
    const struct wire_message *m = sample_message(&s, WIRE_BATCH);
    for (size_t n = 0; n <= SAMPLE_VIEWS * SAMPLE_BATCH; n++) {
        augstream__v1__envelope__init(&w->out.envelope);
        w->out.envelope.version = WIRE_VERSION;
        w->out.envelope.body_case = (Augstream__V1__Envelope__BodyCase)WIRE_BATCH;
        wire_batch_row.fill(w, m);
        w->out.batch.n_checks = n;
        size_t len = augstream__v1__envelope__pack(&w->out.envelope, raw);
        wire_seal(raw, len);
        int rc = wire_unpack(w, raw, len + WIRE_SEAL, &back);
        assert_int_equal(rc, n > 0 && n < SAMPLE_VIEWS * SAMPLE_BATCH ? -EBADMSG : 0);
        if (rc < 0)
            assert_non_null(strstr(err_text(), "batch.checks"));
    }
}

static void test_more_than_expected_is_refused(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *large = NULL;
    auto_with(wire_auto) struct wire *small = NULL;
    auto_free struct largest *l = calloc(1, sizeof *l);
    static struct wire_message m, back;
    const void *bytes;
    size_t len;
    assert_non_null(l);
    assert_int_equal(wire_new(WIRE_OMEGAS_MAX, &large), 0);
    assert_int_equal(wire_new(64, &small), 0);
    const uint32_t rows[][2] = {{65, 1}, {33, 2}, {4096, 4}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fill_largest(l, rows[i][0], rows[i][1], &m);
        assert_int_equal(wire_pack(small, &m, &bytes, &len), -EMSGSIZE);
        assert_int_equal(wire_pack(large, &m, &bytes, &len), 0);
        back.type = WIRE_PING;
        assert_int_equal(wire_unpack(small, bytes, len, &back), -EBADMSG);
        assert_int_equal(back.type, WIRE_PING); /* untouched */
    }
}

static void test_nothing_is_allocated(void **state)
{
    (void)state;
    auto_with(wire_auto) struct wire *w = NULL;
    auto_free struct largest *l = calloc(1, sizeof *l);
    static struct wire_message m, back;
    const void *bytes;
    size_t len;
    assert_non_null(l);
    assert_int_equal(wire_new(2048, &w), 0);
    fill_largest(l, 1024, 2, &m);
    unsigned long before = alloc_count();
    assert_true(before > 0); /* the counter counts */
    int rc = wire_pack(w, &m, &bytes, &len);
    if (rc == 0)
        rc = wire_unpack(w, bytes, len, &back);
    unsigned long after = alloc_count();
    assert_int_equal(rc, 0);
    assert_int_equal(after, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_round_trip),
        cmocka_unit_test(test_tap_round_trip),
        cmocka_unit_test(test_half_a_spec),
        cmocka_unit_test(test_record_is_small),
        cmocka_unit_test(test_any_size_fits),
        cmocka_unit_test(test_unknown_field),
        cmocka_unit_test(test_boxes_count),
        cmocka_unit_test(test_checks_count),
        cmocka_unit_test(test_more_than_expected_is_refused),
        cmocka_unit_test(test_nothing_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
