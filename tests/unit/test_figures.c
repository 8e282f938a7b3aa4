/* SPDX-License-Identifier: Apache-2.0 */
/* figures: what the rooms of a loader say of themselves arrives in the right places. */
#include "loader_bed.h"

#include "loaderd/monitor/figures.h"

#include <signal.h>

static struct figures_of of(void)
{
    return (struct figures_of){.metrics = &metrics,
                               .stock = &stock,
                               .serve = serve,
                               .crew = crew,
                               .start_s = 7,
                               .serving = true};
}

static void hear(const struct link_peer *name, struct wire *wire, struct wire_message *message)
{
    static struct link_message in;
    assert_int_equal(wire_pack(wire, message, &in.body, &in.body_len), 0);
    in.peer = *name;
    serve_message(serve, 0, &in);
}

static void test_read(void **state)
{
    (void)state;
    struct exposition f;
    const struct figures_of rooms = of();
    figures_read(&rooms, &f);
    assert_ptr_equal(f.metrics, &metrics);
    assert_int_equal(f.workers_starting, BED_WORKERS);
    assert_int_equal(f.workers_idle + f.workers_busy + f.workers_down, 0);
    while (!crew_complete(crew))
        uv_run(&loop, UV_RUN_ONCE);

    static struct wire_message message;
    struct wire *wire;
    assert_int_equal(wire_new(64, &wire), 0);
    for (unsigned char id = 1; id <= 2; id++) {
        const struct link_peer name = {.len = 1, .id = {id}};
        message = (struct wire_message){.type = WIRE_HELLO};
        hear(&name, wire, &message);
        message = (struct wire_message){.type = WIRE_OPEN_SESSION};
        message.open_session.spec = (struct spec){.dataset = "set", .batch = 2, .n_views = 1};
        view_spec_eval(&message.open_session.spec.views[0], 8, 8);
        hear(&name, wire, &message);
    }
    struct session *session;
    enum wire_code code;
    struct spec spec = {.dataset = "set", .batch = 2, .n_views = 1};
    view_spec_eval(&spec.views[0], 8, 8);
    assert_int_equal(session_open(stock.sessions, &spec, &session, &code), 0);
    for (unsigned char id = 1; id <= 2; id++)
        for (uint32_t index = 0; index < 2; index++) {
            const struct link_peer name = {.len = 1, .id = {id}};
            message = (struct wire_message){.type = WIRE_GET_BATCH};
            message.get_batch.request = index + 1;
            message.get_batch.epoch = id; /* four different batches; there are three slots */
            message.get_batch.index = index;
            memcpy(message.get_batch.session, session->id, DIGEST_BYTES);
            hear(&name, wire, &message);
        }
    serve_turn(serve);
    dispatch_feed(stock.dispatch, crew_submit, crew);
    figures_read(&rooms, &f);
    assert_int_equal(f.peers, 2);
    assert_int_equal(f.sessions, 1);
    assert_int_equal(f.waiting, 1);
    assert_int_equal(f.working, 3);
    assert_int_equal(f.ready, 0);
    assert_int_equal(f.slots_idle, 0);
    assert_int_equal(f.slots_taken, 3);
    assert_true(f.slot_bytes >= 1 << 20);
    assert_int_equal(f.workers_busy, BED_WORKERS);
    assert_int_equal(f.serving, 1);
    assert_true(f.process.start_s == 7);
    assert_true(f.process.threads > 0 && f.process.descriptors > 0);
    figures_log(&rooms, "");

    while (dispatch_busy(stock.dispatch)) {
        uv_run(&loop, UV_RUN_ONCE);
        serve_turn(serve);
        dispatch_feed(stock.dispatch, crew_submit, crew); /* the fourth has its slot now */
    }
    wire_free(wire);
    assert_int_equal(metrics.render.count, 8);
    assert_true(metrics.render.sum > 0 && metrics.render.sum < 60);
    figures_read(&rooms, &f);
    assert_int_equal(f.workers_idle, BED_WORKERS);

    pid_t workers[BED_WORKERS];
    assert_int_equal(children_of(getpid(), workers, BED_WORKERS), BED_WORKERS);
    for (int i = 0; i < BED_WORKERS; i++)
        kill(workers[i], SIGKILL);
    while (metrics.worker_exits < BED_WORKERS)
        uv_run(&loop, UV_RUN_ONCE);
    figures_read(&rooms, &f);
    assert_true(f.workers_down > 0);
    assert_int_equal(f.workers_down + f.workers_starting + f.workers_idle, BED_WORKERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, bed_setup, bed_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
