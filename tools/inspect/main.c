/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-inspect: looks at what flows. One verb, one file. */
#include "common/auto.h"
#include "tools/inspect/inspect.h"
#include "tools/verbs.h"

static const struct verb verbs[] = {
    {"stream", inspect_stream, "omega as it flows, from a loader's tap, a line of JSON a view"},
    {"batch", inspect_batch, "one batch as the trainer gets it, into a safetensors file"},
    {"sheet", inspect_sheet, "the views of one batch side by side, into a PNG picture"},
    {"runs", inspect_runs, "training runs side by side: losses and accuracy, a table"},
};

int main(int argc, char **argv)
{
    return verbs_run("augstream-inspect", verbs, ARRAY_LEN(verbs), argc, argv);
}
