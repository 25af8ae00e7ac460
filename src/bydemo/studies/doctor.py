"""Is everything here that recording, training and judging need, and if not, what cures it?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

LEAST_PYTHON = (3, 11)
LEAST_DISK_GB = 2.0
"""[GB] the demo's recordings, caches and checkpoints together take less."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding; `cure` says what to do where it is not well."""

    name: str
    found: str
    well: bool = True
    cure: str = ""


def examine(folder: Path = Path()) -> Iterator[Check]:
    """Every check in turn; the disk is the one that `folder` lies on. Takes some seconds."""
    checks: tuple[Callable[[], Iterator[Check]], ...] = (
        _python, _packages, _torch, _gl, _video, lambda: _disk(folder), _cores,
    )  # fmt: skip
    for check in checks:
        yield from check()


def _python() -> Iterator[Check]:
    needed = ".".join(map(str, LEAST_PYTHON))
    yield Check(
        name="Python", found=platform.python_version(),
        well=sys.version_info >= LEAST_PYTHON, cure=f"install Python {needed} or newer",
    )  # fmt: skip


def _packages() -> Iterator[Check]:
    try:
        required = metadata.requires("bydemo") or []
    except metadata.PackageNotFoundError:
        yield Check(name="bydemo", found="runs from its sources, not installed")
        required = []
    from packaging.requirements import Requirement

    for text in required:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        cure = f"pip install '{requirement.name}{requirement.specifier}'"
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield Check(name=requirement.name, found="not installed", well=False, cure=cure)
            continue
        well = requirement.specifier.contains(found, prereleases=True)
        needed = f", needed: {requirement.specifier}" if not well else ""
        yield Check(name=requirement.name, found=f"{found}{needed}", well=well, cure=cure)


def _torch() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check(name="torch", found=str(error), well=False, cure="pip install torch")
        return
    capability = torch.backends.cpu.get_cpu_capability()
    fast = torch.ops.mkldnn._is_mkldnn_bf16_supported() if torch.backends.mkldnn.enabled else False
    speed = "fast" if fast else "works, but is not faster than fp32"
    yield Check(name="CPU", found=f"{capability}, {torch.get_num_threads()} threads; bf16 {speed}")
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        half = "with bf16" if torch.cuda.is_bf16_supported() else "without bf16, use fp16"
        memory = f"{facts.total_memory / 2**30:.0f} GiB"
        yield Check(name=f"GPU {number}", found=f"{facts.name}, {memory}, {half}")
    if not torch.cuda.is_available():
        yield Check(name="GPU", found="none: training runs on the CPU")


def _gl() -> Iterator[Check]:
    try:
        from bydemo.sim.gl import CURE, probe_gl
    except ImportError as error:
        yield Check(name="GL", found=str(error), well=False, cure="pip install bydemo")
        return
    report = probe_gl()
    tried = "; ".join(f"{a.backend}: {a.problem or 'draws'}" for a in report.attempts)
    yield Check(name="GL", found=tried, well=report.backend is not None, cure=CURE)


def _video() -> Iterator[Check]:
    cure = "pip install --force-reinstall av"
    try:
        import av
        import numpy as np

        coder = av.CodecContext.create("libx264", "w")
        coder.width = coder.height = 64
        coder.pix_fmt = "yuv420p"
        coder.framerate = 10
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        packets = [*coder.encode(picture), *coder.encode(None)]
        well = sum(packet.size for packet in packets) > 0
        found = f"libx264 in av {av.__version__}" if well else "libx264 wrote nothing"
    except (ImportError, OSError, ValueError) as error:
        found, well = f"no H.264 encoder: {error}", False
    yield Check(name="H.264", found=found, well=well, cure=cure)


def _disk(folder: Path) -> Iterator[Check]:
    free = shutil.disk_usage(folder).free / 1e9
    yield Check(
        name="Disk", found=f"{free:.1f} GB free at {folder.resolve()}", well=free >= LEAST_DISK_GB,
        cure=f"free at least {LEAST_DISK_GB:g} GB, or work in another folder",
    )  # fmt: skip


def _cores() -> Iterator[Check]:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Check(name="Cores", found=f"{usable} usable")
