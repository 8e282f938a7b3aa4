/* SPDX-License-Identifier: Apache-2.0 */
/* crew_bed: a crew of real worker processes, a garden of images, a pool, a session, and what came
 * of its tasks, for the tests of crew. Include it in one source file of a program. */
#ifndef AUGSTREAM_TESTS_CREW_BED_H
#define AUGSTREAM_TESTS_CREW_BED_H

#include "garden.h"

#include "common/log.h"
#include "loaderd/batch/slot.h"
#include "loaderd/crew/crew.h"

#include <errno.h>
#include <sys/wait.h>

enum { SAMPLES = 8, SIZE = 16, SLOT_BYTES = SAMPLES * 2 * SIZE * SIZE * 3 + SLOT_EXTRA };

static struct garden garden;
static uv_loop_t loop;
static struct pool *pool;
static struct metrics metrics;
static struct crew *crew;
static struct session session;
static uint32_t done_n, ok_n, cancelled_n, lost_n, faults[FAULT_KINDS];
static int fatal_code;

static inline void on_done(void *hint, const struct crew_result *result)
{
    assert_ptr_equal(hint, &session);
    done_n++;
    if (result->code == 0)
        ok_n++;
    else if (result->code == -ECANCELED)
        cancelled_n++;
    else if (result->code == -EINTR)
        lost_n++;
    else if (result->code == -EBADMSG)
        faults[result->fault]++;
    else
        fail_msg("%d: %s", result->code, result->text);
}

static inline void on_fatal(void *hint, int code)
{
    assert_ptr_equal(hint, &crew);
    fatal_code = code;
}

/* What a test wants of its crew beside what is usual. */
static double deadline_s, stall_s;
static uint64_t recycle, memory_mib;
static struct gallery *gallery;

static inline void open_crew(uint32_t workers, const char *program)
{
    done_n = ok_n = cancelled_n = lost_n = 0;
    memset(faults, 0, sizeof faults);
    memset(&metrics, 0, sizeof metrics);
    fatal_code = 0;
    struct crew_config config = {.loop = &loop,
                                 .program = program,
                                 .workers = workers,
                                 .pool = pool,
                                 .gallery = gallery,
                                 .metrics = &metrics,
                                 .deadline_s = deadline_s,
                                 .stall_s = stall_s,
                                 .recycle = recycle,
                                 .memory_mib = memory_mib,
                                 .done = on_done,
                                 .done_hint = &session,
                                 .fatal = on_fatal,
                                 .fatal_hint = &crew};
    assert_int_equal(crew_new(&config, &crew), 0);
}

static inline void wait_complete(void)
{
    while (!crew_complete(crew))
        uv_run(&loop, UV_RUN_ONCE);
}

static inline void wait_done(uint32_t n)
{
    while (done_n < n)
        uv_run(&loop, UV_RUN_ONCE);
}

static inline int bed_setup(void **state)
{
    (void)state;
    log_open("test", LOG_ERROR);
    deadline_s = 20;
    stall_s = 120;
    recycle = 0;
    memory_mib = 1024;
    gallery = NULL;
    garden_new(&garden);
    garden_plant(&garden, "set", SAMPLES);
    session = (struct session){.generation = 1,
                               .spec = {.dataset = "set", .batch = SAMPLES, .n_views = 2}};
    view_spec_eval(&session.spec.views[0], SIZE, SIZE);
    view_spec_eval(&session.spec.views[1], SIZE, SIZE);
    struct pool_config config = {.slots = 2, .slot_bytes = SLOT_BYTES};
    return uv_loop_init(&loop) || pool_new(&config, &pool);
}

static inline int bed_teardown(void **state)
{
    (void)state;
    pid_t left[1];
    if (crew) /* none in a test that was skipped */
        crew_close(crew);
    while (crew && !crew_closed(crew))
        uv_run(&loop, UV_RUN_ONCE);
    crew_free(crew);
    crew = NULL;
    pool_free(pool);
    gallery_free(gallery);
    garden_done(&garden);
    return uv_loop_close(&loop) || children_of(getpid(), left, 1);
}

static inline struct task_render task(uint32_t position)
{
    struct task_render t = {.kind = TASK_RENDER,
                            .ticket = position,
                            .position = position,
                            .n_samples = SAMPLES,
                            .item = {.sample = position, .coding = ITEM_FILE}};
    snprintf(t.item.path, sizeof t.item.path, "%s/set/class-%u/%03u.jpg", garden.root, position % 2,
             position / 2);
    return t;
}

static inline void submit(uint32_t position)
{
    struct task_render t = task(position);
    assert_int_equal(crew_submit(crew, &session, &t), 0);
}

#endif
