/* SPDX-License-Identifier: Apache-2.0 */
/* berth: one place of the crew and the worker process that stands in it: how it starts, what it is
 * given and answers, how long it may be silent, how it ends and when the next one comes. A worker
 * answers its tasks in order, so the oldest unanswered one is the one it was working on when it
 * died. Which berth gets a task and how many are to be filled is the crew's. The daemon's thread.
 */
#ifndef AUGSTREAM_LOADERD_BERTH_H
#define AUGSTREAM_LOADERD_BERTH_H

#include "common/pool.h"
#include "loaderd/batch/session.h"
#include "loaderd/crew/ending.h"
#include "loaderd/crew/gallery.h"
#include "loaderd/crew/task.h"
#include "loaderd/monitor/metrics.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum {
    BERTH_DEPTH = 3,            /* tasks that one worker holds */
    BERTH_START_MAX_MS = 30000, /* from spawn to TASK_READY */
    BERTH_CLOSE_MAX_MS = 2000,  /* from the socket's closing to SIGKILL */
};

enum berth_state {
    BERTH_FREE,
    BERTH_DOWN,     /* waits for its restart */
    BERTH_STARTING, /* runs; TASK_READY has not come */
    BERTH_UP,
    BERTH_LEAVING, /* has done its share: takes no more, finishes what it holds */
    BERTH_DYING,   /* its end has been seen or asked for; the exit is awaited */
};

struct berth;

/* What all berths of a crew have in common, in the crew's memory. The calls may not give tasks. */
struct berth_kit {
    uv_loop_t *loop;
    const char *program; /* loans */
    struct pool *pool;
    struct gallery *gallery; /* NULL: none */
    struct metrics *metrics;
    double deadline_s, stall_s; /* as crew_config */
    uint64_t memory_mib;
    uint32_t turn_ms; /* berth_turn comes so often: time is counted in its calls */
    bool stood;       /* the crew's to set: all were ready at once */
    bool closing;     /* the crew's to set: nobody is started any more, no result is told */
    void *hint;
    void (*ready)(void *hint); /* one more is UP */
    void (*done)(void *hint, const struct crew_result *result);
    void (*fatal)(void *hint, int code); /* as crew_config */
    void (*closed)(void *hint);          /* perhaps berth_closed now */
    /* for the program; berth_kit_words writes them */
    char slots[16], slot_bytes[24], memory[24], parent[16], cpu_ms[24];
    char cache_slots[16], cache_bytes[24];
};
void berth_kit_words(struct berth_kit *kit);

/* A task that a worker holds. */
struct berth_flight {
    uint64_t ticket;
    struct gallery_ticket cached;
};

struct berth { /* state, flying and taken are for the crew to read */
    struct berth_kit *kit;
    uint32_t number;
    enum berth_state state;
    enum worker_reason reason;
    bool was_ready;    /* in this life */
    bool process_open; /* the handles that are open */
    bool poll_open;
    bool restart_open;
    int fd;
    uint32_t failures;      /* in a row */
    uint32_t turns;         /* of the timer since the start or the last sign of life */
    uint64_t taken;         /* tasks, since its start */
    uint32_t first, flying; /* ring of flights */
    struct berth_flight flights[BERTH_DEPTH];
    uint64_t known[SESSIONS_MAX]; /* generation of each session whose spec it holds */
    uv_process_t process;
    uv_poll_t poll;
    uv_timer_t restart;
};

/* On a zeroed berth: FREE. */
void berth_init(struct berth *berth, struct berth_kit *kit, uint32_t number);

/* A worker into a berth that is FREE. -errno when it cannot be started: that berth is then DYING.
 */
int berth_start(struct berth *berth);

/* The same, tried again and again. */
void berth_fill(struct berth *berth);

/* Gives an UP one a task, when it holds fewer than BERTH_DEPTH; -EAGAIN when it does not go. done
 * is called once for each task that went. */
int berth_give(struct berth *berth, const struct session *session, const struct task_render *task);

/* An UP one finishes what it holds and ends; then it is FREE. */
void berth_leave(struct berth *berth);

/* Kills whoever has been silent for too long. */
void berth_turn(struct berth *berth);

bool berth_busy(const struct berth *berth); /* owes an answer */

/* By how much it is silent beyond what berth_turn lets pass. */
uint64_t berth_overdue_ms(const struct berth *berth);

/* With kit->closing set. berth_kill where that takes too long. */
void berth_close(struct berth *berth);
void berth_kill(struct berth *berth);
bool berth_closed(const struct berth *berth);

#endif
