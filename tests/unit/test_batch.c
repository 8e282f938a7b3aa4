/* SPDX-License-Identifier: Apache-2.0 */
/* batch: who stands where does not depend on the order in which samples come back, nor on whether a
 * bad sample was known before; what is sealed is what lies in the slot. */
#include "numbered.h"

#include "common/crc32c.h"
#include "loaderd/batch/batch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SAMPLES = 100, BATCH = 16, SIZE = 8, SLOT_PIXELS = 8 << 20 };

static struct dataset dataset;
static struct sessions *sessions;
static struct session *session;
static struct batch *batch;
static unsigned char *slot;
static size_t page;

static int open_session(const struct spec *spec)
{
    enum wire_code code;
    return session_open(sessions, spec, &session, &code);
}

static int setup(void **state)
{
    (void)state;
    dataset = numbered_dataset("d", SAMPLES);
    struct session_config config = {
        .datasets = &dataset, .n_datasets = 1, .slot_pixels = SLOT_PIXELS, .bad_rate_max = 1};
    struct spec spec = numbered_spec("d", BATCH, SIZE);
    if (sessions_new(&config, &sessions) < 0 || open_session(&spec) < 0)
        return -1;
    batch = calloc(1, sizeof *batch);
    page = (size_t)sysconf(_SC_PAGESIZE);
    slot = aligned_alloc(page, (SLOT_PIXELS + SLOT_EXTRA) / page * page);
    return batch && slot ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(slot);
    free(batch);
    sessions_free(sessions);
    dataset_done(&dataset);
    return 0;
}

/* What a worker leaves: the sample's number in every pixel and in every omega, and the checksum. */
static void render(const struct task_render *task)
{
    struct slot_layout layout;
    slot_layout(&session->spec, task->n_samples, &layout);
    for (uint32_t v = 0; v < session->spec.n_views; v++) {
        memset(slot + layout.view[v] + task->position * layout.image[v], (int)task->item.sample,
               layout.image[v]);
        struct omega *omega = (struct omega *)(slot + layout.omega);
        omega[v * task->n_samples + task->position].sample = task->item.sample;
        uint32_t *check = (uint32_t *)(slot + layout.check);
        check[v * task->n_samples + task->position] =
            crc32c(0, slot + layout.view[v] + task->position * layout.image[v], layout.image[v]);
    }
}

static bool is_bad(uint32_t sample)
{
    return sample % 5 == 0;
}

/* Makes the whole batch; `window` tasks are out at a time and come back last first. */
static void make(uint32_t index, uint32_t window)
{
    struct task_render tasks[BATCH];
    uint32_t n = 0;
    batch_begin(batch, session, 3, index, 0);
    while (batch->placed < batch->n) {
        while (n < window) {
            int r = batch_next(batch, &tasks[n]);
            if (r < 0) {
                assert_int_equal(r, -EAGAIN);
                break;
            }
            n++;
        }
        assert_true(n > 0);
        const struct task_render *task = &tasks[--n];
        if (is_bad(task->item.sample)) {
            dataset_mark(&dataset, task->item.sample, FAULT_NOT_IMAGE);
            assert_int_equal(batch_replace(batch, task->position, FAULT_NOT_IMAGE), 0);
        } else {
            render(task);
            batch_place(batch, task->position);
        }
    }
    assert_int_equal(batch_seal(batch, slot), 0);
}

static void test_same_in_any_order(void **state)
{
    (void)state;
    make(2, 1);
    struct wire_batch first = batch->header;
    int64_t labels[BATCH];
    struct wire_substitution substituted[BATCH];
    struct omega omega[2 * BATCH];
    memcpy(labels, batch->labels, sizeof labels);
    memcpy(substituted, batch->substituted, sizeof substituted);
    memcpy(omega, first.omega, sizeof omega);
    assert_true(first.n_substituted > 0);

    for (uint32_t window = 1; window <= BATCH; window *= 2) {
        for (int known = 0; known < 2; known++) {
            if (!known)
                memset(dataset.faults, 0, SAMPLES);
            memset(slot, 0xee, 1 << 20);
            make(2, window);
            assert_int_equal(batch->header.n_frames, first.n_frames);
            for (uint32_t f = 0; f < first.n_frames; f++)
                assert_int_equal(batch->header.frames[f].crc32c, first.frames[f].crc32c);
            assert_memory_equal(batch->labels, labels, sizeof labels);
            assert_int_equal(batch->header.n_substituted, first.n_substituted);
            assert_memory_equal(batch->substituted, substituted,
                                first.n_substituted * sizeof substituted[0]);
            for (uint32_t i = 0; i < 2 * BATCH; i++)
                assert_int_equal(batch->header.omega[i].sample, omega[i].sample);
        }
    }
}

