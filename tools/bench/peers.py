# SPDX-License-Identifier: Apache-2.0
"""The peers of compare_render: a row each, and how each gets its Python packages. Versions are
pinned: a figure belongs to a version."""
import dataclasses
import pathlib
import subprocess
import sys

DEBIAN_PYTHON = "/usr/bin/python3"


class Unavailable(Exception):
    """A peer cannot be measured; the text says why."""


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    module: str          # of this folder, see serve.py
    tasks: str           # of TASKS in compare_render.py
    threads: bool        # all cores by threads of one process; else by processes
    packages: tuple = () # of PyPI; none: Debian's own Python has all
    debian: bool = False # its environment sees Debian's Python packages too
    hint: str = ""       # when it cannot be installed
    note: str = ""       # what it does otherwise than we


PEERS = (
    Peer("torchvision", "peer_torchvision", "ab", False,
         hint="tools/deps gold installs python3-torchvision",
         note="Blur by PIL's box filters; 8 bits between operations."),
    Peer("albumentations", "peer_albumentations", "ab", False,
         packages=("albumentations==2.0.8", "opencv-python-headless==5.0.0.93"),
         note="No antialiasing; colours by 8-bit tables; kernel as short as sigma allows."),
    Peer("dali", "peer_dali", "ab", True,
         packages=("nvidia-dali-cuda120==2.4.0",),
         note="Jitter is one matrix in a fixed order; kernel as short as sigma allows."),
    Peer("ffcv", "peer_ffcv", "abc", True,
         packages=("ffcv==1.0.2", "numpy<1.25", "numba==0.58.1", "opencv-python==4.8.1.78"),
         debian=True,
         hint="it is compiled: tools/deps compare installs libopencv-dev and what else it needs",
         note="Fast, less exact DCT; a decode for each view; task a lacks hue, grayscale, blur."),
)


def environment(peer, folder):
    return pathlib.Path(folder) / peer.name


def marker(peer, folder):
    """Holds what was installed, or why it was not."""
    return environment(peer, folder) / "augstream-peer.txt"


def install(peer, folder, again):
    """Makes the peer's environment, once. Failure is kept in its marker, and is no error; `again`
    tries what failed before."""
    wanted = "\n".join(peer.packages)
    path = marker(peer, folder)
    if not peer.packages or path.exists() and (path.read_text() == wanted or not again):
        return
    print(f"{peer.name}: installing {', '.join(peer.packages)}", file=sys.stderr)
    make = [DEBIAN_PYTHON, "-m", "venv", "--clear", environment(peer, folder)]
    pip = [environment(peer, folder) / "bin/pip", "install", "--quiet", *peer.packages]
    if peer.debian:
        make.insert(3, "--system-site-packages")
        pip.insert(2, "--no-build-isolation")
    for command in (make, pip):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            said = [s.strip() for s in (done.stdout + done.stderr).splitlines() if s.strip()]
            errors = [s for s in said if "error" in s.lower()] or said
            environment(peer, folder).mkdir(parents=True, exist_ok=True)
            path.write_text(f"failed: {' | '.join(errors[-3:])}")
            print(f"{peer.name}: {path.read_text()}", file=sys.stderr)
            return
    path.write_text(wanted)


def interpreter(peer, folder):
    """The Python that has the peer's packages, or Unavailable."""
    if not peer.packages:
        return DEBIAN_PYTHON
    if not folder:
        raise Unavailable("not part of Debian: --venv DIR installs it from PyPI")
    path = marker(peer, folder)
    said = path.read_text() if path.exists() else "failed: not installed"
    if said != "\n".join(peer.packages):
        raise Unavailable(f"{said} ({peer.hint})" if peer.hint else said)
    return environment(peer, folder) / "bin/python"
