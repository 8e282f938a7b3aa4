#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rendering, side by side: this project (tests/bench/bench_render), torchvision + PIL, and where
they can be installed Albumentations + OpenCV, NVIDIA DALI on the CPU, and FFCV. Same files, same
laws, same run: rounds in which each is measured once, so that a drift of the clock meets all. Task
a: two views, SimSiam's whole chain; task b: one view, crop and flip. Decoding is included, files
are in the page cache. One core: each peer is held to one CPU. All cores: a peer of Python runs in
so many processes, which do not talk to each other; DALI and FFCV in so many threads.

    compare_render.py --build build --venv DIR --install-only    makes DIR/PEER of PyPI's packages
    compare_render.py --build build --venv DIR                   measures

Prints tables, then lines `name value unit`: above 1 this project is faster. A peer that cannot be
measured is named with its reason. Needs Debian's python3-torchvision (tools/deps compare)."""
import argparse
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

from peers import PEERS, Unavailable, install, interpreter
from serve import jpegs

BEGIN = time.monotonic()
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FILES_MOST = 960
PATIENCE_S = 20
# Images of one pass, at least: draws enough for a fair share of the law; of small images, time.
IMAGES = 240
IMAGES_SMALL = 1900
SIZE_SMALL = 100
SETS = {"fullsize": ("fullsize.tar", "", 224), "px64": ("pretrain64.tar", "px64_", 64)}
TASKS = {"a": "two views, whole chain", "b": "one view, crop and flip",
         "c": "two views, crop and flip"}
OURS = "augstream"


def unpack(tar, folder):
    """The files that bench_render would take: its JPEG files by name, every k-th."""
    with tarfile.open(tar) as archive:
        members = sorted((m for m in archive if m.isfile()
                          and m.name.lower().endswith((".jpg", ".jpeg"))), key=lambda m: m.name)
        step = -(-len(members) // FILES_MOST)
        archive.extractall(folder, members[::step])


def say(text):
    """Progress, apart from the figures."""
    print(f"[{time.monotonic() - BEGIN:4.0f} s] {text}", file=sys.stderr, flush=True)


class Standing:
    """A peer's processes for one number of cores, ready to be measured."""

    def __init__(self, peer, python, folder, size, cores, log):
        self.peer, self.log = peer, log
        count, threads = (1, cores) if peer.threads else (cores, 1)
        cpus = sorted(os.sched_getaffinity(0))[:cores]
        images = IMAGES if size > SIZE_SMALL else IMAGES_SMALL
        self.processes = []
        for i in range(count):
            own = cpus if peer.threads else cpus[i:i + 1]
            command = [python, HERE / "serve.py", peer.module, folder, "--size", str(size),
                       "--kernel", str(size // 10 | 1), "--cores", str(threads),
                       "--images", str(images)]
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                preexec_fn=lambda own=own: os.sched_setaffinity(0, own)))
        try:
            self.versions = [self.line(p, "ready ") for p in self.processes][0]
        except Unavailable:
            self.stop()
            raise

    def line(self, process, head=""):
        line = process.stdout.readline()
        if not line.startswith(head) or not line.strip():
            self.log.seek(0)
            said = [s.strip() for s in self.log.read().decode(errors="replace").splitlines()]
            raise Unavailable(" | ".join([s for s in said if s][-2:]) or "it ended without a word")
        return line[len(head):].strip()

    def images_per_s(self, task):
        for process in self.processes:
            process.stdin.write(task + "\n")
            process.stdin.flush()
        rate = 0.
        for process in self.processes:
            seconds, images = self.line(process).split()
            rate += int(images) / float(seconds)
        return rate

    def stop(self):
        for process in self.processes:
            process.stdin.close()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ours(program, folder, size, cores):
    """{(task, cores): images a second}, and the figures as printed."""
    command = [program, "--passes", "1", "--cores", str(cores), "--size", str(size), folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}
    rates = {}
    for task, views in (("a", 2), ("b", 1)):
        rates[task, 1] = said[f"task_{task}_views_per_s"] / views
        rates[task, cores] = said[f"task_{task}_views_per_s_all"] / views
    return rates


def start(args, folder, size, cores):
    """The peers that stand, {(name, cores): Standing}, and the others, {name: reason}."""
    standing, missing = {}, {}
    for peer in PEERS:
        if peer.name not in args.peers:
            missing[peer.name] = "not among --peers"
            continue
        try:
            python = interpreter(peer, args.venv)
            for n in sorted({1, cores}):
                say(f"starting {peer.name}, {n} core{'s' * (n > 1)}")
                log = tempfile.TemporaryFile()
                standing[peer.name, n] = Standing(peer, python, folder, size, n, log)
        except Unavailable as reason:
            missing[peer.name] = str(reason)
            for key in [k for k in standing if k[0] == peer.name]:
                standing.pop(key).stop()
    return standing, missing


