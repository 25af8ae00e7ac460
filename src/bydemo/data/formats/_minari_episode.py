"""One episode as Minari stores it: whole arrays, one observation more than actions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError

Array = NDArray[Any]
InfoPath = tuple[str, ...]
"""The keys that lead to an entry of the environment's `info`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredEpisode:
    """T steps: rewards, terminations, truncations and actions have T rows, observations T + 1.

    observations: leaf name -> (T + 1, ...), or a list of texts; infos: what the environment told
    besides, T + 1 rows (the first at reset) or T; about: plain JSON values (seed, options, ...).
    """

    observations: Mapping[str, Array | list[str]]
    actions: Array
    rewards: Array
    terminations: Array
    truncations: Array
    infos: Mapping[InfoPath, Array] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rewards)

    def check_lengths(self) -> None:
        """InputError unless the rows of all arrays fit together."""
        steps = len(self)
        if steps == 0:
            raise InputError("holds no step", field="rewards")
        flat = {"rewards": self.rewards, "terminations": self.terminations,
                "truncations": self.truncations}  # fmt: skip
        for name, array in flat.items():
            if array.shape not in ((steps,), (steps, 1)):
                raise InputError(f"has shape {array.shape}, expected ({steps},)", field=name)
        if len(self.actions) != steps:
            raise InputError(f"{len(self.actions)} rows for {steps} rewards", field="actions")
        for name, rows in self.observations.items():
            if len(rows) != steps + 1:
                raise InputError(
                    f"{len(rows)} rows for {steps} actions, expected {steps + 1}: Minari keeps the "
                    "observation after the last action too", field=name,
                )  # fmt: skip


class Reader(Protocol):
    """One storage of a set, opened for reading."""

    def length(self, number: int) -> int:
        """Steps of an episode, found without reading it."""

    def rewards(self, number: int) -> Array:
        """(T,) rewards of an episode, as stored."""

    def infos(self, number: int) -> tuple[dict[InfoPath, Array], list[str]]:
        """An episode's infos that are numbers, and the names of those that are not."""

    def read(self, number: int, *, infos: bool) -> StoredEpisode:
        """An episode; without its infos if they are not wanted."""

    def close(self) -> None:
        """Let go of the files."""


class Writer(Protocol):
    """One storage of a new set."""

    def add(self, episode: StoredEpisode) -> None:
        """Append an episode."""

    def close(self) -> None:
        """Finish the files."""


@contextmanager
def in_episode(number: int, path: Path) -> Iterator[None]:
    """What is wrong inside is wrong in this episode of the set, and the error says so."""
    try:
        yield
    except InputError as error:
        raise InputError(
            f"episode {number}: {error.problem}", path=error.path or path, field=error.field
        ) from error


def plain(value: Any) -> Any:
    """An attribute as a JSON value; numbers that JSON does not know become texts."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, keys joined by slashes, as Minari's attributes have them."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{key}/")
        else:
            out[prefix + key] = value
    return out


def nested(data: Mapping[str, Any]) -> dict[str, Any]:
    """The way back of `flat`."""
    out: dict[str, Any] = {}
    for key, value in data.items():
        *outer, last = key.split("/")
        inner = out
        for name in outer:
            found = inner.setdefault(name, {})
            if not isinstance(found, dict):
                raise InputError("is both a value and a group of values", field=key)
            inner = found
        inner[last] = value
    return out


def as_attribute(value: Any) -> Any:
    """A JSON value as HDF5 can hold it: one that it cannot becomes its JSON text."""
    if isinstance(value, (bool, int, float, str)):
        big = isinstance(value, int) and not -(2**63) <= value < 2**64
        return str(value) if big else value
    if isinstance(value, list) and value:
        try:
            array = np.asarray(value)
        except ValueError:  # of uneven lengths
            array = np.array(None)
        if array.dtype.kind in "biuf":
            return array
    return json.dumps(value)