/* Every third sample has none. */
static int numbered_box(const struct source *source, uint32_t sample, int32_t ret[4])
{
    assert_true(sample < source->samples);
    if (sample % 3 == 0)
        return -ENODATA;
    memcpy(ret, (int32_t[]){(int32_t)sample, 2, 3, 65535}, 4 * sizeof *ret);
    return 0;
}

/* Boxes are those of the samples that stand, stand-ins too. */
static void test_boxes(void **state)
{
    (void)state;
    make(1, 4);
    assert_null(batch->header.boxes);
    dataset.source->box = numbered_box;
    make(1, 4);
    const struct wire_batch *header = &batch->header;
    assert_non_null(header->boxes);
    assert_true(header->n_substituted > 0);
    for (uint32_t i = 0; i < BATCH; i++) {
        const uint32_t sample = header->omega[i].sample, *box = header->boxes + 4 * i;
        const uint32_t want[4] = {sample, 2, 3, 65535}, none[4] = {0};
        assert_memory_equal(box, sample % 3 ? want : none, sizeof want);
    }
}

static void test_sealed(void **state)
{
    (void)state;
    make(0, 4);
    const struct wire_batch *header = &batch->header;
    struct order order;
    order_init(&order, SAMPLES, session->spec.seed, 3, true);
    uint32_t s = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        uint32_t scheduled = order_sample(&order, i), sample = header->omega[i].sample;
        assert_false(is_bad(sample));
        assert_int_equal(header->labels[i], sample % 10);
        assert_int_equal(slot[batch->frame_at[0] + i * SIZE * SIZE * 3], sample);
        if (!is_bad(scheduled)) {
            assert_int_equal(sample, scheduled);
            continue;
        }
        assert_int_equal(header->substituted[s].position, i);
        assert_int_equal(header->substituted[s].sample, scheduled);
        assert_int_equal(header->substituted[s].fault, FAULT_NOT_IMAGE);
        s++;
    }
    assert_int_equal(header->n_substituted, s);
    assert_int_equal(header->n_frames, 2);
    for (uint32_t f = 0; f < 2; f++) {
        assert_int_equal(header->frames[f].bytes, BATCH * SIZE * SIZE * 3);
        assert_int_equal(header->frames[f].crc32c,
                         crc32c(0, slot + batch->frame_at[f], header->frames[f].bytes));
    }
    for (uint32_t i = 0; i < 2 * BATCH; i++)
        assert_int_equal(
            header->checks[i],
            crc32c(0, slot + batch->layout.view[i / BATCH] + i % BATCH * batch->layout.image[0],
                   batch->layout.image[0]));
    assert_memory_equal(header->session, session->id, DIGEST_BYTES);
    assert_int_equal(session->placed, BATCH);
    assert_int_equal(session->replaced, s);
}

/* Multi-crop: views of several sizes, the first in more than one frame. Each frame is whole images
 * of one view, in the order of views and positions. */
static void test_sealed_sizes(void **state)
{
    (void)state;
    static const struct {
        uint32_t view, images;
    } want[] = {{0, 13}, {0, 3}, {1, 16}, {2, 16}, {3, 16}}; /* 13 of 320 pixels fit in a frame */
    static const uint32_t sides[] = {320, 8, 24, 8};
    struct spec spec = numbered_spec("d", BATCH, SIZE);
    spec.n_views = ARRAY_LEN(sides);
    for (uint32_t v = 0; v < spec.n_views; v++)
        view_spec_eval(&spec.views[v], sides[v], sides[v]);
    assert_int_equal(open_session(&spec), 0);
    make(1, 4);
    const struct wire_batch *header = &batch->header;
    assert_int_equal(header->n_views, ARRAY_LEN(sides));
    assert_memory_equal(header->sizes, sides, sizeof sides);
    assert_int_equal(header->n_frames, ARRAY_LEN(want));
    for (uint32_t f = 0, position = 0; f < header->n_frames; f++) {
        uint32_t image = sides[want[f].view] * sides[want[f].view] * 3;
        const unsigned char *at = slot + batch->frame_at[f];
        assert_int_equal(header->frames[f].bytes, want[f].images * image);
        assert_int_equal(header->frames[f].crc32c, crc32c(0, at, header->frames[f].bytes));
        for (uint32_t i = 0; i < want[f].images; i++, position = (position + 1) % BATCH) {
            assert_int_equal(at[i * image], header->omega[position].sample);
            assert_int_equal(at[(i + 1) * image - 1], header->omega[position].sample);
        }
    }
}

