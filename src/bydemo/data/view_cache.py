"""What a view shows of every step, computed once and kept beside the data as one memory map."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError, StorageError
from bydemo.core.images import View
from bydemo.core.results import read_json, sha256, write_json
from bydemo.data.layout import CACHE
from bydemo.data.source import Dataset
from bydemo.data.whole import new_folder, no_space

ALGORITHM: Final = 1
"""Counts changes of how a view is computed; an older cache is then not used."""
BLOCK: Final = 32 << 20
"""[bytes] of one camera's frames worked on at a time."""
IMAGES: Final = "image.bin"

Progress = Callable[[int, int], None]


def view_array(dataset: Dataset, view: View, progress: Progress | None = None) -> NDArray[np.uint8]:
    """(N, size, size, channels) uint8, read-only memory map; built on the first call.

    `progress(done, total)` counts steps while it is built. A full disk is a StorageError before
    the first byte; a cache file that was shortened is an InputError that names it.
    """
    _check_view(dataset, view)
    shape = (dataset.steps, view.size, view.size, view.channels)
    if len(view.cameras) == 1:
        recorded = dataset.observation(view.cameras[0])
        if recorded.shape == shape:
            return recorded
    folder = cache_folder(dataset, view)
    if not folder.exists():
        _build(dataset, view, folder, shape, progress or (lambda done, total: None))
    file = folder / IMAGES
    check_size(file, int(np.prod(shape, dtype=np.int64)))
    return np.memmap(file, np.uint8, mode="r", shape=shape).view(np.ndarray)


def view_file(dataset: Dataset, view: View) -> Path:
    """The file that `view_array` maps."""
    cached = cache_folder(dataset, view) / IMAGES
    return cached if cached.exists() else dataset.file(f"observation.{view.cameras[0]}")


def cache_folder(dataset: Dataset, view: View) -> Path:
    """Where the view of exactly these data is kept; other data or another view give another."""
    content = [ALGORITHM, to_plain(view), dataset.fingerprint()]
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    return dataset.path / CACHE / key


def verify_cache(folder: Path) -> None:
    """Raise InputError naming the file of a cached view whose bytes changed since it was built."""
    if sha256(folder / IMAGES) != read_json(folder / "view.json").get("sha256"):
        raise InputError(
            f"its bytes changed since it was built; remove {folder}", path=folder / IMAGES
        )


def check_size(file: Path, expected: int) -> None:
    """Raise InputError if a mapped file was shortened: reading past its end would kill us."""
    try:
        size = file.stat().st_size
    except FileNotFoundError as error:
        raise InputError("was removed while in use", path=file) from error
    if size < expected:
        raise InputError(
            f"holds {size} bytes, expected {expected}: it was shortened; "
            f"if it is a cache, remove {file.parent} and it is built anew", path=file,
        )  # fmt: skip


def _check_view(dataset: Dataset, view: View) -> None:
    fields = dataset.spec.observation
    for name in view.cameras:
        if name not in dataset.spec.cameras:
            listed = ", ".join(dataset.spec.cameras) or "none"
            raise InputError(f"no such camera; there are {listed}", path=dataset.path, field=name)
        channels = fields[name].shape[2]
        if channels == 1 and view.colour:
            raise InputError(
                "was recorded in grey; use a view with colour=False", path=dataset.path, field=name
            )
    if not view.cameras:
        raise InputError("the view has no camera", field="cameras")


def _build(
    dataset: Dataset, view: View, folder: Path, shape: tuple[int, ...], progress: Progress
) -> None:
    cameras = {name: dataset.observation(name) for name in view.cameras}
    frame = max(int(np.prod(c.shape[1:])) for c in cameras.values())
    rows = max(1, BLOCK // frame)
    try:
        with new_folder(folder) as temporary:
            file, digest = temporary / IMAGES, hashlib.sha256()
            with file.open("wb") as out:
                _reserve(out.fileno(), file, int(np.prod(shape, dtype=np.int64)))
                for start in range(0, dataset.steps, rows):
                    block = slice(start, min(start + rows, dataset.steps))
                    seen = view.of({name: camera[block] for name, camera in cameras.items()})
                    content: Any = np.ascontiguousarray(seen).data.cast("B")
                    out.write(content)
                    digest.update(content)
                    progress(block.stop, dataset.steps)
                out.flush()
                os.fsync(out.fileno())
            write_json(
                temporary / "view.json",
                {"view": to_plain(view), "shape": list(shape), "sha256": digest.hexdigest()},
            )
    except (InputError, StorageError):
        # Another process may have built the same view meanwhile: then theirs is as good.
        if not (folder / IMAGES).exists():
            raise


def _reserve(descriptor: int, file: Path, size: int) -> None:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        raise no_space(file, size, error) from error


def clear(dataset: Dataset) -> None:
    """Remove all cached views of a dataset; they are built anew when needed."""
    shutil.rmtree(dataset.path / CACHE, ignore_errors=True)
