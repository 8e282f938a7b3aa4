/* SPDX-License-Identifier: Apache-2.0 */
/* tell: what a page is told, as JSON. Names come from elsewhere and may be anything: what is no
 * UTF-8 is replaced. NULL when memory is out. */
#ifndef AUGSTREAM_TOOLS_SERVE_TELL_H
#define AUGSTREAM_TOOLS_SERVE_TELL_H

#include "tools/inspect/serve/desk.h"

#include <jansson.h>

json_t *tell_state(const struct desk *desk, double now);
json_t *tell_batch(const struct desk *desk, const struct shown *shown);
json_t *tell_figures(const struct state_session *session);

#endif