/* The views' checksums are all that the frames' are made of: who seals looks at no pixel. */
static void test_no_pixel_is_read(void **state)
{
    (void)state;
    struct spec spec = numbered_spec("d", BATCH, SIZE);
    view_spec_eval(&spec.views[0], 320, 320);
    assert_int_equal(open_session(&spec), 0);
    make(1, 4);
    struct wire_frame frames[WIRE_FRAMES_MAX];
    memcpy(frames, batch->header.frames, sizeof frames);
    const size_t pixels = batch->layout.omega / page * page;
    assert_true(pixels > (size_t)BATCH * 320 * 320 * 3 - page);
    assert_int_equal(mprotect(slot, pixels, PROT_NONE), 0);
    const int rc = batch_seal(batch, slot);
    assert_int_equal(mprotect(slot, pixels, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(rc, 0);
    assert_memory_equal(frames, batch->header.frames, sizeof frames);
    uint32_t *check = (uint32_t *)(slot + batch->layout.check);
    check[0] ^= 1;
    assert_int_equal(batch_seal(batch, slot), 0);
    assert_int_not_equal(frames[0].crc32c, batch->header.frames[0].crc32c);
    assert_int_equal(frames[1].crc32c, batch->header.frames[1].crc32c);
}

static void test_returned(void **state)
{
    (void)state;
    struct task_render first, again, rest;
    batch_begin(batch, session, 0, 0, 0);
    assert_int_equal(batch_next(batch, &first), 0);
    assert_int_equal(first.position, 0);
    assert_int_equal(batch->flying, 1);
    batch_return(batch, first.position);
    assert_int_equal(batch->flying, 0);
    assert_int_equal(batch_next(batch, &again), 0);
    assert_int_equal(again.position, 0);
    assert_int_equal(again.item.sample, first.item.sample);
    for (uint32_t i = 1; i < BATCH; i++)
        assert_int_equal(batch_next(batch, &rest), 0);
    assert_int_equal(batch_next(batch, &rest), -EAGAIN);
}

static void test_none_good(void **state)
{
    (void)state;
    struct task_render task;
    batch_begin(batch, session, 0, 0, 0);
    assert_int_equal(batch_next(batch, &task), 0);
    for (int i = 0; i < BATCH_ATTEMPTS_MAX; i++) {
        assert_int_equal(batch_replace(batch, task.position, FAULT_NOT_IMAGE), 0);
        do
            assert_int_equal(batch_next(batch, &task), 0);
        while (task.position != 0);
        batch->flying = 1;
    }
    assert_int_equal(batch_replace(batch, task.position, FAULT_NOT_IMAGE), -ENODATA);

    memset(dataset.faults, FAULT_NOT_IMAGE, SAMPLES);
    batch_begin(batch, session, 0, 0, 0);
    assert_int_equal(batch_next(batch, &task), -ENODATA);
    assert_non_null(strstr(err_text(), "dataset d"));
}

static void test_wrong_omega(void **state)
{
    (void)state;
    make(1, 1);
    struct omega *omega = (struct omega *)(slot + batch->layout.omega);
    omega[3].sample ^= 1;
    assert_int_equal(batch_seal(batch, slot), -EIO);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_same_in_any_order), TEST(test_sealed),           TEST(test_boxes),
        TEST(test_sealed_sizes),      TEST(test_no_pixel_is_read), TEST(test_returned),
        TEST(test_none_good),         TEST(test_wrong_omega),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
