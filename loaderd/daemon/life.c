/* SPDX-License-Identifier: Apache-2.0 */
/* life: takes signs, signals and the time, gives the stage. */
#include "loaderd/daemon/life.h"

#include <assert.h>
#include <stdio.h>

static bool enter(struct life *life, enum life_stage stage)
{
    if (life->stage >= stage)
        return false;
    life->stage = stage;
    return true;
}

/* All requests are answered: the last frames get a moment to leave. */
static bool drained(struct life *life, const struct life_signs *signs, uint64_t now_ms)
{
    if (signs->idle && life->end_ms > now_ms + LIFE_SENT_MS)
        life->end_ms = now_ms + LIFE_SENT_MS;
    return (signs->idle && signs->sent) || now_ms >= life->end_ms;
}

bool life_turn(struct life *life, const struct life_signs *signs, uint64_t now_ms)
{
    switch (life->stage) {
    case LIFE_STARTING:
        return signs->crew_complete && enter(life, LIFE_RUNNING);
    case LIFE_DRAINING:
        return drained(life, signs, now_ms) && enter(life, LIFE_ENDED);
    default:
        return false;
    }
}

bool life_signal(struct life *life, uint64_t now_ms)
{
    if (life->stage != LIFE_RUNNING)
        return enter(life, LIFE_ENDED);
    life->end_ms = now_ms + LIFE_DRAIN_MS;
    return enter(life, LIFE_DRAINING);
}

bool life_fail(struct life *life, int result)
{
    assert(result < 0);
    if (!enter(life, LIFE_ENDED))
        return false;
    life->result = result;
    snprintf(life->error, sizeof life->error, "%s", err_text());
    return true;
}
