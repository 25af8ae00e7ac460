"""A file of tensors (.npz, .safetensors, .pt): inputs and outputs, for training and for testing.

It holds `inputs_train`, `outputs_train`, `inputs_test` and `outputs_test`, rows of (N, D) and
(N, A) numbers. Rows become episodes of a fixed number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.gymnasium_spec import (
    OBSERVATION,
    control_rate_of,
    environment_spec,
    make_environment,
)
from bydemo.data.formats._tensors_file import ENDINGS, names_of, read_arrays
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.data.whole import new_folder

Array = NDArray[Any]

INPUTS: Final = ("inputs_train", "inputs_test")
OUTPUTS: Final = ("outputs_train", "outputs_test")
NAMES: Final = ("inputs_train", "outputs_train", "inputs_test", "outputs_test")
VALIDATION_SHARE: Final = 0.1
"""Of the training episodes: the last ones."""
EXAMPLE_FILE: Final = "tensors.npz"


def sniff(path: Path) -> bool:
    """Is `path` a file with the four names, or a folder with one such file?"""
    try:
        return set(NAMES) <= names_of(_file(path))
    except InputError:
        return False


@dataclass(frozen=True, kw_only=True)
class Config:
    """How a file of tensors is read.

    episode_steps: rows become episodes of so many steps; the last one of a part may be shorter.
    environment: the Gymnasium environment that the numbers come from, e.g. Pusher-v5: a policy can
    then be judged on it. None: they have no names, units or limits.
    control_rate: actions a second [Hz], where no environment says it.
    """

    episode_steps: int = 100
    environment: str | None = None
    control_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.episode_steps < 1:
            raise InputError(f"is {self.episode_steps}, expected at least 1", field="episode_steps")
        if not self.control_rate > 0:
            raise InputError(f"is {self.control_rate:g}, expected a positive number [Hz]",
                             field="control_rate")  # fmt: skip

    def convert(
        self, source: Path, destination: Path, progress: Callable[[int, int], None]
    ) -> None:
        """Read `source` into a dataset at `destination`; progress(episodes done, of how many)."""
        path = _file(source)
        arrays = _checked(read_arrays(path, NAMES), path)
        spec = self._spec(arrays, path)
        runs = {part: self._runs(len(arrays[f"inputs_{part}"])) for part in ("train", "test")}
        total = sum(map(len, runs.values()))

        def episodes() -> Iterator[Episode]:
            done = 0
            for part, slices in runs.items():
                seen = arrays[f"inputs_{part}"].astype(spec.observation[OBSERVATION].dtype)
                done_by = arrays[f"outputs_{part}"].astype(spec.action.dtype)
                for rows in slices:
                    yield Episode(
                        observation={OBSERVATION: seen[rows]},
                        action=done_by[rows],
                        info={"part": part, "first_row": rows.start},
                    )
                    done += 1
                    progress(done, total)

        origin = {
            "format": "tensors", "file": path.name, "episode_steps": self.episode_steps,
            "environment": self.environment,
        }  # fmt: skip
        with new_folder(destination) as folder:
            with DatasetWriter(
                folder, spec, source=origin, expected_steps=sum(len(arrays[n]) for n in INPUTS)
            ) as writer:
                writer.add_many(episodes())
            write_splits(Dataset.open(folder), _split(len(runs["train"]), len(runs["test"])))

    def _runs(self, rows: int) -> list[slice]:
        step = self.episode_steps
        return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]

    def _spec(self, arrays: Mapping[str, Array], path: Path) -> Spec:
        seen, acted = arrays["inputs_train"], arrays["outputs_train"]
        if self.environment is None:
            return Spec(
                observation={OBSERVATION: _field(OBSERVATION, seen)},
                action=_field("action", acted),
                control_rate=self.control_rate,
            )
        made = make_environment(self.environment)
        try:
            rate = control_rate_of(made)
            spec = environment_spec(
                self.environment, made.observation_space, made.action_space, rate
            )
        finally:
            made.close()
        if spec.observation.keys() != {OBSERVATION}:
            raise InputError(f"'{self.environment}' observes {', '.join(spec.observation)}, but a "
                             "file of tensors has one input", field="environment")  # fmt: skip
        for name, rows, field in (
            ("inputs_train", seen, spec.observation[OBSERVATION]),
            ("outputs_train", acted, spec.action),
        ):
            if rows.shape[1:] != field.shape:
                raise InputError(
                    f"has {rows.shape[1]} columns, but '{self.environment}' has {field.shape[0]}",
                    path=path, field=name,
                )  # fmt: skip
        return spec


def example(path: Path) -> None:
    """Write a tiny file into the new folder `path`."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    rows = {"train": 340, "test": 120}
    arrays = {f"inputs_{part}": rng.standard_normal((n, 5), np.float32) for part, n in rows.items()}
    arrays |= {f"outputs_{part}": rng.standard_normal((n, 2), np.float32)
               for part, n in rows.items()}  # fmt: skip
    with new_folder(path) as folder:
        np.savez(folder / EXAMPLE_FILE, **arrays)  # type: ignore[arg-type]  # numpy's stub errs


