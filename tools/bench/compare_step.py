#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times a whole SimSiam + AugSelf{crop, color} training step, ours (tests/bench/bench_step) and
PyTorch's eager one, on the same machine, with the same threads, in turns; and ours with and without
AugSelf's heads.
    compare_step.py [--build build] [--threads 2] [--rounds 5] [--steps 10] [CASE ...]
    PYTHON=DIR/bin/python: with torch and torchvision, where this Python has none
Cases of PyTorch (images a step: 64 pairs, 8 for r50_224): r18_64_fp32 r18_64_bf16 r18_96_fp32 r18_96_bf16
r50_224_fp32 r50_224_bf16; of AugSelf: augself_cost_r18_96 augself_cost_r50_224. Without a case: all of
them but the bf16 ones beyond r18_64, which takes a quarter of an hour; alone, a case with --rounds 1 stays below 150 s.
--clock cpu counts processor time in place of time: with --threads 1 a figure that other work on the machine
disturbs little.
Every turn is a process of its own, which warms up first. PyTorch runs in NCHW and in channels_last; its
faster one counts; its bf16 is autocast. A figure is the median over the rounds of the turns' medians (a cost:
of the rounds' own fractions). Prints
    CASE_ms            ours, and PyTorch's two
    CASE_vs_torch      PyTorch's time / ours: above 1 we are faster
    CASE_memory_vs_torch   our peak resident memory / PyTorch's (its faster one's)
    memory_vs_torch    the largest of these
    augself_cost_...   (step with the heads - step without) / step without; two turns of each a round"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

CASES = {  # name: (backbone, pixels, images a step, dtype)
    "r18_64_fp32": ("resnet18", 64, 64, "fp32"),
    "r18_64_bf16": ("resnet18", 64, 64, "bf16"),
    "r18_96_fp32": ("resnet18", 96, 64, "fp32"),
    "r18_96_bf16": ("resnet18", 96, 64, "bf16"),
    "r50_224_fp32": ("resnet50", 224, 8, "fp32"),
    "r50_224_bf16": ("resnet50", 224, 8, "bf16"),
}
COSTS = {  # name: the case whose step it is a part of
    "augself_cost_r18_96": "r18_96_fp32",
    "augself_cost_r50_224": "r50_224_fp32",
    "augself_cost_r18_96_bf16": "r18_96_bf16",
    "augself_cost_r50_224_bf16": "r50_224_bf16",
}
DEFAULT = ["r18_64_fp32", "r18_64_bf16", "r18_96_fp32", "r50_224_fp32"] + list(COSTS)[:2]
PROJECTOR, PREDICTOR, HEAD = 2048, 512, 512
MEAN, STD = (0.43, 0.42, 0.39), (0.27, 0.26, 0.27)
LAYOUTS = ("nchw", "channels_last")


def torch_model(backbone):
    import torch
    import torchvision
    from torch import nn
    from torch.nn import functional

    def hidden(c_in, c_out):
        return [nn.Linear(c_in, c_out, bias=False), nn.BatchNorm1d(c_out), nn.ReLU(inplace=True)]

    class SimSiam(nn.Module):
        def __init__(self):
            super().__init__()
            self.backbone = getattr(torchvision.models, backbone)(zero_init_residual=True)
            d = self.backbone.fc.in_features
            self.backbone.fc = nn.Identity()
            self.projector = nn.Sequential(*hidden(d, PROJECTOR), *hidden(PROJECTOR, PROJECTOR)[:2])
            self.predictor = nn.Sequential(
                *hidden(PROJECTOR, PREDICTOR), nn.Linear(PREDICTOR, PROJECTOR)
            )
            self.heads = nn.ModuleList(
                nn.Sequential(*hidden(2 * d, HEAD), *hidden(HEAD, HEAD), nn.Linear(HEAD, 4))
                for _ in range(2)
            )

        def forward(self, x1, x2, targets):
            y1, y2 = self.backbone(x1), self.backbone(x2)
            z1, z2 = self.projector(y1), self.projector(y2)
            p1, p2 = self.predictor(z1), self.predictor(z2)
            cos = functional.cosine_similarity
            loss = -(cos(p1, z2.detach()).mean() + cos(p2, z1.detach()).mean()) / 2
            pairs = torch.cat([torch.cat([y1, y2], 1), torch.cat([y2, y1], 1)])
            for head, target in zip(self.heads, targets):
                loss = loss + functional.mse_loss(torch.tanh(head(pairs)), target)
            return loss

    return SimSiam()