def measure(args, folder, size, cores, standing):
    """{(name, task, cores): [images a second of each round]}"""
    rates = {}
    for i in range(args.rounds):
        say(f"round {i + 1} of {args.rounds}")
        for (task, n), rate in ours(args.program, folder, size, cores).items():
            rates.setdefault((OURS, task, n), []).append(rate)
        for (name, n), peer in standing.items():
            for task in peer.peer.tasks:
                rates.setdefault((name, task, n), []).append(peer.images_per_s(task))
    return rates


def quartile_spread(values):
    if len(values) < 2:
        return 0.
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


def ratios(rates, name, task, cores):
    """Ours over theirs, round by round. Their task c is a part of our task a."""
    mine = rates[OURS, "a" if task == "c" else task, cores]
    return [a / b for a, b in zip(mine, rates[name, task, cores])]


def report(prefix, rates, standing, missing, cores):
    width = max(len(name) for name, _, _ in rates) + 1
    for task, what in TASKS.items():
        for n in sorted({1, cores}):
            rows = [name for name, t, c in rates if t == task and c == n]
            if not rows:
                continue
            print(f"\n{prefix}task {task}: {what}; {n} core{'s' * (n > 1)}")
            print(" " * width + "   images/s  ms/image  augstream is  spread")
            for name in rows:
                rate = statistics.median(rates[name, task, n])
                faster = ratios(rates, name, task, n)
                print(f"{name:{width}} {rate:10.0f} {1e3 / rate:9.3f} "
                      f"{statistics.median(faster):12.2f}x {quartile_spread(faster):7.3f}")
    print()
    names = {"a": "task_a_vs_{}", "b": "task_b_vs_{}", "c": "task_a_vs_{}_crops"}
    for peer in PEERS:
        if peer.name in missing:
            print(f"{prefix}{peer.name} not measured: {missing[peer.name]}")
            continue
        for n in sorted({1, cores}):
            for task in peer.tasks:
                name = names[task].format(peer.name) + ("_all" if n > 1 else "")
                value = statistics.median(ratios(rates, peer.name, task, n))
                print(f"{prefix}{name} {value:.3f} ratio")
    sys.stdout.flush()


def machine():
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line]
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=12"],
                            capture_output=True, text=True).stdout.strip()
    return f"{model[0] if model else platform.machine()}; commit {commit or 'unknown'}"


def run_set(args, tar, prefix, size, cores):
    with tempfile.TemporaryDirectory(prefix="augstream-compare-") as scratch:
        folder = tar
        if not os.path.isdir(tar):
            unpack(tar, scratch)
            folder = scratch
        print(f"\n{len(jpegs(folder))} files of {tar}, views of {size} px, {args.rounds} rounds")
        standing, missing = start(args, folder, size, cores)
        try:
            for (name, n), peer in standing.items():
                if n == 1:
                    print(f"{name}: {peer.versions}. {peer.peer.note}")
            report(prefix, measure(args, folder, size, cores, standing), standing, missing, cores)
        finally:
            for peer in standing.values():
                peer.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=ROOT / "build", type=pathlib.Path, help="meson's folder")
    parser.add_argument("--venv", type=pathlib.Path, help="where peers from PyPI are installed")
    parser.add_argument("--install-only", action="store_true", help="measures nothing")
    parser.add_argument("--set", choices=[*SETS, "all"], default="all")
    parser.add_argument("--peers", type=lambda text: text.split(","), help="names, comma between",
                        default=[peer.name for peer in PEERS])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224, help="pixels, with FOLDER")
    parser.add_argument("folder", nargs="?", help="a folder or tar of JPEG files, not the sets")
    args = parser.parse_args()
    unknown = set(args.peers) - {peer.name for peer in PEERS}
    if unknown:
        parser.error(f"no peer is called {', '.join(unknown)}")
    if args.install_only and not args.venv:
        parser.error("--install-only needs --venv")
    if args.venv:
        for peer in PEERS:
            install(peer, args.venv, again=args.install_only)
    if args.install_only:
        return
    args.program = args.build / "tests/bench/bench_render"
    cores = len(os.sched_getaffinity(0))
    print(f"{machine()}; {cores} cores")
    if args.folder:
        run_set(args, args.folder, "", args.size, cores)
        return
    data = pathlib.Path(os.environ.get("AUGSTREAM_DATA", ROOT.parent / "shared/data"))
    for name, (tar, prefix, size) in SETS.items():
        if args.set in (name, "all"):
            run_set(args, str(data / tar), prefix, size, cores)


if __name__ == "__main__":
    main()
