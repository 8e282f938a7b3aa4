/* SPDX-License-Identifier: Apache-2.0 */
/* augstream-inspect: looks at what flows. One verb, one file. */
#include "common/auto.h"
#include "tools/inspect/inspect.h"
#include "tools/verbs.h"

static const struct verb verbs[] = {
    {&inspect_stream_usage, inspect_stream},
    {&inspect_stats_usage, inspect_stats},
    {&inspect_record_usage, inspect_record},
    {&inspect_dump_usage, inspect_dump},
    {&inspect_batch_usage, inspect_batch},
    {&inspect_sheet_usage, inspect_sheet},
    {&inspect_replay_usage, inspect_replay},
    {&inspect_render_usage, inspect_render},
    {&inspect_grid_usage, inspect_grid},
    {&inspect_runs_usage, inspect_runs},
    {&inspect_dataset_usage, inspect_dataset},
    {&inspect_serve_usage, inspect_serve},
    {&inspect_checkpoint_usage, inspect_checkpoint},
};

static const struct usage_section sections[] = {
    {"Examples",
     "    augstream-inspect stream tcp://node1:5556 --format table --where 'blur.sigma>1.5'\n"
     "    augstream-inspect stats tcp://node1:5556 --count 100000\n"
     "    augstream-inspect record tcp://node1:5556 --out run.omega\n"
     "    augstream-inspect dump run.omega --step 1200 --format csv\n"
     "    augstream-inspect batch tcp://node1:5555 --recipe recipe.yaml --out batch.safetensors\n"
     "    augstream-inspect sheet embedded --recipe recipe.yaml \\\n"
     "        --set data.path=/data/flowers/train --out views.png\n"
     "    augstream-inspect replay run.omega --data /data/flowers/train\n"
     "    augstream-inspect render --image cat.jpg --omega @line.json --out view.png\n"
     "    augstream-inspect grid --image cat.jpg --param jitter.hue --out hues.png\n"
     "    augstream-inspect dataset /data/flowers/train\n"
     "    augstream-inspect checkpoint runs/simsiam/checkpoints/step-00001200.safetensors\n"
     "    augstream-inspect runs runs/simsiam runs/simsiam-augself\n"
     "    augstream-inspect serve tcp://node1:5556 --data /data/flowers/train --port 8080"},
};

static const struct usage usage = {
    .name = "augstream-inspect",
    .chapter = 1,
    .summary = "look at batches, omega and runs",
    .operands = "VERB ...",
    .about = "Shows what flows between loaders and trainers, and what became of it.",
    .sections = sections,
    .n_sections = ARRAY_LEN(sections),
};

int main(int argc, char **argv)
{
    return verbs_run(&usage, verbs, ARRAY_LEN(verbs), argc, argv);
}