def torch_turn(case, layout, threads, warm, steps):
    """One process's turn: prints what bench_step prints."""
    import torch

    backbone, size, batch, dtype = CASES[case]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = torch_model(backbone)
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    model = model.to(memory_format=form)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    pixels = torch.randint(0, 256, (2, batch, size, size, 3), dtype=torch.uint8)
    targets = [torch.rand(2 * batch, 4) - 0.5 for _ in range(2)]
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))

    def view(v):
        x = pixels[v].permute(0, 3, 1, 2).to(torch.float32, memory_format=form)
        return x.div_(255).sub_(mean).div_(std)

    times, cpu_times = [], []
    for i in range(warm + steps):
        begin, cpu = time.perf_counter(), time.process_time()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            loss = model(view(0), view(1), targets)
        loss.backward()
        optimiser.step()
        loss.item()
        if i >= warm:
            times.append(1e3 * (time.perf_counter() - begin))
            cpu_times.append(1e3 * (time.process_time() - cpu))
    print(f"step_ms {statistics.median(times):.3f} ms")
    print(f"step_cpu_ms {statistics.median(cpu_times):.3f} ms")
    print(f"memory_mib {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} MiB")


def turn(command, environment):
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}")
    lines = (line.split() for line in done.stdout.splitlines())
    return {name: float(value) for name, value, *_ in lines}


def our_command(case, args, heads):
    backbone, size, batch, dtype = CASES[case]
    sets = {
        "views.size": size,
        "data.batch": batch,
        "model.backbone": backbone,
        "method.projector.layers": 2,
        "method.projector.dim": PROJECTOR,
        "method.predictor.dim": PREDICTOR,
        "augself.hidden": HEAD,
        "augself.crop": int(heads),
        "augself.color": int(heads),
        "device.threads": args.threads,
        "device.dtype": dtype,
    }
    command = [os.path.join(args.build, "tests", "bench", "bench_step")]
    for key, value in sets.items():
        command += ["--set", f"{key}={value}"]
    return command + ["--warm", str(args.warm), "--steps", str(args.steps)]


def compare(case, args, environment):
    """Returns the ratio of memory."""
    commands = {"ours": our_command(case, args, True)}
    for layout in LAYOUTS:
        commands[layout] = [args.python, os.path.abspath(__file__), "--turn", layout, case]
        for name in ("threads", "warm", "steps"):
            commands[layout] += [f"--{name}", str(getattr(args, name))]
    turns = {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, command in commands.items():
            turns[name].append(turn(command, environment))
    ms = {name: statistics.median(t[args.clock] for t in all_) for name, all_ in turns.items()}
    memory = {name: max(t["memory_mib"] for t in all_) for name, all_ in turns.items()}
    for name, all_ in turns.items():
        spread = [t[args.clock] for t in all_]
        label = "ms" if name == "ours" else f"torch_{name}_ms"
        print(f"{case}_{label} {ms[name]:.1f} ms  # {min(spread):.1f} to {max(spread):.1f}")
    best = min(LAYOUTS, key=ms.get)
    print(f"{case}_vs_torch {ms[best] / ms['ours']:.3f} x")
    print(f"{case}_memory_vs_torch {memory['ours'] / memory[best]:.3f} x", flush=True)
    return memory["ours"] / memory[best]


def cost(name, args, environment):
    """Without, with, with, without: what drifts in a round takes part in both alike."""
    fractions, steps = [], []
    for _ in range(args.rounds):
        ms = {False: 0, True: 0}
        for heads in (False, True, True, False):
            ms[heads] += turn(our_command(COSTS[name], args, heads), environment)[args.clock] / 2
        fractions.append(ms[True] / ms[False] - 1)
        steps.append(ms[False])
    print(f"{name}_step_ms {statistics.median(steps):.1f} ms  # without the heads")
    spread = f"{min(fractions):.4f} to {max(fractions):.4f}"
    print(f"{name} {statistics.median(fractions):.4f}  # {spread}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join([*CASES, *COSTS]))
    parser.add_argument("--build", default="build")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=os.environ.get("PYTHON", sys.executable))
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--warm", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--turn", choices=LAYOUTS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    cases = args.cases or DEFAULT
    args.clock = {"wall": "step_ms", "cpu": "step_cpu_ms"}[args.clock]
    unknown = [case for case in cases if case not in CASES and case not in COSTS]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    if args.turn:
        return torch_turn(cases[0], args.turn, args.threads, args.warm, args.steps)
    print(f"# {args.threads} threads, {args.rounds} rounds of {args.steps} steps, {args.clock}")
    if set(cases) & set(CASES):
        version = [args.python, "-c", "import torch; print('# torch', torch.__version__)"]
        if subprocess.run(version).returncode != 0:
            sys.exit(f"{args.python} has no torch; PYTHON=... names one that has")
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads))
    memory = [compare(case, args, environment) for case in cases if case in CASES]
    if memory:
        print(f"memory_vs_torch {max(memory):.3f} x", flush=True)
    for name in cases:
        if name in COSTS:
            cost(name, args, environment)


if __name__ == "__main__":
    main()
