"""What a set keeps besides: the environment's infos, which become annotations, and exact rewards.

An info belongs to the observation of its row. One that is not in every episode, or is no finite
number, is left out, and the dataset says which and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bydemo.core.episode import Episode
from bydemo.core.fields import Field, Part
from bydemo.data.formats._minari_episode import Array, InfoPath, Reader, in_episode
from bydemo.data.formats._minari_spaces import same_numbers

EXACT_REWARD: Final = "exact_reward"
"""Annotation: rewards as stored, where the dataset's float32 would round them."""
_SUCCESS: Final = ("success", "is_success")


@dataclass(frozen=True, kw_only=True)
class Info:
    """One info that all episodes have: row shape and dtype; extra: it has a row T as well."""

    path: InfoPath
    shape: tuple[int, ...]
    dtype: str
    extra: bool

    @property
    def name(self) -> str:
        """The keys joined by dots."""
        return ".".join(self.path)

    @property
    def field(self) -> Field:
        """As an annotation: a flat vector; truth values become 0 and 1."""
        kind = np.dtype(self.dtype)
        dtype = "uint8" if kind.kind == "b" else "float32" if kind == np.float16 else kind.name
        width = int(np.prod(self.shape))
        return Field.vector(Part(name=self.path[-1], size=width), dtype=dtype)

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which it can be written again as it was."""
        return {"path": list(self.path), "shape": list(self.shape), "dtype": self.dtype,
                "extra": self.extra}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found in all chosen episodes; steps: the length of each, by its number."""

    steps: Mapping[int, int]
    reward_dtype: np.dtype[Any]
    infos: tuple[Info, ...]
    left_out: Mapping[str, str]

    @property
    def annotation(self) -> dict[str, Field]:
        """The fields that come of it."""
        fields = {info.name: info.field for info in self.infos}
        if not np.can_cast(self.reward_dtype, np.float32, "safe"):
            fields[EXACT_REWARD] = Field.vector(Part(name="reward", size=1), dtype="float64")
        return fields


def survey(reader: Reader, numbers: Sequence[int], path: Path, *, infos: bool) -> Survey:
    """Look through the chosen episodes once, before anything is written."""
    steps, dtypes = {}, []
    gathered = _Gathered()
    for number in numbers:
        with in_episode(number, path):
            steps[number] = reader.length(number)
            dtypes.append(reader.rewards(number).dtype)
            if infos:
                gathered.add(*reader.infos(number), steps[number])
    found = gathered.infos()
    return Survey(
        steps=steps,
        reward_dtype=np.result_type(*dtypes),
        infos=found,
        left_out=dict(gathered.left_out),
    )


def success_of(infos: Mapping[InfoPath, Array], about: Mapping[str, Any]) -> bool | None:
    """Was the goal reached, by the set's own account at the end; None where it gives none."""
    stated = about.get("success")
    if isinstance(stated, bool):
        return stated
    for name in _SUCCESS:
        rows = infos.get((name,))
        if rows is not None and rows.size:
            return bool(np.any(rows[-1] > 0))
    return None


def reward_rows(episode: Episode, dtype: str) -> Array:
    """(T,) rewards as they were stored: exact ones if they are known, 0 if there are none."""
    exact = episode.annotation.get(EXACT_REWARD)
    if exact is not None:
        found = exact[:, 0]
        return found.astype(dtype) if same_numbers(found, dtype) else found
    if episode.reward is None:
        return np.zeros(len(episode), np.float32)
    return episode.reward.astype(dtype) if same_numbers(episode.reward, dtype) else episode.reward


def noted_infos(source: Mapping[str, Any]) -> dict[str, Any]:
    """Of a set that was read: how its infos were stored, by annotation."""
    found = source.get("infos")
    return found if isinstance(found, dict) else {}


class _Gathered:
    """Infos that all episodes so far have in the same shape, and why others were left out."""

    def __init__(self) -> None:
        self._found: dict[InfoPath, Info] | None = None
        self.left_out: dict[str, str] = {}

    def add(self, rows: Mapping[InfoPath, Array], others: Sequence[str], steps: int) -> None:
        """The infos of one more episode."""
        self.left_out |= dict.fromkeys(others, "no numbers")
        if self._found is None:
            self._found = {p: _info(p, values, steps) for p, values in rows.items()}
        self._drop(lambda path: path not in rows, "not in every episode")
        for path in rows.keys() - self._found.keys():
            self.left_out.setdefault(".".join(path), "not in every episode")
        self._drop(lambda p: _info(p, rows[p], steps) != self._expected(p),
                   "of several shapes")  # fmt: skip
        self._drop(lambda p: len(rows[p]) not in (steps, steps + 1), "not one row a step")
        self._drop(lambda p: rows[p].dtype.itemsize > 8 or not rows[p].size,
                   "of a type that does not fit")  # fmt: skip
        self._drop(lambda p: not np.isfinite(rows[p]).all(), "not finite everywhere")
        self._drop(lambda p: not all(_is_name(key) for key in p), "of a name that does not fit")

    def infos(self) -> tuple[Info, ...]:
        """Those that are left, in order of name."""
        found = (self._found or {}).values()
        return tuple(sorted(found, key=lambda info: info.path))

    def _expected(self, path: InfoPath) -> Info | None:
        return (self._found or {}).get(path)

    def _drop(self, wrong: Callable[[InfoPath], bool], why: str) -> None:
        for path in list(self._found or {}):
            if self._found and wrong(path):
                del self._found[path]
                self.left_out[".".join(path)] = why


def _info(path: InfoPath, rows: Array, steps: int) -> Info:
    return Info(path=path, shape=rows.shape[1:], dtype=rows.dtype.name, extra=len(rows) > steps)


def _is_name(key: str) -> bool:
    return bool(key) and all(c.isalnum() or c in "_-." for c in key) and ".." not in key
