/* SPDX-License-Identifier: Apache-2.0 */
/* worker: answers each task once and in order, ends with its socket, and refuses what would write
 * outside a slot. */
#include "garden.h"

#include "common/crc32c.h"
#include "loaderd/batch/slot.h"
#include "loaderd/crew/task.h"
#include "loaderd/crew/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

enum { SAMPLES = 4, SIZE = 16, SLOT_BYTES = SAMPLES * SIZE * SIZE * 3 + SLOT_EXTRA };

static struct garden garden;
static int ends[2]; /* ours, the worker's */
static unsigned char *slots;
static pthread_t thread;
static int result;

static void *run(void *arg)
{
    (void)arg;
    struct worker_config config = {
        .socket = ends[1], .base = slots, .slots = 1, .slot_bytes = SLOT_BYTES};
    result = worker_run(&config);
    close(ends[1]);
    return NULL;
}

static void receive(struct task_done *done)
{
    assert_int_equal(recv(ends[0], done, sizeof *done, 0), sizeof *done);
}

static int setup(void **state)
{
    (void)state;
    garden_new(&garden);
    garden_plant(&garden, "set", SAMPLES);
    slots = aligned_alloc(SLOT_ALIGN, (SLOT_BYTES / SLOT_ALIGN + 1) * SLOT_ALIGN);
    if (!slots || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0 ||
        pthread_create(&thread, NULL, run, NULL))
        return -1;
    struct task_done ready;
    receive(&ready);
    return ready.kind != TASK_READY;
}

static int teardown(void **state)
{
    (void)state;
    free(slots);
    garden_done(&garden);
    return 0;
}

static int ended(void)
{
    close(ends[0]);
    pthread_join(thread, NULL);
    return result;
}

static void give(const void *record, size_t bytes)
{
    assert_int_equal(send(ends[0], record, bytes, 0), bytes);
}

static void give_spec(uint32_t session)
{
    struct task_spec task = {.kind = TASK_SPEC,
                             .session = session,
                             .spec = {.dataset = "set", .batch = SAMPLES, .n_views = 1}};
    view_spec_eval(&task.spec.views[0], SIZE, SIZE);
    give(&task, sizeof task);
}

static struct task_render render(uint32_t session, uint32_t position)
{
    struct task_render task = {.kind = TASK_RENDER,
                               .session = session,
                               .ticket = 1000 + position,
                               .position = position,
                               .n_samples = SAMPLES,
                               .item = {.sample = position, .coding = ITEM_FILE}};
    snprintf(task.item.path, sizeof task.item.path, "%s/set/class-%u/%03u.jpg", garden.root,
             position % 2, position / 2);
    return task;
}

/* The record of the sample, and the checksum of the pixels that are there. */
static void assert_left(const struct slot_layout *layout, uint32_t i)
{
    assert_int_equal(((struct omega *)(slots + layout->omega))[i].sample, i);
    assert_int_equal(
        ((uint32_t *)(slots + layout->check))[i],
        crc32c_table(0, slots + layout->view[0] + i * layout->image[0], layout->image[0]));
}

static void test_answers(void **state)
{
    (void)state;
    garden_write(&garden, "set/class-1/000.jpg", "no picture");
    give_spec(3);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct task_render task = render(3, i);
        give(&task, sizeof task);
    }
    struct slot_layout layout;
    slot_layout(&(struct spec){.batch = SAMPLES, .n_views = 1, .views[0].size = SIZE}, SAMPLES,
                &layout);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        struct task_done done;
        receive(&done);
        assert_int_equal(done.kind, TASK_DONE);
        assert_int_equal(done.ticket, 1000 + i);
        assert_int_equal(done.code, i == 1 ? -EBADMSG : 0);
        assert_int_equal(done.fault, i == 1 ? FAULT_NOT_IMAGE : FAULT_NONE);
        if (i == 1)
            assert_non_null(strstr(done.text, "class-1/000.jpg"));
        else
            assert_left(&layout, i);
    }
    assert_int_equal(ended(), 0);
}

/* Each ends the worker: what the daemon says cannot be true. */
static void refused(const void *record, size_t bytes)
{
    give_spec(0);
    give(record, bytes);
    struct task_done done;
    assert_int_equal(recv(ends[0], &done, sizeof done, 0), 0);
    assert_int_equal(ended(), -EBADMSG);
}

static void test_unknown_session(void **state)
{
    (void)state;
    struct task_render task = render(1, 0);
    refused(&task, sizeof task);
}

static void test_outside(void **state)
{
    (void)state;
    struct task_render task = render(0, 0);
    task.slot = 1;
    refused(&task, sizeof task);
}

static void test_position(void **state)
{
    (void)state;
    struct task_render task = render(0, 0);
    task.position = SAMPLES;
    refused(&task, sizeof task);
}

static void test_too_many(void **state)
{
    (void)state;
    struct task_render task = render(0, 0);
    task.n_samples = SAMPLES + 1;
    refused(&task, sizeof task);
}

static void test_short_record(void **state)
{
    (void)state;
    struct task_render task = render(0, 0);
    refused(&task, sizeof task - 1);
}

static void test_unended_path(void **state)
{
    (void)state;
    struct task_render task = render(0, 0);
    memset(task.item.path, 'x', sizeof task.item.path);
    refused(&task, sizeof task);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answers),      TEST(test_unknown_session), TEST(test_outside),
        TEST(test_position),     TEST(test_too_many),        TEST(test_short_record),
        TEST(test_unended_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
