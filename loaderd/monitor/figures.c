/* SPDX-License-Identifier: Apache-2.0 */
/* figures: takes rooms, gives numbers. */
#include "loaderd/monitor/figures.h"

#include "common/log.h"
#include "loaderd/daemon/process.h"

#include <inttypes.h>

void figures_read(const struct figures_of *of, struct exposition *ret)
{
    struct crew_signs crew;
    crew_signs(of->crew, &crew);
    *ret = (struct exposition){
        .metrics = of->metrics,
        .serving = of->serving,
        .peers = serve_peers(of->serve),
        .sessions = sessions_count(of->stock->sessions),
        .waiting = serve_requests(of->serve, REQUEST_WAITING),
        .working = serve_requests(of->serve, REQUEST_WORKING),
        .ready = serve_requests(of->serve, REQUEST_READY),
        .slots_idle = pool_idle(of->stock->pool),
        .slot_bytes = pool_slot_bytes(of->stock->pool),
        .workers_idle = crew.idle,
        .workers_busy = crew.busy,
        .workers_starting = crew.starting,
        .workers_down = crew.down,
        .process.start_s = of->start_s,
    };
    ret->slots_taken = pool_slots(of->stock->pool) - ret->slots_idle;
    process_read(&ret->process);
}

void figures_log(const struct figures_of *of, const char *ill)
{
    struct exposition f;
    char counts[512];
    figures_read(of, &f);
    metrics_line(of->metrics, counts, sizeof counts);
    log_note("state: %s, %" PRIu64 " peers, %" PRIu64 " sessions; %s",
             of->serving ? "serving" : "not serving", f.peers, f.sessions, counts);
    log_note("state: workers: %" PRIu64 " idle, %" PRIu64 " busy, %" PRIu64 " starting, %" PRIu64
             " down; requests: %" PRIu64 " waiting, %" PRIu64 " working, %" PRIu64
             " ready; slots: %" PRIu64 " idle, %" PRIu64 " taken; %s",
             f.workers_idle, f.workers_busy, f.workers_starting, f.workers_down, f.waiting,
             f.working, f.ready, f.slots_idle, f.slots_taken, ill[0] ? ill : "well");
}
