"""Numbers computed of every step of a dataset, once, and kept beside the data.

Shape letters: N steps, D numbers a step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, StorageError
from bydemo.core.results import read_json, sha256, write_json
from bydemo.data.layout import CACHE
from bydemo.data.source import Dataset
from bydemo.data.whole import new_folder, unwritten

ARRAY, FACTS = "steps.bin", "steps.json"
SCHEMA: Final = "bydemo.steps/1"

Floats = NDArray[np.float32]


def step_array(dataset: Dataset, origin: Any, compute: Callable[[], Floats]) -> Floats:
    """(N, D) float32, read-only, as `compute` gives it; called only where the array of exactly this
    `origin` (JSON values that say all it depends on besides the data) is not there yet.

    A file that was changed or shortened is an InputError that names it, a full disk a StorageError.
    """
    folder = step_folder(dataset, origin)
    if not folder.exists():
        _keep(folder, compute(), dataset)
    return _read(folder, dataset.steps)


def step_folder(dataset: Dataset, origin: Any) -> Path:
    """Where the array is kept; other data or another origin give another folder."""
    content = json.dumps([SCHEMA, dataset.fingerprint(), origin], sort_keys=True)
    return dataset.path / CACHE / f"steps-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _keep(folder: Path, array: Floats, dataset: Dataset) -> None:
    if array.ndim != 2 or len(array) != dataset.steps or array.dtype != np.float32:
        raise InputError(f"is {array.shape} {array.dtype}, expected ({dataset.steps}, D) float32",
                         field="compute")  # fmt: skip
    try:
        with new_folder(folder) as temporary:
            try:
                np.ascontiguousarray(array).tofile(temporary / ARRAY)
            except OSError as error:
                raise unwritten(temporary / ARRAY, error) from error
            facts = {"schema": SCHEMA, "width": array.shape[1], "sha256": sha256(temporary / ARRAY)}
            write_json(temporary / FACTS, facts)
    except (InputError, StorageError):
        # Another process may have computed the same meanwhile: then theirs is as good.
        if not (folder / FACTS).exists():
            raise


def _read(folder: Path, steps: int) -> Floats:
    facts, file = read_json(folder / FACTS), folder / ARRAY
    if not file.is_file() or sha256(file) != facts.get("sha256"):
        raise InputError(f"its bytes changed since it was written; remove {folder}", path=file)
    return np.memmap(file, np.float32, mode="r", shape=(steps, facts["width"])).view(np.ndarray)