def _file(source: Path) -> Path:
    """The file itself, or the only one of its kind in a folder."""
    if not source.exists():
        raise InputError("no such file or folder", path=source)
    if source.is_file():
        return source
    found = sorted(f for f in source.iterdir() if f.suffix in ENDINGS and f.is_file())
    if len(found) != 1:
        listed = ", ".join(f.name for f in found) or "none"
        raise InputError(f"expected one file {', '.join(ENDINGS)} in it; there is {listed}",
                         path=source)  # fmt: skip
    return found[0]


def _checked(arrays: Mapping[str, Array], path: Path) -> dict[str, Array]:
    """The four arrays, (N, D) and floating point; InputError names the one that does not fit."""
    out = {name: _matrix(arrays[name], path, name) for name in NAMES}
    for part in ("train", "test"):
        seen, acted = out[f"inputs_{part}"], out[f"outputs_{part}"]
        if len(seen) != len(acted):
            raise InputError(f"has {len(acted)} rows for {len(seen)} inputs", path=path,
                             field=f"outputs_{part}")  # fmt: skip
    for train, test in (INPUTS, OUTPUTS):
        a, b = out[train], out[test]
        if a.shape[1] != b.shape[1] and len(b):
            raise InputError(f"has {b.shape[1]} columns, {train} has {a.shape[1]}", path=path,
                             field=test)  # fmt: skip
        out[test] = b.astype(a.dtype)
    if not len(out["inputs_train"]):
        raise InputError("holds no row", path=path, field="inputs_train")
    return out


def _matrix(array: Array, path: Path, name: str) -> Array:
    """(N, D) float32 or float64; (N,) is one column, narrow floats and integers become wider."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(f"is {array.dtype}, expected numbers", path=path, field=name)
    if array.ndim not in (1, 2) or (array.ndim == 2 and not array.shape[1]):
        raise InputError(f"has shape {array.shape}, expected (rows, columns)", path=path,
                         field=name)  # fmt: skip
    rows = array.reshape(len(array), -1) if len(array) else array.reshape(0, array.shape[-1] or 1)
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = map(int, np.argwhere(~finite)[0])
        raise InputError(f"is not finite at row {row}, column {column}", path=path, field=name)
    narrow = rows.dtype == np.float32 or np.can_cast(rows.dtype, np.float32, "safe")
    return np.ascontiguousarray(rows.astype(np.float32 if narrow else np.float64))


def _field(name: str, rows: Array) -> Field:
    return Field.vector(Part(name=name, size=rows.shape[1]), dtype=rows.dtype.name)


def _split(train: int, test: int) -> Split:
    """The file's own: the last tenth of its training episodes is for validation, if there are 2."""
    held = max(1, int(train * VALIDATION_SHARE)) if train > 1 else 0
    parts = {
        "train": tuple(range(train - held)),
        "validation": tuple(range(train - held, train)),
        "test": tuple(range(train, train + test)),
    }
    return Split(kind="file", parts={name: indices for name, indices in parts.items() if indices})
