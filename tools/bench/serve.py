# SPDX-License-Identifier: Apache-2.0
"""One peer as a process that stands by: prints "ready VERSIONS", then for each line "a" or "b" on
standard input renders one pass of that task and prints "SECONDS IMAGES". Ends with its input.

    serve.py PEER FOLDER --size PX --kernel PX --cores N --images N

PEER is a module of this folder with
    versions()                       what is measured, in a few words
    open(job) -> run(task)           run renders one pass, returns (seconds, images)
job has files (sorted), size, kernel, cores, images (of one pass, at least) and scratch (a folder).
Task a: two views, the whole of SimSiam's chain; task b: one view, crop and flip. A peer leaves
uint8 views in memory."""
import argparse
import importlib
import os
import pathlib
import sys
import tempfile
import time

PATIENCE_S = 5.


def settle():
    """Until this process's threads have nothing left to do, so that they disturb nobody else."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        before = time.process_time()
        time.sleep(.05)
        if time.process_time() - before < .005:
            return


def jpegs(folder):
    return sorted(str(p) for p in pathlib.Path(folder).rglob("*")
                  if p.suffix.lower() in (".jpg", ".jpeg"))


def timed(render, files, least):
    """(seconds, images) of render(file) over whole turns through the files, `least` or more."""
    turns = -(-least // len(files))
    begin = time.perf_counter()
    for _ in range(turns):
        for file in files:
            render(file)
    return time.perf_counter() - begin, turns * len(files)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("folder")
    for name in ("size", "kernel", "cores", "images"):
        parser.add_argument("--" + name, type=int, required=True)
    job = parser.parse_args()
    job.files = jpegs(job.folder)
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries say is not part of the talk
    with tempfile.TemporaryDirectory(prefix="augstream-peer-") as job.scratch:
        tempfile.tempdir = job.scratch  # libraries leave files behind
        peer = importlib.import_module(job.peer)
        run = peer.open(job)
        settle()
        print("ready", peer.versions(), file=out, flush=True)
        for line in sys.stdin:
            seconds, images = run(line.strip())
            settle()
            print(seconds, images, file=out, flush=True)
    os._exit(0)  # not through the libraries' destructors: FFCV 1.0.2 can hang in its own


if __name__ == "__main__":
    main()
