"""Reads a dataset: every array a read-only memory map, so that data may exceed the memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.fields import Spec
from bydemo.data.layout import (
    FINAL,
    MANIFEST,
    ArrayLayout,
    EpisodeRecord,
    arrays_of,
    read_manifest,
    read_records,
)

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Finished episodes of one folder, laid end to end in arrays of N steps."""

    path: Path
    spec: Spec
    manifest: Mapping[str, Any]
    episodes: tuple[EpisodeRecord, ...]
    _layouts: Mapping[str, ArrayLayout]
    _mapped: dict[str, Array] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path | str) -> Dataset:
        """Open the folder; InputError names a file that is missing, damaged or of another size.

        A dataset whose recorder was killed, or is still at work, opens with what is finished.
        """
        folder = Path(path)
        manifest = read_manifest(folder)
        try:
            spec = Spec.from_json(manifest["spec"])
        except InputError as error:
            raise InputError(error.problem, path=folder / MANIFEST, field=error.field) from error
        episodes = read_records(folder)
        if not episodes:
            raise InputError("holds no finished episode", path=folder)
        if manifest["complete"] and manifest.get("episodes") != len(episodes):
            raise InputError(
                f"counts {manifest.get('episodes')}, but {len(episodes)} are recorded",
                path=folder / MANIFEST, field="episodes",
            )  # fmt: skip
        layouts = arrays_of(spec, episodes[0].checksums)
        dataset = cls(
            path=folder, spec=spec, manifest=manifest, episodes=episodes, _layouts=layouts
        )
        for layout in layouts.values():
            dataset._check_size(layout)
        return dataset

    @property
    def steps(self) -> int:
        """Steps of all episodes together."""
        return self.episodes[-1].stop

    @property
    def starts(self) -> NDArray[np.int64]:
        """(E,) the first step of each episode."""
        return np.array([e.start for e in self.episodes], np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(E,) the number of steps of each episode."""
        return np.array([e.length for e in self.episodes], np.int64)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Names of all arrays, e.g. observation.front_cam, action, reward."""
        return tuple(self._layouts)

    def array(self, name: str) -> Array:
        """The read-only memory map of an array: (N, ...), or (E, ...) for final.* ones."""
        if name not in self._layouts:
            raise UnknownNameError("array in this dataset", name, self._layouts)
        if name not in self._mapped:
            layout = self._layouts[name]
            self._check_size(layout)
            shape = (self._rows(layout), *layout.row_shape)
            mapped = np.memmap(
                self.path / layout.file, np.dtype(layout.dtype), mode="r", shape=shape
            )
            # A plain array: numpy's memmap subclass slows every slice down.
            self._mapped[name] = mapped.view(np.ndarray)
        return self._mapped[name]

    def file(self, name: str) -> Path:
        """The file that holds an array."""
        return self.path / self._layouts[name].file

    def place(self, step: int) -> str:
        """E.g. `step 3 of episode 7`: a row of the arrays as messages name it."""
        episode = int(np.searchsorted(self.starts, step, side="right")) - 1
        return f"step {step - int(self.starts[episode])} of episode {episode}"

    def row_bytes(self, name: str) -> int:
        """Bytes of one row of an array."""
        return self._layouts[name].row_bytes

    def observation(self, name: str) -> Array:
        """(N, ...) one observation field, e.g. (N, 224, 224, 3) uint8 RGB."""
        return self.array(f"observation.{name}")

    def annotation(self, name: str) -> Array:
        """(N, ...) one field of privileged truth."""
        return self.array(f"annotation.{name}")

    @property
    def action(self) -> Array:
        """(N, A) raw actions."""
        return self.array("action")

    @property
    def reward(self) -> Array | None:
        """(N,) float32, or None where none was recorded."""
        return self.array("reward") if "reward" in self._layouts else None

    def episode(self, index: int) -> Episode:
        """One episode; its arrays are views of the memory maps."""
        if not 0 <= index < len(self.episodes):
            raise InputError(
                f"is {index}, expected 0..{len(self.episodes) - 1}",
                path=self.path, field="episode",
            )  # fmt: skip
        record = self.episodes[index]
        steps = slice(record.start, record.stop)
        finals = [n.removeprefix(FINAL) for n in self._layouts if n.startswith(FINAL)]
        reward = self.reward
        return Episode(
            observation={n: self.observation(n)[steps] for n in self.spec.observation},
            action=self.action[steps],
            annotation={n: self.annotation(n)[steps] for n in self.spec.annotation},
            reward=None if reward is None else reward[steps],
            final_observation={n: self.array(FINAL + n)[index] for n in finals} or None,
            instruction=record.instruction,
            success=record.success,
            info=record.info,
        )

    @property
    def splits(self) -> dict[str, tuple[int, ...]]:
        """Split name -> episode indices; empty before `write_splits`."""
        parts = self.manifest.get("split", {}).get("parts", {})
        return {name: tuple(indices) for name, indices in parts.items()}

    def split(self, name: str) -> tuple[int, ...]:
        """Episode indices of one split; a typo is answered with near names."""
        if name not in self.splits:
            raise UnknownNameError(f"split in {self.path}", name, self.splits)
        return self.splits[name]

    @property
    def split_kind(self) -> str:
        """How the episodes were split: reference, random, grouped, or none."""
        return str(self.manifest.get("split", {}).get("kind", "none"))

    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 of the fields and of every episode's checksums: equal data only."""
        content = [self.spec.to_json(), [[e.length, dict(e.checksums)] for e in self.episodes]]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def when(self, episodes: int) -> Dataset:
        """The dataset as it was when it held only its first `episodes` episodes."""
        split = self.manifest.get("split")
        parts = {n: tuple(i for i in p if i < episodes) for n, p in self.splits.items()}
        then = split and {**split, "parts": {n: p for n, p in parts.items() if p}}
        manifest = {**self.manifest, "complete": False, **({"split": then} if then else {})}
        return replace(self, manifest=manifest, episodes=self.episodes[:episodes], _mapped={})

    def _rows(self, layout: ArrayLayout) -> int:
        return len(self.episodes) if layout.per_episode else self.steps

    def _check_size(self, layout: ArrayLayout) -> None:
        file = self.path / layout.file
        if not file.exists():
            raise InputError("no such file, but the manifest needs it", path=file)
        size, needed = file.stat().st_size, self._rows(layout) * layout.row_bytes
        # While a recorder is at work, the space that it reserved lies behind the rows.
        if size < needed or (self.manifest["complete"] and size != needed):
            raise InputError(
                f"holds {size} bytes, but {self._rows(layout)} rows need {needed}: "
                "the file was shortened or changed", path=file,
            )  # fmt: skip
